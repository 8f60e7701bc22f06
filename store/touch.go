package store

import (
	"context"

	"tollgate/policy/token"
)

// touchBatch is how many uses one transaction writes: other writers wait for it.
const touchBatch = 500

// Touch writes when tokens, credentials and users were last used. Times only go
// forward, whatever the order batches arrive in. It writes no change row, no
// audit row and no version: no decision depends on it. Uses of what is not
// there are skipped.
func (s *Store) Touch(ctx context.Context, uses []token.Use) error {
	for len(uses) > 0 {
		n := min(len(uses), touchBatch)
		err := s.transact(ctx, "touch", func(w *writing) error {
			for i := range uses[:n] {
				if err := w.touch(&uses[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		uses = uses[n:]
	}
	return nil
}

func (w *writing) touch(u *token.Use) error {
	if u.User != "" {
		return w.exec(`UPDATE users SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2`, u.User, int64(u.At))
	}
	err := w.exec(`UPDATE tokens SET last_used_at = $2, last_used_ip = $3 WHERE handle = $1 AND last_used_at < $2`,
		string(u.Handle), int64(u.At), u.IP)
	if err != nil {
		return err
	}
	kind := u.Kind
	if kind == token.KindJWT {
		kind = token.KindClient
	}
	if !stored(kind) {
		return nil
	}
	return w.exec(`UPDATE credentials SET last_used_at = $4
		WHERE token = $1 AND kind = $2 AND generation = $3 AND last_used_at < $4`,
		string(u.Handle), kind.String(), u.Generation, int64(u.At))
}

// TouchAdminKey writes when an admin key was last used, as Touch does.
func (s *Store) TouchAdminKey(ctx context.Context, id string, at token.Instant) error {
	return s.transact(ctx, "touch_admin_key", func(w *writing) error {
		return w.exec(`UPDATE admin_keys SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2`, id, int64(at))
	})
}
