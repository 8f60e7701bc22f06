package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// everyWay is a site with one money-free route for each way of saying who
// one is, and two where a signature counts once.
const everyWay = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
auth_throttle: {failures: 100000, window: 1m}
upstreams:
  origin: {targets: [ORIGIN]}
routes:
  - {match: {path: /bearer, methods: [GET, POST]}, upstream: origin, dialects: [payment, oauth], facts: none}
  - {match: {path: /envelope, methods: [GET, POST]}, upstream: origin, dialects: [envelope], facts: none}
  - {match: {path: /service, methods: [GET, POST]}, upstream: origin, dialects: [service], facts: none}
  - {match: {path: /apikey, methods: [GET, POST]}, upstream: origin, dialects: [apikey], facts: none}
  - {match: {path: /basic, methods: [GET, POST]}, upstream: origin, dialects: [basic], facts: none}
  - {match: {path: /signature, methods: [GET, POST]}, upstream: origin, dialects: [signature], facts: none}
  - {match: {path: /once, methods: [GET, POST]}, upstream: origin, dialects: [signature], replay: refuse, facts: none}
`

// holder is a token, and a user of its merchant, with all they can be known by.
type holder struct {
	*site
	at, merchantAt, userAt           string
	key, clientID, jwt, access, sign string
	secret, refresh, login           string
	stamp                            int64        // the end of its JWS, one and the same
	signed                           atomic.Int64 // requests
}

func (s *site) holder(round int) *holder {
	s.t.Helper()
	s.addMerchant(fmt.Sprintf("Shop %d", round))
	var m struct {
		Token       tokenView
		Credentials struct {
			Key           string
			SigningSecret string `json:"signing_secret"`
		}
	}
	s.api("POST", "/admin/v1/tokens", fmt.Sprintf(`{"merchant_id":%q,"name":"t","environment":"live","credentials":["key","client","signing"]}`, s.merchant), http.StatusCreated, &m)
	h := &holder{site: s, at: "/admin/v1/tokens/" + m.Token.ID, merchantAt: "/admin/v1/merchants/" + s.merchant, key: m.Credentials.Key, sign: m.Credentials.SigningSecret}
	h.generate()
	email := fmt.Sprintf("ama%d@example.com", round)
	var u struct{ User struct{ ID string } }
	s.api("POST", "/admin/v1/users", fmt.Sprintf(`{"email":%q,"role":"merchant","merchant_id":%q,"password":"a long password"}`, email, s.merchant), http.StatusCreated, &u)
	h.userAt, h.login = "/admin/v1/users/"+u.User.ID, base64.StdEncoding.EncodeToString([]byte(email+":a long password"))
	h.stamp = time.Now().Add(time.Hour).Unix()
	return h
}

// generate presses the button and pre-authorises the pair.
func (h *holder) generate() {
	h.t.Helper()
	var g struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	h.api("POST", h.at+"/generate", "", http.StatusOK, &g)
	h.clientID, h.secret, h.access, h.refresh = g.ClientID, g.ClientSecret, g.AccessToken, g.RefreshToken
	h.authorize()
	var m made
	m.Credentials.ClientID, m.Credentials.ClientSecret = h.clientID, h.secret
	h.jwt = h.site.jwt(m)
}

func (h *holder) authorize() {
	h.t.Helper()
	body := fmt.Sprintf(`{"client_id":%q,"client_secret":%q}`, h.clientID, h.secret)
	h.wantStatus(rawRequest("POST", "/api/authorize", body, "X-API-KEY: "+h.key, "ACCESS-TOKEN: "+h.access), 200)
}

// rawRequest is a request as it goes over the wire.
func rawRequest(method, target, body string, headers ...string) string {
	head := method + " " + target + " HTTP/1.1\r\nHost: gw\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return head + "\r\n" + body
}

// jws is parameters that are signed with the signing secret.
func (h *holder) jws() string {
	b64 := base64.RawURLEncoding.EncodeToString
	payload, _ := json.Marshal(map[string]any{"data": map[string]any{"merchantUid": strings.TrimPrefix(h.at, "/admin/v1/tokens/")}, "exp": h.stamp})
	text := b64([]byte(`{"alg":"HS256"}`)) + "." + b64(payload)
	mac := hmac.New(sha256.New, []byte(h.sign))
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

// mac is a signed request; each is another one.
func (h *holder) mac(method, target, body string) string {
	at := time.Now().Unix()
	target += fmt.Sprintf("?n=%d", h.signed.Add(1))
	mac := hmac.New(sha256.New, []byte(h.sign))
	fmt.Fprintf(mac, "%d.%s\n%s\n%x", at, method, target, sha256.Sum256([]byte(body)))
	return rawRequest(method, target, body, "X-Client-Id: "+h.clientID, fmt.Sprintf("X-Signature: t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil))))
}

// presents is every way to say who one is, and the names of the ways.
func (h *holder) presents(method string) map[string]string {
	body := `{"a":1}`
	if method == "GET" {
		body = ""
	}
	return map[string]string{
		"key":      rawRequest(method, "/bearer", body, "Authorization: Bearer "+h.key),
		"service":  rawRequest(method, "/service", body, "token: "+h.key),
		"alone":    rawRequest(method, "/apikey", body, "X-API-KEY: "+h.key),
		"pair":     rawRequest(method, "/apikey", body, "X-API-KEY: "+h.key, "ACCESS-TOKEN: "+h.access),
		"jwt":      rawRequest(method, "/bearer", body, "Authorization: Bearer "+h.jwt),
		"envelope": rawRequest(method, "/envelope", body, "Authorization: Bearer "+h.jwt),
		"basic":    rawRequest(method, "/basic", body, "Authorization: Basic "+h.login),
		"jws":      rawRequest(method, "/signature?signature="+h.jws(), body),
		"mac":      h.mac(method, "/signature", body),
	}
}

// The very next request after any change that ends or narrows a credential is
// refused, whatever the credential and however well it was remembered, with a
// body (which its headers alone must keep from being read) and without; what
// the change is not about goes on.
func TestTheNextRequestAfterAnyChange(t *testing.T) {
	t.Parallel()
	const keys, jwts, all = "key service alone pair", "jwt envelope", "key service alone pair jwt envelope jws mac"
	patch := func(at func(*holder) string, body string) func(*holder) {
		return func(h *holder) { h.api("PATCH", at(h), body, http.StatusOK, nil) }
	}
	tok := func(h *holder) string { return h.at }
	mer := func(h *holder) string { return h.merchantAt }
	usr := func(h *holder) string { return h.userAt }
	rotate := func(kind string) func(*holder) {
		return func(h *holder) {
			h.api("POST", h.at+"/rotate", fmt.Sprintf(`{"credential":%q,"grace":"0s"}`, kind), http.StatusOK, nil)
		}
	}
	changes := []struct {
		name   string
		change func(*holder)
		ends   string
		undo   func(*holder)
	}{
		{"disabled", patch(tok, `{"enabled":false}`), all, patch(tok, `{"enabled":true}`)},
		{"enhanced", patch(tok, `{"enhanced_security":true}`), "key service alone jwt envelope jws mac", patch(tok, `{"enhanced_security":false}`)},
		{"other addresses", patch(tok, `{"ip_whitelist":["192.0.2.1"]}`), all, patch(tok, `{"ip_whitelist":[],"restricts":{"ip":false}}`)},
		{"suspended", patch(mer, `{"status":"suspended"}`), all + " basic", patch(mer, `{"status":"active"}`)},
		{"the merchant's other addresses", patch(mer, `{"ip_whitelist":["192.0.2.1"]}`), all + " basic", patch(mer, `{"ip_whitelist":[]}`)},
		{"user disabled", patch(usr, `{"enabled":false}`), "basic", patch(usr, `{"enabled":true}`)},
		{"other methods", patch(tok, `{"allowed_methods":["DELETE"]}`), all, patch(tok, `{"allowed_methods":[],"restricts":{"methods":false}}`)},
		{"family revoked", func(h *holder) {
			basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(h.clientID+":"+h.secret))
			body := "token=" + h.refresh
			h.wantStatus(fmt.Sprintf("POST /api/revoke HTTP/1.1\r\nHost: gw\r\n%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", basic, len(body), body), 200)
		}, "pair", func(h *holder) { h.generate() }},
		{"JWT revoked", func(h *holder) {
			basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(h.clientID+":"+h.secret))
			body := "token=" + h.jwt
			h.wantStatus(fmt.Sprintf("POST /api/revoke HTTP/1.1\r\nHost: gw\r\n%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", basic, len(body), body), 200)
		}, jwts, func(h *holder) { h.generate() }},
		{"generated", func(h *holder) { h.api("POST", h.at+"/generate", "", http.StatusOK, nil) }, "pair mac " + jwts, func(h *holder) { h.generate() }},
		{"client secret rotated", rotate("client_secret"), "pair " + jwts, func(h *holder) { h.generate() }},
		{"password set", func(h *holder) {
			h.api("POST", h.userAt+"/password", `{"password":"another password"}`, http.StatusOK, nil)
		}, "basic", func(h *holder) {
			h.api("POST", h.userAt+"/password", `{"password":"a long password"}`, http.StatusOK, nil)
		}},
		{"signing secret rotated", rotate("signing_secret"), "jws mac", nil},
		{"key rotated", rotate("key"), keys, nil},
		{"revoked", func(h *holder) { h.api("POST", h.at+"/revoke", "", http.StatusOK, nil) }, all, nil},
	}
	s := newSite(t, everyWay)
	for round := range 4 {
		h := s.holder(round)
		gone := ""
		for _, c := range changes {
			want := func(when, ends string) {
				t.Helper()
				for _, method := range []string{"POST", "GET"} {
					for name, raw := range h.presents(method) {
						ended := strings.Contains(" "+ends+" ", " "+name+" ")
						if got := s.send(raw); ended != (got.status == 401 || got.status == 403) || !ended && got.status != 200 {
							t.Errorf("round %d, %s %q: %s with %s: %d %s", round, when, c.name, method, name, got.status, got.body)
						}
					}
				}
			}
			want("before", gone)
			want("just before", gone)
			c.change(h)
			want("after", gone+" "+c.ends)
			if c.undo != nil {
				c.undo(h)
			} else {
				gone += " " + c.ends
			}
		}
	}
}

// Of fifty at once with one signature, one reaches the upstream: signed
// requests with a body and without, and a JWS where it counts once. Of fifty
// renewals with one refresh token at most one pair is alive afterwards.
func TestOneOfFiftyAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, everyWay)
	h := s.holder(0)
	atOnce := func(raw string) (statuses map[int]int, bodies [][]byte) {
		statuses = map[int]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				got, err := exchange(s.gateway, raw)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				statuses[got.status]++
				if got.status == 200 {
					bodies = append(bodies, got.body)
				}
			})
		}
		all.Wait()
		return statuses, bodies
	}
	for name, raw := range map[string]string{
		"signed POST": h.mac("POST", "/signature", "{}"), "signed GET": h.mac("GET", "/signature", ""),
		"JWS once": rawRequest("POST", "/once?a=1&signature="+h.jws(), "{}"),
	} {
		before := s.origin.seen.Load()
		got, _ := atOnce(raw)
		if n := s.origin.seen.Load() - before; n != 1 || got[200] != 1 || got[401] != 49 {
			t.Errorf("%s: the upstream saw %d; answers %v", name, n, got)
		}
	}
	h.generate()
	body := fmt.Sprintf(`{"client_id":%q,"client_secret":%q,"refresh_token":%q}`, h.clientID, h.secret, h.refresh)
	got, answers := atOnce(rawRequest("POST", "/api/refresh_token", body, "X-API-KEY: "+h.key))
	live := 0
	for _, text := range append(answers, fmt.Appendf(nil, `{"access_token":%q}`, h.access)) {
		var pair struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&pair); err != nil {
			t.Fatal(err)
		}
		if s.send(rawRequest("GET", "/apikey", "", "X-API-KEY: "+h.key, "ACCESS-TOKEN: "+pair.AccessToken)).status == 200 {
			live++
		}
	}
	if live != 1 {
		t.Errorf("%d live pairs of answers %v", live, got)
	}
}
