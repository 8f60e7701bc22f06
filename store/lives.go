package store

import (
	"context"
	"database/sql"
	"fmt"

	"tollgate/policy"
	"tollgate/policy/token"
)

// loading is a set of live records that is being put together, of one moment.
type loading struct {
	ctx   context.Context
	tx    *sql.Tx
	store *Store
	found map[token.Handle]*live
}

type live struct {
	record *token.Live
	parent token.Handle
	ranges []string // the merchant's
}

// query runs a text about n tokens; only the one about a single token is always
// the same.
func (l *loading) query(n int, text string, args ...any) (*sql.Rows, error) {
	if n == 1 {
		return l.store.often(l.ctx, l.tx, text, args...)
	}
	return l.tx.QueryContext(l.ctx, text, args...)
}

// readTokens adds the records of the handles, without numbers and generations.
func (l *loading) readTokens(handles []token.Handle) error {
	args := make([]any, len(handles))
	for i, h := range handles {
		args[i] = string(h)
	}
	rows, err := l.query(len(args), `SELECT t.handle, t.merchant, m.active, m.ip_ranges, COALESCE(t.parent, ''),
			COALESCE(t.client_id, ''), t.environment, t.mode, t.enhanced, t.enabled, t.revoked_at, t.expires_at,
			t.ip_ranges, t.methods, t.permissions, t.composition, t.rate,
			t.restrict_composition, t.restrict_phones, t.restrict_ip, t.restrict_methods
		FROM tokens t JOIN merchants m ON m.id = t.merchant WHERE t.handle IN `+placeholders(1, len(args)), args...)
	list, err := collect(rows, err, scanLive)
	for i := range list {
		l.found[list[i].record.Handle] = &list[i]
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
	err := r.Scan(append(into, b.fields()...)...)
	if err != nil {
		return err
	}
	if err := decodeList(ranges, &l.ranges); err != nil {
		return err
	}
	if t.Environment, t.Mode, err = readWords(env, mode); err != nil {
		return fmt.Errorf("token %s: %w", t.Handle, err)
	}
	if t.Bounds, err = b.bounds(); err != nil {
		return fmt.Errorf("token %s: %w", t.Handle, err)
	}
	t.Revoked = revokedAt != 0
	t.Permissions, t.Restricts = t.Bounds.Permissions, t.Bounds.Restricts
	l.record = &t
	return nil
}

func (l *loading) missingParents() (list []token.Handle) {
	seen := map[token.Handle]bool{"": true}
	for _, one := range l.found {
		if l.found[one.parent] == nil && !seen[one.parent] {
			seen[one.parent] = true
			list = append(list, one.parent)
		}
	}
	return list
}

// handles are those of all records, as arguments.
func (l *loading) handles() []any {
	args := make([]any, 0, len(l.found)+2)
	for h := range l.found {
		args = append(args, string(h))
	}
	return args
}

func (l *loading) readNumbers() error {
	args := l.handles()
	rows, err := l.query(len(args), `SELECT token, `+numberColumns+` FROM numbers
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
		t := l.found[of].record
		t.Numbers = append(t.Numbers, n)
	}
	return rows.Err()
}

// readGenerations adds the client-secret generations that are accepted now.
func (l *loading) readGenerations() error {
	args := l.handles()
	n := len(args)
	args = append(args, token.KindClient.String(), int64(token.At(l.store.opt.Now())))
	rows, err := l.query(n, fmt.Sprintf(`SELECT token, generation, ends_at FROM credentials
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
		t := l.found[of].record
		t.Generations = append(t.Generations, g)
	}
	return rows.Err()
}

// compile gives every record its rules and its parent.
func (l *loading) compile() (map[token.Handle]*token.Live, error) {
	catalogue := l.store.opt.Catalogue()
	out := make(map[token.Handle]*token.Live, len(l.found))
	for h, one := range l.found {
		rules, err := policy.Compile(catalogue, one.record.Bounds, one.record.Numbers, one.ranges)
		if err != nil {
			return nil, fmt.Errorf("token %s does not compile: %w", h, err)
		}
		one.record.Rules = rules
		if one.parent != "" {
			parent := l.found[one.parent]
			if parent == nil || parent.parent != "" {
				return nil, fmt.Errorf("token %s cannot be judged with its parent %s", h, one.parent)
			}
			one.record.Parent = parent.record
		}
		out[h] = one.record
	}
	return out, nil
}
