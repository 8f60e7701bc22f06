package oauth

import (
	"context"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Exchanger trades client credentials for an access token. A reason other than
// Allowed says why it did not; the grant is then empty. It keeps nothing of the
// order, whose slices are borrowed.
type Exchanger interface {
	Exchange(ctx context.Context, o *token.Order) (token.Grant, token.Reason)
}

// Token is the endpoint POST /api/token of RFC 6749 §4.4.
type Token struct {
	Exchanger Exchanger
	Timeout   time.Duration // how long the store may take; 0 means 2 s
}

// Serve answers one token request and says in v how it ended.
func (t *Token) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	v.Dialect = "oauth"
	resp.Header.Set("Cache-Control", "no-store")
	resp.Header.Set("Pragma", "no-cache")
	if v.Reason == token.Allowed {
		v.Reason = t.serve(req, resp, v)
	}
	if v.Reason != token.Allowed {
		refuse(resp, v)
	}
}

// serve judges the shape of the request first, which tells nothing about any
// client, and the client after it.
func (t *Token) serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) token.Reason {
	if !req.Header.IsPost() {
		return token.MethodNotRouted
	}
	if !isForm(req.Header.ContentType()) || len(req.Header.Peek(fasthttp.HeaderContentEncoding)) > 0 {
		return token.InvalidRequest
	}
	var args fasthttp.Args
	form, ok := readForm(req.Body(), &args)
	authorization := req.Header.Peek(fasthttp.HeaderAuthorization)
	if !ok || (form.hasSecret && len(authorization) > 0) {
		return token.InvalidRequest
	}
	if string(form.grantType) != "client_credentials" {
		return token.UnsupportedGrantType
	}
	if len(authorization) == 0 {
		return token.CredentialsMissing
	}
	id, secret, _, ok := wire.Basic(authorization, nil)
	if !ok {
		return token.TokenInvalid
	}

	timeout := t.Timeout
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	grant, reason := t.Exchanger.Exchange(ctx, &token.Order{
		Dialect: "oauth", ClientID: id, ClientSecret: secret, Scope: form.scope,
		Source: v.Source, Now: v.NowMicros.Time(),
	})
	v.Handle, v.Merchant = grant.Handle, grant.Merchant
	if reason == token.Allowed {
		render(resp, &grant)
	}
	return reason
}

// render writes the grant as RFC 6749 §5.1 and seed 4 print it.
func render(resp *fasthttp.Response, g *token.Grant) {
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	b := make([]byte, 0, 128+len(g.AccessToken))
	b = append(b, `{"access_token":`...)
	b = wire.AppendString(b, g.AccessToken)
	b = append(b, `,"token_type":"Bearer","expires_in":`...)
	b = strconv.AppendInt(b, int64(g.ExpiresAt.Sub(g.IssuedAt)/time.Second), 10)
	b = wire.AppendMember(b, "scope", g.Scope)
	resp.SetBodyRaw(append(b, '}'))
}
