package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// usedUp is a keeper of quotas of which nothing is left.
type usedUp struct{}

func (usedUp) Uses(context.Context, token.Handle, token.Instant) (int64, int64, error) {
	return 1 << 50, 1 << 50, nil
}
func (usedUp) AddUses(context.Context, []token.QuotaUse) error { return nil }

// ledger is a keeper in memory.
type ledger struct {
	mu   sync.Mutex
	uses map[string]int64
	down bool
}

func newLedger() *ledger { return &ledger{uses: map[string]int64{}} }

func (l *ledger) Uses(_ context.Context, h token.Handle, at token.Instant) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return 0, 0, errors.New("down")
	}
	return l.uses[string(h)+token.DayOf(at).String()], l.uses[string(h)+token.MonthOf(at).String()], nil
}

func (l *ledger) AddUses(_ context.Context, uses []token.QuotaUse) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range uses {
		l.uses[string(u.Handle)+u.Period.String()] += u.Delta
	}
	return nil
}

// noon is a Saturday's; the day has half of itself left and the month nine days
// and a half.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// limitedRig tells limits, and its clock stands at noon.
func limitedRig(t testing.TB, keeper gateway.Quotas, options ...rigOption) *rig {
	options = append(options, withOptions(func(o *gateway.Options) { o.Quotas = keeper }), withPlan(func(p *gateway.Plan) { p.RateHeaders = true }),
		func(r *rig) { r.now.Store(noon.UnixMicro()) })
	return newRig(t, options...)
}

func (r *rig) payment(t testing.TB, key string) answer {
	return r.raw(t, request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType))
}

func wantLimits(t *testing.T, what string, a answer, status int, policies, left string) {
	t.Helper()
	if a.status != status || a.header.Get("RateLimit-Policy") != policies || a.header.Get("RateLimit") != left {
		t.Errorf("%s: got %d, RateLimit-Policy %q, RateLimit %q; want %d, %q, %q", what, a.status,
			a.header["Ratelimit-Policy"], a.header["Ratelimit"], status, policies, left)
	}
	if len(a.header["Ratelimit"]) > 1 || len(a.header["Ratelimit-Policy"]) > 1 {
		t.Errorf("%s: the fields are there more than once", what)
	}
}

// A quota lets through as many requests as it has, of those that pass everything
// else; then it is 429 until its period ends, which the answer tells, and whole
// again in the next. It is written down, and a gateway that begins anew knows it.
func TestQuotaIsCountedAndEnds(t *testing.T) {
	keeper := newLedger()
	r := limitedRig(t, keeper)
	quota := func(_ *token.Live, b *token.Bounds) { b.Quota = "2/day 3/month" }
	key := r.roster.add(t, "metered", quota)
	for range 3 { // what is refused before row 15 does not count
		if a := r.raw(t, request("POST", "/v1/payments/1", `{"country":"ML"}`, bearer(key), jsonType)); a.status < 400 || a.header.Get("RateLimit") != "" {
			t.Fatalf("got %+v", a)
		}
	}
	const policies = `"day";q=2;w=86400, "month";q=3;w=2592000`
	wantLimits(t, "the first", r.payment(t, key), 200, policies, `"day";r=1;t=43200, "month";r=2;t=820800`)
	wantLimits(t, "the second", r.payment(t, key), 200, policies, `"day";r=0;t=43200, "month";r=1;t=820800`)
	a := r.payment(t, key)
	wantLimits(t, "the third", a, 429, policies, `"day";r=0;t=43200, "month";r=1;t=820800`)
	if a.code() != "quota_exceeded" || a.header.Get("Retry-After") != "43200" {
		t.Errorf("got %+v; want quota_exceeded, to come again in half a day", a)
	}
	if e := r.explain(t, asked(request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType))); e.Reason != token.QuotaExceeded {
		t.Errorf("explained as %v", e.Reason)
	}
	r.now.Store(noon.AddDate(0, 0, 1).UnixMicro())
	wantLimits(t, "the next day", r.payment(t, key), 200, policies, `"day";r=1;t=43200, "month";r=0;t=734400`)
	if a := r.payment(t, key); a.status != 429 || a.header.Get("Retry-After") != "86400" {
		t.Errorf("a month that is used up: %+v; want 429, to come again in a day at most", a)
	}
	r.now.Store(noon.UnixMicro()) // the clock is set back
	if a := r.payment(t, key); a.status != 429 {
		t.Errorf("a clock that is set back: got %d; want 429", a.status)
	}
	if err := r.gateway.FlushQuotas(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keeper.uses["tok_metered00000"+"2026-11"] != 3 || keeper.uses["tok_metered00000"+"2026-11-21"] != 2 || keeper.uses["tok_metered00000"+"2026-11-22"] != 1 {
		t.Errorf("written: %v", keeper.uses)
	}
	next := limitedRig(t, keeper)
	if a := next.payment(t, next.roster.add(t, "metered", quota)); a.status != 429 {
		t.Errorf("a new gateway gave %d", a.status)
	}
}

// While nobody can say what is used of a quota, nothing is let through that
// counts against it: 503, never 429 and never 200. Others are not touched.
func TestUnknownQuotaIs503(t *testing.T) {
	keeper := newLedger()
	keeper.down = true
	r := limitedRig(t, keeper)
	key, free := r.roster.add(t, "metered", func(_ *token.Live, b *token.Bounds) { b.Quota = "2/day" }), r.roster.add(t, "free", nil)
	if a := r.payment(t, key); a.status != 503 || a.code() != "cannot_decide" || a.header.Get("Retry-After") != "1" {
		t.Errorf("got %+v", a)
	}
	if a := r.payment(t, free); a.status != 200 || a.header.Get("RateLimit") != "" {
		t.Errorf("a token without a quota got %+v", a)
	}
	if n := len(r.origin.requests()); n != 1 {
		t.Errorf("the upstream saw %d requests", n)
	}
}

// The default of the plan is for tokens without a quota of their own, survives a
// reload together with what was counted, and is not a child's.
func TestQuotaOfThePlan(t *testing.T) {
	r := limitedRig(t, newLedger(), withPlan(func(p *gateway.Plan) { p.Quota = policy.Quota{Day: 2} }))
	key := r.roster.add(t, "plain", nil)
	var parent *token.Live
	r.roster.add(t, "parent", func(l *token.Live, b *token.Bounds) { parent, b.Quota = l, "3/day" })
	child := r.roster.add(t, "child", func(l *token.Live, b *token.Bounds) { l.Parent = parent })
	wantLimits(t, "the plan's", r.payment(t, key), 200, `"day";q=2;w=86400`, `"day";r=1;t=43200`)
	wantLimits(t, "a child's", r.payment(t, child), 200, `"day";q=3;w=86400`, `"day";r=2;t=43200`)
	r.plan.Quota.Day = 1
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	wantLimits(t, "reloaded", r.payment(t, key), 429, `"day";q=1;w=86400`, `"day";r=0;t=43200`)
}

// A rate is told as what its bucket holds, on what is let through and on what is
// not, on our own card too; of a child and its parent whichever has less left.
func TestRateIsTold(t *testing.T) {
	r := limitedRig(t, newLedger())
	key := r.roster.add(t, "rated", func(_ *token.Live, b *token.Bounds) { b.Rate = "2/m burst 3" })
	for _, want := range []string{`"token";r=2;t=30`, `"token";r=1;t=30`, `"token";r=0;t=30`} {
		wantLimits(t, "burst", r.payment(t, key), 200, `"token";q=3;w=90`, want)
	}
	a := r.payment(t, key)
	wantLimits(t, "too many", a, 429, `"token";q=3;w=90`, `"token";r=0;t=30`)
	if a.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After is %q; want that of t", a.header.Get("Retry-After"))
	}
	r.now.Store(noon.Add(30 * time.Second).UnixMicro())
	wantLimits(t, "who waited t", r.raw(t, request("GET", "/api/whoami", "", bearer(key))), 200, `"token";q=3;w=90`, `"token";r=0;t=30`)

	steady := r.roster.add(t, "steady", func(_ *token.Live, b *token.Bounds) { b.Rate = "100/s burst 10" })
	wantLimits(t, "a small burst", r.payment(t, steady), 200, `"token";q=100;w=1`, `"token";r=9;t=1`)

	var parent *token.Live
	r.roster.add(t, "parent", func(l *token.Live, b *token.Bounds) { parent, b.Rate = l, "1/h burst 2" })
	child := r.roster.add(t, "child", func(l *token.Live, b *token.Bounds) { l.Parent, b.Rate, b.Quota = parent, "50/h", "9/day" })
	wantLimits(t, "a child", r.payment(t, child), 200, `"token";q=2;w=7200, "day";q=9;w=86400`, `"token";r=1;t=3600, "day";r=8;t=43170`)

	r.plan.RateHeaders = false
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	wantLimits(t, "switched off", r.payment(t, steady), 200, "", "")
}

// An upstream's own limits cross where we have none to tell, and never beside
// ours, however they are spelled.
func TestUpstreamsLimitsGiveWayToOurs(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["ratelimit"] = []string{`"theirs";r=1`}
		w.Header()["RATELIMIT-Policy"] = []string{`"theirs";q=7`}
		w.Header()["X-RateLimit-Limit"] = []string{"7"}
		io.WriteString(w, "{}")
	}))
	defer origin.Close()
	r := limitedRig(t, newLedger(), withPlan(func(p *gateway.Plan) {
		p.Upstreams["payments"] = gateway.UpstreamSpec{Targets: []string{origin.URL}}
	}))
	a := r.payment(t, r.roster.add(t, "free", nil))
	wantLimits(t, "theirs", a, 200, `"theirs";q=7`, `"theirs";r=1`)
	a = r.payment(t, r.roster.add(t, "rated", func(_ *token.Live, b *token.Bounds) { b.Rate = "5/h" }))
	wantLimits(t, "ours", a, 200, `"token";q=5;w=3600`, `"token";r=4;t=720`)
	if a.header.Get("X-RateLimit-Limit") != "7" {
		t.Error("another field of theirs is gone")
	}
}

// What a stranger is told has no numbers of anybody's token in it.
func TestStrangersAreToldNoLimits(t *testing.T) {
	r := limitedRig(t, newLedger(), withPlan(func(p *gateway.Plan) { p.PerIPRate = policy.Rate{Count: 1, Per: time.Hour, Burst: 2} }))
	key := r.roster.add(t, "rated", func(_ *token.Live, b *token.Bounds) { b.Rate, b.IPRanges = "5/h", []string{"192.0.2.0/24"} })
	for name, text := range map[string]string{
		"made-up key":   request("POST", "/v1/payments/1", goodBody, bearer(madeUpKey()), jsonType),
		"no key":        request("POST", "/v1/payments/1", goodBody, jsonType),
		"wrong address": request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType),
	} {
		wantLimits(t, name, r.raw(t, text), 401+2*strings.Count(name, "address"), "", "")
	}
	// The bucket of an address is other people's too: it is never told.
	free := r.roster.add(t, "free", nil)
	for i := range 3 {
		wantLimits(t, fmt.Sprint("address ", i), r.payment(t, free), []int{200, 200, 429}[i], "", "")
	}
}

// Both fields are lists of strings with whole numbers (RFC 9651), whatever the
// limits are.
func TestLimitsAreStructuredFields(t *testing.T) {
	r := limitedRig(t, newLedger())
	item := `"(token|day|month)";[qr]=\d{1,15};[wt]=\d{1,15}`
	list := regexp.MustCompile(`^` + item + `(, ` + item + `)*$`)
	for i, limits := range [][2]string{{"1/s", ""}, {"1000000/h burst 1000000", "1/month"}, {"1/h burst 1000000", "1000000000000/day 1000000000000/month"}, {"", "1/day"}} {
		a := r.payment(t, r.roster.add(t, fmt.Sprint("limited", i), func(_ *token.Live, b *token.Bounds) { b.Rate, b.Quota = limits[0], limits[1] }))
		for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
			if value := a.header.Get(name); !list.MatchString(value) || a.status != 200 {
				t.Errorf("%v: %d, %s: %s", limits, a.status, name, value)
			}
		}
	}
}
