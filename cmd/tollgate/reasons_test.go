package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"tollgate/policy/token"
)

const reasonsConfig = siteConfig + `
  - match: {path: /v1/refunds, methods: [POST]}
    upstream: origin
    dialects: [payment]
    permission: refunds:write
    facts: none
  - match: {path: /v1/conflict, methods: [POST]}
    upstream: origin
    dialects: [payment]
    facts: {country: [json:/country, json:/payer/country], operator: [json:/operator], method: [const:collect], phone: [json:/phone]}
  - match: {path: /v1/slow, methods: [POST]}
    upstream: origin
    dialects: [payment]
    facts: none
    timeout: 150ms
  - match: {path: /v1/gone, methods: [POST]}
    upstream: gone
    dialects: [payment]
    facts: none
  - match: {path: /v1/narrow, methods: [POST]}
    upstream: narrow
    dialects: [payment]
    facts: none
limits: {max_body: 4KiB, max_header: 4KiB, read_header_timeout: 500ms}
auth_throttle: {failures: 5, window: 1m}
`

// reasonRow is one way to be refused, and all that must be true of it.
type reasonRow struct {
	reason  token.Reason
	raw     string
	status  int
	code    string // on the wire; "": the reason's own
	headers map[string]string
	body    []string // pieces that the body must have
	reaches bool     // the upstream saw it: row 16, sent
}

// One row for each reason that these dialects can give: the status, the body,
// the headers, the metric's label and the log's word are the documented ones,
// and the upstream saw nothing.
func TestEveryReasonIsAnsweredAsDocumented(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close() // a port where nobody listens
	upstreams := fmt.Sprintf("  origin: {targets: [ORIGIN]}\n  gone: {targets: [\"http://%s\"]}\n  narrow: {targets: [ORIGIN], max_conns: 1}\n", gone.Addr())
	s := newSite(t, strings.Replace(reasonsConfig, "  origin: {targets: [ORIGIN]}\n", upstreams, 1))
	f := newReasonFixture(s)
	for _, row := range f.rows() {
		t.Run(row.reason.Code(), func(t *testing.T) { f.check(t, row) })
	}
	t.Run("auth_throttled", f.throttled)
	t.Run("rate_limited", f.rateLimited)
	t.Run("upstream_failed", f.upstreamFailed)
	t.Run("upstream_timeout", f.upstreamTimeout)
	t.Run("upstream_saturated", f.upstreamSaturated)
	t.Run("cannot_decide", f.cannotDecide) // last: it closes the store
}

type reasonFixture struct {
	*site
	good                                                                 made
	elsewhere, till, reader, expired, revoked, disabled, suspended, play made
	jwt                                                                  string
}

func newReasonFixture(s *site) *reasonFixture {
	f := &reasonFixture{site: s}
	f.good = s.token(composed, `"phones":[{"country":"CI","number":"0707070707"}]`)
	f.elsewhere = s.token(composed, `"ip_whitelist":["192.0.2.0/24"]`)
	f.till = s.token(composed, `"client_cert_sha256":["`+strings.Repeat("ab", 32)+`"]`)
	f.reader = s.token(composed, `"allowed_methods":["GET"]`)
	f.play = s.token(composed, `"environment":"test"`)
	f.expired = s.token(composed, `"expires_in":"1s"`)
	f.revoked = s.token(composed)
	s.api("POST", "/admin/v1/tokens/"+f.revoked.Token.ID+"/revoke", "", http.StatusOK, nil)
	f.disabled = s.token(composed)
	s.api("PATCH", "/admin/v1/tokens/"+f.disabled.Token.ID, `{"enabled":false}`, http.StatusOK, nil)
	home := s.merchant
	var other merchantView
	s.api("POST", "/admin/v1/merchants", `{"name":"Suspended"}`, http.StatusCreated, &other)
	s.merchant = other.ID
	f.suspended = s.token(composed)
	s.merchant = home
	s.api("PATCH", "/admin/v1/merchants/"+other.ID, `{"status":"suspended"}`, http.StatusOK, nil)
	f.jwt = s.jwt(f.good)
	s.eventually("the expiry", func() bool { return s.send(pay(f.expired.Credentials.Key, good)).status == 401 })
	return f
}

const good = `{"country":"CI","operator":"ORANGE","method":"collect","customer":{"phone":"+2250707070707"}}`

// tampered is a JWT whose signature has another character in the middle.
func tampered(jwt string) string {
	at := len(jwt) - 10
	c := byte('A')
	if jwt[at] == c {
		c = 'B'
	}
	return jwt[:at] + string(c) + jwt[at+1:]
}

func (f *reasonFixture) rows() []reasonRow {
	key := f.good.Credentials.Key
	swap := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	post := func(path, key, body string) string {
		return strings.Replace(pay(key, body), "/v1/payments", path, 1)
	}
	invalid := map[string]string{"Www-Authenticate": `Bearer realm="tollgate", error="invalid_token"`}
	narrow := map[string]string{"Www-Authenticate": `Bearer realm="tollgate", error="insufficient_scope"`}
	return []reasonRow{
		{reason: token.MalformedRequest, raw: "GET /v1/payments/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", status: 400},
		{reason: token.RequestTimeout, raw: "GET /v1/payments/1 HTTP/1.1\r\nHost: gw\r\nX-Slow", status: 408},
		{reason: token.LengthRequired, raw: "POST /v1/payments HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer " + key + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", status: 411},
		{reason: token.BodyTooLarge, raw: pay(key, strings.Repeat(" ", 5000)+good), status: 413},
		{reason: token.ExpectationFailed, raw: pay(key, good, "Expect: 200-ok"), status: 417},
		{reason: token.HeadersTooLarge, raw: pay(key, good, "X-Long: "+strings.Repeat("a", 8<<10)), status: 431},
		{reason: token.MethodNotImplemented, raw: "BREW /v1/payments HTTP/1.1\r\nHost: gw\r\n\r\n", status: 501},
		{reason: token.VersionUnsupported, raw: "GET /v1/payments/1 HTTP/1.9\r\nHost: gw\r\n\r\n", status: 505},
		{reason: token.NoRoute, raw: get(key, "/v1/Payments/1"), status: 404},
		{reason: token.MethodNotRouted, raw: strings.Replace(get(key, "/v1/payments/1"), "GET", "DELETE", 1), status: 405, headers: map[string]string{"Allow": "GET, HEAD"}},
		{reason: token.CredentialsMissing, raw: pay("", good), status: 401, headers: map[string]string{"Www-Authenticate": `Bearer realm="tollgate"`}},
		{reason: token.TokenInvalid, raw: pay("tg_live_"+strings.Repeat("0", 46), good), status: 401, headers: invalid},
		{reason: token.TokenExpired, raw: pay(f.expired.Credentials.Key, good), status: 401, code: "token_invalid", headers: invalid},
		{reason: token.TokenRevoked, raw: pay(f.revoked.Credentials.Key, good), status: 401, code: "token_invalid", headers: invalid},
		{reason: token.TokenDisabled, raw: pay(f.disabled.Credentials.Key, good), status: 401, code: "token_invalid", headers: invalid},
		{reason: token.MerchantSuspended, raw: pay(f.suspended.Credentials.Key, good), status: 401, code: "token_invalid", headers: invalid},
		{reason: token.SignatureInvalid, raw: pay(tampered(f.jwt), good), status: 401, code: "token_invalid", headers: invalid},
		{reason: token.EnvironmentMismatch, raw: pay(f.play.Credentials.Key, good), status: 403},
		{reason: token.IPNotAllowed, raw: pay(f.elsewhere.Credentials.Key, good), status: 403, body: []string{`"client_ip":"127.0.0.1"`}},
		{reason: token.ClientCertNotAllowed, raw: pay(f.till.Credentials.Key, good), status: 403},
		{reason: token.HTTPMethodNotAllowed, raw: pay(f.reader.Credentials.Key, good), status: 403, headers: narrow},
		{reason: token.PermissionMissing, raw: post("/v1/refunds", key, "{}"), status: 403, headers: narrow},
		{reason: token.BodyAmbiguous, raw: pay(key, swap(`"country":"CI"`, `"country":"SN","country":"CI"`)), status: 400},
		{reason: token.BodyUnsupported, raw: pay(key, good, "Content-Type: text/plain"), status: 415},
		{reason: token.FactMissing, raw: pay(key, swap(`"+2250707070707"`, "null")), status: 403, headers: narrow},
		{reason: token.FactConflict, raw: post("/v1/conflict", key, `{"country":"CI","payer":{"country":"ML"},"operator":"MTN","phone":"+2250707070707"}`), status: 403, headers: narrow},
		{reason: token.CountryNotAllowed, raw: pay(key, swap("CI", "SN")), status: 403, headers: narrow, body: []string{`"country":"SN"`}},
		{reason: token.OperatorNotAllowed, raw: pay(key, swap("ORANGE", "WAVE")), status: 403, headers: narrow, body: []string{`"operator":"WAVE"`}},
		{reason: token.PaymentMethodNotAllowed, raw: pay(key, swap("collect", "refund")), status: 403, headers: narrow, body: []string{`"method":"refund"`}},
		{reason: token.PhoneNotAllowed, raw: pay(key, swap("0707070707", "0707070799")), status: 403, headers: narrow, body: []string{`99"`, `**`}},
		{reason: token.UpstreamUnreachable, raw: post("/v1/gone", key, "{}"), status: 503, headers: map[string]string{"Retry-After": "1"}},
	}
}

// check sends the row once and looks everywhere.
func (f *reasonFixture) check(t *testing.T, row reasonRow) reply {
	t.Helper()
	label := fmt.Sprintf(`reason="%s"`, row.reason)
	before, seen := f.metric("tollgate_requests_total", label), f.origin.seen.Load()
	got := f.send(row.raw)
	if got.status != row.status {
		t.Fatalf("status %d, want %d: %s", got.status, row.status, got.body)
	}
	code := row.code
	if code == "" {
		code = row.reason.Code()
	}
	requestID := got.header.Get("X-Request-Id")
	pieces := append(row.body, `"type":"urn:tollgate:reason:`+code+`"`, `"code":"`+code+`"`, fmt.Sprintf(`"status":%d`, row.status), `"request_id":"`+requestID+`"`)
	for _, piece := range pieces {
		if !strings.Contains(string(got.body), piece) {
			t.Errorf("the body lacks %s: %s", piece, got.body)
		}
	}
	if got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("Content-Type %q", got.header.Get("Content-Type"))
	}
	for name, want := range row.headers {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	if len(requestID) != 32 {
		t.Errorf("X-Request-Id %q is not 128 bits in hex", requestID)
	}
	event := f.event(requestID)
	if event["reason"] != row.reason.Code() || event["status"] != float64(row.status) || event["outcome"] != string(row.reason.Outcome()) {
		t.Errorf("log line: %v", event)
	}
	if after := f.metric("tollgate_requests_total", label, fmt.Sprintf(`code="%d"`, row.status)); after != before+1 {
		t.Errorf("the metric with %s went from %v to %v", label, before, after)
	}
	if reached := f.origin.seen.Load() - seen; (reached != 0) != row.reaches {
		t.Errorf("the upstream saw %d requests", reached)
	}
	return got
}

func (f *reasonFixture) throttled(t *testing.T) {
	made := "tg_live_" + strings.Repeat("Z", 46)
	f.eventually("the throttle", func() bool { return f.send(pay(made, good)).status == 429 })
	f.check(t, reasonRow{reason: token.AuthThrottled, raw: pay(made, good), status: 429})
	if got := f.send(pay(f.good.Credentials.Key, good)); got.status != 200 {
		t.Errorf("a good key from the same address is answered %d", got.status)
	}
	if got := f.send(pay(f.revoked.Credentials.Key, good)); got.status != 401 {
		t.Errorf("a revoked key from the same address is answered %d", got.status)
	}
}

func (f *reasonFixture) rateLimited(t *testing.T) {
	slow := f.token(composed, `"rate":"1/m"`).Credentials.Key
	if got := f.send(pay(slow, good)); got.status != 200 {
		t.Fatalf("the first request is answered %d: %s", got.status, got.body)
	}
	got := f.check(t, reasonRow{reason: token.RateLimited, raw: pay(slow, good), status: 429})
	if after := got.header.Get("Retry-After"); after == "" || after == "0" {
		t.Errorf("Retry-After %q", after)
	}
}

func (f *reasonFixture) upstreamFailed(t *testing.T) {
	f.origin.does(func(net.Conn, *http.Request) bool { return false }) // reads the request and hangs up
	defer f.origin.does(nil)
	f.check(t, reasonRow{reason: token.UpstreamFailed, raw: pay(f.good.Credentials.Key, good), status: 502, body: []string{`"outcome":"unknown"`}, reaches: true})
}

func (f *reasonFixture) upstreamTimeout(t *testing.T) {
	hold := make(chan struct{})
	f.origin.does(func(net.Conn, *http.Request) bool { <-hold; return false })
	defer f.origin.does(nil)
	defer close(hold)
	raw := strings.Replace(pay(f.good.Credentials.Key, "{}"), "/v1/payments", "/v1/slow", 1)
	f.check(t, reasonRow{reason: token.UpstreamTimeout, raw: raw, status: 504, body: []string{`"outcome":"unknown"`}, reaches: true})
}

func (f *reasonFixture) upstreamSaturated(t *testing.T) {
	hold, taken := make(chan struct{}), make(chan struct{}, 8)
	f.origin.does(func(conn net.Conn, _ *http.Request) bool {
		taken <- struct{}{}
		<-hold
		conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) //nolint:errcheck // the gateway may have gone
		return true
	})
	defer f.origin.does(nil)
	raw := strings.Replace(pay(f.good.Credentials.Key, "{}"), "/v1/payments", "/v1/narrow", 1)
	first := make(chan reply, 1)
	go func() { r, _ := exchange(f.gateway, raw); first <- r }()
	<-taken
	f.check(t, reasonRow{reason: token.UpstreamSaturated, raw: raw, status: 503, headers: map[string]string{"Retry-After": "1"}})
	close(hold)
	if r := <-first; r.status != 200 {
		t.Errorf("the request that held the connection is answered %d", r.status)
	}
}

// cannotDecide takes the store away: a credential that is not remembered gets
// 503, never 401, and nothing is forwarded; one that is remembered works on.
func (f *reasonFixture) cannotDecide(t *testing.T) {
	fresh := f.token(composed).Credentials.Key
	if got := f.send(pay(f.good.Credentials.Key, good)); got.status != 200 {
		t.Fatalf("before the outage: %d", got.status)
	}
	f.outage = true
	if err := f.house.store.Close(); err != nil {
		t.Fatal(err)
	}
	f.check(t, reasonRow{reason: token.CannotDecide, raw: get(fresh, "/v1/payments/1"), status: 503, headers: map[string]string{"Retry-After": "1"}})
	if got := f.send(pay(f.good.Credentials.Key, good)); got.status != 200 {
		t.Errorf("a remembered key during the outage: %d %s", got.status, got.body)
	}
}
