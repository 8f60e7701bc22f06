package store

import (
	"context"

	"tollgate/policy/token"
)

// ReplaceToken writes what may change of a token: name, description, mode,
// expiry, enabled, enhanced security, bounds, webhook. The rest of t must be as
// it was read.
//
// ifVersion is the version that was read; another one by now is token.ErrStale,
// and 0 asks for no comparison. A revoked token is token.ErrRevoked.
//
// A country that leaves the composition takes its numbers with it. A restricts
// flag is set where a bound is given. It is cleared only when t says so and the
// bound is empty, which writes an audit row restriction_cleared of its own; a
// bound that is still there cannot be set free. Whether the caller may clear a
// flag is for the caller to judge before.
func (s *Store) ReplaceToken(ctx context.Context, act token.Act, t token.Token, ifVersion int64) (token.Token, error) {
	var f fields
	s.checkRecord(&f, &t, nil)
	if err := f.err(); err != nil {
		return token.Token{}, err
	}
	err := s.write(ctx, "replace_token", act, func(w *writing) error {
		old, err := w.alive(t.Handle)
		if err != nil {
			return err
		}
		if ifVersion != 0 && ifVersion != old.Version {
			return token.ErrStale
		}
		wanted := t.Bounds.Restricts
		if err := w.carry(&t, &old); err != nil {
			return err
		}
		t.Bounds.Restricts = implied(&t.Bounds, t.Numbers > 0)
		if err := checkCleared(old.Bounds.Restricts, wanted, &t); err != nil {
			return err
		}
		if _, err := w.change(token.EntityToken, string(t.Handle), false); err != nil {
			return err
		}
		if err := w.updateToken(&t); err != nil {
			return err
		}
		before, after := differences(tellToken(&old), tellToken(&t))
		if err := w.record(entry{action: w.named("token.change"), target: tokenTarget(t.Handle), merchant: t.Merchant,
			before: before, after: after}); err != nil {
			return err
		}
		return w.recordCleared(&old, &t)
	})
	return kept(t, err)
}

// alive reads a token that is about to be written to.
func (w *writing) alive(h token.Handle) (token.Token, error) {
	t, err := findToken(w.ctx, w.tx, h)
	if err != nil {
		return token.Token{}, err
	}
	if t.RevokedAt != 0 {
		return token.Token{}, token.ErrRevoked
	}
	return t, nil
}

// carry takes over into t what a replacement leaves alone, refuses what it
// tries to change of that, and drops the numbers of countries that are gone.
func (w *writing) carry(t, old *token.Token) error {
	var f fields
	same := func(field string, kept bool) {
		if !kept {
			f.add(field, "cannot be changed after creation")
		}
	}
	same("merchant_id", t.Merchant == old.Merchant)
	same("parent_id", t.Parent == old.Parent)
	same("environment", t.Environment == old.Environment)
	same("client_id", t.ClientID == old.ClientID)
	if old.Parent != "" && t.Mode != token.Enforce {
		f.add("mode", "a token that another token made always enforces")
	}
	if err := f.err(); err != nil {
		return err
	}
	t.CreatedAt, t.RevokedAt = old.CreatedAt, old.RevokedAt
	t.LastUsedAt, t.LastUsedIP = old.LastUsedAt, old.LastUsedIP
	t.Credentials, t.Numbers = old.Credentials, old.Numbers
	t.UpdatedAt, t.Version = w.now, old.Version+1
	for country := range old.Bounds.Composition {
		if _, stays := t.Bounds.Composition[country]; !stays {
			r, err := w.tx.ExecContext(w.ctx, `DELETE FROM numbers WHERE token = $1 AND country = $2`, string(t.Handle), country)
			if err != nil {
				return err
			}
			gone, err := r.RowsAffected()
			if err != nil {
				return err
			}
			t.Numbers -= int(gone)
		}
	}
	return nil
}

// checkCleared refuses to clear the flag of a bound that is still given: the
// bound would stand there and hold nothing.
func checkCleared(was, wanted token.Restricts, t *token.Token) error {
	var f fields
	refuse := func(field string, was, wanted, is bool, what string) {
		if was && !wanted && is {
			f.add("restricts."+field, "cannot be cleared while there are "+what+"; remove them first, or in the same change")
		}
	}
	is := t.Bounds.Restricts
	refuse("composition", was.Composition, wanted.Composition, is.Composition, "countries in the composition")
	refuse("ip", was.IP, wanted.IP, is.IP, "entries in ip_whitelist")
	refuse("client_cert", was.ClientCert, wanted.ClientCert, is.ClientCert, "entries in client_cert_sha256")
	refuse("methods", was.Methods, wanted.Methods, is.Methods, "entries in allowed_methods")
	refuse("phones", was.Phones, wanted.Phones, is.Phones, "phone numbers, enabled or not")
	return f.err()
}

// recordCleared writes the audit row of restrictions that no longer hold.
func (w *writing) recordCleared(old, t *token.Token) error {
	before, after := differences(tellRestricts(old.Bounds.Restricts), tellRestricts(t.Bounds.Restricts))
	for name, is := range after {
		if is == true {
			delete(before, name)
			delete(after, name)
		}
	}
	if len(after) == 0 {
		return nil
	}
	return w.record(entry{action: "restriction_cleared", target: tokenTarget(t.Handle), merchant: t.Merchant,
		before: object{"restricts": before}, after: object{"restricts": after}})
}

func (w *writing) updateToken(t *token.Token) error {
	args := []any{string(t.Handle), t.Name, t.Description, t.Mode.String(), t.Enabled, t.Enhanced,
		t.Webhook.URL, t.Webhook.Format, int64(t.ExpiresAt), int64(t.UpdatedAt), t.Version}
	bounds, err := boundsArgs(&t.Bounds)
	if err != nil {
		return err
	}
	return w.affect(`UPDATE tokens SET name = $2, description = $3, mode = $4, enabled = $5, enhanced = $6,
			webhook_url = $7, webhook_format = $8, expires_at = $9, updated_at = $10, version = $11,
			ip_ranges = $12, methods = $13, permissions = $14, composition = $15, client_certs = $16, rate = $17, quota = $18,
			restrict_composition = $19, restrict_phones = $20, restrict_ip = $21, restrict_methods = $22, restrict_client_cert = $23
		WHERE handle = $1`, append(args, bounds...)...)
}
