package store

import (
	"context"
	"time"
)

// How long what no decision depends on is kept. The first covers clocks that
// are set back; the others are for whoever looks at what happened.
const (
	keepEnded = 24 * time.Hour
	keepDone  = 7 * 24 * time.Hour
	keepDead  = 30 * 24 * time.Hour
)

// trimBatch is how many rows one transaction removes: other writers wait for it.
const trimBatch = 500

// stale are the rows that TrimEnded removes: those a table's key is selected of
// by a time.
var stale = [...]struct {
	table, key, where string
	keep              time.Duration
}{
	{"replays", "digest", "ends_at < $1", keepEnded},
	{"revoked_jtis", "jti", "ends_at < $1", keepEnded},
	{"families", "id", "ended_at <> 0 AND ended_at < $1", keepEnded},
	{"families", "id", "ends_at < $1", keepEnded},
	{"quota_uses", "token, period", "ends_at < $1", keepEnded},
	{"hooks", "id", "state = 'done' AND updated_at < $1", keepDone},
	{"hooks", "id", "state = 'dead' AND updated_at < $1", keepDead},
}

// TrimEnded removes what has ended and decides nothing any more: families with
// their pairs, revoked JWTs past their exp, replays that are refused by their
// age, uses of quotas of days and months gone by, events that were delivered or
// given up. It reports how many.
func (s *Store) TrimEnded(ctx context.Context) (removed int64, err error) {
	for _, t := range stale {
		for {
			n, err := s.trim(ctx, `DELETE FROM `+t.table+` WHERE (`+t.key+`) IN (SELECT `+t.key+` FROM `+t.table+` WHERE `+t.where+` LIMIT $2)`, t.keep)
			removed += n
			if err != nil {
				return removed, err
			}
			if n < trimBatch {
				break
			}
		}
	}
	return removed, nil
}

func (s *Store) trim(ctx context.Context, query string, keep time.Duration) (removed int64, err error) {
	err = s.transact(ctx, "trim_ended", func(w *writing) error {
		r, err := w.tx.ExecContext(w.ctx, query, int64(w.now.Add(-keep)), trimBatch)
		if err != nil {
			return err
		}
		removed, err = r.RowsAffected()
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
