package oauth

import (
	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Place is where this installation's endpoints stand, as clients see them:
// public_url and the configured paths, never what a Host header says. A path
// is "" when its endpoint is off.
type Place struct {
	Issuer     string // absolute URL without a final slash
	Token      string
	Revoke     string
	Introspect string
	JWKS       string // also "" when there is no public key to publish
	Clients    ClientAuth
}

// Metadata is GET /.well-known/oauth-authorization-server of RFC 8414. It
// lists what this installation serves and nothing else.
type Metadata struct{ Place Place }

// Serve answers with the metadata document.
func (m *Metadata) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	p := &m.Place
	b := []byte(`{"issuer":`)
	b = wire.AppendString(b, p.Issuer)
	b = p.appendEndpoint(b, "token", p.Token)
	if p.Token != "" {
		b = append(b, `,"grant_types_supported":["client_credentials","refresh_token"]`...)
	}
	b = append(b, `,"response_types_supported":[]`...) // required, and there is no authorization endpoint
	b = p.appendEndpoint(b, "revocation", p.Revoke)
	b = p.appendEndpoint(b, "introspection", p.Introspect)
	if p.JWKS != "" {
		b = wire.AppendMember(b, "jwks_uri", p.Issuer+p.JWKS)
	}
	serveDocument(req, resp, v, append(b, '}'))
}

// appendEndpoint appends an endpoint that is on, and how clients say there who
// they are.
func (p *Place) appendEndpoint(b []byte, name, path string) []byte {
	if path == "" {
		return b
	}
	b = wire.AppendMember(b, name+"_endpoint", p.Issuer+path)
	b = append(append(append(b, `,"`...), name...), `_endpoint_auth_methods_supported":`...)
	return wire.AppendList(b, p.Clients.methods())
}

// Keys is GET /.well-known/jwks.json of RFC 7517: the public halves of the
// EdDSA keys, and an empty set where all keys are secret.
type Keys struct {
	JWKS func() []byte // the document as it is now; not written to
}

// Serve answers with the key set.
func (k *Keys) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	serveDocument(req, resp, v, k.JWKS())
}

// serveDocument answers GET and HEAD with a public JSON document that clients
// may keep for five minutes.
func serveDocument(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit, body []byte) {
	v.Dialect = "oauth"
	if v.Reason == token.Allowed && !req.Header.IsGet() && !req.Header.IsHead() {
		v.Reason = token.MethodNotRouted
	}
	if v.Reason != token.Allowed {
		wire.Problem{}.Refuse(resp, &token.Refusal{Reason: v.Reason, RequestID: v.RequestID, Allow: "GET, HEAD"})
		return
	}
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	resp.Header.Set("Cache-Control", "public, max-age=300")
	resp.SetBodyRaw(body)
}
