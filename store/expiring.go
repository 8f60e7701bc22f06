package store

import (
	"context"
	"database/sql"
	"time"

	"tollgate/policy/token"
)

// queueExpiring queues one batch of the notices that come days before the end.
// Tokens that are nearer to it than the next notice wait for that one.
func (s *Store) queueExpiring(ctx context.Context, days, nearer int) (queued int, err error) {
	err = s.transact(ctx, "queue_expiring", func(w *writing) error {
		list, err := w.expiring(days, nearer)
		if err != nil || len(list) == 0 {
			return errUnchangedOr(err)
		}
		for i := range list {
			t := &list[i]
			err := w.exec(`INSERT INTO expiry_notices (token, expires_at, days) VALUES ($1, $2, $3)`,
				string(t.Handle), int64(t.ExpiresAt), days)
			if err != nil {
				return err
			}
			if err := w.hook(hookExpiring, t, object{"days": days}); err != nil {
				return err
			}
		}
		queued = len(list)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return queued, nil
}

// expiring are tokens somebody wants to hear of which end within days and not
// within nearer days, and which have had no such notice.
func (w *writing) expiring(days, nearer int) ([]token.Token, error) {
	const day = 24 * time.Hour
	rows, err := w.tx.QueryContext(w.ctx, `SELECT `+tokenColumns+` FROM tokens
		WHERE expires_at <> 0 AND revoked_at = 0 AND expires_at > $1 AND expires_at <= $2
			AND (webhook_url <> '' OR (SELECT m.webhook_url FROM merchants m WHERE m.id = merchant) <> '')
			AND NOT EXISTS (SELECT 1 FROM expiry_notices e
				WHERE e.token = handle AND e.expires_at = tokens.expires_at AND e.days = $3)
		ORDER BY expires_at LIMIT $4`,
		int64(w.now.Add(time.Duration(nearer)*day)), int64(w.now.Add(time.Duration(days)*day)), days, expiryBatch)
	return collect(rows, err, func(r *sql.Rows, t *token.Token) error { return scanToken(r, t) })
}

// errUnchangedOr is err, or that nothing changes.
func errUnchangedOr(err error) error {
	if err != nil {
		return err
	}
	return errUnchanged
}
