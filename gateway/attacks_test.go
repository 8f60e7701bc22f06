package gateway_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tollgate/gateway"
	"tollgate/policy/token"
)

// A request without a credential, with an empty, a malformed or a made-up one, or
// with two, reaches nobody (security.md §5.1, row 1): 401 says what is asked for,
// and which of two would be judged is not for us to guess.
func TestNobodyWithoutACredentialGetsIn(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	ask := func(headers ...string) answer { return r.raw(t, request("GET", "/v1/status/1", "", headers...)) }
	f := func(name string, status int, reason string, headers ...string) {
		t.Helper()
		before := r.counted(t, reason)
		a := ask(headers...)
		if a.status != status || status == 401 && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %+v, want %d", name, a, status)
		}
		if n := r.counted(t, reason) - before; n != 1 {
			t.Errorf("%s: %v more of %s, want 1", name, n, reason)
		}
	}
	f("none", 401, "credentials_missing")
	f("empty", 401, "credentials_missing", "Authorization:")
	f("scheme alone", 401, "token_invalid", "Authorization: Bearer ")
	f("another scheme", 401, "credentials_missing", "Authorization: Basic dXNlcjpwdw==")
	f("no scheme", 401, "credentials_missing", "Authorization: "+key)
	f("two spaces", 401, "token_invalid", "Authorization: Bearer  "+key)
	f("quoted", 401, "token_invalid", `Authorization: Bearer "`+key+`"`)
	f("with a list", 401, "token_invalid", bearer(key)+", "+key)
	f("made up", 401, "token_invalid", bearer(madeUpKey()))
	f("cut", 401, "token_invalid", bearer(key[:len(key)-1]))
	f("longer", 401, "token_invalid", bearer(key+"a"))
	f("dots", 401, "token_invalid", bearer(strings.Repeat(".", 12000)))
	f("two", 400, "malformed_request", bearer(key), bearer(key))
	f("two, one empty", 400, "malformed_request", bearer(key), "authorization:")
	if n := len(r.origin.requests()); n != 0 {
		t.Errorf("the upstream saw %d of them", n)
	}
	for _, scheme := range []string{"Bearer", "bearer", "BEARER"} { // schemes have no case
		if a := ask("Authorization: " + scheme + " " + key); a.status != 200 {
			t.Errorf("%s: %+v", scheme, a)
		}
	}
}

// A stranger who claims a listed address in any header there is for it comes from
// where he comes from (row 20): 403, and the upstream sees nothing.
func TestStrangersCannotClaimAnAddress(t *testing.T) {
	for _, header := range []gateway.ForwardedHeader{gateway.XForwardedFor, gateway.Forwarded, gateway.NoForwarded} {
		r := newRig(t, withPlan(func(p *gateway.Plan) {
			p.ForwardedHeader, p.TrustedProxies = header, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}))
		key := r.roster.add(t, "far", func(_ *token.Live, b *token.Bounds) { b.IPRanges = []string{"192.0.2.7"} })
		for _, claim := range []string{"X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 192.0.2.7, 10.0.0.1", "Forwarded: for=192.0.2.7", `Forwarded: for="192.0.2.7:80"`,
			"X-Real-IP: 192.0.2.7", "True-Client-IP: 192.0.2.7", "CF-Connecting-IP: 192.0.2.7", "X-Client-IP: 192.0.2.7", "X-Cluster-Client-IP: 192.0.2.7",
			"X_Forwarded_For: 192.0.2.7", "X-Forwarded-For: ::ffff:192.0.2.7", "Via: 1.1 192.0.2.7", "Client-IP: 192.0.2.7", "X-Original-Forwarded-For: 192.0.2.7"} {
			a := r.raw(t, request("GET", "/v1/status/1", "", bearer(key), claim))
			if a.status != 403 || a.code() != "ip_not_allowed" || !strings.Contains(a.body, "127.0.0.1") {
				t.Errorf("%s (%d): %+v", claim, header, a)
			}
		}
		if n := len(r.origin.requests()); n != 0 {
			t.Errorf("the upstream saw %d requests", n)
		}
	}
}

// A client behind our proxies that writes a chain of its own in front, a thousand
// hops long, of garbage, or ending in somebody else's address, is still the
// right-most hop that is not ours; where that cannot be read nobody is let in
// (row 22).
func TestChainsOfProxiesEndAtTheClient(t *testing.T) {
	f := func(header gateway.ForwardedHeader, name string, cases map[string]int) {
		t.Helper()
		r := newRig(t, withPlan(trustLoopback), withPlan(func(p *gateway.Plan) {
			p.ForwardedHeader = header
			p.TrustedProxies = append(p.TrustedProxies, netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:f::/48"))
		}))
		key := r.roster.add(t, "far", func(_ *token.Live, b *token.Bounds) { b.IPRanges = []string{"192.0.2.7", "2001:db8::7"} })
		for value, want := range cases {
			if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(key), name+": "+value)); a.status != want {
				t.Errorf("%s: %.80s (%d bytes): %d %s, want %d", name, value, len(value), a.status, a.body, want)
			}
		}
		if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(key), name+": 192.0.2.7", name+": 192.0.2.7")); a.status != 403 {
			t.Errorf("%s twice: %+v", name, a)
		}
	}
	ours := strings.Repeat("10.0.0.1, ", 999)
	f(gateway.XForwardedFor, "X-Forwarded-For", map[string]int{
		"192.0.2.7":                                       200,
		"6.6.6.6, 192.0.2.7":                              200,
		"192.0.2.7, 6.6.6.6":                              403,
		"192.0.2.7, " + ours + "::1":                      403, // the last hop is no proxy of ours
		"192.0.2.7, " + ours + "10.0.0.2":                 200, // 1,001 hops, a thousand of them ours
		strings.Repeat("192.0.2.7, ", 999) + "6.6.6.6":    403,
		strings.Repeat("6.6.6.6, ", 1200) + "192.0.2.7":   200,
		strings.Repeat("x, ", 3000) + "192.0.2.7":         200,
		"192.0.2.7, " + strings.Repeat("x, ", 3000) + "x": 403,
		strings.Repeat(",", 3000) + "192.0.2.7":           200,
		"192.0.2.7" + strings.Repeat(",", 3000):           403,
		"[2001:db8::7]:4711":                              200,
		"[2001:db8::7]:4711, [2001:db8:f::1]:80":          200,
		"[2001:db8::7]:x":                                 403,
		"2001:db8::7":                                     200,
		"192.0.2.7:4711":                                  200,
		"192.0.2.7, unknown":                              403,
		"192.0.2.7, _hidden":                              403,
		"192.0.2.7, 010.0.0.1":                            403,
		"192.0.2.7, 0xa.0.0.1":                            403,
		"192.0.2.7, 10.1":                                 403,
		"10.0.0.3, 10.0.0.2":                              403, // all ours: the left-most
	})
	hops := strings.Repeat("for=10.0.0.1, ", 999)
	f(gateway.Forwarded, "Forwarded", map[string]int{
		"for=192.0.2.7": 200,
		`for="[2001:db8::7]:4711";proto=https;by=_x;host=a.example, for=10.0.0.2`: 200,
		`FOR="192.0.2.7:4711" ; Proto=http`:                                       200,
		"for=6.6.6.6, for=192.0.2.7":                                              200,
		"for=192.0.2.7, " + hops + "for=10.0.0.2":                                 200,
		"for=192.0.2.7, " + hops + "for=6.6.6.6":                                  403,
		"for=192.0.2.7, for=unknown":                                              403,
		"for=192.0.2.7, for=_hidden":                                              403,
		`for=192.0.2.7, for="_hidden:_port"`:                                      403,
		"for=192.0.2.7;for=192.0.2.7":                                             403,
		`for=192.0.2.7, by=", for=10.0.0.1`:                                       403,
		"for=2001:db8::7":                                                         403,
		"for=" + strings.Repeat("x", 8000):                                        403,
		"proto=https":                                                             403,
		"192.0.2.7":                                                               403,
	})
}

// A thousand requests in one write, of which the first is denied: each is judged
// alone, the answers keep their order, and nothing of one is in another (row 42).
func TestThousandPipelinedRequestsAreJudgedAlone(t *testing.T) {
	r := newTrial(t)
	var b strings.Builder
	b.WriteString("GET /denied HTTP/1.1\r\nHost: a\r\n\r\n")
	for i := 1; i < 1000; i++ {
		body := strings.Repeat("b", i%5)
		fmt.Fprintf(&b, "POST /a/%d HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", i, r.auth, len(body), body)
	}
	all, forwarded := r.check(t, []string{b.String()})
	if len(all) != 1000 || all[0].status != 401 || forwarded != 999 {
		t.Fatalf("%d answers, the first %+v; %d were forwarded", len(all), all[0], forwarded)
	}
	for i, a := range all[1:] {
		if _, target, _ := strings.Cut(a.origin, " "); a.status != 200 || target != fmt.Sprintf("/a/%d", i+1) {
			t.Fatalf("answer %d is %+v", i+1, a)
		}
	}
}
