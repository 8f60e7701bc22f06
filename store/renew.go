package store

import (
	"context"
	"database/sql"
	"errors"

	"tollgate/policy/token"
)

// Renew spends a refresh token for a new pair, in one transaction: of any number
// of renewals at once, in any number of processes, one pair is left alive.
//
// clientOK says whether the client credentials of the token h that came with it
// were right; without them, and for a refresh token of another token, nothing
// is looked into and nothing is changed. With them:
//
//   - an unspent refresh token is renewed, and the pair it was of ends;
//   - the one that was spent last, when no more than r.Grace has passed and
//     nobody has used the pair it was spent for, is renewed once more, and that
//     pair ends: its answer was lost;
//   - any other ends the family with all that was minted in it, and says so in
//     the audit log, as refresh_reuse, and to the merchant.
//
// A family that was idle for r.Idle or has reached its absolute end has ended.
// A pair's access token ends no later than the family. act is whose call it was.
func (s *Store) Renew(ctx context.Context, act token.Act, h token.Handle, clientOK bool, r token.Renewal) (f token.Family, result token.RenewalResult, err error) {
	if !clientOK {
		return token.Family{}, token.RenewalUnknown, nil
	}
	var wrong fields
	checkPair(&wrong, &r.Next)
	if r.Next.Refresh == (token.Digest{}) {
		wrong.add("refresh", "a renewal makes a refresh token")
	}
	if err := wrong.err(); err != nil {
		return token.Family{}, token.RenewalUnknown, err
	}
	err = s.write(ctx, "renew", act, func(w *writing) (err error) {
		var k kin
		k, result, err = w.renew(h, &r)
		f = k.Family
		return err
	})
	if err != nil {
		return token.Family{}, token.RenewalUnknown, err
	}
	return f, result, nil
}

func (w *writing) renew(h token.Handle, r *token.Renewal) (kin, token.RenewalResult, error) {
	k, spent, err := w.findPair("refresh", r.Spent)
	if errors.Is(err, sql.ErrNoRows) || err == nil && k.Token != h {
		return kin{}, token.RenewalUnknown, errUnchanged
	}
	if err != nil {
		return kin{}, token.RenewalUnknown, err
	}
	t, err := findToken(w.ctx, w.tx, h)
	switch {
	case err != nil:
		return kin{}, token.RenewalUnknown, err
	case !accepts(&t, r.Generation, w.now):
		// The client secret ended between its check and this.
		return kin{}, token.RenewalUnknown, errUnchanged
	case k.over(w.now) || t.RevokedAt != 0:
		return k, token.RenewalEnded, errUnchanged
	}
	if _, err := w.change(token.EntityToken, string(h), true); err != nil {
		return kin{}, token.RenewalUnknown, err
	}
	if r.Idle > 0 && k.LastUsedAt.Add(r.Idle).Reached(w.now) {
		k.EndedAt = w.now
		return k, token.RenewalEnded, w.endFamily(k.ID)
	}
	return w.rotatePair(&t, k, spent, r)
}

// rotatePair decides between the rules for a family that lives.
func (w *writing) rotatePair(t *token.Token, k kin, spent pair, r *token.Renewal) (kin, token.RenewalResult, error) {
	last, err := w.livePair(k.ID)
	if err != nil {
		return kin{}, token.RenewalUnknown, err
	}
	result := token.Renewed
	switch {
	case last.number == spent.number:
		err = w.endPair(&k, &last, true)
	case last.follows == spent.number && last.usedAt == 0 && !spent.spentAt.Add(r.Grace).Reached(w.now):
		result, err = token.Retried, w.endPair(&k, &last, false)
	default:
		k.EndedAt = w.now
		return k, token.RenewalReused, w.reused(t, &k)
	}
	if err != nil {
		return kin{}, token.RenewalUnknown, err
	}
	k.LastUsedAt = w.now
	if err := w.affect(`UPDATE families SET last_used_at = $2 WHERE id = $1`, k.ID, int64(w.now)); err != nil {
		return kin{}, token.RenewalUnknown, err
	}
	at := pair{number: last.number + 1, follows: spent.number, generation: r.Generation}
	return k, result, w.insertPair(&k.Family, &at, &r.Next)
}

// reused ends a family because a token of it came that it no longer has.
func (w *writing) reused(t *token.Token, k *kin) error {
	if err := w.endFamily(k.ID); err != nil {
		return err
	}
	err := w.record(entry{action: "refresh_reuse", target: tokenTarget(t.Handle), merchant: t.Merchant, after: tellFamily(&k.Family)})
	if err != nil {
		return err
	}
	return w.hook(hookReuse, t, object{"family": k.ID})
}
