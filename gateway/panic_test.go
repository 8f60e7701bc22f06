package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway"
	"tollgate/policy/token"
)

const panicText = "panic with Bearer tg_live_secretsecretsecret in it"

// panicking panics wherever the gateway calls out.
type panicking struct{}

func (panicking) Examine(*token.Presented, time.Time) (*token.Principal, token.Reason) {
	panic(panicText)
}
func (panicking) Serve(*fasthttp.Request, *fasthttp.Response, *token.Visit) { panic(panicText) }
func (panicking) Refuse(*fasthttp.Response, *token.Refusal)                 { panic(panicText) }

// A panic, wherever it happens, ends its own request with 500 and its
// connection, is counted and logged without any text of the request, and leaves
// everybody else alone.
func TestPanicEndsOneRequestOnly(t *testing.T) {
	for name, c := range map[string]struct {
		option rigOption
		text   string
		status int
		lines  int
	}{
		"verifier":            {nil, request("GET", "/v1/status/1", "", bearer(madeUpKey())), 500, 1},
		"verifier, with body": {nil, request("POST", "/v1/payments/1", goodBody, bearer(madeUpKey())), 500, 1},
		"own endpoint": {withPlan(func(p *gateway.Plan) {
			p.Endpoints = []gateway.EndpointSpec{{Path: "/api/token", Endpoint: panicking{}}}
		}), request("POST", "/api/token", "x"), 500, 1},
		"words of a refusal": {withOptions(func(o *gateway.Options) { o.Problem = panicking{} }), request("GET", "/nowhere", ""), 500, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var options []rigOption
			if c.option != nil {
				options = append(options, c.option)
			}
			r := newRig(t, options...)
			key := r.roster.add(t, "good", nil)
			r.roster.panics.Store(c.option == nil)
			a := r.raw(t, c.text)
			if a.status != c.status || !a.closed || strings.Contains(a.body, "secret") {
				t.Fatalf("got %+v", a)
			}
			r.roster.panics.Store(false)
			if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(key))); a.status != 200 {
				t.Fatalf("afterwards %+v", a)
			}
			r.events(t, c.lines+1)
			if r.sum(t, "tollgate_panics_total") == 0 {
				t.Error("nothing was counted")
			}
			if !strings.Contains(r.words.String(), "recovered from a panic") || strings.Contains(r.words.String(), "secretsecret") || strings.Contains(r.words.String(), "secret text") {
				t.Errorf("logged %s", r.words.String())
			}
		})
	}
}

// sum is the value of a counter or gauge over all its labels.
func (r *rig) sum(t testing.TB, name string) (sum float64) {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.Metric {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
