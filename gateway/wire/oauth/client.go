package oauth

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// ClientAuth is how the client of an endpoint may say who it is. Its zero value
// takes client_secret_basic alone, which is the default.
type ClientAuth struct {
	Post bool // client_secret_post too: id and secret as form fields (RFC 6749 §2.3.1)
}

// methods are the words of the metadata for it.
func (c ClientAuth) methods() []string {
	if c.Post {
		return []string{"client_secret_basic", "client_secret_post"}
	}
	return []string{"client_secret_basic"}
}

// order begins an order with who the client says it is. The reason is Allowed,
// or why nobody has been named; two ways at once are InvalidRequest (RFC 6749
// §2.3), whether the second one is switched on or not.
func (c ClientAuth) order(req *fasthttp.Request, form *wire.Fields, v *token.Visit) (o token.Order, reason token.Reason) {
	o = token.Order{Dialect: "oauth", Source: v.Source, Now: v.NowMicros.Time(), RequestID: v.RequestID, Permit: v.Permit}
	authorization := req.Header.Peek(fasthttp.HeaderAuthorization)
	id, secret := form.Value("client_id"), form.Value("client_secret")
	asserted := form.Value("client_assertion") != nil || form.Value("client_assertion_type") != nil
	switch {
	case len(authorization) > 0 && (secret != nil || asserted):
		return o, token.InvalidRequest
	case len(authorization) > 0:
		var ok bool
		o.ClientID, o.ClientSecret, _, ok = wire.Basic(authorization, nil)
		if ok && id != nil && !bytes.Equal(id, o.ClientID) {
			return o, token.InvalidRequest // a client_id beside Basic may only repeat it
		}
		if !ok {
			return o, token.TokenInvalid
		}
	case c.Post && id != nil && secret != nil && !asserted:
		o.ClientID, o.ClientSecret = id, secret
	default:
		return o, token.CredentialsMissing
	}
	return o, token.Allowed
}
