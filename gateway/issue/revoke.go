package issue

import (
	"context"

	"tollgate/policy/token"
)

// Revoke is RFC 7009: it ends an access or refresh token that was issued to the
// calling client itself. For anything else, a key or a secret of the caller's
// own included, it does nothing and says so to nobody: the answer is Allowed.
// The hint is not needed, since our tokens say what they are.
func (c *Clerk) Revoke(ctx context.Context, o *token.Order, text, _ []byte) (token.Client, token.Reason) {
	live, secret, reason := c.o.Exchanger.client(ctx, o)
	who := clientOf(live)
	if reason != token.Allowed {
		return who, reason
	}
	c.o.Exchanger.used(live, secret, o)
	ctx, cancel := bounded(ctx)
	defer cancel()
	end := act("token.revoke_issued", live.Handle, o.Source, o.RequestID)
	s, ok := token.Parse(text)
	var err error
	switch {
	case ok && s.Kind == token.KindRefresh:
		err = c.endRefresh(ctx, end, live.Handle, text)
	case ok && s.Kind == token.KindAccess:
		err = c.o.Records.EndAccess(ctx, end, live.Handle, token.DigestOf(text))
	case !ok:
		return who, c.revokeJWT(ctx, end, live.Handle, o, text)
	}
	return who, verdictOf(err)
}

// endRefresh ends the family of a refresh token, its access tokens with it.
func (c *Clerk) endRefresh(ctx context.Context, end token.Act, h token.Handle, text []byte) error {
	d := token.DigestOf(text)
	p, err := c.o.Records.LoadCredential(ctx, token.KindRefresh, &d)
	if err != nil || p.Live.Handle != h || p.Family == "" {
		return err
	}
	_, err = c.o.Records.EndFamily(ctx, end, h, p.Family)
	return err
}

func (c *Clerk) revokeJWT(ctx context.Context, end token.Act, h token.Handle, o *token.Order, text []byte) token.Reason {
	p, reason := c.o.Verifier.Examine(&token.Presented{Dialect: o.Dialect, Kind: token.KindJWT, Secret: text}, o.Now)
	switch {
	case reason == token.CannotDecide:
		return reason
	case reason != token.Allowed || p.Live.Handle != h: // nobody's, or at its end already
		return token.Allowed
	}
	return verdictOf(c.o.Records.RevokeJTI(ctx, end, token.RevokedJTI{
		JTI: p.ID, Token: h, Digest: token.DigestOf(text), EndsAt: p.EndsAt,
	}))
}

// verdictOf is Allowed also for what there was nothing of.
func verdictOf(err error) token.Reason {
	if err == nil {
		return token.Allowed
	}
	return verdict(err, token.Allowed)
}

func clientOf(live *token.Live) token.Client {
	if live == nil {
		return token.Client{}
	}
	return token.Client{Handle: live.Handle, Merchant: live.Merchant}
}
