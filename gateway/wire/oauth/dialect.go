package oauth

import (
	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Dialect reads JWTs from Authorization: Bearer. Its zero value is ready.
type Dialect struct{}

// Name is the word that routes list.
func (Dialect) Name() string { return "oauth" }

// Present reads a Bearer value of three base64url parts. Any other Bearer value
// is malformed for this dialect, which is for another one on the route to
// claim. What p receives aliases the header.
func (Dialect) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	return wire.PresentJWT(h, "oauth", p)
}

// Refuse writes problem+json and the Bearer challenge.
func (Dialect) Refuse(resp *fasthttp.Response, r *token.Refusal) { wire.RefuseBearer(resp, r) }
