package gateway_test

import (
	"strings"
	"testing"

	"tollgate/gateway"
	"tollgate/policy/token"
)

// In monitor mode what rows 9, 10 and 12 to 14 and an unreadable body would
// refuse is forwarded, counted and logged as would_deny with the exact reason;
// every other row refuses as always.
func TestMonitorModeLetsPassWhatItCovers(t *testing.T) {
	body := func(old, new string) func(key string) string {
		return func(key string) string {
			return request("POST", "/v1/payments/1", strings.Replace(goodBody, old, new, 1), bearer(key), jsonType)
		}
	}
	for _, c := range []struct {
		reason token.Reason
		passes bool
		change func(*token.Live, *token.Bounds)
		text   func(key string) string
	}{
		{token.HTTPMethodNotAllowed, true, func(_ *token.Live, b *token.Bounds) { b.Methods = []string{"GET"} }, body("", "")},
		{token.PermissionMissing, true, func(_ *token.Live, b *token.Bounds) { b.Permissions = nil }, body("", "")},
		{token.BodyAmbiguous, true, nil, body("{", `{"country":"CI",`)},
		{token.FactMissing, true, nil, body(`"phone"`, `"fone"`)},
		{token.CountryNotAllowed, true, nil, body("CI", "ML")},
		{token.OperatorNotAllowed, true, nil, body("ORANGE", "MOOV")},
		{token.PaymentMethodNotAllowed, true, nil, body("collect", "cashout")},
		{token.PhoneNotAllowed, true, nil, body("+2250707070707", "+2250701010101")},
		{token.BodyUnsupported, true, nil, func(key string) string {
			return request("POST", "/v1/payments/1", goodBody, bearer(key), "Content-Type: text/plain")
		}},
		{token.EnvironmentMismatch, false, func(l *token.Live, _ *token.Bounds) { l.Environment = token.EnvTest }, body("", "")},
		{token.IPNotAllowed, false, func(_ *token.Live, b *token.Bounds) { b.IPRanges = []string{"192.0.2.1"} }, body("", "")},
		{token.TokenRevoked, false, func(l *token.Live, _ *token.Bounds) { l.Revoked = true }, body("", "")},
		{token.BodyTooLarge, false, nil, body("{", "{"+strings.Repeat(" ", 5000))},
	} {
		t.Run(c.reason.Code(), func(t *testing.T) {
			r := newRig(t)
			key := r.roster.add(t, "watched", func(l *token.Live, b *token.Bounds) {
				l.Mode = token.Monitor
				if c.change != nil {
					c.change(l, b)
				}
			})
			a := r.raw(t, c.text(key))
			outcome, status, seen := token.OutcomeWouldDeny, 200, 1
			if !c.passes {
				outcome, status, seen = c.reason.Outcome(), c.reason.Status(), 0
			}
			if a.status != status || len(r.origin.requests()) != seen {
				t.Errorf("got %+v, the upstream saw %d", a, len(r.origin.requests()))
			}
			if e := r.events(t, 1)[0]; e["outcome"] != string(outcome) || e["reason"] != c.reason.Code() {
				t.Errorf("logged %v", e)
			}
			if r.counted(t, c.reason.Code()) != 1 {
				t.Error("not counted once")
			}
		})
	}
	// A route's mode suffices too.
	r := newRig(t, withPlan(func(p *gateway.Plan) { p.Routes[0].Rule.Mode = token.Monitor }))
	if a := r.raw(t, body("CI", "ML")(r.roster.add(t, "good", nil))); a.status != 200 {
		t.Errorf("on a monitored route: %+v", a)
	}
}

// One carrier is read by the dialect that its value belongs to; two carriers
// that hold something are ambiguous; carriers of dialects that the route does
// not list are not looked at, and not forwarded.
func TestWhichDialectIsSpoken(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"
	for _, c := range []struct {
		name     string
		dialects []string
		headers  func(key string) []string
		status   int
		code     string
		dialect  string
	}{
		{"key, payment first", []string{"payment", "oauth"}, func(k string) []string { return []string{bearer(k)} }, 200, "", "payment"},
		{"key, oauth first", []string{"oauth", "payment"}, func(k string) []string { return []string{bearer(k)} }, 200, "", "payment"},
		{"jwt", []string{"payment", "oauth"}, func(string) []string { return []string{bearer(jwt)} }, 401, "token_invalid", "oauth"},
		{"neither", []string{"payment", "oauth"}, func(string) []string { return []string{bearer("abc")} }, 401, "token_invalid", "payment"},
		{"neither, oauth first", []string{"oauth", "payment"}, func(string) []string { return []string{bearer("abc")} }, 401, "token_invalid", "oauth"},
		{"lower-case scheme", []string{"payment"}, func(k string) []string { return []string{"Authorization: bearer " + k} }, 200, "", "payment"},
		{"two spaces", []string{"payment"}, func(k string) []string { return []string{"Authorization: Bearer  " + k} }, 401, "token_invalid", "payment"},
		{"nothing behind the scheme", []string{"payment"}, func(string) []string { return []string{"Authorization: Bearer"} }, 401, "token_invalid", "payment"},
		{"key of another route", []string{"oauth"}, func(k string) []string { return []string{bearer(k)} }, 401, "token_invalid", "oauth"},
		{"basic", []string{"payment", "oauth"}, func(string) []string { return []string{"Authorization: Basic YTpi"} }, 401, "credentials_missing", ""},
		{"two carriers", []string{"payment", "header"}, func(k string) []string { return []string{bearer(k), "token: " + k} }, 400, "credentials_ambiguous", "payment"},
		{"two carriers, one unreadable", []string{"payment", "header"}, func(k string) []string { return []string{bearer(k), "token: x"} }, 400, "credentials_ambiguous", "payment"},
		{"two carriers, one not listed", []string{"payment"}, func(k string) []string { return []string{bearer(k), "token: " + k} }, 200, "", "payment"},
		{"other carrier", []string{"payment", "header"}, func(k string) []string { return []string{"token: " + k} }, 200, "", "header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, withPlan(func(p *gateway.Plan) { p.Routes[1].Dialects = c.dialects }))
			key := r.roster.add(t, "good", nil)
			a := r.raw(t, request("GET", "/v1/status/1", "", c.headers(key)...))
			if a.status != c.status || a.code() != c.code {
				t.Errorf("got %+v, want %d %s", a, c.status, c.code)
			}
			if e := r.events(t, 1)[0]; e["dialect"] != c.dialect {
				t.Errorf("logged as %v, want %s", e["dialect"], c.dialect)
			}
			for _, s := range r.origin.requests() {
				if s.header.Get("Authorization")+s.header.Get("Token") != "" {
					t.Errorf("a credential was forwarded: %v", s.header)
				}
			}
		})
	}
}

// Secrets, card numbers and phones, wherever a client puts them, are in no log
// and no metric.
func TestNothingOfTheRequestLeaksIntoSinks(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	canaries := []string{madeUpKey(), "4111111111111111", "+2250709999999", "hunter2canary", "sig_live_" + strings.Repeat("c", 46)}
	for _, canary := range canaries {
		for _, text := range []string{
			request("GET", "/v1/status/"+strings.ReplaceAll(canary, "+", "%2B")+"?q="+strings.ReplaceAll(canary, "+", "%2B"), "", bearer(key)),
			request("GET", "/nowhere/"+strings.ReplaceAll(canary, "+", "%2B"), ""),
			request("GET", "/v1/status/1", "", bearer(canary)),
			request("GET", "/v1/status/1", "", "Authorization: "+canary, "Cookie: a="+canary, "X-Request-Id: "+canary, "X-Forwarded-For: "+canary),
			request("GET", "/v1/status/1", "", bearer(canary)+"\x01"),
			request("GET", "/v1/status/1", "", canary),
			request(strings.Trim(canary, "+"), "/", ""),
			"GET /v1/status/1 HTTP/1.1\r\nHost: " + strings.Trim(canary, "+") + "\r\n\r\n",
			request("POST", "/v1/payments/1", `{"country":"`+canary+`","operator":"`+canary+`","method":"`+canary+`","phone":"`+canary+`"}`, bearer(key), jsonType),
			request("POST", "/v1/payments/1", strings.Replace(goodBody, "CI", canary, 1), bearer(key), jsonType),
			request("POST", "/v1/payments/1", canary, bearer(key), jsonType),
			canary + "\r\n\r\n",
		} {
			c := r.dial(t)
			c.write(text)
			c.answer("GET")
			c.conn.Close()
		}
	}
	r.events(t, 12*len(canaries))
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	metrics := ""
	for _, f := range families {
		metrics += f.String()
	}
	for _, canary := range canaries {
		needle := strings.TrimPrefix(canary, "+225")
		for name, sink := range map[string]string{"access log": r.log.String(), "log": r.words.String(), "metrics": metrics} {
			if strings.Contains(sink, needle) {
				t.Errorf("%q is in the %s", canary, name)
			}
		}
	}
}
