package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"tollgate/policy/token"
)

// scopeName is the row of meta that says how the numbers' scopes are written.
const scopeName = "phones_unique_within"

// duplicatesShown bounds the list in a start-up error.
const duplicatesShown = 50

// scope is what a number of the merchant is unique within: see the table.
func (s *Store) scope(merchant string) string {
	if s.opt.UniqueWithin == WithinMerchant {
		return merchant
	}
	return ""
}

// settleScope rewrites the numbers' scopes when they are to be unique within
// something else than before. Where numbers would collide it refuses, with a
// list: nobody but the operator can say whose they are.
func (s *Store) settleScope(ctx context.Context) error {
	return s.transact(ctx, "unique_within", func(w *writing) error {
		was, err := meta(w.ctx, w.tx, scopeName)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if string(was) == s.opt.UniqueWithin {
			return errUnchanged
		}
		scope := `''`
		if s.opt.UniqueWithin == WithinMerchant {
			scope = `(SELECT t.merchant FROM tokens t WHERE t.handle = numbers.token)`
		} else if err := w.findDuplicates(); err != nil {
			return err
		}
		if err := w.exec(`UPDATE numbers SET scope = ` + scope); err != nil {
			return err
		}
		return w.setMeta(scopeName, []byte(s.opt.UniqueWithin))
	})
}

// findDuplicates is an error that lists the numbers which several tokens have.
func (w *writing) findDuplicates() error {
	rows, err := w.tx.QueryContext(w.ctx, `SELECT n.e164, n.token FROM numbers n
		WHERE n.e164 IN (SELECT e164 FROM numbers GROUP BY e164 HAVING COUNT(*) > 1)
		ORDER BY n.e164, n.token`)
	type holding struct{ e164, handle string }
	list, err := collect(rows, err, func(r *sql.Rows, h *holding) error { return r.Scan(&h.e164, &h.handle) })
	if err != nil || len(list) == 0 {
		return err
	}
	var lines []string
	for i, h := range list {
		if i > 0 && list[i-1].e164 == h.e164 {
			lines[len(lines)-1] += ", " + h.handle
		} else {
			lines = append(lines, token.MaskPhone(h.e164)+" of "+h.handle)
		}
	}
	count := len(lines)
	if count > duplicatesShown {
		lines = append(lines[:duplicatesShown], "…")
	}
	return fmt.Errorf("phones.unique_within is to be %s, but %d numbers belong to several tokens; "+
		"remove each from all but one, or set it back to %s: %s",
		WithinInstallation, count, WithinMerchant, strings.Join(lines, "; "))
}
