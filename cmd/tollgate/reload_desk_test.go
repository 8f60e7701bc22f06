package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A node that has not heard of changes for too long tells nothing by what it
// remembers: not whether a JWT is active, not what tokens there are, and it
// issues none. Its public documents stay.
func TestAStaleNodeTellsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, everyWay)
	h := s.holder(0)
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(h.clientID+":"+h.secret))
	form := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: gw\r\n%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", path, basic, len(body), body)
	}
	introspect := form("/api/introspect", "token="+h.jwt)
	for range 2 {
		s.wantStatus(rawRequest("GET", "/bearer", "", "Authorization: Bearer "+h.jwt), 200)
		if got := s.send(introspect); got.status != 200 || !strings.Contains(string(got.body), `"active":true`) {
			t.Fatalf("before: %d %s", got.status, got.body)
		}
	}
	s.outage = true
	if err := s.house.store.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStatus(introspect, 200) // by what is remembered
	if !s.reload(everyWay + "cache: {max_staleness: 1s}\n") {
		t.Fatal(s.log)
	}
	s.eventually("the 503", func() bool { return s.send(introspect).status == 503 })
	pair := fmt.Sprintf(`{"client_id":%q,"client_secret":%q,"refresh_token":%q}`, h.clientID, h.secret, h.refresh)
	for path, raw := range map[string]string{
		"token": form("/api/token", "grant_type=client_credentials"), "auth": rawRequest("POST", "/v1/auth", "{}", basic),
		"authorize": rawRequest("POST", "/api/authorize", pair, "X-API-KEY: "+h.key), "refresh": rawRequest("POST", "/api/refresh_token", pair, "X-API-KEY: "+h.key),
		"list":   rawRequest("POST", "/api/gateway/getServiceTokens", `{"data":{}}`, "token: "+h.key),
		"create": rawRequest("POST", "/api/gateway/createServiceToken", `{"data":{"groupID":"x","permissions":["read"]}}`, "token: "+h.key),
		"delete": rawRequest("POST", "/api/gateway/deleteServiceToken", `{"data":{"id":"tok_abcdefghijkl"}}`, "token: "+h.key),
		"whoami": rawRequest("GET", "/api/whoami", "", "X-API-KEY: "+h.key),
	} {
		if got := s.send(raw); got.status != 503 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	s.wantStatus("GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: gw\r\n\r\n", 200)
}

// The lives of opaque tokens follow the file at a reload, also where the admin
// side makes them.
func TestReloadReachesGenerate(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	at := "/admin/v1/tokens/" + s.token().Token.ID + "/generate"
	f := func(want int64) {
		t.Helper()
		var g struct {
			ExpiresIn int64 `json:"expires_in"`
		}
		s.api("POST", at, "", http.StatusOK, &g)
		if g.ExpiresIn != want {
			t.Errorf("an access token lives %d s, want %d", g.ExpiresIn, want)
		}
	}
	f(3600)
	s.with("tokens: {opaque_ttl: 5m}")
	f(300)
	s.with("tokens: {opaque_ttl: 5m, refresh: {idle: 2m, absolute: 2m}}")
	f(120)
	s.with("")
	f(3600)
}
