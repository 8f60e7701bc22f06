package service

import (
	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

const keyHeader = "Token"

// Dialect reads keys from the header token. Its zero value is ready.
type Dialect struct{}

// Name is the word that routes list.
func (Dialect) Name() string { return "service" }

// Present takes the header's whole value for a key. An empty one counts as not
// sent. What p receives aliases the header.
func (Dialect) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	key := h.Peek(keyHeader)
	if len(key) == 0 {
		return token.Absent
	}
	p.Dialect, p.Secret, p.Kind = "service", key, token.KindNone
	if !token.LooksLike(key, token.KindKey) {
		return token.Malformed
	}
	p.Kind = token.KindKey
	return token.Found
}

// Refuse writes the dialect's error object. The code is the reason's own, but
// for row 5, which is one answer: token_invalid.
func (Dialect) Refuse(resp *fasthttp.Response, r *token.Refusal) {
	s, known := sayings[r.Reason]
	code := r.Reason.Code()
	switch {
	case !known:
		s, code = sayings[token.InternalError], token.InternalError.Code()
	case r.Reason.Credential():
		code = token.TokenInvalid.Code()
	}
	message := s.message
	if r.Detail != "" {
		message = r.Detail
	} else if r.ClientIP != "" {
		message += " It came from " + r.ClientIP + "."
	}
	resp.SetStatusCode(s.status)
	resp.Header.SetContentType("application/json")
	wire.RetryAfter(resp, r)
	if r.Allow != "" {
		resp.Header.Set(fasthttp.HeaderAllow, r.Allow)
	}
	if s.status == fasthttp.StatusUnauthorized {
		resp.Header.Set(fasthttp.HeaderWWWAuthenticate, `ApiKey realm="tollgate"`)
	}
	b := append(append([]byte(`{"error":{"code":"`), code...), `","message":`...)
	b = wire.AppendString(b, message)
	b = wire.AppendOutcome(b, r.Reason)
	resp.SetBodyRaw(append(b, '}', '}'))
}
