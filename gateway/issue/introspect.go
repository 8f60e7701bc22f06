package issue

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"tollgate/policy/token"
)

// Introspect is RFC 7662: what an access or refresh token is worth now, told to
// a client of the same merchant and environment. About anything else, keys and
// secrets included, nothing is told: the answer is not active.
func (c *Clerk) Introspect(ctx context.Context, o *token.Order, text []byte) (token.Introspection, token.Client, token.Reason) {
	caller, secret, reason := c.o.Exchanger.client(ctx, o)
	who := clientOf(caller)
	if reason != token.Allowed {
		return token.Introspection{}, who, reason
	}
	c.o.Exchanger.used(caller, secret, o)
	s, ok := token.Parse(text)
	var p *token.Principal
	switch {
	case ok && (s.Kind == token.KindAccess || s.Kind == token.KindRefresh):
		p, reason = c.examine(ctx, s.Kind, text, token.At(o.Now))
	case !ok:
		p, reason = c.o.Verifier.Examine(&token.Presented{Dialect: o.Dialect, Kind: token.KindJWT, Secret: text}, o.Now)
	}
	switch {
	case reason == token.CannotDecide:
		return token.Introspection{}, who, reason
	case p == nil || reason != token.Allowed,
		p.Live.Merchant != caller.Merchant || p.Live.Environment != caller.Environment:
		return token.Introspection{}, who, token.Allowed
	}
	return describe(p, text, c.o.Exchanger.o.Issuer), who, token.Allowed
}

// examine is the standing of an opaque token, read from the primary copy.
func (c *Clerk) examine(ctx context.Context, k token.Kind, text []byte, now token.Instant) (*token.Principal, token.Reason) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	d := token.DigestOf(text)
	p, err := c.o.Records.LoadCredential(ctx, k, &d)
	if err != nil {
		return nil, verdict(err, token.TokenInvalid)
	}
	if reason := p.Standing(now); reason != token.Allowed {
		return nil, reason
	}
	if k == token.KindAccess && p.Live.Enhanced && !p.Preauthorised { // it opens nothing yet
		return nil, token.AccessTokenRequired
	}
	return p, token.Allowed
}

// describe tells what is told of a token that is active.
func describe(p *token.Principal, text []byte, issuer string) token.Introspection {
	i := token.Introspection{
		Active: true, ClientID: p.Live.ClientID, Subject: p.Live.Handle,
		Scope: strings.Join(p.Scope, " "), ExpiresAt: p.EndsAt,
	}
	switch p.Kind {
	case token.KindJWT:
		i.TokenType, i.Issuer, i.ID, i.IssuedAt = "Bearer", issuer, p.ID, issuedAt(text)
	case token.KindRefresh:
		i.TokenType = "refresh_token"
	default:
		i.TokenType = "opaque"
	}
	return i
}

// issuedAt is the iat of a JWT whose signature was verified; 0 when it has none.
func issuedAt(text []byte) token.Instant {
	_, rest, _ := bytes.Cut(text, []byte{'.'})
	payload, _, _ := bytes.Cut(rest, []byte{'.'})
	raw, err := base64.RawURLEncoding.AppendDecode(nil, payload)
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return 0
	}
	return token.Instant(claims.IssuedAt * 1_000_000)
}
