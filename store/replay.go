package store

import (
	"context"

	"tollgate/policy/token"
)

// Record notes that something which counts once only, by its digest, has been
// presented, and reports whether this was the first time. The answer is exact
// among all callers and processes and survives a restart: of any number of
// calls with one digest a single one is told fresh. until is when whoever
// presents it is refused anyway, so that it need not be remembered any longer.
func (s *Store) Record(ctx context.Context, d token.Digest, until token.Instant) (fresh bool, err error) {
	err = s.transact(ctx, "replay", func(w *writing) error {
		r, err := w.tx.ExecContext(w.ctx, `INSERT INTO replays (digest, ends_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`,
			d[:], int64(until))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		fresh = n > 0
		return err
	})
	return fresh && err == nil, err
}
