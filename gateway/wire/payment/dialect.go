package payment

import (
	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Dialect reads keys from Authorization: Bearer. Its zero value is ready.
type Dialect struct{}

// Name is the word that routes list.
func (Dialect) Name() string { return "payment" }

// Present reads `Bearer tg_…`. Any other Bearer value is malformed for this
// dialect, which is for another one on the route to claim; a scheme other than
// Bearer is not this dialect's business. What p receives aliases the header.
func (Dialect) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	rest, found := wire.Credentials(h.Peek(fasthttp.HeaderAuthorization), "Bearer")
	if !found {
		return token.Absent
	}
	p.Dialect, p.Secret, p.Kind = "payment", rest, token.KindNone
	if !token.LooksLike(rest, token.KindKey) {
		return token.Malformed
	}
	p.Kind = token.KindKey
	return token.Found
}

// Refuse writes problem+json and the Bearer challenge.
func (Dialect) Refuse(resp *fasthttp.Response, r *token.Refusal) { wire.RefuseBearer(resp, r) }
