package oauth

import (
	"context"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Exchanger trades client credentials, or with them a refresh token, for an
// access token. An order whose Refresh is set is a renewal: its grant carries
// the next refresh token, and InvalidGrant says that the one presented is
// unknown, spent or another client's. A reason other than Allowed says why
// there is no grant; of it, handle and merchant are set as soon as the client
// has proven itself. It keeps nothing of the order, whose slices are borrowed.
type Exchanger interface {
	Exchange(ctx context.Context, o *token.Order) (token.Grant, token.Reason)
}

// Token is the endpoint POST /api/token of RFC 6749 §4.4 and §6.
type Token struct {
	Exchanger Exchanger
	Clients   ClientAuth
	Timeout   time.Duration // how long the store may take; 0 means 2 s
}

// Serve answers one token request and says in v how it ended.
func (t *Token) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	begin(resp, v)
	if v.Reason == token.Allowed {
		v.Reason = t.serve(req, resp, v)
	}
	if v.Reason != token.Allowed {
		refuse(resp, v)
	}
}

// begin says what holds for every answer of these endpoints.
func begin(resp *fasthttp.Response, v *token.Visit) {
	v.Dialect = "oauth"
	wire.NoStore(resp)
}

// serve judges the shape of the request first, which tells nothing about any
// client, and the client after it.
func (t *Token) serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) token.Reason {
	form, reason := readForm(req)
	if reason != token.Allowed {
		return reason
	}
	o, who := t.Clients.order(req, &form, v)
	if who == token.InvalidRequest {
		return who
	}
	if reason := grantOf(&form, &o); reason != token.Allowed {
		return reason
	}
	if who != token.Allowed {
		return who
	}
	ctx, cancel := wire.Deadline(t.Timeout)
	defer cancel()
	grant, reason := t.Exchanger.Exchange(ctx, &o)
	v.Handle, v.Merchant = grant.Handle, grant.Merchant
	if reason == token.Allowed {
		render(resp, &grant)
	}
	return reason
}

// grantOf reads what is asked for.
func grantOf(form *wire.Fields, o *token.Order) token.Reason {
	o.Scope = form.Value("scope")
	switch string(form.Value("grant_type")) {
	case "":
		return token.InvalidRequest
	case "client_credentials":
		return token.Allowed
	case "refresh_token":
		if o.Refresh = form.Value("refresh_token"); o.Refresh == nil {
			return token.InvalidRequest
		}
		return token.Allowed
	}
	return token.UnsupportedGrantType
}

// render writes the grant as RFC 6749 §5.1 and seed 4 print it.
func render(resp *fasthttp.Response, g *token.Grant) {
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	b := make([]byte, 0, 192+len(g.AccessToken))
	b = append(b, `{"access_token":`...)
	b = wire.AppendString(b, g.AccessToken)
	b = append(b, `,"token_type":"Bearer","expires_in":`...)
	b = strconv.AppendInt(b, int64(g.ExpiresAt.Sub(g.IssuedAt)/time.Second), 10)
	b = wire.AppendMember(b, "refresh_token", g.RefreshToken)
	b = wire.AppendMember(b, "scope", g.Scope)
	resp.SetBodyRaw(append(b, '}'))
}
