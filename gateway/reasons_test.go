package gateway_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// reasonCase is one way to be refused.
type reasonCase struct {
	reason  token.Reason
	name    string // beside the reason
	code    string // on the wire, where it is not the reason's
	status  int    // where it is not the reason's
	arrange func(t *testing.T, r *rig) string
	options []rigOption
	header  map[string]string // that the answer has
	body    string            // that the answer holds
	keeps   bool              // the connection lives on
}

func post(body string, headers ...string) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		key := r.roster.add(t, "asker", nil)
		return request("POST", "/v1/payments/1", body, append([]string{bearer(key), jsonType}, headers...)...)
	}
}

func postAs(change func(*token.Live, *token.Bounds)) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		return request("POST", "/v1/payments/1", goodBody, bearer(r.roster.add(t, "asker", change)), jsonType)
	}
}

func refusedAs(reason token.Reason) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		key := r.roster.add(t, "asker", nil)
		r.roster.refused[key] = reason
		return request("GET", "/v1/status/1", "", bearer(key))
	}
}

const bearerRealm = `Bearer realm="tollgate"`

func reasonCases() []reasonCase {
	plain := func(text string) func(*testing.T, *rig) string {
		return func(*testing.T, *rig) string { return text }
	}
	invalid := map[string]string{"Www-Authenticate": bearerRealm + `, error="invalid_token"`}
	scope := map[string]string{"Www-Authenticate": bearerRealm + `, error="insufficient_scope"`}
	again := map[string]string{"Retry-After": "1"}
	return []reasonCase{
		{reason: token.MalformedRequest, arrange: plain("GET /v1/status/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")},
		{reason: token.MalformedRequest, name: "path", arrange: plain(request("GET", "/v1//status/1", ""))},
		{reason: token.LengthRequired, arrange: plain("POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
		{reason: token.BodyTooLarge, arrange: post(strings.Repeat(" ", 5000))},
		{reason: token.ExpectationFailed, arrange: plain(request("GET", "/v1/status/1", "", "Expect: 200-ok"))},
		{reason: token.HeadersTooLarge, arrange: plain(request("GET", "/v1/status/1", "", "X-Long: "+strings.Repeat("a", 20000)))},
		{reason: token.MethodNotImplemented, arrange: plain(request("TRACE", "/v1/status/1", ""))},
		{reason: token.VersionUnsupported, arrange: plain("GET /v1/status/1 HTTP/1.2\r\nHost: a\r\n\r\n")},
		{reason: token.NoRoute, arrange: plain(request("GET", "/v1/nothing", "")), keeps: true},
		{reason: token.MethodNotRouted, arrange: plain(request("DELETE", "/v1/payments/1", "")), keeps: true, header: map[string]string{"Allow": "GET, HEAD, POST"}},
		{reason: token.AuthThrottled, keeps: true, header: again, arrange: func(t *testing.T, r *rig) string {
			r.roster.throttled = true
			return request("GET", "/v1/status/1", "", bearer(madeUpKey()))
		}},
		{reason: token.CredentialsMissing, arrange: plain(request("GET", "/v1/status/1", "")), keeps: true, header: map[string]string{"Www-Authenticate": bearerRealm}},
		{reason: token.CredentialsMissing, name: "basic", arrange: plain(request("GET", "/v1/status/1", "", "Authorization: Basic YTpi")), keeps: true},
		{reason: token.CredentialsAmbiguous, keeps: true, arrange: plain(request("GET", "/v1/both/1", "", bearer(madeUpKey()), "token: x")), options: []rigOption{withPlan(twoCarriers)}},
		{reason: token.TokenInvalid, arrange: plain(request("GET", "/v1/status/1", "", bearer(madeUpKey()))), keeps: true, header: invalid},
		{reason: token.TokenInvalid, name: "malformed", arrange: plain(request("GET", "/v1/status/1", "", "Authorization: Bearer ???")), keeps: true, header: invalid},
		{reason: token.TokenInvalid, name: "with body", arrange: plain(request("POST", "/v1/payments/1", goodBody, bearer(madeUpKey()))), header: invalid},
		{reason: token.TokenExpired, code: "token_invalid", arrange: postAs(func(l *token.Live, _ *token.Bounds) { l.ExpiresAt = 1 }), header: invalid},
		{reason: token.TokenRevoked, code: "token_invalid", arrange: postAs(func(l *token.Live, _ *token.Bounds) { l.Revoked = true }), header: invalid},
		{reason: token.TokenDisabled, code: "token_invalid", arrange: postAs(func(l *token.Live, _ *token.Bounds) { l.Enabled = false }), header: invalid},
		{reason: token.MerchantSuspended, code: "token_invalid", arrange: postAs(func(l *token.Live, _ *token.Bounds) { l.MerchantActive = false }), header: invalid},
		{reason: token.SignatureInvalid, code: "token_invalid", arrange: refusedAs(token.SignatureInvalid), keeps: true, header: invalid},
		{reason: token.Replayed, code: "token_invalid", arrange: refusedAs(token.Replayed), keeps: true, header: invalid},
		{reason: token.AccessTokenRequired, code: "token_invalid", arrange: refusedAs(token.AccessTokenRequired), keeps: true, header: invalid},
		{reason: token.CannotDecide, keeps: true, header: again, arrange: func(t *testing.T, r *rig) string {
			r.roster.away = true
			return request("GET", "/v1/status/1", "", bearer(madeUpKey()))
		}},
		{reason: token.CannotDecide, name: "stale", keeps: true, header: again, arrange: func(t *testing.T, r *rig) string {
			r.stale.Store(true)
			return request("GET", "/v1/status/1", "", bearer(r.roster.add(t, "asker", nil)))
		}},
		{reason: token.EnvironmentMismatch, arrange: postAs(func(l *token.Live, _ *token.Bounds) { l.Environment = token.EnvTest })},
		{reason: token.EnvironmentMismatch, name: "asked for", arrange: post(goodBody, "X-Environment: Sandbox")},
		{reason: token.EnvironmentMismatch, name: "unknown word", arrange: post(goodBody, "X-Environment: staging")},
		{reason: token.IPNotAllowed, keeps: true, body: `"client_ip":"127.0.0.1"`, arrange: postAs(func(_ *token.Live, b *token.Bounds) { b.IPRanges = []string{"192.0.2.0/24"} })},
		{reason: token.ClientCertNotAllowed, keeps: true, arrange: postAs(func(_ *token.Live, b *token.Bounds) { b.ClientCerts = []string{strings.Repeat("ab", 32)} })},
		{reason: token.HTTPMethodNotAllowed, header: scope, arrange: postAs(func(_ *token.Live, b *token.Bounds) { b.Methods = []string{"GET"} })},
		{reason: token.PermissionMissing, header: scope, arrange: postAs(func(_ *token.Live, b *token.Bounds) { b.Permissions = nil })},
		{reason: token.BodyAmbiguous, keeps: true, arrange: post(strings.Replace(goodBody, "{", `{"phone":"+2250707070707",`, 1))},
		{reason: token.BodyUnsupported, keeps: true, arrange: post(goodBody, "Content-Encoding: gzip")},
		{reason: token.FactMissing, keeps: true, header: scope, arrange: post(strings.Replace(goodBody, `"phone"`, `"fone"`, 1))},
		{reason: token.FactConflict, keeps: true, header: scope, arrange: post(`{"country":"CI","land":"ML","operator":"ORANGE","method":"collect","phone":"+2250707070707"}`), options: []rigOption{twoCountries}},
		{reason: token.CountryNotAllowed, keeps: true, header: scope, body: `"country":"ML"`, arrange: post(strings.Replace(goodBody, `"CI"`, `"ML"`, 1))},
		{reason: token.OperatorNotAllowed, keeps: true, header: scope, body: `"operator":"MOOV"`, arrange: post(strings.Replace(goodBody, "ORANGE", "MOOV", 1))},
		{reason: token.PaymentMethodNotAllowed, keeps: true, header: scope, body: `"method":"cashout"`, arrange: post(strings.Replace(goodBody, "collect", "cashout", 1))},
		{reason: token.PhoneNotAllowed, keeps: true, header: scope, body: `"phone":"+***********01"`, arrange: post(strings.Replace(goodBody, "+2250707070707", "+2250701010101", 1))},
		{reason: token.PhoneNotAllowed, name: "disabled", keeps: true, header: scope, arrange: post(strings.Replace(goodBody, "+2250707070707", "+2250708080808", 1))},
		{reason: token.QuotaExceeded, keeps: true, options: []rigOption{withOptions(func(o *gateway.Options) { o.Quotas = usedUp{} })}, arrange: func(t *testing.T, r *rig) string {
			return request("POST", "/v1/payments/1", goodBody, bearer(r.roster.add(t, "metered", func(_ *token.Live, b *token.Bounds) { b.Quota = "5/month" })), jsonType)
		}},
		{reason: token.RateLimited, header: map[string]string{"Retry-After": "3600"}, arrange: func(t *testing.T, r *rig) string {
			key := r.roster.add(t, "asker", func(_ *token.Live, b *token.Bounds) { b.Rate = "1/h" })
			text := request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType)
			if a := r.raw(t, text); a.status != 200 {
				t.Fatalf("the first request got %+v", a)
			}
			r.events(t, 1) // its line, which comes a moment after the answer, is not the one that counts
			return text
		}},
		{reason: token.UpstreamUnreachable, keeps: true, header: again, arrange: post(goodBody), options: []rigOption{upstreamAt(closedAddress)}},
		{reason: token.UpstreamFailed, keeps: true, body: `"outcome":"unknown"`, arrange: post(goodBody), options: []rigOption{upstreamAt(hangingUp)}},
		{reason: token.UpstreamTimeout, keeps: true, body: `"outcome":"unknown"`, arrange: post(goodBody), options: []rigOption{upstreamAt(silent)}},
		{reason: token.InternalError, keeps: false, arrange: func(t *testing.T, r *rig) string {
			r.roster.panics.Store(true)
			return request("GET", "/v1/status/1", "", bearer(madeUpKey()))
		}},
	}
}

func madeUpKey() string {
	return string(token.Compose(token.KindKey, token.EnvLive, []byte(strings.Repeat("madeup", 6)+"1234")))
}

func twoCarriers(p *gateway.Plan) {
	spec := p.Routes[1]
	spec.Path, spec.Dialects = "/v1/both/{id}", []string{"payment", "header"}
	p.Routes = append(p.Routes, spec)
}

func twoCountries(r *rig) {
	text := policy.FactsText{Country: []string{"json:/country", "json:/land"}, Operator: []string{"json:/operator"},
		Method: []string{"json:/method"}, Phone: []string{"json:/phone"}}
	spec, _ := policy.ParseFacts(text)
	r.plan.Routes[0].Facts = mustCompile(r, spec)
}

// upstreamAt puts another origin behind the gateway.
func upstreamAt(listen func(*rig) string) rigOption {
	return func(r *rig) {
		r.plan.Upstreams["payments"] = gateway.UpstreamSpec{Targets: []string{"http://" + listen(r)}, ConnectTimeout: 2 * time.Second, Timeout: 300 * time.Millisecond}
	}
}

func closedAddress(r *rig) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// hangingUp reads a request and ends the connection; silent reads and says
// nothing.
func hangingUp(r *rig) string {
	return answering(r, func(c net.Conn) { io.ReadFull(c, make([]byte, 200)); c.Close() })
}
func silent(r *rig) string {
	return answering(r, func(c net.Conn) { io.Copy(io.Discard, c); c.Close() })
}

func answering(r *rig, serve func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

// Every reason of the order of checks that these dialects can give is answered
// with its status and code, counted once, logged once with its exact word, and
// nothing of the request reaches the upstream.
func TestEveryReasonIsAnsweredCountedAndLogged(t *testing.T) {
	covered := map[token.Reason]bool{token.RequestTimeout: true, // TestSlowRequestsEnd
		token.UpstreamSaturated: true, // the upstream's own tests
		token.Overloaded:        true, // TestOverloadedBodyIsShedUnread
	}
	for _, c := range reasonCases() {
		covered[c.reason] = true
		t.Run(strings.TrimSpace(c.reason.Code()+" "+c.name), func(t *testing.T) { c.run(t) })
	}
	for _, reason := range token.Reasons() {
		if reason < token.InvalidRequest && !covered[reason] {
			t.Errorf("no case for %s", reason)
		}
	}
}

func (c reasonCase) run(t *testing.T) {
	r := newRig(t, c.options...)
	text := c.arrange(t, r)
	before, lines := len(r.origin.requests()), strings.Count(r.log.String(), "\n")
	a := r.raw(t, text)
	code, status := c.code, c.status
	if code == "" {
		code = c.reason.Code()
	}
	if status == 0 {
		status = c.reason.Status()
	}
	if a.status != status || a.code() != code {
		t.Errorf("answered %d %s, want %d %s", a.status, a.body, status, code)
	}
	if a.closed == c.keeps {
		t.Errorf("the connection was closed: %v, want %v", a.closed, !c.keeps)
	}
	for name, want := range c.header {
		if got := a.header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if id := a.header.Get("X-Request-Id"); len(id) != 32 || !strings.Contains(a.body, id) {
		t.Errorf("request id %q is not in the body %s", id, a.body)
	}
	if !strings.Contains(a.body, c.body) {
		t.Errorf("body %s has no %s", a.body, c.body)
	}
	if n := len(r.origin.requests()) - before; n != 0 {
		t.Errorf("the upstream saw %d requests", n)
	}
	events := r.events(t, lines+1)
	if e := events[len(events)-1]; len(events) != lines+1 || e["reason"] != c.reason.Code() || e["outcome"] != string(c.reason.Outcome()) || e["status"] != float64(status) {
		t.Errorf("%d events, the last %v; want one more with %s", len(events), e, c.reason)
	}
	if n := r.counted(t, c.reason.Code()); n != 1 {
		t.Errorf("tollgate_requests_total{reason=%q} is %v, want 1", c.reason.Code(), n)
	}
}

// counted is the sum of tollgate_requests_total with the reason.
func (r *rig) counted(t testing.TB, reason string) (sum float64) {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tollgate_requests_total" {
			continue
		}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "reason" && l.GetValue() == reason {
					sum += m.Counter.GetValue()
				}
			}
		}
	}
	return sum
}
