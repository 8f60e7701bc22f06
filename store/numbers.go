package store

import (
	"context"
	"database/sql"
	"errors"

	"tollgate/policy/token"
)

// numbersMax is how many numbers a token may have: its whole list is in memory
// while the token is.
const numbersMax = 100_000

const numberColumns = `country, e164, enabled, created_at`

func scanNumber(r scanner, n *token.Number, lead ...any) error {
	return r.Scan(append(lead, &n.Country, &n.E164, &n.Enabled, &n.CreatedAt)...)
}

// AddNumber associates a number, in its canonical form, with a token. From then
// on the token is restricted to its numbers, whatever becomes of this one.
//
// Errors: token.FieldErrors when the number is not canonical or its country is
// not in the composition; token.ErrExists when the token has it already;
// *token.HeldError when another token has it. A number that an expired token
// has is taken from it.
func (s *Store) AddNumber(ctx context.Context, act token.Act, h token.Handle, n token.Number) (token.Number, error) {
	err := s.write(ctx, "add_number", act, func(w *writing) error {
		t, err := w.alive(h)
		if err != nil {
			return err
		}
		var f fields
		checkNumbers(&f, &t.Bounds, []token.Number{n})
		if t.Numbers >= numbersMax {
			f.add("number", "the token has as many numbers as a token can have; remove some first")
		}
		if err := f.err(); err != nil {
			return err
		}
		added, err := w.bump(&t, false)
		if err != nil {
			return err
		}
		if err := w.insertNumber(&t, &n, added); err != nil {
			return err
		}
		if err := w.exec(`UPDATE tokens SET restrict_phones = TRUE WHERE handle = $1`, string(h)); err != nil {
			return err
		}
		return w.record(entry{action: w.named("phone.add"), target: numberTarget(h, n.E164), merchant: t.Merchant,
			after: tellNumber(&n)})
	})
	return kept(n, err)
}

// bump counts a change of a token: version, time and change row, whose number
// it gives.
func (w *writing) bump(t *token.Token, added bool) (int64, error) {
	seq, err := w.change(token.EntityToken, string(t.Handle), added)
	if err != nil {
		return 0, err
	}
	t.Version, t.UpdatedAt = t.Version+1, w.now
	return seq, w.affect(`UPDATE tokens SET version = version + 1, updated_at = $2 WHERE handle = $1`,
		string(t.Handle), int64(w.now))
}

// insertNumber takes the number from an expired holder, or finds that it is
// held, and writes its row.
func (w *writing) insertNumber(t *token.Token, n *token.Number, added int64) error {
	scope := w.store.scope(t.Merchant)
	if err := w.claim(t, scope, n.E164); err != nil {
		return err
	}
	n.CreatedAt = w.now
	return w.exec(`INSERT INTO numbers (scope, e164, token, country, enabled, added, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		scope, n.E164, string(t.Handle), n.Country, n.Enabled, added, int64(w.now))
}

// claim sees that nobody holds the number. An expired token gives it up: its
// record changes and is audited as well.
func (w *writing) claim(t *token.Token, scope, e164 string) error {
	var holder token.Token
	held := token.Number{E164: e164}
	err := w.row(`SELECT t.handle, t.merchant, t.expires_at, n.country, n.enabled
		FROM numbers n JOIN tokens t ON t.handle = n.token WHERE n.scope = $1 AND n.e164 = $2`, scope, e164).
		Scan(&holder.Handle, &holder.Merchant, &holder.ExpiresAt, &held.Country, &held.Enabled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case holder.Handle == t.Handle:
		return token.ErrExists
	case !holder.ExpiresAt.Reached(w.now):
		return &token.HeldError{Number: e164, Holder: holder.Handle, Merchant: holder.Merchant}
	}
	if err := w.affect(`DELETE FROM numbers WHERE scope = $1 AND e164 = $2`, scope, e164); err != nil {
		return err
	}
	if _, err := w.bump(&holder, false); err != nil {
		return err
	}
	return w.record(entry{action: "phone.claimed", target: numberTarget(holder.Handle, e164), merchant: holder.Merchant,
		before: tellNumber(&held)})
}

// ChangeNumber enables or disables one of a token's numbers. A disabled number
// stays the token's and passes nothing. Setting what is set changes nothing.
func (s *Store) ChangeNumber(ctx context.Context, act token.Act, h token.Handle, e164 string, enabled bool) (n token.Number, err error) {
	err = s.write(ctx, "change_number", act, func(w *writing) error {
		t, old, err := w.ownNumber(h, e164)
		if err != nil {
			return err
		}
		n = old
		if old.Enabled == enabled {
			return errUnchanged
		}
		n.Enabled = enabled
		if _, err := w.bump(&t, false); err != nil {
			return err
		}
		err = w.affect(`UPDATE numbers SET enabled = $4 WHERE scope = $1 AND e164 = $2 AND token = $3`,
			s.scope(t.Merchant), e164, string(h), enabled)
		if err != nil {
			return err
		}
		before, after := differences(tellNumber(&old), tellNumber(&n))
		return w.record(entry{action: w.named("phone.change"), target: numberTarget(h, e164), merchant: t.Merchant,
			before: before, after: after})
	})
	return kept(n, err)
}

// EndNumber takes a number from its token, which stays restricted to the
// numbers it has left, even when that is none.
func (s *Store) EndNumber(ctx context.Context, act token.Act, h token.Handle, e164 string) error {
	return s.write(ctx, "end_number", act, func(w *writing) error {
		t, old, err := w.ownNumber(h, e164)
		if err != nil {
			return err
		}
		if _, err := w.bump(&t, false); err != nil {
			return err
		}
		err = w.affect(`DELETE FROM numbers WHERE scope = $1 AND e164 = $2 AND token = $3`,
			s.scope(t.Merchant), e164, string(h))
		if err != nil {
			return err
		}
		return w.record(entry{action: w.named("phone.remove"), target: numberTarget(h, e164), merchant: t.Merchant,
			before: tellNumber(&old)})
	})
}

// ownNumber reads a token that is about to be written to, and one of its
// numbers.
func (w *writing) ownNumber(h token.Handle, e164 string) (t token.Token, n token.Number, err error) {
	if t, err = w.alive(h); err != nil {
		return t, n, err
	}
	err = scanNumber(w.row(`SELECT `+numberColumns+` FROM numbers WHERE scope = $1 AND e164 = $2 AND token = $3`,
		w.store.scope(t.Merchant), e164, string(h)), &n)
	return t, n, err
}

// ListNumbers lists a token's numbers, newest first, and the cursor of the next
// page; token.ErrNotFound when there is no such token.
func (s *Store) ListNumbers(ctx context.Context, h token.Handle, p token.Page) (list []token.Number, next string, err error) {
	q, err := newPage("numbers", p)
	if err != nil {
		return nil, "", err
	}
	q.and("token = ?", string(h))
	q.belowPair("added", "e164")
	var places []int64
	err = s.read(ctx, "list_numbers", func(tx *sql.Tx) error {
		var one int
		if err := tx.QueryRowContext(ctx, `SELECT 1 FROM tokens WHERE handle = $1`, string(h)).Scan(&one); err != nil {
			return err
		}
		rows, err := q.query(ctx, tx, `SELECT added, `+numberColumns+` FROM numbers`)
		list, err = collect(rows, err, func(r *sql.Rows, n *token.Number) error {
			places = append(places, 0)
			return scanNumber(r, n, &places[len(places)-1])
		})
		return err
	})
	if len(list) > q.limit {
		next = cursor{places[q.limit-1], list[q.limit-1].E164}.encode(q.list)
		list = list[:q.limit]
	}
	return list, next, err
}

// checkNumbers sees that numbers are canonical, that each country is one of the
// composition's, and that none comes twice.
func checkNumbers(f *fields, b *token.Bounds, numbers []token.Number) {
	if len(numbers) > numbersMax {
		f.add("phones", "are more than a token can have")
		return
	}
	seen := make(map[string]bool, len(numbers))
	for i := range numbers {
		n := &numbers[i]
		if !canonicalPhone(n.E164) {
			f.add("number", "must be + and 4 to 15 digits")
		}
		if len(b.Composition) == 0 {
			f.add("country", "the token has no composition; give it one with the number's country first")
		} else if _, ok := b.Composition[n.Country]; !ok {
			f.add("country", "is not one of the composition's countries; add it there first")
		}
		if seen[n.E164] {
			f.add("number", token.MaskPhone(n.E164)+" is given twice")
		}
		seen[n.E164] = true
	}
}
