package envelope

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Exchanger trades client credentials for an access token of the environment
// that the order asks for. A reason other than Allowed says why there is no
// grant; of it, handle and merchant are set as soon as the client has proven
// itself. It keeps nothing of the order, whose slices are borrowed.
type Exchanger interface {
	Exchange(ctx context.Context, o *token.Order) (token.Grant, token.Reason)
}

// Auth is the endpoint POST /v1/auth. Its body, which the edge bounds, is not
// looked at.
type Auth struct {
	Exchanger Exchanger
	Timeout   time.Duration // how long the store may take; 0 means 2 s
}

// Serve answers one request for a JWT and says in v how it ended.
func (a *Auth) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	v.Dialect = "envelope"
	wire.NoStore(resp)
	var grant token.Grant
	if v.Reason == token.Allowed {
		grant, v.Reason = a.serve(&req.Header, v)
		v.Handle, v.Merchant = grant.Handle, grant.Merchant
	}
	if v.Reason == token.Allowed {
		render(resp, &grant)
		return
	}
	r := token.Refusal{Reason: v.Reason, RequestID: v.RequestID, RetryIn: v.RetryIn}
	if v.Reason == token.MethodNotRouted {
		r.Allow = "POST"
	}
	s := sayAuth(v.Reason)
	write(resp, &r, s)
	if s.status == fasthttp.StatusUnauthorized {
		resp.Header.Set(fasthttp.HeaderWWWAuthenticate, `Basic realm="tollgate"`)
	}
}

func (a *Auth) serve(h *fasthttp.RequestHeader, v *token.Visit) (token.Grant, token.Reason) {
	if !h.IsPost() {
		return token.Grant{}, token.MethodNotRouted
	}
	environment, ok := environmentOf(h.Peek("X-Environment"))
	if !ok {
		return token.Grant{}, token.InvalidRequest
	}
	id, secret, _, ok := wire.Basic(h.Peek(fasthttp.HeaderAuthorization), nil)
	if !ok {
		return token.Grant{}, token.InvalidRequest
	}
	ctx, cancel := wire.Deadline(a.Timeout)
	defer cancel()
	return a.Exchanger.Exchange(ctx, &token.Order{
		Dialect: "envelope", ClientID: id, ClientSecret: secret, Environment: environment,
		Source: v.Source, Now: v.NowMicros.Time(), RequestID: v.RequestID, Permit: v.Permit,
	})
}

// environmentOf reads X-Environment, in any case; none is the key's own.
func environmentOf(value []byte) (e token.Environment, ok bool) {
	switch {
	case len(value) == 0:
		return token.EnvAny, true
	case bytes.EqualFold(value, []byte("Production")):
		return token.EnvLive, true
	case bytes.EqualFold(value, []byte("Sandbox")):
		return token.EnvTest, true
	}
	return token.EnvAny, false
}

// render writes the grant as the seed prints it.
func render(resp *fasthttp.Response, g *token.Grant) {
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	b := make([]byte, 0, 128+len(g.AccessToken))
	b = append(b, `{"statusCode":200,"message":"Successful","data":{"token":`...)
	b = wire.AppendString(b, g.AccessToken)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, g.ExpiresAt.Unix(), 10)
	resp.SetBodyRaw(append(b, '}', '}'))
}
