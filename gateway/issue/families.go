package issue

import (
	"context"
	"errors"
	"time"

	"tollgate/policy/token"
)

// Authorize is POST /api/authorize of the apikey dialect. With an access token
// in the order that very token becomes pre-authorised and is echoed with its own
// end; without one a pre-authorised pair is made. The key and the client
// credentials must be of one token; an enhanced one is welcome here.
func (c *Clerk) Authorize(ctx context.Context, o *token.Order) (token.Grant, token.Reason) {
	live, secret, reason := c.pair(ctx, o)
	grant := grantOf(live)
	if reason == token.Allowed {
		reason = o.Permit.Ask(live)
	}
	if reason != token.Allowed {
		return grant, reason
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if o.Access != nil {
		return c.preauthorise(ctx, o, live, secret)
	}
	next, drawn, err := c.draw(live, secret, o.Now)
	if err != nil {
		return grant, token.InternalError
	}
	next.Preauthorised = true
	family := token.Family{
		Token: live.Handle, Generation: secret.Generation, Preauthorised: true,
		EndsAt: token.At(o.Now.Add(c.o.Absolute)),
	}
	family, err = c.o.Records.BeginFamily(ctx, act("family.begin", live.Handle, o.Source, o.RequestID), family, next)
	if err != nil {
		return grant, refused(err, token.TokenInvalid)
	}
	drawn.fill(&grant, o.Now, min(next.AccessEndsAt, family.EndsAt))
	c.o.Exchanger.used(live, secret, o)
	return grant, token.Allowed
}

func (c *Clerk) preauthorise(ctx context.Context, o *token.Order, live *token.Live, secret *token.Credential) (token.Grant, token.Reason) {
	grant := grantOf(live)
	if s, ok := token.Parse(o.Access); !ok || s.Kind != token.KindAccess {
		return grant, token.TokenInvalid
	}
	pair, err := c.o.Records.Preauthorise(ctx, act("access.preauthorise", live.Handle, o.Source, o.RequestID), live.Handle, token.DigestOf(o.Access))
	if err != nil {
		return grant, refused(err, token.TokenInvalid)
	}
	grant.AccessToken = string(o.Access)
	grant.IssuedAt, grant.ExpiresAt = o.Now, pair.AccessEndsAt.Time()
	c.o.Exchanger.used(live, secret, o)
	return grant, token.Allowed
}

// Refresh is POST /api/refresh_token of the apikey dialect: a fresh pair in
// place of the one that the refresh token belongs to.
func (c *Clerk) Refresh(ctx context.Context, o *token.Order) (token.Grant, token.Reason) {
	live, secret, reason := c.pair(ctx, o)
	grant := grantOf(live)
	if reason == token.Allowed {
		reason = o.Permit.Ask(live)
	}
	if reason != token.Allowed {
		return grant, reason
	}
	next, drawn, err := c.draw(live, secret, o.Now)
	if err != nil {
		return grant, token.InternalError
	}
	family, reason := c.renew(ctx, o, live, secret, next)
	if reason != token.Allowed {
		return grant, reason
	}
	drawn.fill(&grant, o.Now, min(next.AccessEndsAt, family.EndsAt))
	c.o.Exchanger.used(live, secret, o)
	return grant, token.Allowed
}

// renew rotates the refresh token of the order. The caller is told the same
// about one that is unknown, spent, ended or another's.
func (c *Clerk) renew(ctx context.Context, o *token.Order, live *token.Live, secret *token.Credential, next token.Pair) (token.Family, token.Reason) {
	if s, ok := token.Parse(o.Refresh); !ok || s.Kind != token.KindRefresh {
		return token.Family{}, token.InvalidGrant
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	family, result, err := c.o.Records.Renew(ctx, act("refresh_reuse", live.Handle, o.Source, o.RequestID), live.Handle, true, token.Renewal{
		Spent: token.DigestOf(o.Refresh), Next: next, Generation: secret.Generation, Grace: c.o.Grace, Idle: c.o.Idle,
	})
	switch {
	case err != nil:
		return family, refused(err, token.InvalidGrant)
	case result != token.Renewed && result != token.Retried:
		return family, token.InvalidGrant
	}
	return family, token.Allowed
}

// pair proves key and client credentials, and that they are of one token. The
// live record comes with a refusal too, once both were right, for the log.
func (c *Clerk) pair(ctx context.Context, o *token.Order) (*token.Live, *token.Credential, token.Reason) {
	presented := token.Presented{Dialect: o.Dialect, Secret: o.Key, Kind: token.KindNone}
	if token.LooksLike(o.Key, token.KindKey) {
		presented.Kind = token.KindKey
	}
	key, reason := c.o.Verifier.Verify(&presented, &o.Source, o.Now)
	if reason != token.Allowed && (reason != token.AccessTokenRequired || key == nil) {
		return nil, nil, reason
	}
	live, secret, reason := c.o.Exchanger.authenticate(ctx, o, token.At(o.Now))
	switch {
	case reason != token.Allowed:
		return nil, nil, reason
	case live.Handle != key.Live.Handle: // recognised, both of them, so nobody guessed
		return nil, nil, token.TokenInvalid
	}
	reason = c.o.Exchanger.judge(live, o, token.At(o.Now))
	if reason == token.UnauthorizedClient { // enhanced: these two endpoints are what it is enhanced by
		reason = token.Allowed
	}
	return live, secret, reason
}

// pairDrawn is a pair in the clear, on its way to the wire.
type pairDrawn struct{ access, refresh []byte }

func (d *pairDrawn) fill(g *token.Grant, now time.Time, ends token.Instant) {
	g.AccessToken, g.RefreshToken = string(d.access), string(d.refresh)
	g.IssuedAt, g.ExpiresAt = now, ends.Time()
}

// draw makes an opaque access token and a refresh token. The access token ends
// no later than its token and the client secret it is made under.
func (c *Clerk) draw(live *token.Live, secret *token.Credential, now time.Time) (token.Pair, pairDrawn, error) {
	var p token.Pair
	var d pairDrawn
	var err error
	for _, one := range []struct {
		kind   token.Kind
		text   *[]byte
		digest *token.Digest
	}{{token.KindAccess, &d.access, &p.Access}, {token.KindRefresh, &d.refresh, &p.Refresh}} {
		var kept token.Credential
		if *one.text, kept, err = c.o.Minter.Mint(Wanted{Kind: one.kind, Handle: live.Handle, Generation: 1}); err != nil {
			return p, d, err
		}
		*one.digest = kept.Digest
	}
	p.AccessEndsAt = min(token.At(now.Add(c.o.Opaque)), last(live, secret))
	return p, d, nil
}

// refused is why the store would not: none where it knows nothing of the sort,
// or not any more because of what changed under our feet; everything else could
// not be told.
func refused(err error, none token.Reason) token.Reason {
	if errors.Is(err, token.ErrStale) || errors.Is(err, token.ErrRevoked) {
		return none
	}
	return verdict(err, none)
}

func grantOf(live *token.Live) token.Grant {
	if live == nil {
		return token.Grant{}
	}
	return token.Grant{Handle: live.Handle, Merchant: live.Merchant}
}
