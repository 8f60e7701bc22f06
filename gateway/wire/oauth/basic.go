package oauth

import (
	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Basic reads a dashboard user's e-mail address and password from
// `Authorization: Basic`. Its zero value is ready.
type Basic struct{}

// Name is the word that routes list.
func (Basic) Name() string { return "basic" }

// Present takes the base64 text as it was sent: what it says is looked into
// only when it is not remembered. What p receives aliases the header.
func (Basic) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	rest, found := wire.Credentials(h.Peek(fasthttp.HeaderAuthorization), "Basic")
	if !found {
		return token.Absent
	}
	p.Dialect, p.Secret, p.Kind = "basic", rest, token.KindNone
	if rest == nil {
		return token.Malformed
	}
	p.Kind = token.KindPassword
	return token.Found
}

// Refuse writes the problem that oauth writes. The challenge of a 401 is Basic,
// as a Bearer token would not do (RFC 9110 §11.6.1).
func (Basic) Refuse(resp *fasthttp.Response, r *token.Refusal) {
	wire.RefuseBearer(resp, r)
	resp.Header.Del(fasthttp.HeaderWWWAuthenticate)
	if resp.StatusCode() == fasthttp.StatusUnauthorized {
		resp.Header.Set(fasthttp.HeaderWWWAuthenticate, basicChallenge)
	}
}
