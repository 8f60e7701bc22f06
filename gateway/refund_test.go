package gateway_test

import (
	"net"
	"testing"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// deadTarget is an address where nobody listens.
func deadTarget(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// An upstream that is down, and clients that are told to come again, must not use
// a merchant's day up: what never left counts against no quota, of the token and
// of its parent, as the answer itself tells.
func TestWhatWasNeverSentCountsAgainstNoQuota(t *testing.T) {
	keeper := newLedger()
	r := limitedRig(t, keeper, withPlan(func(p *gateway.Plan) {
		p.Upstreams["payments"] = gateway.UpstreamSpec{Targets: []string{deadTarget(t)}}
	}))
	var parent *token.Live
	r.roster.add(t, "parent", func(l *token.Live, b *token.Bounds) { parent, b.Quota = l, "2/day" })
	child := r.roster.add(t, "child", func(l *token.Live, b *token.Bounds) { l.Parent, b.Quota = parent, "9/month" })
	const policies = `"day";q=2;w=86400, "month";q=9;w=2592000`
	for range 4 {
		a := r.payment(t, child)
		wantLimits(t, a.code(), a, 503, policies, `"day";r=2;t=43200, "month";r=9;t=820800`)
		if err := r.gateway.FlushQuotas(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(keeper.uses) != 0 {
		t.Errorf("written: %v", keeper.uses)
	}
}

// Whoever has seen signed parameters could send them again and again, to be
// refused each time: that uses nothing of the merchant's quota up.
func TestReplaysUseNoQuota(t *testing.T) {
	r, n, _ := newSignedRig(t, withOptions(func(o *gateway.Options) { o.Quotas = newLedger() }), withPlan(func(p *gateway.Plan) { p.Routes[0].RefuseReplay = true }))
	q := r.roster.principalOf(r.roster.add(t, "metered", func(_ *token.Live, b *token.Bounds) { b.Quota = "2/day" }))
	pay := func(at string) answer {
		jws := n.jws(q, `{"data":{"country":"CI","payer":{"phone":"+2250707070707"},"payment":{"operator":"ORANGE"}},"at":`+at+`}`)
		return r.raw(t, request("GET", "/v1/payments/1?signature="+jws, ""))
	}
	for i, want := range []int{200, 401, 401, 401} {
		if a := pay("1"); a.status != want {
			t.Fatalf("the same for the %d. time: got %+v, want %d", i+1, a, want)
		}
	}
	if a := pay("2"); a.status != 200 {
		t.Errorf("another: got %+v, want 200", a)
	}
	if a := pay("3"); a.status != 429 {
		t.Errorf("one more than the quota: got %+v, want 429", a)
	}
}

// Whoever is told that there is no room and to send the request again can: its
// signed parameters, which count once, were not used up, nor its quota.
func TestOverloadUsesNothingUp(t *testing.T) {
	const memory = 1 << 20
	r, n, _ := newSignedRig(t, withOptions(func(o *gateway.Options) { o.Quotas = newLedger() }), withPlan(func(p *gateway.Plan) {
		p.Routes[0].RefuseReplay = true
		p.Routes = append(p.Routes, gateway.RouteSpec{Path: "/heavy", Methods: []string{"POST"}, Upstream: "payments", Dialects: []string{"payment"},
			Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}, MaxBody: memory})
		p.Limits = &gateway.Limits{BodyMemory: memory}
	}))
	heavy := r.roster.add(t, "heavy", func(_ *token.Live, b *token.Bounds) { b.Restricts = token.Restricts{} })
	q := r.roster.principalOf(r.roster.add(t, "metered", func(_ *token.Live, b *token.Bounds) { b.Quota = "1/day" }))
	text := request("GET", "/v1/payments/1?signature="+n.jws(q, `{"data":{"country":"CI","payer":{"phone":"+2250707070707"},"payment":{"operator":"ORANGE"}}}`), "")
	holder := r.dial(t)
	holder.write(announce("/heavy", heavy, memory) + "x")
	until(t, "memory is short", func() bool { return r.taken(t) == memory })
	if a := r.raw(t, text); a.status != 503 || a.code() != "temporarily_unavailable" && a.code() != "overloaded" {
		t.Fatalf("got %+v; want 503 overloaded", a)
	}
	holder.conn.Close()
	until(t, "there is room", func() bool { return r.taken(t) == 0 })
	if a := r.raw(t, text); a.status == 401 || a.status == 429 || a.status == 503 {
		t.Errorf("again: got %+v", a)
	}
}

// A caller reads its own card after rows 1 to 8 and the rate, so also when its
// quota is used up; looking costs none of it.
func TestWhoamiUsesNoQuota(t *testing.T) {
	r := limitedRig(t, newLedger())
	key := r.roster.add(t, "metered", func(_ *token.Live, b *token.Bounds) { b.Quota = "1/day" })
	card := request("GET", "/api/whoami", "", bearer(key))
	for range 2 {
		if a := r.raw(t, card); a.status != 200 {
			t.Errorf("got %+v", a)
		}
	}
	wantLimits(t, "a payment", r.payment(t, key), 200, `"day";q=1;w=86400`, `"day";r=0;t=43200`)
	wantLimits(t, "one more", r.payment(t, key), 429, `"day";q=1;w=86400`, `"day";r=0;t=43200`)
	wantLimits(t, "the card", r.raw(t, card), 200, `"day";q=1;w=86400`, `"day";r=0;t=43200`)
	if e := r.explain(t, asked(card)); e.Reason != token.Allowed {
		t.Errorf("explained as %v", e.Reason)
	}
}
