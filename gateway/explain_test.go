package gateway_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"tollgate/gateway"
	"tollgate/policy/token"
)

func (r *rig) explain(t testing.TB, q gateway.ExplainRequest) gateway.Explanation {
	t.Helper()
	e, err := r.gateway.Explain(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// asked turns a request as it goes over the wire into one to be explained.
func asked(text string) gateway.ExplainRequest {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	words := strings.SplitN(lines[0], " ", 3)
	q := gateway.ExplainRequest{Method: words[0], Path: words[1], Body: []byte(body), ClientIP: loopback()}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			q.Host = value
			continue
		}
		q.Headers = append(q.Headers, gateway.HeaderField{Name: name, Value: value})
	}
	return q
}

// Explain says of a request what happens to it when it is made: the same reason
// and the same status, for every reason that does not depend on the wire or the
// upstream.
func TestExplainAgreesWithTraffic(t *testing.T) {
	onTheWire := map[token.Reason]bool{token.HeadersTooLarge: true, token.VersionUnsupported: true, token.AuthThrottled: true,
		token.UpstreamUnreachable: true, token.UpstreamFailed: true, token.UpstreamTimeout: true, token.InternalError: true}
	for _, c := range reasonCases() {
		if onTheWire[c.reason] {
			continue
		}
		t.Run(strings.TrimSpace(c.reason.Code()+" "+c.name), func(t *testing.T) {
			r := newRig(t, c.options...)
			text := c.arrange(t, r)
			if c.reason == token.MalformedRequest && c.name == "" {
				text = strings.Replace(text, "Host: b", "Host : b", 1) // the second Host is no header of its own here
			}
			e := r.explain(t, asked(text))
			a := r.raw(t, text)
			if e.Allowed || e.Reason != c.reason || e.Status != a.status {
				t.Errorf("explained as %v %d, answered %d %s", e.Reason, e.Status, a.status, a.body)
			}
			last := e.Checks[len(e.Checks)-1]
			row := c.reason.Row()
			if c.reason == token.BodyTooLarge {
				row = 11 // the route's limit
			}
			if last.Passed || last.Row != row {
				t.Errorf("the last check is %+v, want row %d refused", last, row)
			}
			for i, check := range e.Checks {
				if i > 0 && check.Row < e.Checks[i-1].Row {
					t.Errorf("checks are out of order: %+v", e.Checks)
				}
			}
		})
	}
}

// Explaining forwards nothing, counts nothing, logs nothing, asks no verifier
// that takes note, and takes no permit.
func TestExplainHasNoEffects(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", func(_ *token.Live, b *token.Bounds) { b.Rate = "1/h" })
	text := request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType)
	q := asked(text)
	for range 10 {
		e := r.explain(t, q)
		if !e.Allowed || e.Reason != token.Allowed || e.Status != 200 || e.Principal.Live.Handle != "tok_good00000000" {
			t.Fatalf("explained as %+v", e)
		}
		var rows []int
		for _, c := range e.Checks {
			if !c.Passed || strings.Contains(c.Detail, "0707070707") {
				t.Errorf("check %+v", c)
			}
			rows = append(rows, c.Row)
		}
		want := []int{1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15}
		if len(rows) != len(want) {
			t.Fatalf("rows %v, want %v", rows, want)
		}
		for i := range want {
			if rows[i] != want[i] {
				t.Fatalf("rows %v, want %v", rows, want)
			}
		}
	}
	if n := r.roster.changed.Load(); n != 0 {
		t.Errorf("the verifier that takes note was asked %d times", n)
	}
	if len(r.origin.requests()) != 0 || r.log.String() != "" || r.counted(t, "allowed") != 0 {
		t.Errorf("something was forwarded, logged or counted")
	}
	if string(q.Body) != goodBody {
		t.Error("the body was changed")
	}
	if a := r.raw(t, text); a.status != 200 {
		t.Errorf("explaining took the permit: %+v", a)
	}
	if e := r.explain(t, q); e.Reason != token.RateLimited || e.Status != 429 {
		t.Errorf("explained as %+v with an empty bucket", e)
	}
}

// A request is explained for a token, or for whoever a credential proves, in
// place of what its headers present; monitor mode says what it would deny.
func TestExplainForTokenAndCredential(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	q := asked(request("POST", "/v1/payments/1", strings.Replace(goodBody, "CI", "ML", 1), jsonType))
	if e := r.explain(t, q); e.Reason != token.CredentialsMissing || e.Principal != nil {
		t.Errorf("without any: %+v", e)
	}
	q.Credential = []byte(key)
	if e := r.explain(t, q); e.Reason != token.CountryNotAllowed || e.Status != 403 {
		t.Errorf("for a credential: %+v", e)
	}
	q.Credential = []byte(madeUpKey())
	if e := r.explain(t, q); e.Reason != token.TokenInvalid || e.Status != 401 || e.Principal != nil {
		t.Errorf("for an unknown credential: %+v", e)
	}
	q.Credential = []byte(key + "x")
	if e := r.explain(t, q); e.Reason != token.TokenInvalid {
		t.Errorf("for a mistyped credential: %+v", e)
	}
	q.Credential, q.Principal = nil, r.roster.known[key]
	if e := r.explain(t, q); e.Reason != token.CountryNotAllowed || e.Principal != q.Principal {
		t.Errorf("for a token: %+v", e)
	}
	watched := r.roster.add(t, "watched", func(l *token.Live, _ *token.Bounds) { l.Mode = token.Monitor })
	q.Principal = r.roster.known[watched]
	if e := r.explain(t, q); !e.Allowed || e.WouldDeny != token.CountryNotAllowed || e.Status != 200 {
		t.Errorf("in monitor mode: %+v", e)
	}
	revoked := *r.roster.known[key].Live
	revoked.Revoked = true
	q.Principal = &token.Principal{Live: &revoked, Kind: token.KindKey}
	if e := r.explain(t, q); e.Reason != token.TokenRevoked || e.Status != 401 {
		t.Errorf("for a revoked token: %+v", e)
	}
	enhanced := *r.roster.known[key].Live
	enhanced.Enhanced = true
	q.Principal = &token.Principal{Live: &enhanced, Kind: token.KindKey}
	if e := r.explain(t, q); e.Reason != token.AccessTokenRequired {
		t.Errorf("for a token with enhanced security: %+v", e)
	}
	q.Principal, q.ClientIP = r.roster.known[key], netip.Addr{}
	if e := r.explain(t, q); e.Reason != token.IPNotAllowed {
		t.Errorf("without an address: %+v", e)
	}
}

// A host that is not given is one for which the path has a route.
func TestExplainFindsAHost(t *testing.T) {
	r := newRig(t, withPlan(func(p *gateway.Plan) {
		spec := p.Routes[1]
		spec.Host, spec.Path = "pay.example.com", "/only/there"
		p.Routes = append(p.Routes, spec)
	}))
	key := r.roster.add(t, "good", nil)
	for path, want := range map[string]token.Reason{"/only/there?x=1": token.Allowed, "/v1/status/1": token.Allowed, "/nowhere": token.NoRoute, "nowhere": token.MalformedRequest, "/api/whoami": token.Allowed} {
		q := gateway.ExplainRequest{Method: "GET", Path: path, ClientIP: loopback(), Principal: r.roster.known[key]}
		if e := r.explain(t, q); e.Reason != want {
			t.Errorf("%s: %+v, want %v", path, e, want)
		}
	}
}

// No field of an explanation can write another header or another request.
func TestExplainCannotBeInjectedInto(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	for name, change := range map[string]func(*gateway.ExplainRequest){
		"method":       func(q *gateway.ExplainRequest) { q.Method = "GET /x HTTP/1.1\r\nX: y\r\n\r\nGET" },
		"path":         func(q *gateway.ExplainRequest) { q.Path = "/v1/status/1 HTTP/1.1\r\nToken: x\r\n\r\n" },
		"host":         func(q *gateway.ExplainRequest) { q.Host = "a\r\nX: y" },
		"header name":  func(q *gateway.ExplainRequest) { q.Headers[0].Name = "A: b\r\nAuthorization" },
		"header value": func(q *gateway.ExplainRequest) { q.Headers[0].Value += "\r\nX-Environment: test" },
		"header end":   func(q *gateway.ExplainRequest) { q.Headers[0].Value += "\r\n\r\nGET / HTTP/1.1" },
		"NUL":          func(q *gateway.ExplainRequest) { q.Headers[0].Value += "\x00" },
		"second host":  func(q *gateway.ExplainRequest) { q.Headers[0].Name = "Host" },
	} {
		q := gateway.ExplainRequest{Method: "GET", Path: "/v1/status/1", ClientIP: loopback(), Headers: []gateway.HeaderField{{Name: "Authorization", Value: "Bearer " + key}}}
		change(&q)
		if e := r.explain(t, q); e.Reason != token.MalformedRequest || e.Status != 400 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// A failure of ours is an error, never a verdict, and the process lives.
func TestExplainSurvivesPanics(t *testing.T) {
	r := newRig(t, withOptions(func(o *gateway.Options) { o.Examiner = panicking{} }))
	q := gateway.ExplainRequest{Method: "GET", Path: "/v1/status/1", ClientIP: loopback(), Credential: []byte("x")}
	if e, err := r.gateway.Explain(context.Background(), q); err == nil {
		t.Errorf("got %+v", e)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.gateway.Explain(ended, q); err == nil {
		t.Error("an ended context explains")
	}
}
