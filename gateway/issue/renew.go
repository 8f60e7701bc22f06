package issue

import (
	"context"
	"time"

	"tollgate/policy/token"
)

// Exchange is the exchanger's, and the refresh_token grant beside it: a JWT of
// the family and a new refresh token, in place of the ones before.
func (c *Clerk) Exchange(ctx context.Context, o *token.Order) (token.Grant, token.Reason) {
	if o.Refresh == nil {
		return c.o.Exchanger.Exchange(ctx, o)
	}
	x := c.o.Exchanger
	live, secret, reason := x.client(ctx, o)
	grant := grantOf(live)
	if reason != token.Allowed {
		return grant, reason
	}
	scope, ok := narrow(live, o.Scope)
	if !ok {
		return grant, token.InvalidScope
	}
	if reason := o.Permit.Ask(live); reason != token.Allowed {
		return grant, reason
	}
	jti, err := x.mintID(secret.Generation)
	if err != nil {
		return grant, token.InternalError
	}
	refresh, kept, err := c.o.Minter.Mint(Wanted{Kind: token.KindRefresh, Handle: live.Handle, Generation: 1})
	if err != nil {
		return grant, token.InternalError
	}
	ends := x.ends(live, secret, o.Now)
	family, reason := c.renew(ctx, o, live, secret, token.Pair{
		JTI: jti, AccessEndsAt: token.At(time.Unix(ends, 0)), Refresh: kept.Digest,
	})
	if reason != token.Allowed {
		return grant, reason
	}
	err = x.write(&grant, live, jwtOrder{
		now: o.Now, ends: min(ends, wholeSeconds(family.EndsAt)),
		scope: scope, jti: jti, family: family.ID,
	})
	if err != nil {
		return grantOf(live), token.InternalError
	}
	grant.RefreshToken = string(refresh)
	x.used(live, secret, o)
	return grant, token.Allowed
}
