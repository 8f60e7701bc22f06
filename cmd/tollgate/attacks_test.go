package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// everyDialect is a site where each dialect has a route, and where attacks are
// not throttled away.
const everyDialect = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
auth_throttle: {failures: 100000, window: 1m}
trusted_proxies: [127.0.0.1/32]
upstreams:
  origin: {targets: [ORIGIN]}
routes:
  - match: {path: /v1/payments, methods: [POST]}
    upstream: origin
    dialects: [payment, oauth, service, apikey, signature]
    facts: {country: [json:/country], operator: [json:/operator], method: [json:/method], phone: [json:/customer/phone]}
  - match: {path: "/v1/payments/{id}", methods: [GET]}
    upstream: origin
    dialects: [payment, oauth, service, apikey]
    facts: none
  - match: {path: "/v1/paiements/{id}", methods: [GET]}
    upstream: origin
    dialects: [envelope]
    facts: none
  - match: {path: /v1/links, methods: [POST]}
    upstream: origin
    dialects: [signature]
    facts: none
  - match: {path: "/v1/statements/{id}", methods: [GET]}
    upstream: origin
    dialects: [basic]
    facts: none
`

// attacked is a site, and the tokens that it is attacked with.
type attacked struct{ *site }

// credentials are all that a token can have.
type credentials struct {
	Token       tokenView
	Credentials struct {
		Key          string
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		Signing      string `json:"signing_secret"`
	}
	generated
}

func newAttacked(t *testing.T) *attacked { return &attacked{newSite(t, everyDialect)} }

// whole makes a token with every credential there is, generate's too.
func (a *attacked) whole(members string) (c credentials) {
	a.t.Helper()
	environment := `"environment":"live",`
	if strings.Contains(members, `"environment"`) {
		environment = ""
	}
	a.api("POST", "/admin/v1/tokens", `{"merchant_id":"`+a.merchant+`","name":"t",`+environment+`"credentials":["key","signing"],`+members+`}`, 201, &c)
	a.api("POST", "/admin/v1/tokens/"+c.Token.ID+"/generate", "{}", 200, &c.generated)
	return c
}

func (c *credentials) client() string {
	return basicAuth(c.generated.ClientID, c.generated.ClientSecret)
}

func basicAuth(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// request is a request as it goes over the wire.
func request(method, path, body string, headers ...string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: gw\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	if method != "GET" {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return head + "\r\n" + body
}

const (
	formType = "Content-Type: application/x-www-form-urlencoded"
	jsonType = "Content-Type: application/json"
)

// look is a look at a payment.
func look(headers ...string) string { return request("GET", "/v1/payments/1", "", headers...) }

// reaches sends a request and wants a status, and the upstream to see it or not.
func (a *attacked) reaches(what, raw string, status, times int) reply {
	a.t.Helper()
	before := a.origin.seen.Load()
	got := a.send(raw)
	if n := a.origin.seen.Load() - before; got.status != status || n != int64(times) {
		a.t.Errorf("%s: answered %d %s, want %d; the upstream saw %d, want %d", what, got.status, got.body, status, n, times)
	}
	return got
}

// refused wants a status, and that the upstream saw nothing.
func (a *attacked) refused(what, raw string, status int) {
	a.t.Helper()
	a.reaches(what, raw, status, 0)
}

// member is a text in the answer to a request that has to be 200.
func (a *attacked) member(raw, name string) string {
	a.t.Helper()
	got := a.send(raw)
	var members map[string]any
	if err := json.Unmarshal(got.body, &members); got.status != 200 || err != nil {
		a.t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	text, _ := members[name].(string)
	return text
}

// grants is /api/token asked by a client.
func grants(c *credentials, form string) string {
	return request("POST", "/api/token", form, c.client(), formType)
}

func (a *attacked) bearer(c *credentials) string {
	a.t.Helper()
	return a.member(grants(c, "grant_type=client_credentials"), "access_token")
}

// asks is a request to /api/authorize or /api/refresh_token.
func asks(path string, c *credentials, refresh string, headers ...string) string {
	body := fmt.Sprintf(`{"client_id":%q,"client_secret":%q`, c.generated.ClientID, c.generated.ClientSecret)
	if refresh != "" {
		body += fmt.Sprintf(`,"refresh_token":%q`, refresh)
	}
	return request("POST", path, body+"}", append(headers, "X-API-KEY: "+c.Credentials.Key)...)
}

// While enhanced security is on there is no way round the pair: not with the key
// alone in any dialect, at whoami or at issuing, not with what the token got
// before, and not with anybody else's half.
func TestNoWayRoundAPair(t *testing.T) {
	a := newAttacked(t)
	c, other := a.whole(`"permissions":["tokens:manage"],`+composed), a.whole(composed)
	jwt := a.bearer(&c)
	unauthorised := c.AccessToken
	a.reaches("the JWT before the switch", look("Authorization: Bearer "+jwt), 200, 1)
	a.reaches("the key before the switch", look("X-API-KEY: "+c.Credentials.Key), 200, 1)
	a.api("PATCH", "/admin/v1/tokens/"+c.Token.ID, `{"enhanced_security":true}`, 200, nil)

	key := c.Credentials.Key
	for _, header := range []string{"Authorization: Bearer " + key, "token: " + key, "X-API-KEY: " + key} {
		a.refused("a look with "+header[:9], look(header), 401)
		a.refused("a payment with "+header[:9], request("POST", "/v1/payments", good, header, jsonType), 401)
		a.refused("whoami with "+header[:9], request("GET", "/api/whoami", "", header), 401)
	}
	for call, data := range map[string]string{"getServiceTokens": "{}", "createServiceToken": `{"groupID":"` + a.merchant + `","permissions":["read"],"ipWhitelist":[]}`, "deleteServiceToken": `{"id":"` + c.Token.ID + `"}`} {
		a.refused(call, request("POST", "/api/gateway/"+call, `{"data":`+data+`}`, "token: "+key, jsonType), 401)
	}
	a.refused("a JWT from before", look("Authorization: Bearer "+jwt), 401)
	a.refused("a JWT from before, in the envelope", request("GET", "/v1/paiements/1", "", "Authorization: Bearer "+jwt), 401)
	a.refused("a new JWT", grants(&c, "grant_type=client_credentials"), 400)
	a.refused("a JWT for the refresh token", grants(&c, "grant_type=refresh_token&refresh_token="+c.RefreshToken), 400)
	a.refused("a JWT in the envelope", request("POST", "/v1/auth", "", c.client()), 401)
	a.refused("signed parameters", request("POST", "/v1/links?signature="+signed(t, c.Token.ID, c.Credentials.Signing), ""), 401)

	for what, access := range map[string]string{
		"not pre-authorised": unauthorised, "another's": other.AccessToken, "a refresh token": c.RefreshToken, "a JWT": jwt, "the key": key,
		"the client secret": c.generated.ClientSecret, "the signing secret": c.Credentials.Signing, "of nobody": "cWMJZimvoWr9QAo5ZZZZBPX5q83rCiTx4xCy1=",
	} {
		a.refused("access token: "+what, look("X-API-KEY: "+key, "ACCESS-TOKEN: "+access), 401)
	}
	a.refused("an access token alone", look("ACCESS-TOKEN: "+c.AccessToken), 401)
	a.refused("an access token as Bearer", look("Authorization: Bearer "+c.AccessToken), 401)
	a.refused("another's client authorises", request("POST", "/api/authorize", fmt.Sprintf(`{"client_id":%q,"client_secret":%q}`, other.generated.ClientID, other.generated.ClientSecret), "X-API-KEY: "+key), 401)
	a.refused("another's access token is authorised", asks("/api/authorize", &c, "", "ACCESS-TOKEN: "+other.AccessToken), 401)

	// The pair itself passes, so that all the above was refused for its own sake.
	if got := a.member(asks("/api/authorize", &c, "", "ACCESS-TOKEN: "+unauthorised), "access_token"); got != unauthorised {
		t.Errorf("authorised %s", got)
	}
	a.reaches("the pair", look("X-API-KEY: "+key, "ACCESS-TOKEN: "+unauthorised), 200, 1)
	a.refused("another key with this access token", look("X-API-KEY: "+other.Credentials.Key, "ACCESS-TOKEN: "+unauthorised), 401)
}

// A secret proves nothing where another kind is asked for, wherever it is put.
func TestASecretIsOfOneKind(t *testing.T) {
	a := newAttacked(t)
	c := a.whole(composed)
	var user struct{ Password string }
	a.api("POST", "/admin/v1/users", `{"email":"c@example.com","role":"merchant","merchant_id":"`+a.merchant+`"}`, 201, &user)
	key, jwt := c.Credentials.Key, a.bearer(&c)
	secrets := map[string]string{
		"key": key, "client secret": c.generated.ClientSecret, "client id": c.generated.ClientID, "signing secret": c.Credentials.Signing, "access token": c.AccessToken,
		"refresh token": c.RefreshToken, "jwt": jwt, "admin key": a.adminKey, "password": user.Password, "handle": c.Token.ID,
	}
	slots := []struct {
		name   string
		right  string // the kinds that open it
		wrong  int
		attack func(secret string) string
	}{
		{"bearer", "key jwt", 401, func(s string) string { return look("Authorization: Bearer " + s) }},
		{"token", "key", 401, func(s string) string { return look("token: " + s) }},
		{"x-api-key", "key", 401, func(s string) string { return look("X-API-KEY: " + s) }},
		{"access token", "access token", 401, func(s string) string { return look("X-API-KEY: "+key, "ACCESS-TOKEN: "+s) }},
		{"envelope", "jwt", 401, func(s string) string { return request("GET", "/v1/paiements/1", "", "Authorization: Bearer "+s) }},
		{"whoami", "key jwt", 401, func(s string) string { return request("GET", "/api/whoami", "", "Authorization: Bearer "+s) }},
		{"client", "client secret", 401, func(s string) string {
			return request("POST", "/api/token", "grant_type=client_credentials", basicAuth(c.generated.ClientID, s), formType)
		}},
		{"refresh", "refresh token", 400, func(s string) string {
			return grants(&c, "grant_type=refresh_token&refresh_token="+url.QueryEscape(s))
		}},
		{"auth", "client secret", 401, func(s string) string { return request("POST", "/v1/auth", "", basicAuth(c.generated.ClientID, s)) }},
		{"authorize", "client secret", 401, func(s string) string {
			return request("POST", "/api/authorize", url.Values{"client_id": {c.generated.ClientID}, "client_secret": {s}}.Encode(), "X-API-KEY: "+key)
		}},
		{"service", "key", 401, func(s string) string {
			return request("POST", "/api/gateway/getServiceTokens", `{"data":{}}`, "token: "+s, jsonType)
		}},
		{"basic", "password", 401, func(s string) string {
			return request("GET", "/v1/statements/1", "", basicAuth("c@example.com", s))
		}},
		{"hmac", "signing secret", 401, func(s string) string {
			return request("POST", "/v1/links?signature="+signed(t, c.Token.ID, s), "")
		}},
	}
	opened := 0
	for _, slot := range slots {
		for kind, secret := range secrets {
			raw := slot.attack(secret)
			if strings.Contains(" "+slot.right+" ", " "+kind+" ") || slot.right == kind {
				if got := a.send(raw); got.status == slot.wrong {
					t.Errorf("%s does not open %s: %s", kind, slot.name, got.body)
				}
				opened++
				continue
			}
			a.refused(kind+" as "+slot.name, raw, slot.wrong)
		}
	}
	if opened != 15 {
		t.Errorf("%d right ones were tried", opened)
	}
	for kind, secret := range secrets {
		if kind == "admin key" {
			continue
		}
		a.adminKey, secret = secret, a.adminKey
		if status, _ := a.try("GET", "/admin/v1/tokens", ""); status != 401 {
			t.Errorf("%s opens the admin API: %d", kind, status)
		}
		a.adminKey = secret
	}
}

// signed is signed parameters of a token, good for ten minutes.
func signed(t *testing.T, handle, secret string) string {
	t.Helper()
	return hs256(t, `{"alg":"HS256","typ":"JWT"}`, fmt.Sprintf(`{"data":{"merchantUid":%q},"exp":%d}`, handle, time.Now().Unix()+600), []byte(secret))
}

// hs256 is a compact JWS with HMAC-SHA256, whatever its header says.
func hs256(t *testing.T, header, payload string, key []byte) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(payload))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}
