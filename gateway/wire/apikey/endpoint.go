package apikey

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Families are the pairs of access and refresh tokens of keys. An order names a
// key, as it was sent, and the client credentials of the same token. A reason
// other than Allowed says why there is no grant; of it, handle and merchant are
// set as soon as the caller has proven itself. Nothing of an order is kept.
type Families interface {
	// Authorize pre-authorises the order's access token, where it has one, which
	// must be of that very key: the grant repeats it, with its own end and no
	// refresh token. Without one it makes a pair that is pre-authorised.
	Authorize(ctx context.Context, o *token.Order) (token.Grant, token.Reason)
	// Refresh takes the order's refresh token for a new pair. InvalidGrant says
	// that it is unknown, spent or another key's.
	Refresh(ctx context.Context, o *token.Order) (token.Grant, token.Reason)
}

// Authorize is the endpoint POST /api/authorize.
type Authorize struct {
	Families Families
	Timeout  time.Duration // how long the store may take; 0 means 2 s
}

// Serve answers one authorization and says in v how it ended.
func (e *Authorize) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	answer(req, resp, v, func(o *token.Order, _ *wire.Fields) (token.Grant, token.Reason) {
		if access := req.Header.Peek(accessHeader); len(access) > 0 {
			o.Access = access
		}
		ctx, cancel := wire.Deadline(e.Timeout)
		defer cancel()
		return e.Families.Authorize(ctx, o)
	})
}

// Refresh is the endpoint POST /api/refresh_token. An ACCESS-TOKEN beside the
// key is not looked at: that it has ended is why its owner comes.
type Refresh struct {
	Families Families
	Timeout  time.Duration // how long the store may take; 0 means 2 s
}

// Serve answers one renewal and says in v how it ended.
func (e *Refresh) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	answer(req, resp, v, func(o *token.Order, form *wire.Fields) (token.Grant, token.Reason) {
		if o.Refresh = form.Value("refresh_token"); o.Refresh == nil {
			return token.Grant{}, token.InvalidRequest
		}
		ctx, cancel := wire.Deadline(e.Timeout)
		defer cancel()
		return e.Families.Refresh(ctx, o)
	})
}

// ask puts an order that has been read to the families.
type ask func(o *token.Order, form *wire.Fields) (token.Grant, token.Reason)

// answer is what both endpoints have in common.
func answer(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit, ask ask) {
	v.Dialect = "apikey"
	wire.NoStore(resp)
	var grant token.Grant
	if v.Reason == token.Allowed {
		grant, v.Reason = serve(req, v, ask)
		v.Handle, v.Merchant = grant.Handle, grant.Merchant
	}
	if v.Reason != token.Allowed {
		r := token.Refusal{Reason: v.Reason, RequestID: v.RequestID, RetryIn: v.RetryIn}
		switch v.Reason {
		case token.MethodNotRouted:
			r.Allow = "POST"
		case token.IPNotAllowed, token.ClientCertNotAllowed, token.EnvironmentMismatch:
			r.Reason = token.TokenInvalid // or a thief would learn that the credentials are right
		}
		Dialect{}.Refuse(resp, &r)
		return
	}
	render(resp, &grant)
}

// serve judges the shape of the request first, which tells nothing about any
// key, and the credentials after it.
func serve(req *fasthttp.Request, v *token.Visit, ask ask) (token.Grant, token.Reason) {
	if !req.Header.IsPost() {
		return token.Grant{}, token.MethodNotRouted
	}
	if wire.Encoded(&req.Header) {
		return token.Grant{}, token.InvalidRequest
	}
	form, ok := wire.ReadFields(req.Body())
	o := token.Order{
		Dialect: "apikey", Key: req.Header.Peek(keyHeader),
		ClientID: form.Value("client_id"), ClientSecret: form.Value("client_secret"),
		Source: v.Source, Now: v.NowMicros.Time(), RequestID: v.RequestID, Permit: v.Permit,
	}
	switch {
	case !ok || o.ClientID == nil || o.ClientSecret == nil:
		return token.Grant{}, token.InvalidRequest
	case len(o.Key) == 0:
		return token.Grant{}, token.CredentialsMissing
	}
	return ask(&o, &form)
}

// expireTime is how the seed's system writes when an access token ends. It says
// no zone; ours is UTC.
const expireTime = "2006-01-02 15:04:05"

// render writes a grant: the five members in the order in which the seed's
// system has them.
func render(resp *fasthttp.Response, g *token.Grant) {
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	b := []byte(`{"httpStatus":true,"refresh_token":`)
	b = wire.AppendString(b, g.RefreshToken)
	b = append(b, `,"access_token":`...)
	b = wire.AppendString(b, g.AccessToken)
	b = append(b, `,"expire_time":"`...)
	b = g.ExpiresAt.UTC().AppendFormat(b, expireTime)
	resp.SetBodyRaw(append(b, `","status":"success"}`...))
}
