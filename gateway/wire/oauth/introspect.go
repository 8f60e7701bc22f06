package oauth

import (
	"context"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Introspector tells a client about an access or refresh token of its own
// merchant and environment. What is unknown, ended, foreign, or a key or
// secret, is inactive and Allowed. The client is set as soon as it has proven
// itself. Nothing of the arguments is kept.
type Introspector interface {
	Introspect(ctx context.Context, o *token.Order, text []byte) (token.Introspection, token.Client, token.Reason)
}

// Introspect is the endpoint POST /api/introspect of RFC 7662.
type Introspect struct {
	Introspector Introspector
	Clients      ClientAuth
	Timeout      time.Duration // how long the store may take; 0 means 2 s
}

// Serve answers one introspection and says in v how it ended.
func (e *Introspect) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	begin(resp, v)
	if v.Reason == token.Allowed {
		v.Reason = e.serve(req, resp, v)
	}
	if v.Reason != token.Allowed {
		refuse(resp, v)
	}
}

func (e *Introspect) serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) token.Reason {
	form, o, reason := about(req, v, e.Clients)
	if reason != token.Allowed {
		return reason
	}
	ctx, cancel := wire.Deadline(e.Timeout)
	defer cancel()
	seen, client, reason := e.Introspector.Introspect(ctx, &o, form.Value("token"))
	v.Handle, v.Merchant = client.Handle, client.Merchant
	if reason == token.Allowed {
		describe(resp, &seen)
	}
	return reason
}

// describe writes what is known of a token; of an inactive one that alone
// (RFC 7662 §2.2).
func describe(resp *fasthttp.Response, i *token.Introspection) {
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	if !i.Active {
		resp.SetBodyRaw([]byte(`{"active":false}`))
		return
	}
	b := []byte(`{"active":true`)
	b = wire.AppendMember(b, "client_id", i.ClientID)
	b = wire.AppendMember(b, "sub", string(i.Subject))
	b = wire.AppendMember(b, "token_type", i.TokenType)
	b = wire.AppendMember(b, "scope", i.Scope)
	b = appendSeconds(b, "iat", i.IssuedAt)
	b = appendSeconds(b, "exp", i.ExpiresAt)
	b = wire.AppendMember(b, "iss", i.Issuer)
	b = wire.AppendMember(b, "jti", i.ID)
	resp.SetBodyRaw(append(b, '}'))
}

// appendSeconds appends a NumericDate of RFC 7519, whole seconds, unless it is
// not set.
func appendSeconds(b []byte, name string, at token.Instant) []byte {
	if at == 0 {
		return b
	}
	b = append(append(append(b, ',', '"'), name...), '"', ':')
	return strconv.AppendInt(b, at.Time().Unix(), 10)
}
