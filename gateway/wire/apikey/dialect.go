package apikey

import (
	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// The headers of the dialect, as fasthttp spells them.
const (
	keyHeader    = "X-Api-Key"
	accessHeader = "Access-Token"
)

// Dialect reads keys from X-API-KEY and access tokens from ACCESS-TOKEN. Its
// zero value is ready.
type Dialect struct{}

// Name is the word that routes list.
func (Dialect) Name() string { return "apikey" }

// Present reads both headers. An access token without a key is malformed: it
// says nothing by itself. One of any shape beside a key is handed on as it is,
// since it must be good wherever it is sent. Empty headers count as not sent.
// What p receives aliases the header.
func (Dialect) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	key, access := h.Peek(keyHeader), h.Peek(accessHeader)
	if len(key) == 0 && len(access) == 0 {
		return token.Absent
	}
	p.Dialect, p.Secret, p.Kind = "apikey", key, token.KindNone
	if len(key) == 0 {
		p.Secret = access
		return token.Malformed
	}
	if len(access) > 0 {
		p.Access = access
	}
	if !token.LooksLike(key, token.KindKey) {
		return token.Malformed
	}
	p.Kind = token.KindKey
	return token.Found
}

// Refuse writes the dialect's error object. It copies what it quotes.
func (Dialect) Refuse(resp *fasthttp.Response, r *token.Refusal) {
	s, known := sayings[r.Reason]
	if !known {
		s = sayings[token.InternalError]
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
	b := []byte(`{"httpStatus":false,"status":"error","message":`)
	b = wire.AppendString(b, message)
	b = wire.AppendOutcome(b, r.Reason)
	resp.SetBodyRaw(append(b, '}'))
}
