package envelope

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Dialect reads JWTs from Authorization: Bearer. Its zero value is ready.
type Dialect struct{}

// Name is the word that routes list.
func (Dialect) Name() string { return "envelope" }

// Present reads a Bearer value of three base64url parts. Any other Bearer value
// is malformed for this dialect, which is for another one on the route to
// claim. What p receives aliases the header.
func (Dialect) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	return wire.PresentJWT(h, "envelope", p)
}

// Refuse words the refusal of a proxied call. The challenge of a 401 is the one
// that RFC 6750 has for it.
func (Dialect) Refuse(resp *fasthttp.Response, r *token.Refusal) {
	s := say(r.Reason)
	reason := s.reason
	if r.ClientIP != "" {
		reason += " Adresse vue : " + r.ClientIP + "."
	}
	write(resp, r, said{s.status, reason})
	if s.status != fasthttp.StatusUnauthorized {
		return
	}
	challenge := `Bearer realm="tollgate"`
	if r.Reason.Credential() {
		challenge += `, error="invalid_token"`
	}
	resp.Header.Set(fasthttp.HeaderWWWAuthenticate, challenge)
}

// write writes an envelope that says no.
func write(resp *fasthttp.Response, r *token.Refusal, s said) {
	resp.SetStatusCode(s.status)
	resp.Header.SetContentType("application/json")
	wire.RetryAfter(resp, r)
	if r.Allow != "" {
		resp.Header.Set(fasthttp.HeaderAllow, r.Allow)
	}
	b := strconv.AppendInt([]byte(`{"statusCode":`), int64(s.status), 10)
	b = wire.AppendMember(b, "message", messages[s.status])
	b = wire.AppendMember(b, "reason", s.reason)
	b = wire.AppendOutcome(b, r.Reason)
	resp.SetBodyRaw(append(b, '}'))
}
