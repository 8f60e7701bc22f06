package store

import (
	"context"
	"database/sql"
	"time"

	"tollgate/policy/token"
)

// The events that merchants are told of.
const (
	hookCreated  = "token.created"
	hookRotated  = "token.rotated"
	hookRevoked  = "token.revoked"
	hookExpiring = "token.expiring"
	hookReuse    = "refresh.reuse"
)

const hookColumns = `id, event, token, merchant, url, format, payload, attempts, next_at, state, last_error, created_at`

func scanHook(r scanner, h *token.Hook) error {
	return r.Scan(&h.ID, &h.Event, &h.Token, &h.Merchant, &h.URL, &h.Format, &h.Payload, &h.Attempts,
		&h.NextAt, &h.State, &h.LastError, &h.CreatedAt)
}

// hook puts an event of the token into the outbox, in the transaction of the
// change it tells of, when the token or its merchant wants to hear. detail adds
// to what every event says; it is no secret. Its id, name and time are columns,
// and whoever sends it writes them before the payload.
func (w *writing) hook(event string, t *token.Token, detail object) error {
	to := t.Webhook
	if to.URL == "" {
		m, err := findMerchant(w.ctx, w.tx, t.Merchant)
		if err != nil {
			return err
		}
		to = m.Webhook
	}
	if to.URL == "" {
		return nil
	}
	id, err := mintID(w.store.opt.Rand, "hook_")
	if err != nil {
		return err
	}
	payload := object{
		"merchant_id": t.Merchant, "token_id": string(t.Handle), "name": t.Name, "environment": t.Environment.String(), "expires_at": tellInstant(t.ExpiresAt),
	}
	for name, value := range detail {
		payload[name] = value
	}
	text, err := canonical(payload)
	if err != nil {
		return err
	}
	if to.Format == "" {
		to.Format = "single"
	}
	return w.exec(`INSERT INTO hooks (id, event, token, merchant, url, format, payload, state, attempts, next_at, last_error, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', 0, $8, '', $8, $8)`,
		id, event, string(t.Handle), t.Merchant, to.URL, to.Format, string(text), int64(w.now))
}

// DueHooks takes events that are due, at most limit of them, longest due first.
// Each counts an attempt and is not due again before lease has passed, to this
// or another process: whoever takes it and dies has only lost time.
func (s *Store) DueHooks(ctx context.Context, limit int, lease time.Duration) (list []token.Hook, err error) {
	limit = min(max(limit, 1), pageMax)
	var due bool
	err = s.read(ctx, "due_hooks", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM hooks WHERE state = 'pending' AND next_at <= $1)`,
			int64(token.At(s.opt.Now()))).Scan(&due)
	})
	if err != nil || !due {
		return nil, err
	}
	err = s.transact(ctx, "due_hooks", func(w *writing) error {
		rows, err := w.tx.QueryContext(w.ctx, `SELECT `+hookColumns+` FROM hooks
			WHERE state = 'pending' AND next_at <= $1 ORDER BY next_at, created_at, id LIMIT $2`, int64(w.now), limit)
		list, err = collect(rows, err, func(r *sql.Rows, h *token.Hook) error { return scanHook(r, h) })
		for i := range list {
			if err != nil {
				return err
			}
			h := &list[i]
			h.Attempts, h.NextAt = h.Attempts+1, w.now.Add(lease)
			err = w.affect(`UPDATE hooks SET attempts = $2, next_at = $3, updated_at = $4 WHERE id = $1`,
				h.ID, h.Attempts, int64(h.NextAt), int64(w.now))
		}
		return err
	})
	return kept(list, err)
}

// HookDone says that an event was delivered.
func (s *Store) HookDone(ctx context.Context, id string) error {
	return s.transact(ctx, "hook_done", func(w *writing) error {
		return w.affect(`UPDATE hooks SET state = 'done', last_error = '', updated_at = $2 WHERE id = $1 AND state = 'pending'`,
			id, int64(w.now))
	})
}

// HookFailed says that an event was not delivered, and why; it is due again at
// next, or never, when next is 0: then it is dead.
func (s *Store) HookFailed(ctx context.Context, id, reason string, next token.Instant) error {
	state := "pending"
	if next == 0 {
		state = "dead"
	}
	if !plain(reason) || len(reason) > nameMax {
		reason = "the reason is not kept: it is too long or no text"
	}
	return s.transact(ctx, "hook_failed", func(w *writing) error {
		return w.affect(`UPDATE hooks SET state = $2, next_at = $3, last_error = $4, updated_at = $5 WHERE id = $1 AND state = 'pending'`,
			id, state, int64(next), reason, int64(w.now))
	})
}

// expiryDays are how long before its end a token's merchant is told, longest
// first.
var expiryDays = [...]int{7, 1}

// expiryBatch is how many tokens one transaction looks at.
const expiryBatch = 200

// QueueExpiring puts the events of tokens that end within the next days into
// the outbox, once for each token, expiry and number of days, and reports how
// many. A token that is found closer to its end than several of them is told
// of once. Call it now and then.
func (s *Store) QueueExpiring(ctx context.Context) (queued int, err error) {
	for i, days := range expiryDays {
		nearer := 0
		if i+1 < len(expiryDays) {
			nearer = expiryDays[i+1]
		}
		for {
			n, err := s.queueExpiring(ctx, days, nearer)
			queued += n
			if err != nil {
				return queued, err
			}
			if n < expiryBatch {
				break
			}
		}
	}
	return queued, nil
}
