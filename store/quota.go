package store

import (
	"context"
	"database/sql"
	"errors"

	"tollgate/policy/token"
)

// maxDelta bounds one count, so that no sum of them overflows.
const maxDelta = 1 << 40

// AddUses adds to what is used of tokens' quotas, all of it in one transaction:
// after an error the same may be added again. Only where a commit's outcome is
// unknown is that counted twice. It writes no change row, no audit row and no
// version. Uses of what is not there are skipped. Other writers wait meanwhile:
// add thousands at a time, not millions.
func (s *Store) AddUses(ctx context.Context, uses []token.QuotaUse) error {
	if len(uses) == 0 {
		return nil
	}
	for i := range uses {
		if uses[i].Delta < 1 || uses[i].Delta > maxDelta || uses[i].Period.Ends() <= 0 {
			return errors.New("store: add_uses: a use must count from 1 to 2^40, in a period")
		}
	}
	return s.transact(ctx, "add_uses", func(w *writing) error {
		for i := range uses {
			u := &uses[i]
			err := w.exec(`INSERT INTO quota_uses (token, period, used, ends_at)
					SELECT handle, $2, $3, $4 FROM tokens WHERE handle = $1
				ON CONFLICT (token, period) DO UPDATE SET used = quota_uses.used + excluded.used`,
				string(u.Handle), int64(u.Period), u.Delta, int64(u.Period.Ends()))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Uses is how many requests the token made in the day and in the month that at
// lies in, as far as they were added; of a token that is not there, none.
func (s *Store) Uses(ctx context.Context, h token.Handle, at token.Instant) (day, month int64, err error) {
	err = s.read(ctx, "uses", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT period, used FROM quota_uses WHERE token = $1 AND period IN ($2, $3)`,
			string(h), int64(token.DayOf(at)), int64(token.MonthOf(at)))
		found, err := collect(rows, err, func(r *sql.Rows, u *token.QuotaUse) error { return r.Scan(&u.Period, &u.Delta) })
		for _, u := range found {
			if u.Period == token.DayOf(at) {
				day = u.Delta
			} else {
				month = u.Delta
			}
		}
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return day, month, nil
}
