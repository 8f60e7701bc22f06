package store

import (
	"context"
	"time"

	"tollgate/policy/token"
)

// MaxGrace is the longest that a secret may outlive its rotation.
const MaxGrace = 7 * 24 * time.Hour

// RevokeToken ends a token for good and frees its numbers. Revoking a revoked
// token changes nothing and answers the same.
func (s *Store) RevokeToken(ctx context.Context, act token.Act, h token.Handle) (t token.Token, err error) {
	err = s.write(ctx, "revoke_token", act, func(w *writing) (err error) {
		if t, err = findToken(w.ctx, w.tx, h); err != nil {
			return err
		}
		if t.RevokedAt != 0 {
			return errUnchanged
		}
		old := t
		t.RevokedAt, t.UpdatedAt, t.Version, t.Numbers = w.now, w.now, t.Version+1, 0
		if _, err := w.change(token.EntityToken, string(h), false); err != nil {
			return err
		}
		err = w.affect(`UPDATE tokens SET revoked_at = $2, updated_at = $2, version = $3 WHERE handle = $1`,
			string(h), int64(w.now), t.Version)
		if err != nil {
			return err
		}
		if err := w.exec(`DELETE FROM numbers WHERE token = $1`, string(h)); err != nil {
			return err
		}
		before, after := differences(tellToken(&old), tellToken(&t))
		err = w.record(entry{action: w.named("token.revoke"), target: tokenTarget(h), merchant: t.Merchant,
			before: before, after: after})
		if err != nil {
			return err
		}
		return w.hook(hookRevoked, &t, nil)
	})
	return kept(t, err)
}

// RotateCredential gives a token a new generation of the secret that c is of.
// The generation that lived until now ends after grace (0 to MaxGrace); one
// that was still in the grace of an earlier rotation ends at once. A kind the
// token did not have comes into being, a client secret with a new ClientID when
// the token has none. token.ErrStale when c.Generation is set and is not the
// next one: a signing secret is sealed under the generation it was made for.
func (s *Store) RotateCredential(ctx context.Context, act token.Act, h token.Handle, c token.Credential, grace time.Duration) (r token.Rotation, err error) {
	var f fields
	checkCredential(&f, &c)
	if grace < 0 || grace > MaxGrace {
		f.add("grace", "must be between 0 and 168h (7 days)")
	}
	if err := f.err(); err != nil {
		return token.Rotation{}, err
	}
	err = s.write(ctx, "rotate_credential", act, func(w *writing) error {
		old, err := w.alive(h)
		if err != nil {
			return err
		}
		r, err = w.rotate(old, c, w.now.Add(grace))
		if err != nil {
			return err
		}
		if _, err := w.change(token.EntityToken, string(h), true); err != nil {
			return err
		}
		err = w.affect(`UPDATE tokens SET client_id = $2, updated_at = $3, version = $4 WHERE handle = $1`,
			string(h), nullable(r.Token.ClientID), int64(w.now), r.Token.Version)
		if err != nil {
			return err
		}
		after := tellCredential(&r.Credential)
		after["previous_ends_at"], after["version"] = tellInstant(r.PreviousEndsAt), r.Token.Version
		err = w.record(entry{action: w.named("token.rotate"), target: tokenTarget(h), merchant: old.Merchant,
			before: object{"generation": r.Credential.Generation - 1, "version": old.Version}, after: after})
		if err != nil {
			return err
		}
		return w.hook(hookRotated, &r.Token, object{"credential": c.Kind.String(), "generation": r.Credential.Generation,
			"previous_ends_at": tellInstant(r.PreviousEndsAt)})
	})
	return kept(r, err)
}

// rotate writes the credentials' rows and gives the token as it becomes.
func (w *writing) rotate(t token.Token, c token.Credential, previousEnds token.Instant) (r token.Rotation, err error) {
	made := c.Generation
	c.Generation, c.CreatedAt, c.EndsAt, c.LastUsedAt = 1, w.now, 0, 0
	for i := range t.Credentials {
		older := &t.Credentials[i]
		if older.Kind != c.Kind {
			continue
		}
		c.Generation = max(c.Generation, older.Generation+1)
		if older.EndsAt.Reached(w.now) {
			continue
		}
		if older.EndsAt == 0 {
			older.EndsAt, r.PreviousEndsAt = previousEnds, previousEnds
		} else {
			older.EndsAt = w.now
		}
		err := w.affect(`UPDATE credentials SET ends_at = $4 WHERE token = $1 AND kind = $2 AND generation = $3`,
			string(t.Handle), c.Kind.String(), older.Generation, int64(older.EndsAt))
		if err != nil {
			return r, err
		}
	}
	if made != 0 && made != c.Generation {
		return r, token.ErrStale
	}
	if err := w.insertCredential(t.Handle, &c); err != nil {
		return r, err
	}
	if c.Kind == token.KindClient && t.ClientID == "" {
		if t.ClientID, err = mintClientID(w.store.opt.Rand); err != nil {
			return r, err
		}
	}
	t.UpdatedAt, t.Version = w.now, t.Version+1
	t.Credentials = append(t.Credentials, c)
	r.Token, r.Credential = t, c
	return r, nil
}
