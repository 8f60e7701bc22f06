package wire

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// Problem words refusals as RFC 9457 application/problem+json: tollgate's own
// error body, used where no dialect has been spoken yet and by the dialects
// that have no body of their own.
type Problem struct{}

// Refuse writes the refusal into resp, which it owns until it returns. It
// copies what it quotes.
//
// The exact reason of row 5 stays inside: a caller is told token_invalid,
// whether its token is unknown, expired or revoked.
func (Problem) Refuse(resp *fasthttp.Response, r *token.Refusal) {
	reason := r.Reason
	status := reason.Status()
	if reason.Credential() {
		reason = token.TokenInvalid
	}
	said := Say(reason)
	if r.Detail != "" {
		said.Detail = r.Detail
	}
	resp.SetStatusCode(status)
	resp.Header.SetContentType("application/problem+json")
	RetryAfter(resp, r)
	if r.Allow != "" {
		resp.Header.Set("Allow", r.Allow)
	}

	b := make([]byte, 0, 512)
	b = append(b, `{"type":"urn:tollgate:reason:`...)
	b = append(b, reason.Code()...)
	b = append(b, `","title":`...)
	b = AppendString(b, said.Title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, `,"detail":`...)
	b = AppendString(b, said.Detail)
	b = append(b, `,"code":"`...)
	b = append(b, reason.Code()...)
	b = append(b, '"')
	b = AppendMember(b, "request_id", r.RequestID)
	b = appendSeen(b, r)
	resp.SetBodyRaw(append(b, '}', '\n'))
}

// appendSeen adds what was seen where that helps the caller to find its error:
// nothing in it is more than the caller sent, or its own address.
func appendSeen(b []byte, r *token.Refusal) []byte {
	switch r.Reason {
	case token.IPNotAllowed:
		b = AppendMember(b, "client_ip", r.ClientIP)
	case token.CountryNotAllowed, token.OperatorNotAllowed, token.PaymentMethodNotAllowed:
		b = AppendMember(b, "country", r.Country)
		b = AppendMember(b, "operator", r.Operator)
		b = AppendMember(b, "method", r.Method)
	case token.PhoneNotAllowed:
		b = AppendMember(b, "phone", r.Phone)
	}
	return AppendOutcome(b, r.Reason)
}

// AppendOutcome appends `,"outcome":"unknown"` where something was sent to the
// upstream and nobody knows what became of it, whatever the dialect.
func AppendOutcome(b []byte, r token.Reason) []byte {
	if r != token.UpstreamFailed && r != token.UpstreamTimeout {
		return b
	}
	return append(b, `,"outcome":"unknown"`...)
}

// RetryAfter sets Retry-After where trying again makes sense: after what the
// refusal says, or a second for what passes by itself.
func RetryAfter(resp *fasthttp.Response, r *token.Refusal) {
	seconds := r.RetryIn
	if seconds == 0 {
		switch r.Reason {
		case token.CannotDecide, token.Overloaded, token.UpstreamUnreachable, token.UpstreamSaturated,
			token.AuthThrottled, token.RateLimited, token.QuotaExceeded:
			seconds = 1
		default:
			return
		}
	}
	resp.Header.Set("Retry-After", strconv.Itoa(seconds))
}
