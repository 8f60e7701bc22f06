package gateway_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/gateway"
	"tollgate/policy/token"
)

// noting is an endpoint that notes what it was called with.
type noting struct {
	mu     sync.Mutex
	bodies []string
	visits []token.Visit
}

func (n *noting) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bodies, n.visits = append(n.bodies, string(req.Body())), append(n.visits, *v)
	resp.SetBodyString("mine")
	if v.Reason != token.Allowed {
		resp.SetStatusCode(v.Reason.Status())
		return
	}
	v.Dialect, v.Handle, v.Merchant = "oauth", "tok_visitor00000", "mer_visitor"
}

func endpointRig(t *testing.T) (*rig, *noting) {
	n := &noting{}
	return newRig(t, withPlan(func(p *gateway.Plan) {
		p.Endpoints = []gateway.EndpointSpec{{Path: "/api/token", Endpoint: n, Issues: true}, {Path: "/api/introspect", Endpoint: n, Judges: true}, {Path: "/.well-known/x", Endpoint: n}}
		spec := p.Routes[1]
		spec.Path, spec.Methods = "/{all...}", []string{"GET", "POST"}
		p.Routes = append(p.Routes, spec)
	})), n
}

// Our own endpoints win over every route, on every host, see the caller's source
// and id, and are logged and counted with what they said.
func TestOwnEndpointsWinOverRoutes(t *testing.T) {
	r, n := endpointRig(t)
	a := r.raw(t, request("POST", "/api/token", "grant_type=x"))
	if a.status != 200 || a.body != "mine" || len(r.origin.requests()) != 0 {
		t.Fatalf("got %+v", a)
	}
	v := n.visits[0]
	if n.bodies[0] != "grant_type=x" || v.Source.Addr != loopback() || v.RequestID != a.header.Get("X-Request-Id") || v.NowMicros == 0 {
		t.Errorf("it was called with %q %+v", n.bodies[0], v)
	}
	e := r.events(t, 1)[0]
	for key, want := range map[string]any{"route": "/api/token", "path": "/api/token", "dialect": "oauth", "token": "tok_visitor00000", "merchant": "mer_visitor", "outcome": "allowed", "status": 200.0} {
		if e[key] != want {
			t.Errorf("log field %s is %v, want %v", key, e[key], want)
		}
	}
	if r.sum(t, "tollgate_tokens_issued_total") != 1 {
		t.Error("the issue was not counted")
	}
	// An encoded spelling is the same path to a server that decodes; a case
	// variant must not be forwarded with a client's secret in it.
	if a := r.raw(t, request("POST", "/%61pi/token", "x")); a.body != "mine" {
		t.Errorf("the encoded path got %+v", a)
	}
	for _, path := range []string{"/API/token", "/api/token/", "/api/Token"} {
		if a := r.raw(t, request("POST", path, "x")); a.status != 404 {
			t.Errorf("%s got %+v", path, a)
		}
	}
	if len(r.origin.requests()) != 0 {
		t.Error("something was forwarded")
	}
}

// A body above 8 KiB is not read; the endpoint is told so that it can word it.
func TestOwnEndpointsWordWhatTheEdgeRefuses(t *testing.T) {
	r, n := endpointRig(t)
	if a := r.raw(t, request("POST", "/api/token", strings.Repeat("x", 8<<10))); a.status != 200 {
		t.Errorf("8 KiB got %+v", a)
	}
	a := r.raw(t, request("POST", "/api/token", strings.Repeat("x", 8<<10+1)))
	if a.status != 413 || a.body != "mine" || !a.closed {
		t.Errorf("8 KiB and a byte got %+v", a)
	}
	if last := n.visits[len(n.visits)-1]; last.Reason != token.BodyTooLarge || n.bodies[len(n.bodies)-1] != "" {
		t.Errorf("it was called with %+v", last)
	}
	// While no verdict may be given no token is issued and nothing told of one,
	// but what is public stays.
	r.stale.Store(true)
	for _, path := range []string{"/api/token", "/api/introspect"} {
		if a := r.raw(t, request("POST", path, "x")); a.status != 503 {
			t.Errorf("stale, %s answered %+v", path, a)
		}
	}
	if a := r.raw(t, request("GET", "/.well-known/x", "")); a.status != 200 {
		t.Errorf("stale, a public document got %+v", a)
	}
}

// Health is told on the data plane: alive always, ready only when it was said,
// a verdict can be given and nothing drains.
func TestHealthOnTheDataPlane(t *testing.T) {
	r := newRig(t)
	ask := func(method, path string, want int) {
		t.Helper()
		if a := r.raw(t, request(method, path, "")); a.status != want {
			t.Errorf("%s %s got %d, want %d", method, path, a.status, want)
		}
	}
	ask("GET", "/-/healthz", 200)
	ask("HEAD", "/-/readyz", 200)
	ask("POST", "/-/readyz", 405)
	ask("GET", "/-/other", 404)
	r.gateway.SetReady(false)
	ask("GET", "/-/readyz", 503)
	ask("GET", "/-/healthz", 200)
	r.gateway.SetReady(true)
	r.stale.Store(true)
	ask("GET", "/-/readyz", 503)
}

// A caller reads its own card after rows 1 to 8 and the rate; outside its ranges
// it gets the 403 with the address seen and nothing of the token.
func TestWhoami(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", func(_ *token.Live, b *token.Bounds) { b.Rate, b.Methods, b.Permissions = "2/h", []string{"GET"}, nil })
	a := r.raw(t, request("GET", "/api/whoami", "", bearer(key)))
	if a.status != 200 || !strings.Contains(a.body, `"token":"tok_good00000000"`) || !strings.Contains(a.body, `"client_ip":"127.0.0.1"`) || strings.Contains(a.body, "0707070707") {
		t.Errorf("got %+v", a)
	}
	away := r.roster.add(t, "away", func(_ *token.Live, b *token.Bounds) { b.IPRanges = []string{"192.0.2.0/24"} })
	a = r.raw(t, request("GET", "/api/whoami", "", bearer(away)))
	if a.status != 403 || a.code() != "ip_not_allowed" || strings.Contains(a.body, "tok_") || strings.Contains(a.body, "mer_") || strings.Contains(a.body, "192.0.2") {
		t.Errorf("from elsewhere got %+v", a)
	}
	if a := r.raw(t, request("POST", "/api/whoami", "", bearer(key))); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST got %+v", a)
	}
	if a := r.raw(t, request("GET", "/api/whoami", "")); a.status != 401 {
		t.Errorf("nobody got %+v", a)
	}
	r.raw(t, request("GET", "/api/whoami", "", bearer(key)))
	if a := r.raw(t, request("GET", "/api/whoami", "", bearer(key))); a.status != 429 {
		t.Errorf("the third of two got %+v", a)
	}
	if len(r.origin.requests()) != 0 {
		t.Error("something was forwarded")
	}
}
