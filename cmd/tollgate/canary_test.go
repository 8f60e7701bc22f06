package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
)

// canary is a secret that is planted everywhere and must turn up nowhere.
type canary struct {
	kind   string
	value  string
	traces []string // any of these in a sink is a leak
	plain  bool     // it looks like any other word
}

func newCanary(kind, value string) canary {
	c := canary{kind: kind, value: value, traces: []string{value, hex.EncodeToString([]byte(value)), url.QueryEscape(value)}}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		c.traces = append(c.traces, e.EncodeToString([]byte(value)))
	}
	return c
}

// aviary is a running tollgate with every kind of secret in it, and all that it
// has said.
type aviary struct {
	*process
	canaries []canary
	token    made
	parent   made // may make others
	mu       sync.Mutex
	sinks    map[string]*bytes.Buffer // what was answered, by what it is
}

const canaryConfig = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
master_key_file: master
tokens: {signing_keys: [{id: k1, alg: HS256, secret_file: jwt}]}
log: {level: debug}
auth_throttle: {failures: 1000000}
limits: {max_body: 8KiB, max_header: 8KiB, read_header_timeout: 300ms, read_body_timeout: 300ms}
upstreams:
  origin:
    targets: [ORIGIN]
    headers: {X-Provider: {env: CANARY_PROVIDER}}
    sign_key_file: sign
  gone: {targets: ["https://127.0.0.1:1"], tls: {cert: up.crt, key: up.key}}
routes:
  - match: {path: /v1/payments, methods: [POST]}
    upstream: origin
    dialects: [payment, oauth]
    facts:
      country: [json:/country, "query:country"]
      operator: [json:/operator]
      method: [json:/method]
      phone: [json:/customer/phone]
    on_missing: allow
  - match: {path: /v1/form, methods: [POST]}
    upstream: origin
    dialects: [oauth, payment]
    facts: {country: [form:country], operator: [form:operator], method: [header:X-Method], phone: [form:phone]}
  - match: {path: "/v1/payments/{id}", methods: [GET]}
    upstream: origin
    dialects: [payment, oauth]
    facts: none
  - match: {path: "/v1/gone/{id}", methods: [GET, POST]}
    upstream: gone
    dialects: [payment]
    facts: none
  - {match: {path: /apikey, methods: [GET]}, upstream: origin, dialects: [apikey], facts: none}
  - {match: {path: /service, methods: [GET]}, upstream: origin, dialects: [service], facts: none}
  - {match: {path: /envelope, methods: [GET]}, upstream: origin, dialects: [envelope], facts: none}
  - {match: {path: /basic, methods: [GET]}, upstream: origin, dialects: [basic], facts: none}
  - {match: {path: /signature, methods: [GET, POST]}, upstream: origin, dialects: [signature], facts: {phone: ["signed:/data/phone"]}}
`

// dashboardPassword is a dashboard user's.
const dashboardPassword = "a long CanaryPassword_9Zr"

func newAviary(t *testing.T) *aviary {
	t.Helper()
	file := configFile(t, canaryConfig, newOrigin(t).url())
	planted := map[string]string{
		"master":    "CanaryMaster_7f3QbZ1kXw9LmVtR2uE",
		"jwt":       "CanaryJWTkey_9dKq2WmZx7RtYb4LsVf",
		"sign":      "CanarySignKey_3hGtRw8ZxQp5NvKc1J",
		"provider":  "CanaryProvider_6bVnXm2QzLk8WrTy4",
		"bootstrap": bootstrap,
	}
	for _, name := range []string{"master", "jwt", "sign"} {
		write(t, filepath.Join(filepath.Dir(file), name), planted[name])
	}
	newCA(t).issue(filepath.Dir(file), "up")
	planted["TLS key"] = secondLine(t, filepath.Join(filepath.Dir(file), "up.key"))
	a := &aviary{process: serving(t, file, "CANARY_PROVIDER="+planted["provider"]), sinks: map[string]*bytes.Buffer{}}
	a.addMerchant("Boutique")
	a.api("POST", "/admin/v1/tokens", fmt.Sprintf(`{"merchant_id":%q,"name":"t","environment":"live","credentials":["key","client","signing"],%s,"phones":[{"country":"CI","number":"+2250707070707"}]}`,
		a.merchant, composed), http.StatusCreated, &a.token)
	var family struct {
		ClientSecret string `json:"client_secret"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	other := a.client.token() // the button ends what it made before
	a.api("POST", "/admin/v1/tokens/"+other.Token.ID+"/generate", "", http.StatusOK, &family)
	a.api("POST", "/admin/v1/users", fmt.Sprintf(`{"email":"ama@example.com","role":"merchant","merchant_id":%q,"password":%q}`, a.merchant, dashboardPassword), http.StatusCreated, nil)
	a.parent = a.client.token(`"permissions":["tokens:manage"]`)
	planted["user's password"] = dashboardPassword
	var key struct{ Key string }
	a.api("POST", "/admin/v1/keys", `{"name":"k","role":"operator"}`, http.StatusCreated, &key)
	var hook struct {
		Secret string `json:"webhook_secret"`
	}
	a.api("POST", "/admin/v1/merchants/"+a.merchant+"/webhook_secret", "", http.StatusOK, &hook)
	planted["password"] = "CanaryPassword_5kLqWz"
	for kind, value := range planted {
		c := newCanary(kind, value)
		c.plain = true
		a.canaries = append(a.canaries, c)
	}
	for kind, value := range map[string]string{
		"key": a.token.Credentials.Key, "client secret": a.token.Credentials.ClientSecret, "signing secret": a.token.Credentials.SigningSecret,
		"JWT": a.jwt(a.token), "admin key": key.Key, "webhook secret": hook.Secret, "unknown key": composeKey(strings.Repeat("Q7", 20)),
		"PAN":                 "4539578763621486",
		"opaque access token": family.AccessToken, "refresh token": family.RefreshToken, "made client secret": family.ClientSecret,
	} {
		if value == "" {
			t.Fatalf("there is no %s", kind)
		}
		a.canaries = append(a.canaries, newCanary(kind, value))
	}
	phone := newCanary("phone", "+2250708091011")
	phone.traces = append(phone.traces, "2250708091011", "0708091011")
	a.canaries = append(a.canaries, phone)
	return a
}

// secondLine is the first of what a PEM file says.
func secondLine(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")[1]
}

// say files what was answered.
func (a *aviary) say(sink, position string, c canary, answer []byte) {
	if c.plain && echoes(position) {
		answer = bytes.ReplaceAll(answer, []byte(c.value), []byte("(its own word)"))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sinks[sink] == nil {
		a.sinks[sink] = &bytes.Buffer{}
	}
	fmt.Fprintf(a.sinks[sink], "[%s] %s\n", position, bytes.ReplaceAll(answer, []byte("\n"), []byte(" ")))
}

// echoes reports whether the answer to a word in this place quotes the word that
// is wrong: to whoever sent it, and to nobody else.
func echoes(position string) bool {
	switch position {
	case "body, country", "body, operator", "body, method", "form, country", "header fact", "query fact", // the data plane
		"make a child, permissions", "make a child, member",
		"explain, country", "country", "ip", "methods", "permissions", "rate", "quota", "certificate", "member name", "query name", "patch name":
		return true
	}
	return false
}

// clientInputs are requests that have c wherever a client can put it. Each is
// well-formed or broken on purpose; every one is answered, or its connection
// ended.
func (a *aviary) clientInputs(c string) map[string]string {
	key, parent := a.token.Credentials.Key, a.parent.Credentials.Key
	quoted, _ := json.Marshal(c)
	with := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	basic := func(user, password string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	form := func(body string, headers ...string) string {
		return strings.Replace(pay(key, body, append(headers, "Content-Type: application/x-www-form-urlencoded")...), "/v1/payments", "/v1/form", 1)
	}
	issue := func(auth, body string) string {
		return fmt.Sprintf("POST /api/token HTTP/1.1\r\nHost: gw\r\n%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", auth, len(body), body)
	}
	escaped := url.QueryEscape(c)
	own := func(path, body string, headers ...string) string {
		return rawRequest("POST", path, body, headers...)
	}
	inputs := map[string]string{
		"apikey":                    rawRequest("GET", "/apikey", "", "X-API-KEY: "+c, "ACCESS-TOKEN: "+c),
		"access token":              rawRequest("GET", "/apikey", "", "X-API-KEY: "+key, "ACCESS-TOKEN: "+c),
		"service":                   rawRequest("GET", "/service", "", "token: "+c),
		"envelope":                  rawRequest("GET", "/envelope", "", "Authorization: Bearer "+c, "X-Environment: "+c),
		"dashboard password":        rawRequest("GET", "/basic", "", basic("ama@example.com", c)),
		"dashboard user":            rawRequest("GET", "/basic", "", basic(c, dashboardPassword)),
		"signed parameters":         rawRequest("GET", "/signature?signature="+escaped, ""),
		"signed, in parts":          rawRequest("GET", "/signature?signature=eyJhbGciOiJIUzI1NiJ9."+base64.RawURLEncoding.EncodeToString([]byte(`{"data":{"merchantUid":`+string(quoted)+`,"phone":`+string(quoted)+`},"exp":99999999999}`))+".AAAA", ""),
		"signed request":            own("/signature", string(quoted), "X-Client-Id: "+c, "X-Signature: t=1,v1="+c),
		"authorize":                 own("/api/authorize", `{"client_id":`+string(quoted)+`,"client_secret":`+string(quoted)+`}`, "X-API-KEY: "+c, "ACCESS-TOKEN: "+c),
		"authorize, form":           own("/api/authorize", "client_id="+escaped+"&client_secret="+escaped, "X-API-KEY: "+key),
		"authorize, bare":           own("/api/authorize", c, "X-API-KEY: "+key),
		"renew":                     own("/api/refresh_token", `{"client_id":`+string(quoted)+`,"client_secret":`+string(quoted)+`,"refresh_token":`+string(quoted)+`}`, "X-API-KEY: "+key),
		"renew by oauth":            issue(basic(a.token.Credentials.ClientID, a.token.Credentials.ClientSecret), "grant_type=refresh_token&refresh_token="+escaped),
		"auth":                      rawRequest("POST", "/v1/auth", "", basic(a.token.Credentials.ClientID, c), "X-Environment: "+c),
		"auth, id":                  rawRequest("POST", "/v1/auth", "", basic(c, c)),
		"introspect":                strings.Replace(issue(basic(a.token.Credentials.ClientID, a.token.Credentials.ClientSecret), "token="+escaped), "/api/token", "/api/introspect", 1),
		"revoke":                    strings.Replace(issue(basic("x", "y"), "token="+escaped), "/api/token", "/api/revoke", 1),
		"list children":             own("/api/gateway/getServiceTokens", `{"data":{`+string(quoted)+`:1}}`, "token: "+parent),
		"make a child, permissions": own("/api/gateway/createServiceToken", `{"data":{"permissions":[`+string(quoted)+`]}}`, "token: "+parent),
		"make a child, group":       own("/api/gateway/createServiceToken", `{"data":{"groupID":`+string(quoted)+`,"permissions":["read"]}}`, "token: "+parent),
		"make a child, addresses":   own("/api/gateway/createServiceToken", `{"data":{"permissions":["read"],"ipWhitelist":[`+string(quoted)+`]}}`, "token: "+parent),
		"make a child, member":      own("/api/gateway/createServiceToken", `{"data":{`+string(quoted)+`:1}}`, "token: "+parent),
		"end a child":               own("/api/gateway/deleteServiceToken", `{"data":{"id":`+string(quoted)+`}}`, "token: "+c),
		"bearer":                    pay(c, good),
		"bearer, broken":            pay(c+"!", good),
		"bearer, twice":             pay(c, good, "Authorization: Bearer "+c),
		"bearer, cut":               pay(c[:len(c)-1], good),
		"bearer of GET":             get(c, "/v1/payments/1"),
		"bearer, whoami":            get(c, "/api/whoami"),
		"another scheme":            pay("", good, "Authorization: Secret "+c),
		"no scheme":                 pay("", good, "Authorization: "+c),
		"basic password":            pay("", good, basic("user@example.com", c)),
		"basic user":                pay("", good, basic(c, "x")),
		"token header":              pay(key, good, "token: "+c),
		"api key header":            pay(key, good, "X-API-KEY: "+c, "ACCESS-TOKEN: "+c, "X-Signature: "+c),
		"any header":                pay(key, good, "X-Any: "+c),
		"header name":               pay(key, good, "X-"+strings.Map(plain, c)+": 1"),
		"header name, broken":       pay(key, good, c+" : 1"),
		"header line, broken":       pay(key, good, c),
		"cookie":                    pay(key, good, "Cookie: session="+c),
		"request id":                pay(key, good, "X-Request-Id: "+c),
		"environment":               pay(key, good, "X-Environment: "+c),
		"forwarded for":             pay(key, good, "X-Forwarded-For: "+c),
		"user agent":                pay(key, good, "User-Agent: "+c, "Referer: https://x/?k="+escaped),
		"expect":                    pay(key, good, "Expect: "+c),
		"content type":              pay(key, good, "Content-Type: "+c),
		"content length":            strings.Replace(pay(key, good), "Content-Length: ", "Content-Length: "+c, 1),
		"transfer encoding":         pay(key, good, "Transfer-Encoding: "+c),
		"host":                      strings.Replace(pay(key, good), "Host: gw", "Host: "+c, 1),
		"method":                    strings.Replace(pay(key, good), "POST", strings.Map(plain, c), 1),
		"version":                   strings.Replace(pay(key, good), "HTTP/1.1", "HTTP/1.1"+c, 1),
		"path":                      get(key, "/v1/payments/"+escaped),
		"path, no route":            get(key, "/"+escaped+"/x"),
		"path, broken":              get(key, "/v1/payments/"+escaped+"%zz"),
		"path, absolute form":       get(key, "http://"+c+"@host/"+escaped),
		"path of a gone target":     get(key, "/v1/gone/"+escaped+"?k="+escaped),
		"query":                     get(key, "/v1/payments/1?k="+escaped+"&"+escaped+"=1"),
		"query, broken":             get(key, "/v1/payments/1?k="+escaped+"%"),
		"query fact":                strings.Replace(pay(key, with(`"country":"CI",`, "")), "/v1/payments", "/v1/payments?country="+escaped, 1),
		"path, no credential":       "GET /v1/payments/" + escaped + "?signature=" + escaped + " HTTP/1.1\r\nHost: gw\r\n\r\n",
		"own endpoint, path":        get(key, "/api/token/"+escaped),
		"own endpoint, query":       get(key, "/.well-known/jwks.json?k="+escaped),
		"body, country":             pay(key, with(`"CI"`, string(quoted))),
		"body, operator":            pay(key, with(`"ORANGE"`, string(quoted))),
		"body, method":              pay(key, with(`"collect"`, string(quoted))),
		"body, phone":               pay(key, with(`"+2250707070707"`, string(quoted))),
		"body, other member":        pay(key, with(`{`, `{"pan":`+string(quoted)+`,`)),
		"body, name":                pay(key, with(`{`, `{`+string(quoted)+`:1,`)),
		"body, name twice":          pay(key, with(`{`, `{`+string(quoted)+`:1,`+string(quoted)+`:2,`)),
		"body, broken":              pay(key, good+string(quoted)),
		"body, bare":                pay(key, c),
		"body, too large":           pay(key, c+strings.Repeat(" ", 9<<10)),
		"body, cut":                 strings.TrimSuffix(pay(key, with(`{`, `{"pan":`+string(quoted)+`,`)), "}"),
		"form, country":             form("country="+escaped+"&operator=ORANGE&phone=%2B2250707070707", "X-Method: collect"),
		"form, phone":               form("country=CI&operator=ORANGE&phone="+escaped, "X-Method: collect"),
		"form, name":                form(escaped+"=1&country=CI&operator=ORANGE", "X-Method: collect"),
		"header fact":               form("country=CI&operator=ORANGE&phone=%2B2250707070707", "X-Method: "+c),
		"client secret":             issue(basic(a.token.Credentials.ClientID, c), "grant_type=client_credentials"),
		"client id":                 issue(basic(c, c), "grant_type=client_credentials"),
		"basic, no base64":          issue("Authorization: Basic "+c, "grant_type=client_credentials"),
		"issuing, no basic":         issue("Authorization: Bearer "+c, "grant_type=client_credentials"),
		"grant type":                issue(basic("a", "b"), "grant_type="+escaped),
		"scope":                     issue(basic(a.token.Credentials.ClientID, a.token.Credentials.ClientSecret), "grant_type=client_credentials&scope="+escaped),
		"client secret in body":     issue("X-A: b", "grant_type=client_credentials&client_id="+escaped+"&client_secret="+escaped),
		"header too large":          pay(key, good, "X-Large: "+c+strings.Repeat("a", 9<<10)),
		"head, cut":                 strings.Split(pay(key, good, "X-Any: "+c), "\r\n\r\n")[0],
		"no request at all":         c + "\r\n\r\n",
		"chunked, size":             strings.Replace(pay(key, ""), "Content-Length: 0", "Transfer-Encoding: chunked", 1) + c + "\r\n",
		"trailer":                   strings.Replace(pay(key, "", "Trailer: X-Any"), "Content-Length: 0", "Transfer-Encoding: chunked", 1) + "0\r\nX-Any: " + c + "\r\n" + c + ": 1\r\n\r\n",
		"PROXY header":              "PROXY TCP4 " + c + " 127.0.0.1 1 2\r\n" + pay(key, good),
		"PROXY header, binary":      "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x30" + c + pay(key, good),
		"TLS to a plain port":       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + c + "\r\n\r\n",
		"request line, garbage":     c + " / HTTP/1.1\r\nHost: gw\r\n\r\n",
		"request line, two spaces":  "GET  /" + escaped + " HTTP/1.1\r\nHost: gw\r\n\r\n",
		"request line, bare LF":     "GET /" + escaped + " HTTP/1.1\nHost: gw\r\n\r\n",
		"folded header":             pay(key, good, "X-Any: 1\r\n "+c),
		"control in a header":       pay(key, good, "X-Any: \x01"+c),
		"authorization, list":       pay("", good, "Authorization: Bearer "+c+", Bearer "+c),
		"authorization, tab":        pay("", good, "Authorization:\tBearer\t"+c),
		"authorization, parameters": pay("", good, `Authorization: Digest username="`+c+`", response="`+c+`"`),
		"authorization, lower case": pay("", good, "authorization: bearer "+c),
		"authorization, empty name": pay("", good, ": "+c),
		"proxy authorization":       pay(key, good, "Proxy-Authorization: Bearer "+c),
		"query token":               get("", "/v1/payments/1?access_token="+escaped+"&token="+escaped+"&api_key="+escaped),
		"idempotency key":           pay(key, good, "Idempotency-Key: "+c),
		"client certificate header": pay(key, good, "X-Client-Cert: "+c, "X-Forwarded-Client-Cert: "+c, "Forwarded: for="+c),
		"good, everything right":    pay(key, good),
	}
	return inputs
}

// plain keeps what a method or a header name may have.
func plain(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-' {
		return r
	}
	return -1
}

// adminInput is one call of the admin API.
type adminInput struct{ method, path, body, key, header string }

func (a *aviary) adminInputs(c string) map[string]adminInput {
	q, _ := json.Marshal(c)
	escaped := url.PathEscape(c)
	at := "/admin/v1/tokens/" + a.token.Token.ID
	order := func(members string) string {
		return fmt.Sprintf(`{"merchant_id":%q,"name":"x","environment":"live",%s}`, a.merchant, members)
	}
	explain := func(members string) adminInput {
		return adminInput{"POST", "/admin/v1/explain", members, "", ""}
	}
	return map[string]adminInput{
		"key":                 {"GET", "/admin/v1/tokens", "", c, ""},
		"key, broken":         {"GET", "/admin/v1/tokens", "", c + " x", ""},
		"path id":             {"GET", "/admin/v1/tokens/" + escaped, "", "", ""},
		"path, no call":       {"GET", "/admin/v1/" + escaped, "", "", ""},
		"path, no page":       {"GET", "/" + escaped, "", "", ""},
		"phone in path":       {"DELETE", at + "/phones/" + escaped, "", "", ""},
		"merchant in path":    {"PATCH", "/admin/v1/merchants/" + escaped, `{"name":"x"}`, "", ""},
		"query":               {"GET", "/admin/v1/tokens?merchant_id=" + url.QueryEscape(c) + "&status=" + url.QueryEscape(c) + "&q=" + url.QueryEscape(c), "", "", ""},
		"cursor":              {"GET", "/admin/v1/tokens?cursor=" + url.QueryEscape(c) + "&limit=" + url.QueryEscape(c), "", "", ""},
		"query name":          {"GET", "/admin/v1/tokens?" + url.QueryEscape(c) + "=1", "", "", ""},
		"audit query":         {"GET", "/admin/v1/audit?actor=" + url.QueryEscape(c) + "&target=" + url.QueryEscape(c), "", "", ""},
		"method":              {strings.Map(plain, c), "/admin/v1/tokens", "", "", ""},
		"if-match":            {"PATCH", at, `{"name":"t"}`, "", "If-Match: " + c},
		"any header":          {"GET", "/admin/v1/tokens", "", "", "X-Any: " + c},
		"origin":              {"POST", "/admin/v1/merchants", `{"name":"x"}`, "", "Origin: https://" + c},
		"content type":        {"POST", "/admin/v1/merchants", `{"name":"x"}`, "", "Content-Type: " + c},
		"body, bare":          {"POST", "/admin/v1/tokens", c, "", ""},
		"body, cut":           {"POST", "/admin/v1/tokens", `{"name":` + string(q), "", ""},
		"body, twice":         {"POST", "/admin/v1/merchants", `{` + string(q) + `:1,` + string(q) + `:2}`, "", ""},
		"member name":         {"POST", "/admin/v1/tokens", order(string(q) + `:1`), "", ""},
		"merchant":            {"POST", "/admin/v1/tokens", `{"merchant_id":` + string(q) + `,"name":"x","environment":"live"}`, "", ""},
		"environment":         {"POST", "/admin/v1/tokens", `{"merchant_id":"m","name":"x","environment":` + string(q) + `}`, "", ""},
		"expiry":              {"POST", "/admin/v1/tokens", order(`"expires_in":` + string(q)), "", ""},
		"expiry date":         {"POST", "/admin/v1/tokens", order(`"expires_at":` + string(q)), "", ""},
		"credentials":         {"POST", "/admin/v1/tokens", order(`"credentials":[` + string(q) + `]`), "", ""},
		"ip":                  {"POST", "/admin/v1/tokens", order(`"ip_whitelist":[` + string(q) + `]`), "", ""},
		"methods":             {"POST", "/admin/v1/tokens", order(`"allowed_methods":[` + string(q) + `]`), "", ""},
		"permissions":         {"POST", "/admin/v1/tokens", order(`"permissions":[` + string(q[:len(q)-1]) + ` x"]`), "", ""},
		"country":             {"POST", "/admin/v1/tokens", order(`"composition":{` + string(q) + `:{"ORANGE":["collect"]}}`), "", ""},
		"rate":                {"POST", "/admin/v1/tokens", order(`"rate":` + string(q)), "", ""},
		"quota":               {"POST", "/admin/v1/tokens", order(`"quota":` + string(q)), "", ""},
		"certificate":         {"POST", "/admin/v1/tokens", order(`"client_cert_sha256":[` + string(q) + `]`), "", ""},
		"profile":             {"GET", "/debug/pprof/goroutine?debug=2&k=" + url.QueryEscape(c), "", "", ""},
		"key in the query":    {"GET", "/admin/v1/tokens?key=" + url.QueryEscape(c) + "&access_token=" + url.QueryEscape(c), c, "", ""},
		"cookie":              {"GET", "/admin/v1/tokens", "", c, "Cookie: session=" + c},
		"basic":               {"GET", "/admin/v1/tokens", "", c, "X-Authorization: Basic " + c},
		"mode":                {"POST", "/admin/v1/tokens", order(`"mode":` + string(q)), "", ""},
		"wrong type":          {"POST", "/admin/v1/tokens", order(`"enhanced_security":` + string(q)), "", ""},
		"patch name":          {"PATCH", at, `{` + string(q) + `:1}`, "", ""},
		"patch type":          {"PATCH", at, `{"enabled":` + string(q) + `}`, "", ""},
		"rotate":              {"POST", at + "/rotate", `{"credential":` + string(q) + `,"grace":` + string(q) + `}`, "", ""},
		"user password":       {"POST", "/admin/v1/users", `{"email":"x","role":"auditor","password":` + string(q) + `}`, "", ""},
		"user email":          {"POST", "/admin/v1/users", `{"email":` + string(q) + `,"role":` + string(q) + `}`, "", ""},
		"webhook":             {"PATCH", at, `{"webhook":{"url":` + string(q) + `,"format":` + string(q) + `}}`, "", ""},
		"role":                {"POST", "/admin/v1/keys", `{"name":"n","role":` + string(q) + `}`, "", ""},
		"explain, credential": explain(`{"credential":` + string(q) + `,"request":{"method":"GET","path":"/v1/payments/1","client_ip":"127.0.0.1"}}`),
		"explain, body":       explain(fmt.Sprintf(`{"token_id":%q,"request":{"method":"POST","path":"/v1/payments","client_ip":"127.0.0.1","headers":{"Content-Type":"application/json"},"body_base64":%q}}`, a.token.Token.ID, base64.StdEncoding.EncodeToString([]byte(strings.Replace(good, `"+2250707070707"`, string(q), 1))))),
		"explain, country":    explain(fmt.Sprintf(`{"token_id":%q,"request":{"method":"POST","path":"/v1/payments","client_ip":"127.0.0.1","headers":{"Content-Type":"application/json"},"body_base64":%q}}`, a.token.Token.ID, base64.StdEncoding.EncodeToString([]byte(strings.Replace(good, `"CI"`, string(q), 1))))),
		"explain, rest":       explain(fmt.Sprintf(`{"token_id":%q,"request":{"method":"GET","path":%q,"host":"gw","client_ip":"127.0.0.1","headers":{"X-Any":%s,"Authorization":%s}}}`, a.token.Token.ID, "/v1/payments/"+escaped+"?k="+escaped, q, q)),
		"explain, broken":     explain(fmt.Sprintf(`{"token_id":%s,"request":{"method":%s,"path":%s,"client_ip":%s}}`, q, q, q, q)),
	}
}

// call makes one call of the admin API and gives all of the answer.
func (a *aviary) call(in adminInput) []byte {
	key := in.key
	if key == "" {
		key = a.adminKey
	}
	raw := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n", in.method, in.path, a.admin, key, len(in.body))
	if !strings.HasPrefix(in.header, "Content-Type") {
		raw += "Content-Type: application/json\r\n"
	}
	if in.header != "" {
		raw += in.header + "\r\n"
	}
	got, err := exchange(a.admin, raw+"\r\n"+in.body)
	if err != nil {
		return []byte(err.Error())
	}
	return append(headers(got.header), got.body...)
}

func headers(h http.Header) []byte {
	var b bytes.Buffer
	_ = h.Write(&b)
	return b.Bytes()
}

// No secret, card number or phone number that a client or an admin sends, rightly
// or wrongly, and none that the installation holds, turns up in a log, a metric,
// an error, a list, the audit log or an explanation.
func TestNoSecretTurnsUp(t *testing.T) {
	t.Parallel()
	a := newAviary(t)
	var all sync.WaitGroup
	for _, c := range a.canaries {
		all.Go(func() {
			for position, raw := range a.clientInputs(c.value) {
				got, _ := exchange(a.gateway, raw) // no answer at all is fine too
				a.say("answers", position, c, append(headers(got.header), got.body...))
			}
			for position, in := range a.adminInputs(c.value) {
				a.say("admin answers", position, c, a.call(in))
			}
		})
	}
	all.Wait()
	a.adminKey = bootstrap
	for _, path := range []string{"/metrics", "/admin/v1/merchants", "/admin/v1/tokens?status=ALL", "/admin/v1/tokens/" + a.token.Token.ID, "/admin/v1/tokens/" + a.token.Token.ID + "/phones", "/admin/v1/keys", "/admin/v1/users", "/admin/v1/audit?limit=1000", "/admin/v1/catalog", "/admin/openapi.json", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2"} {
		a.say(path, "", canary{}, a.call(adminInput{"GET", path, "", "", ""}))
	}
	a.say("stdout", "", canary{}, []byte(a.stdout.String()))
	for line := range strings.Lines(a.stderr.String()) {
		a.say("stderr", "", canary{}, []byte(line))
	}
	if n := strings.Count(a.stderr.String(), `"msg":"request"`); n < 500 {
		t.Errorf("the log has %d requests only", n)
	}
	a.search()
}

// search looks for every trace of every canary in every sink, and names both.
func (a *aviary) search() {
	a.t.Helper()
	leaks := map[string]string{}
	for sink, text := range a.sinks {
		for line := range strings.Lines(text.String()) {
			for _, c := range a.canaries {
				for _, trace := range c.traces {
					if at := strings.Index(line, trace); at >= 0 {
						position, _, _ := strings.Cut(line, "] ")
						what := fmt.Sprintf("%s: %s at %s]", sink, c.kind, position)
						leaks[what] = fmt.Sprintf("…%.200s…", line[max(0, at-100):])
					}
				}
			}
		}
	}
	var sorted []string
	for what, line := range leaks {
		sorted = append(sorted, what+"\n\t"+line)
	}
	sort.Strings(sorted)
	if len(sorted) > 0 {
		a.t.Errorf("%d leaks:\n%s", len(sorted), strings.Join(sorted, "\n"))
	}
}
