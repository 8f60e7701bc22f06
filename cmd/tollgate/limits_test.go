package main

import (
	"fmt"
	"strings"
	"testing"
)

// A client with a right secret cannot have tokens made without end, each of
// which is a write or a signature: the rate of its token holds for what is handed
// out too, counted apart from its requests, so that a flood of either does not
// stop the other. What ends something is never held back.
func TestIssuingKeepsToTheRateOfTheToken(t *testing.T) {
	t.Parallel()
	a := newAttacked(t)
	c := a.whole(`"permissions":["tokens:manage"],"rate":"1/h",` + composed)
	jwt := a.bearer(&c)
	for name, raw := range map[string]string{
		"client credentials": grants(&c, "grant_type=client_credentials"),
		"refresh token":      grants(&c, "grant_type=refresh_token&refresh_token="+c.RefreshToken),
		"authorize":          asks("/api/authorize", &c, ""),
		"authorize a token":  asks("/api/authorize", &c, "", "ACCESS-TOKEN: "+c.AccessToken),
		"refresh":            asks("/api/refresh_token", &c, c.RefreshToken),
		"JWT":                request("POST", "/v1/auth", "", c.client()),
		"child": request("POST", "/api/gateway/createServiceToken", fmt.Sprintf(`{"data":{"groupID":%q,"permissions":["read"],"ipWhitelist":[]}}`, a.merchant),
			"token: "+c.Credentials.Key, jsonType),
	} {
		got := a.send(raw)
		if got.status != 429 || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s, Retry-After %q; want 429", name, got.status, got.body, got.header.Get("Retry-After"))
		}
	}
	a.reaches("its requests", look("Authorization: Bearer "+jwt), 200, 1)
	if got := a.send(request("POST", "/api/introspect", "token="+jwt, c.client(), formType)); got.status != 200 {
		t.Errorf("introspect: %d %s", got.status, got.body)
	}
	if got := a.send(request("POST", "/api/revoke", "token="+jwt, c.client(), formType)); got.status != 200 {
		t.Errorf("revoke: %d %s", got.status, got.body)
	}
	// A wrong secret is told that it is wrong, not how much is left of a rate.
	if got := a.send(strings.Replace(grants(&c, "grant_type=client_credentials"), c.client(), basicAuth(c.generated.ClientID, "wrong"), 1)); got.status != 401 {
		t.Errorf("a wrong secret: %d", got.status)
	}
}

// The rate of an address holds for our own endpoints that judge, whatever it
// sends them; health checks and public keys are not held back.
func TestOwnEndpointsKeepToTheRateOfTheAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig+"rate: {per_ip: 3/h}\n")
	for i := range 5 {
		got := s.send(request("POST", "/api/token", "grant_type=client_credentials", basicAuth("x", "y"), formType))
		if want := 401; i < 3 && got.status != want || i >= 3 && (got.status != 429 || got.header.Get("Retry-After") == "") {
			t.Errorf("order %d: %d", i, got.status)
		}
		for _, path := range []string{"/-/healthz", "/.well-known/jwks.json"} {
			if got := s.send(request("GET", path, "")); got.status == 429 {
				t.Errorf("%s: %d", path, got.status)
			}
		}
	}
}

// A quota is kept over the life of the process: what a gateway counted is in the
// database when it has ended, the next one counts on from there, and the answers
// tell what is left.
func TestQuotaOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	m := s.token(composed, `"quota":"3/day"`)
	ask := func(want int, left string) {
		t.Helper()
		got := s.send(get(m.Credentials.Key, "/v1/payments/1"))
		if got.status != want || !strings.HasPrefix(got.header.Get("RateLimit"), `"day";r=`+left+";") {
			t.Errorf("%d, RateLimit %q; want %d and %s left", got.status, got.header.Get("RateLimit"), want, left)
		}
	}
	ask(200, "2")
	ask(200, "1")
	s.stop()
	s.start()
	ask(200, "0")
	ask(429, "0")
	// A larger quota is in force at the next request, with what was used.
	s.api("PATCH", "/admin/v1/tokens/"+m.Token.ID, `{"quota":"5/day"}`, 200, nil)
	ask(200, "1")
	// The default is for those without one of their own, from the reload on.
	other := s.token(composed)
	if got := s.send(get(other.Credentials.Key, "/v1/payments/1")); got.header.Get("RateLimit") != "" {
		t.Errorf("a token without limits is told %q", got.header.Get("RateLimit"))
	}
	if !s.reload(siteConfig + "rate: {quota: 1/day, headers: false}\n") {
		t.Fatal("the reload failed")
	}
	for _, want := range []int{200, 429} {
		if got := s.send(get(other.Credentials.Key, "/v1/payments/1")); got.status != want || got.header.Get("RateLimit") != "" {
			t.Errorf("with a default: %d, RateLimit %q; want %d and none", got.status, got.header.Get("RateLimit"), want)
		}
	}
}
