package gateway_test

import (
	"strings"
	"sync"
	"testing"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

func (r *rig) apply(t testing.TB, change func(*gateway.Plan)) {
	t.Helper()
	plan := r.plan
	plan.Routes = append([]gateway.RouteSpec(nil), plan.Routes...)
	change(&plan)
	if err := r.gateway.Apply(plan); err != nil {
		t.Fatal(err)
	}
}

// A request that is under way when its route and its upstream are taken away
// ends under the plan it began with; the next one finds the new plan.
func TestRequestKeepsItsPlan(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	hold := make(chan struct{})
	r.origin.mu.Lock()
	r.origin.hold = hold
	r.origin.mu.Unlock()
	c := r.dial(t)
	c.write(request("GET", "/v1/status/1", "", bearer(key)))
	until(t, "the upstream has the request", func() bool { return len(r.origin.requests()) == 1 })
	other := newStrictOrigin(t)
	r.apply(t, func(p *gateway.Plan) {
		p.Routes = p.Routes[1:]
		p.Routes[0].Path, p.Routes[0].Upstream = "/v2/status/{id}", "other"
		p.Upstreams = map[string]gateway.UpstreamSpec{"other": {Targets: []string{other.url}}}
	})
	close(hold)
	if a := c.answer("GET"); a.status != 200 {
		t.Errorf("the request under way got %+v", a)
	}
	c.write(request("GET", "/v1/status/1", "", bearer(key)))
	if a := c.answer("GET"); a.status != 404 {
		t.Errorf("the next on its connection got %+v", a)
	}
	if a := r.raw(t, request("GET", "/v2/status/1", "", bearer(key))); a.status != 200 || len(other.requests()) != 1 {
		t.Errorf("the new route got %+v", a)
	}
	if e := r.events(t, 3)[0]; e["route"] != "/v1/status/{id}" || e["upstream"] != "payments" {
		t.Errorf("the event of the old plan is %v", e)
	}
	// What is gone is no longer exported, also not by requests that ended late.
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if v := l.GetValue(); strings.HasPrefix(v, "/v1/") || v == "payments" {
					t.Errorf("%s still has %s=%q", f.GetName(), l.GetName(), v)
				}
			}
		}
	}
}

// A plan with mistakes is refused whole: every mistake is named, the old plan
// stays, and no series of it appears.
func TestBadPlanLeavesTheOldOne(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	bad := r.plan
	spec := r.plan.Routes[1]
	with := func(change func(*gateway.RouteSpec)) gateway.RouteSpec {
		s := spec
		change(&s)
		return s
	}
	bad.Upstreams = map[string]gateway.UpstreamSpec{"payments": r.plan.Upstreams["payments"], "broken": {Targets: []string{"ftp://x"}}}
	bad.Endpoints = []gateway.EndpointSpec{{Path: "/{x}", Endpoint: panicking{}}}
	bad.Routes = []gateway.RouteSpec{
		with(func(s *gateway.RouteSpec) { s.Path = "no-slash" }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Upstream = "/b1", "missing" }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Dialects = "/b2", nil }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Dialects = "/b3", []string{"nobody"} }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Dialects = "/b4", []string{"oauth", "oauth"} }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Methods = "/b5", nil }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Methods = "/b6", []string{"BREW"} }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Host = "/b7", "a:80" }),
		with(func(s *gateway.RouteSpec) { s.Path, s.Live = "/b8", "payments" }),
		with(func(s *gateway.RouteSpec) {
			s.Path, s.Upstream, s.Live, s.Rule.Environment = "/b9", "", "payments", token.EnvAny
		}),
		with(func(s *gateway.RouteSpec) { s.Path, s.Rule.Facts = "/b10", policy.FactsRead }),
	}
	err := r.gateway.Apply(bad)
	if err == nil {
		t.Fatal("the plan was applied")
	}
	for _, want := range []string{"no-slash", "missing", "/b2", "nobody", "listed twice", "/b5", "BREW", "a:80", "/b8", "/b9", "/b10", "/{x}", "broken"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not speak of %s:\n%v", want, err)
		}
	}
	if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(key))); a.status != 200 {
		t.Errorf("under the old plan: %+v", a)
	}
	families, _ := r.registry.Gather()
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if v := l.GetValue(); strings.HasPrefix(v, "/b") || v == "broken" {
					t.Errorf("%s has %s=%q of a refused plan", f.GetName(), l.GetName(), v)
				}
			}
		}
	}
}

// While plans change under load, every answer is that of the one plan or of the
// other, never a mixture: what one plan allows goes to that plan's upstream.
func TestPlansAreNeverMixed(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	other := newStrictOrigin(t)
	second := func(p *gateway.Plan) {
		p.Upstreams = map[string]gateway.UpstreamSpec{"payments": {Targets: []string{other.url}}}
		p.Routes[1].Rule = policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone, Permission: "nobody:has"}
	}
	ended := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := r.dial(t)
			for {
				select {
				case <-ended:
					return
				default:
				}
				c.write(request("GET", "/v1/status/1", "", bearer(key)))
				a := c.answer("GET")
				if a.status != 200 && a.status != 403 {
					t.Errorf("got %+v", a)
					return
				}
				if a.closed { // the thousandth of its connection
					c = r.dial(t)
				}
			}
		})
	}
	for i := range 60 {
		if i%2 == 0 {
			r.apply(t, second)
		} else {
			r.apply(t, func(*gateway.Plan) {})
		}
	}
	close(ended)
	all.Wait()
	if n := len(other.requests()); n != 0 {
		t.Errorf("%d requests that the second plan refuses reached its upstream", n)
	}
}

// Whatever strangers send, the series do not multiply: labels hold routes,
// dialects, outcomes, reasons and codes, and nothing that was sent.
func TestLabelsAreBounded(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	c := r.dial(t)
	ask := func(text string) {
		c.write(text)
		if a := c.answer(methodOf(text)); a.closed {
			c = r.dial(t)
		}
	}
	for i := range 300 {
		n := itoa(i)
		ask(request("GET", "/made/up/"+n, ""))
		ask(request("GET", "/v1/status/"+n, "", bearer("x"+n)))
		ask(request("X"+n, "/v1/status/1", ""))
		ask(strings.Replace(request("GET", "/v1/status/1", "", bearer(key), "X-Environment: e"+n), "api.example.com", "h"+n+".example", 1))
	}
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for _, f := range families {
		series += len(f.Metric)
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if strings.Contains(l.GetValue(), "299") || strings.Contains(l.GetValue(), "example") {
					t.Errorf("%s has %s=%q", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	if series > 60 {
		t.Errorf("%d series after %d requests", series, 1200)
	}
}
