package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// npmPackages is testdata/npm in a temporary folder, with its packages as
// package-lock.json has them, digest by digest.
func npmPackages(t *testing.T) string {
	t.Helper()
	program(t, "npm")
	program(t, "node")
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join("testdata", "npm"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
	case required("npm"):
		t.Fatalf("npm ci: %v\n%s", err, out)
	default:
		t.Skipf("npm cannot install the clients here (%v); this test needs its registry", err)
	}
	return folder
}

// node runs one of the scripts of testdata/npm with an order as JSON in its
// argument, and decodes the JSON that it prints.
func node(t *testing.T, folder, script string, order map[string]any, out any) {
	t.Helper()
	argument, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script, string(argument))
	cmd.Dir = folder
	var complaint strings.Builder
	cmd.Stderr = &complaint
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s%s", script, err, said, &complaint)
	}
	if err := json.Unmarshal(said, out); err != nil {
		t.Fatalf("node %s: %v in %s", script, err, said)
	}
}

// Clients from npm, which nobody here wrote, against the real server.
func TestNodeClients(t *testing.T) {
	t.Parallel()
	folder := npmPackages(t)
	t.Run("openid-client discovers, gets, introspects and revokes", func(t *testing.T) { openidClient(t, folder) })
	t.Run("simple-oauth2 gets a new token when the old one ends", func(t *testing.T) { simpleOAuth2(t, folder) })
	t.Run("a JWS of jose is accepted at ?signature=", func(t *testing.T) { joseSignature(t, folder) })
	t.Run("jose verifies a JWT with the published key", func(t *testing.T) { joseKeys(t, folder) })
}

// openidClient: RFC 8414 metadata, client credentials, RFC 7662 and RFC 7009, as
// openid-client carries them out. Every URL comes from the metadata.
func openidClient(t *testing.T, folder string) {
	listen, _, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, strings.Replace(siteConfig, "listen: 127.0.0.1:0\n", "listen: "+listen+"\npublic_url: http://"+listen+"\n", 1))
	m := s.token(composed)
	var said struct {
		Metadata struct {
			Issuer                string
			TokenEndpoint         string `json:"token_endpoint"`
			RevocationEndpoint    string `json:"revocation_endpoint"`
			IntrospectionEndpoint string `json:"introspection_endpoint"`
		}
		Token         string
		ExpiresIn     int
		Before, After struct {
			Active bool
			Sub    string
		}
		Paid, PaidAfter int
		Refusal         string
	}
	node(t, folder, "openid.mjs", map[string]any{
		"issuer": "http://" + s.gateway, "id": m.Credentials.ClientID, "secret": m.Credentials.ClientSecret, "body": good,
	}, &said)
	at := "http://" + s.gateway
	if got := said.Metadata; got.Issuer != at || got.TokenEndpoint != at+"/api/token" || got.RevocationEndpoint != at+"/api/revoke" || got.IntrospectionEndpoint != at+"/api/introspect" {
		t.Errorf("metadata %+v", got)
	}
	if !said.Before.Active || said.Before.Sub != m.Token.ID || said.Paid != 200 || said.ExpiresIn < 590 || said.ExpiresIn > 600 {
		t.Errorf("before the revocation: %+v", said)
	}
	if said.After.Active || said.After.Sub != "" || said.PaidAfter != 401 {
		t.Errorf("after the revocation: %+v", said)
	}
	if said.Refusal != "invalid_client" {
		t.Errorf("a wrong secret is told %q", said.Refusal)
	}
	if n := s.origin.seen.Load(); n != 1 {
		t.Errorf("the upstream saw %d requests, want 1", n)
	}
}

// simpleOAuth2: what the tutorials of the seeds' time used.
func simpleOAuth2(t *testing.T, folder string) {
	s := newSite(t, shortLived("3s")) // exp is in whole seconds: two at least
	m := s.token(composed)
	var said struct {
		Tokens       []string
		First, Stale int
		Second       int
	}
	node(t, folder, "simple.mjs", map[string]any{
		"at": "http://" + s.gateway, "id": m.Credentials.ClientID, "secret": m.Credentials.ClientSecret, "body": good,
	}, &said)
	if len(said.Tokens) != 2 || said.Tokens[0] == said.Tokens[1] || said.First != 200 || said.Stale != 401 || said.Second != 200 {
		t.Errorf("%+v", said)
	}
	if n := s.origin.seen.Load(); n != 2 {
		t.Errorf("the upstream saw %d requests, want 2", n)
	}
}

// signatureConfig is a site whose route takes orders as signed parameters.
const signatureConfig = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
upstreams:
  origin: {targets: [ORIGIN]}
routes:
  - match: {path: /v1/links, methods: [GET, POST]}
    upstream: origin
    dialects: [signature]
    replay: refuse
    facts: {country: [signed:/data/countryCode], operator: [signed:/data/operator], method: [const:collect], phone: [signed:/data/phoneNumber]}
`

// signer makes a token with a signing secret.
func (s *client) signer() (handle, clientID, secret string) {
	s.t.Helper()
	var m struct {
		Token       tokenView
		Credentials struct {
			ClientID string `json:"client_id"`
			Signing  string `json:"signing_secret"`
		}
	}
	s.api("POST", "/admin/v1/tokens", `{"merchant_id":"`+s.merchant+`","name":"links","environment":"live","credentials":["client","signing"],`+composed+`,"phones":[{"country":"CI","number":"+2250707070707"}]}`, 201, &m)
	return m.Token.ID, m.Credentials.ClientID, m.Credentials.Signing
}

// joseSignature: each JWS is made by jose; what is forwarded lacks the parameter
// and nothing else.
func joseSignature(t *testing.T, folder string) {
	s := newSite(t, signatureConfig)
	handle, _, secret := s.signer()
	var said struct{ Good, Kid, Phone, Other, Old, Long, HS512 string }
	node(t, folder, "jose.mjs", map[string]any{"handle": handle, "secret": secret}, &said)
	f := func(jws string, status int) {
		t.Helper()
		before := s.origin.seen.Load()
		got := s.send("POST /v1/links?shop=1&signature=" + jws + "&lang=fr HTTP/1.1\r\nHost: gw\r\nContent-Length: 0\r\n\r\n")
		reached := s.origin.seen.Load() - before
		if got.status != status || (reached == 1) != (status == 200) {
			t.Errorf("%.20s… is answered %d %s, want %d; the upstream saw %d", jws, got.status, got.body, status, reached)
		}
		if last, _ := s.origin.received(); status == 200 && last.RequestURI != "/v1/links?shop=1&lang=fr" {
			t.Errorf("forwarded as %s", last.RequestURI)
		}
	}
	f(said.Good, 200)
	f(said.Good, 401) // once
	f(said.Kid, 200)
	f(said.Phone, 403)
	for _, jws := range []string{said.Other, said.Old, said.Long, said.HS512} {
		f(jws, 401)
	}
}

// ed25519Keys is the configuration of a new key pair.
func ed25519Keys(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ed.pem")
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return "tokens: {signing_keys: [{id: ed, alg: EdDSA, secret_file: " + file + "}]}\n"
}

// joseKeys: with an Ed25519 key in the configuration, a stranger's library finds
// it at the published place and verifies our JWT with it.
func joseKeys(t *testing.T, folder string) {
	s := newSite(t, siteConfig+ed25519Keys(t))
	var said struct {
		Alg, Sub, Iss, Env string
		TTL                int
	}
	m := s.token(composed)
	node(t, folder, "keys.mjs", map[string]any{"jwks": "http://" + s.gateway + "/.well-known/jwks.json", "jwt": s.jwt(m)}, &said)
	if said.Alg != "EdDSA" || said.Sub != m.Token.ID || said.Iss != "tollgate" || said.Env != "live" || said.TTL != 600 {
		t.Errorf("%+v", said)
	}
}
