package gateway_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// addUser makes a dashboard user of a merchant and returns what a Basic header
// says.
func (r *roster) addUser(t testing.TB, user, merchant string, ranges []string) string {
	t.Helper()
	rules, err := policy.Compile(r.catalogue, token.Bounds{}, nil, ranges)
	if err != nil {
		t.Fatal(err)
	}
	secret := base64.StdEncoding.EncodeToString([]byte(user + "@example.com:pass word"))
	r.set(func(r *roster) {
		r.known[secret] = &token.Principal{Kind: token.KindPassword, User: user, Live: &token.Live{
			Merchant: merchant, Environment: token.EnvLive, Enabled: true, MerchantActive: true, Rules: rules}}
	})
	return secret
}

// A dashboard user is a user to the upstream, the log and the signature, and
// never a token.
func TestUsersAreForwardedAsUsers(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 32)
	r, _, _ := newSignedRig(t, withPlan(func(p *gateway.Plan) {
		u := p.Upstreams["payments"]
		u.SignKey = key
		p.Upstreams["payments"] = u
	}))
	basic := "Authorization: Basic " + r.roster.addUser(t, "usr_awa", "mer_1", nil)
	a := r.raw(t, request("GET", "/v1/status/1", "", basic, "X-Tollgate-Token: tok_forged", "x_tollgate_user: usr_forged", "X-Tollgate-User: usr_forged", "Connection: X-Tollgate-User"))
	if a.status != 200 {
		t.Fatalf("got %+v", a)
	}
	h := r.origin.requests()[0].header
	if got := h["X-Tollgate-User"]; len(got) != 1 || got[0] != "usr_awa" || h.Get("X-Tollgate-Merchant") != "mer_1" || h.Get("X-Tollgate-Environment") != "live" {
		t.Errorf("identified as %v", h)
	}
	if len(h["X-Tollgate-Token"]) != 0 || h.Get("Authorization") != "" || len(h["X_tollgate_user"]) != 0 {
		t.Errorf("forwarded %v", h)
	}
	stamp, mac, _ := strings.Cut(strings.TrimPrefix(h.Get("X-Tollgate-Signature"), "t="), ",v1=")
	sum := hmac.New(sha256.New, key)
	fmt.Fprintf(sum, "tollgate-v1\n%s\n%s\nGET\n/v1/status/1\nusr_awa\nmer_1\nlive\n%x\n", stamp, h.Get("X-Request-Id"), sha256.Sum256(nil))
	if want := fmt.Sprintf("%x", sum.Sum(nil)); mac != want {
		t.Errorf("signed %s, want %s", mac, want)
	}
	if e := r.events(t, 1)[0]; e["user"] != "usr_awa" || e["token"] != "" || e["merchant"] != "mer_1" || e["dialect"] != "basic" {
		t.Errorf("logged %v", e)
	}
}

// Users have no bounds of their own but their merchant's addresses; they share
// a rate with their merchant's users and with nobody else's; where a route does
// not list basic they are not looked at.
func TestUsersAreHeldToTheirMerchant(t *testing.T) {
	r, _, _ := newSignedRig(t, withPlan(func(p *gateway.Plan) { p.PerTokenRate = mustRate(t, "1/m burst 2") }))
	f := func(secret, target string, status int, code string) {
		t.Helper()
		a := r.raw(t, request("GET", target, "", "Authorization: Basic "+secret))
		if a.status != status || a.code() != code {
			t.Errorf("got %+v, want %d %s", a, status, code)
		}
		if status == 401 && code == "token_invalid" && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("challenged with %q", a.header.Get("WWW-Authenticate"))
		}
	}
	f(r.roster.addUser(t, "usr_out", "mer_0", []string{"192.0.2.0/24"}), "/v1/status/1", 403, "ip_not_allowed")
	f("bm9ib2R5OndvcmQ=", "/v1/status/1", 401, "token_invalid")
	one, two, other := r.roster.addUser(t, "usr_1", "mer_1", nil), r.roster.addUser(t, "usr_2", "mer_1", nil), r.roster.addUser(t, "usr_3", "mer_2", nil)
	f(one, "/v1/payments/1", 401, "credentials_missing")
	f(one, "/v1/status/1", 200, "")
	f(two, "/v1/status/1", 200, "")
	f(one, "/v1/status/1", 429, "rate_limited")
	f(other, "/v1/status/1", 200, "")
	if seen := r.origin.requests(); len(seen) != 3 {
		t.Errorf("the upstream saw %v", seen)
	}
}

func mustRate(t testing.TB, text string) policy.Rate {
	t.Helper()
	rate, err := policy.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return rate
}

// Whatever dialect a request speaks, no credential of any dialect is forwarded,
// under any spelling that an upstream could take for it, unless the route says
// so; X-Client-Id is one where signatures are read and a header like any other
// elsewhere.
func TestCredentialsOfEveryDialectAreRemoved(t *testing.T) {
	for _, forward := range []bool{false, true} {
		r, n, _ := newSignedRig(t, withPlan(func(p *gateway.Plan) {
			p.Routes[1].Dialects = []string{"payment"}
			p.Routes[1].ForwardCredentials, p.Routes[0].ForwardCredentials = forward, forward
			p.Routes[1].AllowUnderscores = true
		}))
		key := r.roster.add(t, "good", nil)
		names := []string{"token", "X-Api-Key", "Access-Token", "X-Signature"}
		headers := []string{bearer(key), "X-Client-Id: mine"}
		for _, name := range names {
			headers = append(headers, name+": secret", strings.ReplaceAll(name, "-", "_")+"_: x")
			if strings.Contains(name, "-") {
				headers = append(headers, strings.ReplaceAll(name, "-", "_")+": secret")
			}
		}
		target := "/v1/status/1?a=1&signature=aaaa.bbbb.cccc"
		if a := r.raw(t, request("GET", target, "", headers...)); a.status != 200 {
			t.Fatalf("got %+v", a)
		}
		got := r.origin.requests()[0]
		secrets := 0
		for _, values := range got.header {
			for _, v := range values {
				if v == "secret" || strings.HasPrefix(v, "Bearer") {
					secrets++
				}
			}
		}
		if want := map[bool]int{false: 0, true: 8}[forward]; secrets != want {
			t.Errorf("forward %v: %d credentials were forwarded, want %d: %v", forward, secrets, want, got.header)
		}
		if want := map[bool]string{false: "/v1/status/1?a=1", true: target}[forward]; got.target != want {
			t.Errorf("forward %v: target %s", forward, got.target)
		}
		if got.header.Get("X-Client-Id") != "mine" {
			t.Error("a header of the client's own was removed")
		}
		r.raw(t, n.signed(when, "POST", "/v1/payments/1", goodBody, jsonType))
		if h := r.origin.requests()[1].header; (h.Get("X-Client-Id") != "") != forward || (h.Get("X-Signature") != "") != forward {
			t.Errorf("forward %v: of a signed request %v crossed", forward, h)
		}
	}
}

// The card is read in every dialect, and says whose it is.
func TestWhoamiInEveryDialect(t *testing.T) {
	r, n, q := newSignedRig(t)
	key := r.roster.add(t, "good", nil)
	const jwt = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"
	r.roster.set(func(roster *roster) {
		owner := *roster.known[key]
		owner.Kind = token.KindJWT
		owner.Generation = 1
		live := *owner.Live
		live.Generations = []token.Generation{{Number: 1}}
		owner.Live = &live
		roster.known[jwt] = &owner
	})
	user := r.roster.addUser(t, "usr_awa", "mer_awa", nil)
	handle := string(token.HandleOf([]byte("good00000000")))
	for _, c := range []struct{ name, text, member, want string }{
		{"payment", request("GET", "/api/whoami", "", bearer(key)), "token", handle},
		{"oauth", request("GET", "/api/whoami", "", bearer(jwt)), "token", handle},
		{"service", request("GET", "/api/whoami", "", "token: "+key), "token", handle},
		{"apikey", request("GET", "/api/whoami", "", "X-API-KEY: "+key), "token", handle},
		{"request", n.signed(when, "GET", "/api/whoami", ""), "token", string(q.Live.Handle)},
		{"parameters", request("GET", "/api/whoami?signature="+n.jws(q, `{"data":{}}`), ""), "token", string(q.Live.Handle)},
		{"basic", request("GET", "/api/whoami", "", "Authorization: Basic "+user), "user", "usr_awa"},
	} {
		a := r.raw(t, c.text)
		var card map[string]any
		if err := json.Unmarshal([]byte(a.body), &card); err != nil || a.status != 200 || card[c.member] != c.want {
			t.Errorf("%s: got %+v, want %s %s", c.name, a, c.member, c.want)
		}
	}
	for name, text := range map[string]string{
		"two dialects":       request("GET", "/api/whoami", "", bearer(key), "token: "+key),
		"a wrong MAC":        strings.Replace(n.signed(when+1, "GET", "/api/whoami", ""), "v1=", "v1=0", 1),
		"a MAC of elsewhere": strings.Replace(n.signed(when+2, "GET", "/api/whoami?x", ""), "?x", "", 1),
		"a MAC again":        n.signed(when, "GET", "/api/whoami", ""),
	} {
		if a := r.raw(t, text); a.status == 200 || strings.Contains(a.body, "server_time") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
