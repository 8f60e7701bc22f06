package store

import (
	"context"
	"database/sql"
	"errors"

	"tollgate/policy/token"
)

// pair is a row of pairs, without the digests.
type pair struct {
	number, follows, generation int
	jti                         string
	accessEndsAt                token.Instant
	usedAt, spentAt, endedAt    token.Instant
}

// kin is a family as a renewal finds it.
type kin struct{ token.Family }

// over reports whether the family has ended by itself or been ended.
func (k *kin) over(now token.Instant) bool { return k.EndedAt != 0 || k.EndsAt.Reached(now) }

const pairColumns = `p.number, p.follows, p.generation, p.jti, p.access_ends_at, p.used_at, p.spent_at, p.ended_at`

func (p *pair) fields() []any {
	return []any{&p.number, &p.follows, &p.generation, &p.jti, &p.accessEndsAt, &p.usedAt, &p.spentAt, &p.endedAt}
}

// findPair reads a pair and its family by one of its two digests: column is
// access or refresh.
func (w *writing) findPair(column string, d token.Digest) (k kin, p pair, err error) {
	err = w.row(`SELECT `+pairColumns+`, f.id, f.token, f.generation, f.preauthorised, f.created_at, f.last_used_at, f.ends_at, f.ended_at
		FROM pairs p JOIN families f ON f.id = p.family WHERE p.`+column+` = $1`, d[:]).
		Scan(append(p.fields(), &k.ID, &k.Token, &k.Generation, &k.Preauthorised, &k.CreatedAt, &k.LastUsedAt, &k.EndsAt, &k.EndedAt)...)
	return k, p, err
}

// livePair reads the one pair of a family that has not ended; sql.ErrNoRows when
// there is none.
func (w *writing) livePair(family string) (p pair, err error) {
	err = w.row(`SELECT `+pairColumns+` FROM pairs p WHERE p.family = $1 AND p.ended_at = 0`, family).Scan(p.fields()...)
	return p, err
}

// insertPair writes the pair next at the place at.
func (w *writing) insertPair(f *token.Family, at *pair, next *token.Pair) error {
	return w.exec(`INSERT INTO pairs (family, number, follows, generation, access, refresh, jti, created_at, access_ends_at, used_at, spent_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0)`,
		f.ID, at.number, at.follows, at.generation, optionalDigest(next.Access), optionalDigest(next.Refresh), next.JTI,
		int64(w.now), int64(next.AccessEndsAt))
}

// endPair ends a pair, its access token included. A JWT that goes with it is
// revoked: no row decides over it.
func (w *writing) endPair(f *kin, p *pair, spent bool) error {
	spentAt := p.spentAt
	if spent {
		spentAt = w.now
	}
	err := w.affect(`UPDATE pairs SET ended_at = $3, spent_at = $4 WHERE family = $1 AND number = $2`,
		f.ID, p.number, int64(w.now), int64(spentAt))
	if err != nil || p.jti == "" || p.accessEndsAt.Reached(w.now) {
		return err
	}
	return w.revokeJTI(token.RevokedJTI{JTI: p.jti, Token: f.Token, EndsAt: p.accessEndsAt})
}

// EndAccess ends one opaque access token of a token, and leaves the refresh
// token that goes with it. Ending an ended one changes nothing; token.ErrNotFound
// when the token has no such access token.
func (s *Store) EndAccess(ctx context.Context, act token.Act, h token.Handle, access token.Digest) error {
	return s.write(ctx, "end_access", act, func(w *writing) error {
		t, err := findToken(w.ctx, w.tx, h)
		if err != nil {
			return err
		}
		f, p, err := w.findPair("access", access)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && f.Token != h:
			return token.ErrNotFound
		case err != nil:
			return err
		case p.endedAt != 0 || f.over(w.now) || p.accessEndsAt.Reached(w.now):
			return errUnchanged
		}
		if _, err := w.change(token.EntityToken, string(h), false); err != nil {
			return err
		}
		err = w.affect(`UPDATE pairs SET access_ends_at = $3 WHERE family = $1 AND number = $2`, f.ID, p.number, int64(w.now))
		if err != nil {
			return err
		}
		return w.record(entry{action: w.named("access.end"), target: tokenTarget(h), merchant: t.Merchant, after: object{"family": f.ID}})
	})
}

// MarkAccessUsed notes that an opaque access token has been used: the renewal
// that made it can then not be repeated. Only the first use writes. One that is
// unknown is skipped.
func (s *Store) MarkAccessUsed(ctx context.Context, access token.Digest) error {
	var unused bool
	err := s.read(ctx, "mark_access", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pairs WHERE access = $1 AND used_at = 0)`, access[:]).Scan(&unused)
	})
	if err != nil || !unused {
		return err
	}
	return s.transact(ctx, "mark_access", func(w *writing) error {
		return w.exec(`UPDATE pairs SET used_at = $2 WHERE access = $1 AND used_at = 0`, access[:], int64(w.now))
	})
}

// paired is an access or a refresh token as a load finds it.
type paired struct {
	of                                  token.Handle
	p                                   token.Principal
	accessEndsAt, endedAt, familyEndsAt token.Instant
	familyEndedAt                       token.Instant
}

func scanPaired(r *sql.Rows, f *paired) error {
	return r.Scan(&f.of, &f.p.Family, &f.p.Preauthorised, &f.familyEndsAt, &f.familyEndedAt, &f.p.Generation,
		&f.accessEndsAt, &f.endedAt)
}

// loadPaired reads who stands behind an access or a refresh token.
func (s *Store) loadPaired(ctx context.Context, tx *sql.Tx, kind token.Kind, d *token.Digest) (*token.Principal, error) {
	text := accessText
	if kind == token.KindRefresh {
		text = refreshText
	}
	rows, err := s.query(ctx, tx, text, d[:])
	list, err := collect(rows, err, scanPaired)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, token.ErrNotFound
	}
	found := &list[0]
	found.p.Kind, found.p.EndsAt = kind, found.familyEndsAt
	// What ended with its family is told by the live record, as revoked.
	if found.endedAt != found.familyEndedAt {
		found.p.EndsAt = earlier(found.p.EndsAt, found.endedAt)
	}
	if kind == token.KindAccess {
		found.p.EndsAt = earlier(found.p.EndsAt, found.accessEndsAt)
	}
	found.p.Live, err = s.loadOne(ctx, tx, found.of)
	if err != nil {
		return nil, err
	}
	return &found.p, nil
}

// earlier is the earlier of two instants, of which 0 is never.
func earlier(a, b token.Instant) token.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// optionalDigest is NULL for the zero digest.
func optionalDigest(d token.Digest) []byte {
	if d == (token.Digest{}) {
		return nil
	}
	return d[:]
}

func checkPair(f *fields, p *token.Pair) {
	if (p.Access == token.Digest{}) == (p.JTI == "") {
		f.add("access", "an access token is opaque or a JWT: give its digest or its jti, and not both")
	}
	f.text("jti", p.JTI, nameMax)
	if p.AccessEndsAt <= 0 {
		f.add("access_ends_at", "an access token has an end")
	}
}
