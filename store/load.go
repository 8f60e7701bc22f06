package store

import (
	"context"
	"database/sql"
	"fmt"

	"tollgate/policy"
	"tollgate/policy/token"
)

// LoadCredential reads who stands behind a secret of the given kind, all of it
// as of one moment. Ended credentials and revoked tokens are found and say so,
// so that the exact reason can be logged; token.ErrNotFound means that there is
// no such secret of that kind. Any other error means that the store could not
// tell.
func (s *Store) LoadCredential(ctx context.Context, kind token.Kind, d *token.Digest) (p *token.Principal, err error) {
	err = s.read(ctx, "load_credential", func(tx *sql.Tx) error {
		var h token.Handle
		found := token.Principal{Kind: kind}
		err := tx.QueryRowContext(ctx, `SELECT token, generation, ends_at FROM credentials WHERE digest = $1 AND kind = $2`,
			d[:], kind.String()).Scan(&h, &found.Generation, &found.EndsAt)
		if err != nil {
			return err
		}
		if found.Live, err = s.loadOne(ctx, tx, h); err == nil {
			p = &found
		}
		return err
	})
	return p, err
}

// LoadToken reads the live record of a token; token.ErrNotFound when there is
// none.
func (s *Store) LoadToken(ctx context.Context, h token.Handle) (l *token.Live, err error) {
	err = s.read(ctx, "load_token", func(tx *sql.Tx) (err error) {
		l, err = s.loadOne(ctx, tx, h)
		return err
	})
	return l, err
}

// LoadClient reads the live record of the token with the given client id, and
// its client secrets, newest first, ended ones too; token.ErrNotFound when no
// token has the id.
func (s *Store) LoadClient(ctx context.Context, clientID string) (l *token.Live, secrets []token.Credential, err error) {
	err = s.read(ctx, "load_client", func(tx *sql.Tx) error {
		var h token.Handle
		if err := tx.QueryRowContext(ctx, `SELECT handle FROM tokens WHERE client_id = $1`, clientID).Scan(&h); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT `+credentialColumns+` FROM credentials
			WHERE token = $1 AND kind = $2 ORDER BY generation DESC`, string(h), token.KindClient.String())
		secrets, err = collect(rows, err, func(r *sql.Rows, c *token.Credential) error { return scanCredential(r, c) })
		if err != nil {
			return err
		}
		l, err = s.loadOne(ctx, tx, h)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return l, secrets, nil
}

func (s *Store) loadOne(ctx context.Context, tx *sql.Tx, h token.Handle) (*token.Live, error) {
	all, err := s.loadLives(ctx, tx, []token.Handle{h})
	if err != nil {
		return nil, err
	}
	if l := all[h]; l != nil {
		return l, nil
	}
	return nil, token.ErrNotFound
}

// lives are live records that are being put together.
type lives map[token.Handle]*live

type live struct {
	record *token.Live
	parent token.Handle
	ranges []string // the merchant's
}

// loadLives reads and compiles the records of tokens and of their parents.
// Handles that do not exist are left out.
func (s *Store) loadLives(ctx context.Context, tx *sql.Tx, handles []token.Handle) (map[token.Handle]*token.Live, error) {
	found := lives{}
	if err := found.read(ctx, tx, handles); err != nil {
		return nil, err
	}
	// A parent is nobody's child (see checkOwners), so one step reaches all.
	if parents := found.missingParents(); len(parents) > 0 {
		if err := found.read(ctx, tx, parents); err != nil {
			return nil, err
		}
	}
	if err := found.readNumbers(ctx, tx); err != nil {
		return nil, err
	}
	if err := found.readGenerations(ctx, tx, token.At(s.opt.Now())); err != nil {
		return nil, err
	}
	catalogue := s.opt.Catalogue()
	out := make(map[token.Handle]*token.Live, len(found))
	for h, l := range found {
		rules, err := policy.Compile(catalogue, l.record.Bounds, l.record.Numbers, l.ranges)
		if err != nil {
			return nil, fmt.Errorf("token %s does not compile: %w", h, err)
		}
		l.record.Rules = rules
		if l.parent != "" {
			parent := found[l.parent]
			if parent == nil || parent.parent != "" {
				return nil, fmt.Errorf("token %s: its parent %s cannot be judged with it", h, l.parent)
			}
			l.record.Parent = parent.record
		}
		out[h] = l.record
	}
	return out, nil
}

func (found lives) missingParents() (list []token.Handle) {
	seen := map[token.Handle]bool{"": true}
	for _, l := range found {
		if found[l.parent] == nil && !seen[l.parent] {
			seen[l.parent] = true
			list = append(list, l.parent)
		}
	}
	return list
}

// read adds the records of the handles, without numbers and generations.
func (found lives) read(ctx context.Context, tx *sql.Tx, handles []token.Handle) error {
	args := make([]any, len(handles))
	for i, h := range handles {
		args[i] = string(h)
	}
	rows, err := tx.QueryContext(ctx, `SELECT t.handle, t.merchant, m.active, m.ip_ranges, COALESCE(t.parent, ''),
			COALESCE(t.client_id, ''), t.environment, t.mode, t.enhanced, t.enabled, t.revoked_at, t.expires_at,
			t.ip_ranges, t.methods, t.permissions, t.composition, t.rate,
			t.restrict_composition, t.restrict_phones, t.restrict_ip, t.restrict_methods
		FROM tokens t JOIN merchants m ON m.id = t.merchant WHERE t.handle IN `+placeholders(1, len(args)), args...)
	list, err := collect(rows, err, scanLive)
	for i := range list {
		found[list[i].record.Handle] = &list[i]
	}
	return err
}

func scanLive(r *sql.Rows, l *live) error {
	var t token.Live
	var b boundsRow
	var ranges []byte
	var env, mode string
	var revokedAt token.Instant
	into := []any{&t.Handle, &t.Merchant, &t.MerchantActive, &ranges, &l.parent, &t.ClientID, &env, &mode,
		&t.Enhanced, &t.Enabled, &revokedAt, &t.ExpiresAt}
	if err := r.Scan(append(into, b.fields()...)...); err != nil {
		return err
	}
	if err := decodeList(ranges, &l.ranges); err != nil {
		return err
	}
	var known [2]bool
	t.Environment, known[0] = token.ParseEnvironment(env)
	t.Mode, known[1] = token.ParseMode(mode)
	if !known[0] || !known[1] {
		return fmt.Errorf("token %s: environment %q, mode %q: written by another version?", t.Handle, env, mode)
	}
	t.Revoked = revokedAt != 0
	var err error
	if t.Bounds, err = b.bounds(); err != nil {
		return fmt.Errorf("token %s: %w", t.Handle, err)
	}
	t.Permissions, t.Restricts = t.Bounds.Permissions, t.Bounds.Restricts
	l.record = &t
	return nil
}

// handles are those of all records, as arguments.
func (found lives) handles() []any {
	args := make([]any, 0, len(found)+1)
	for h := range found {
		args = append(args, string(h))
	}
	return args
}

func (found lives) readNumbers(ctx context.Context, tx *sql.Tx) error {
	args := found.handles()
	if len(args) == 0 {
		return nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT token, `+numberColumns+` FROM numbers
		WHERE token IN `+placeholders(1, len(args))+` ORDER BY token, added, e164`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var of token.Handle
		var n token.Number
		if err := scanNumber(rows, &n, &of); err != nil {
			return err
		}
		t := found[of].record
		t.Numbers = append(t.Numbers, n)
	}
	return rows.Err()
}

// readGenerations adds the client-secret generations that are accepted at now.
func (found lives) readGenerations(ctx context.Context, tx *sql.Tx, now token.Instant) error {
	args := found.handles()
	if len(args) == 0 {
		return nil
	}
	n := len(args)
	args = append(args, token.KindClient.String(), int64(now))
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(`SELECT token, generation, ends_at FROM credentials
		WHERE token IN %s AND kind = $%d AND (ends_at = 0 OR ends_at > $%d) ORDER BY token, generation`,
		placeholders(1, n), n+1, n+2), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var of token.Handle
		var g token.Generation
		if err := rows.Scan(&of, &g.Number, &g.EndsAt); err != nil {
			return err
		}
		t := found[of].record
		t.Generations = append(t.Generations, g)
	}
	return rows.Err()
}
