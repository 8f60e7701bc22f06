package store

import (
	"context"
	"database/sql"

	"tollgate/policy/token"
)

// warmBatch is how many keys are read in one transaction: a long one would keep
// the write-ahead log from being folded back.
const warmBatch = 200

// Warm streams the living keys of tokens that are not revoked, most recently
// used first, at most limit of them, each with its principal as one transaction
// saw it. It stops at the first error of each, which it returns.
//
// A record may be overtaken between its reading and the call of each: whoever
// remembers it reads the generations it would be stamped with before Warm.
func (s *Store) Warm(ctx context.Context, limit int, each func(kind token.Kind, d token.Digest, p *token.Principal) error) error {
	var at warmPlace
	for limit > 0 {
		var batch []warmKey
		var all map[token.Handle]*live
		err := s.read(ctx, "warm", func(tx *sql.Tx) (err error) {
			if batch, err = s.warmKeys(ctx, tx, at, min(limit, warmBatch)); err != nil || len(batch) == 0 {
				return err
			}
			all, err = s.loadLives(ctx, tx, owners(batch))
			return err
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		for i := range batch {
			k := &batch[i]
			one := all[k.of]
			if one == nil || one.broken != nil {
				continue // whoever presents it will be told what is wrong
			}
			k.principal.Live = one.record
			if err := each(token.KindKey, k.digest, &k.principal); err != nil {
				return err
			}
		}
		limit -= len(batch)
		last := &batch[len(batch)-1]
		at = warmPlace{last.usedAt, last.digest, true}
	}
	return nil
}

// warmPlace is where a batch ended.
type warmPlace struct {
	usedAt token.Instant
	digest token.Digest
	begun  bool
}

type warmKey struct {
	of        token.Handle
	digest    token.Digest
	usedAt    token.Instant
	principal token.Principal
}

func (s *Store) warmKeys(ctx context.Context, tx *sql.Tx, at warmPlace, limit int) ([]warmKey, error) {
	query := `SELECT c.token, c.digest, c.last_used_at, c.generation, c.ends_at
		FROM credentials c JOIN tokens t ON t.handle = c.token
		WHERE c.kind = $1 AND t.revoked_at = 0 AND (c.ends_at = 0 OR c.ends_at > $2)`
	args := []any{token.KindKey.String(), int64(token.At(s.opt.Now())), limit}
	if at.begun {
		query += ` AND (c.last_used_at < $4 OR (c.last_used_at = $4 AND c.digest < $5))`
		args = append(args, int64(at.usedAt), at.digest[:])
	}
	rows, err := tx.QueryContext(ctx, query+` ORDER BY c.last_used_at DESC, c.digest DESC LIMIT $3`, args...)
	return collect(rows, err, func(r *sql.Rows, k *warmKey) error {
		var digest []byte
		k.principal.Kind = token.KindKey
		err := r.Scan(&k.of, &digest, &k.usedAt, &k.principal.Generation, &k.principal.EndsAt)
		copy(k.digest[:], digest)
		return err
	})
}

// owners are the tokens of the keys, each once.
func owners(batch []warmKey) (list []token.Handle) {
	seen := make(map[token.Handle]bool, len(batch))
	for i := range batch {
		if h := batch[i].of; !seen[h] {
			seen[h] = true
			list = append(list, h)
		}
	}
	return list
}
