package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

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
	broken error    // why the record cannot be judged by
}

// readTokens adds the records of the handles, without numbers and generations.
func (l *loading) readTokens(handles []token.Handle) error {
	rows, err := l.store.query(l.ctx, l.tx, liveText(len(handles)), handleArgs(handles)...)
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

func (l *loading) readNumbers() error {
	handles := slices.Collect(maps.Keys(l.found))
	rows, err := l.store.query(l.ctx, l.tx, numbersText(len(handles)), handleArgs(handles)...)
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
	handles := slices.Collect(maps.Keys(l.found))
	args := append(handleArgs(handles), token.KindClient.String(), int64(token.At(l.store.opt.Now())))
	rows, err := l.store.query(l.ctx, l.tx, generationsText(len(handles)), args...)
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

// compile gives every record its rules and its parent. One that cannot be
// judged is an error of its own, and says nothing about the others.
func (l *loading) compile() {
	catalogue := l.store.opt.Catalogue()
	for h, one := range l.found {
		rules, err := policy.Compile(catalogue, one.record.Bounds, one.record.Numbers, one.ranges)
		if err != nil {
			one.broken = fmt.Errorf("token %s does not compile: %w", h, err)
		}
		one.record.Rules = rules
	}
	for h, one := range l.found {
		if one.parent == "" || one.broken != nil {
			continue
		}
		parent := l.found[one.parent]
		if parent == nil || parent.parent != "" || parent.broken != nil {
			one.broken = fmt.Errorf("token %s cannot be judged with its parent %s", h, one.parent)
			continue
		}
		one.record.Parent = parent.record
	}
}
