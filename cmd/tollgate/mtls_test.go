package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"testing"
)

// Stolen client credentials, keys and JWTs of a token that is bound to a client
// certificate fetch nothing without it, at any of our own endpoints, and what
// was issued to its holder is no use to anybody else: neither a JWT nor a child
// token. The holder is served everywhere.
func TestNothingIsIssuedOverTLSWithoutTheCertificate(t *testing.T) {
	t.Parallel()
	site, clients := newCA(t), newCA(t)
	p, dir, _, _ := edge(t, site, clients)
	own, other := clients.issue(dir, "own"), clients.issue(dir, "other")
	m := p.token(composed, `"permissions":["tokens:manage","payments:write"]`, fmt.Sprintf(`"client_cert_sha256":[%q]`, fingerprint(own)))
	id, secret, key := m.Credentials.ClientID, m.Credentials.ClientSecret, m.Credentials.Key
	ask := func(raw string, shown ...tls.Certificate) reply {
		t.Helper()
		c, r := secured(t, p.gateway, fromClient, site.trusts(shown...))
		defer c.Close()
		io.WriteString(c, raw)
		got, err := readReply(r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	child := request("POST", "/api/gateway/createServiceToken", `{"data":{"groupID":"`+p.merchant+`","permissions":["read","write"],"ipWhitelist":[]}}`, "token: "+key, jsonType)
	jwt := text(t, ask(tokenRequest(id, secret), own), "access_token")
	grown := text(t, ask(child, own), "token")
	pair := fmt.Sprintf(`{"client_id":%q,"client_secret":%q}`, id, secret)
	for name, c := range map[string]struct {
		raw     string
		refused int
	}{
		"token":         {tokenRequest(id, secret), 401},
		"introspect":    {request("POST", "/api/introspect", "token="+jwt, basicAuth(id, secret), formType), 401},
		"revoke":        {request("POST", "/api/revoke", "token=x", basicAuth(id, secret), formType), 401},
		"auth":          {request("POST", "/v1/auth", "", basicAuth(id, secret)), 401},
		"authorize":     {request("POST", "/api/authorize", pair, "X-API-KEY: "+key, jsonType), 401},
		"whoami":        {get(key, "/api/whoami"), 403},
		"whoami, JWT":   {get(jwt, "/api/whoami"), 403},
		"a JWT":         {get(jwt, "/v1/payments/1"), 403},
		"make a child":  {child, 403},
		"list children": {request("POST", "/api/gateway/getServiceTokens", `{"data":{"groupID":"`+p.merchant+`"}}`, "token: "+key, jsonType), 403},
		"a child":       {get(grown, "/v1/payments/1"), 403},
	} {
		if got := ask(c.raw, own); got.status != 200 {
			t.Errorf("%s with the certificate: %d %s", name, got.status, got.body)
		}
		for _, shown := range [][]tls.Certificate{nil, {other}} {
			if got := ask(c.raw, shown...); got.status != c.refused {
				t.Errorf("%s with %d other certificates: %d %s", name, len(shown), got.status, got.body)
			}
		}
	}
}
