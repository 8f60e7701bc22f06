package gateway_test

import (
	"strings"
	"testing"

	"tollgate/gateway"
	"tollgate/policy/token"
)

// A route of one environment needs an upstream for that one only: tokens of the
// other are refused and reach nobody. A route of both needs both.
func TestRouteOfOneEnvironmentNeedsOneUpstream(t *testing.T) {
	r := newRig(t, withPlan(func(p *gateway.Plan) {
		p.Routes[1].Upstream, p.Routes[1].Live = "", "payments"
	}))
	live := r.roster.add(t, "live", nil)
	play := r.roster.add(t, "play", func(l *token.Live, _ *token.Bounds) { l.Environment = token.EnvTest })
	if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(live))); a.status != 200 {
		t.Errorf("a live token got %d %s", a.status, a.body)
	}
	before := len(r.origin.requests())
	if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(play))); a.status != 403 || a.code() != "environment_mismatch" {
		t.Errorf("a test token got %d %s", a.status, a.body)
	}
	if len(r.origin.requests()) != before {
		t.Error("the upstream saw it")
	}
	for _, only := range []token.Environment{token.EnvAny, token.EnvTest} {
		r.plan.Routes[1].Rule.Environment = only
		if err := r.gateway.Apply(r.plan); err == nil || !strings.Contains(err.Error(), "/v1/status/{id}") {
			t.Errorf("a route for %v with an upstream for live only: %v", only, err)
		}
	}
}
