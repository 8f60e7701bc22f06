package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tollgate/cache"
	"tollgate/configs"
	"tollgate/gateway/auth"
	"tollgate/gateway/facts"
	"tollgate/gateway/wire"
	"tollgate/gateway/wire/oauth"
	paymentdialect "tollgate/gateway/wire/payment"
	"tollgate/policy"
	"tollgate/policy/token"
)

// oneToken is a store that holds one key's principal.
type oneToken struct{ principal *token.Principal }

func (o oneToken) LoadCredential(context.Context, token.Kind, *token.Digest) (*token.Principal, error) {
	return o.principal, nil
}

func (o oneToken) LoadToken(context.Context, token.Handle) (*token.Live, error) {
	return o.principal.Live, nil
}

// walker is a gateway whose verifier and cache are the real ones, a request to
// it, and everything restricted.
type walker struct {
	gateway *Gateway
	ctx     fasthttp.RequestCtx
	cache   *cache.Cache
}

func newWalker(t testing.TB) *walker {
	t.Helper()
	catalogue, err := configs.ShippedCatalogue()
	fatal(t, err)
	bounds := token.Bounds{
		IPRanges: []string{"192.0.2.0/24"}, Methods: []string{"POST"}, Permissions: []string{"payments:write"}, Rate: "1000000/s", Quota: "1000000000000/day 1000000000000/month",
		Composition: token.Composition{"CI": {"ORANGE": {"collect"}}, "ML": {"ORANGE": {"collect"}}},
		Restricts:   token.Restricts{Composition: true, Phones: true, IP: true, Methods: true},
	}
	rules, err := policy.Compile(catalogue, bounds, []token.Number{{Country: "CI", E164: "+2250707070707", Enabled: true}}, []string{"192.0.2.7"})
	fatal(t, err)
	const id = "abcdefghijkl"
	secret := token.Compose(token.KindKey, token.EnvLive, []byte(id+strings.Repeat("x", 28)))
	principal := &token.Principal{Kind: token.KindKey, Generation: 1, Live: &token.Live{
		Handle: token.HandleOf([]byte(id)), Merchant: "mer_1", Environment: token.EnvLive, Enabled: true, MerchantActive: true,
		Permissions: bounds.Permissions, Restricts: bounds.Restricts, Rules: rules, Bounds: bounds}}

	w := &walker{}
	w.cache, err = cache.New(cache.Options{MaxBytes: 1 << 20})
	fatal(t, err)
	keys, err := auth.NewKeySet(nil, token.SigningKey{ID: "k1", Alg: token.HS256, Secret: bytes.Repeat([]byte{1}, 32)})
	fatal(t, err)
	throttle, err := auth.NewThrottle(20, time.Minute)
	fatal(t, err)
	uses, err := auth.NewUses(func(context.Context, []token.Use) error { return nil }, 1000)
	fatal(t, err)
	verifier, err := auth.New(auth.Options{Memory: w.cache, Loader: oneToken{principal}, Keys: keys, Issuer: "tollgate", Throttle: throttle, Uses: uses})
	fatal(t, err)
	w.gateway, err = New(Options{Verifier: verifier, Dialects: []Dialect{paymentdialect.Dialect{}, oauth.Dialect{}}, Problem: wire.Problem{},
		Quotas: newKeeper(), AccessLog: io.Discard, Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader})
	fatal(t, err)
	spec, faults := policy.ParseFacts(policy.FactsText{Country: []string{"json:/payer/country"}, Operator: []string{"json:/payer/operator"},
		Method: []string{"json:/method"}, Phone: []string{"json:/payer/phone"}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	program, err := facts.Compile(spec, catalogue)
	fatal(t, err)
	fatal(t, w.gateway.Apply(Plan{
		Upstreams: map[string]UpstreamSpec{"payments": {Targets: []string{"http://127.0.0.1:1"}}},
		Routes: []RouteSpec{{Path: "/v1/payments/{id}", Methods: []string{"POST"}, Upstream: "payments", Dialects: []string{"oauth", "payment"}, Facts: program,
			Rule: policy.RouteRule{Environment: token.EnvLive, Permission: "payments:write", Facts: policy.FactsRead}}},
		PerIPRate: policy.Rate{Count: 1000000, Per: time.Second, Burst: 1000000}, RateHeaders: true,
	}))
	t.Cleanup(func() { w.gateway.Shutdown(context.Background()) })

	var req fasthttp.Request
	fatal(t, req.Read(bufio.NewReaderSize(strings.NewReader(walkerRequest(string(secret))), 8192)))
	w.ctx.Init(&req, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4000}, nil)
	for w.judge() != token.Allowed { // the first look loads; the cache takes it when it gets to it
		t.Fatalf("refused: %v", w.judge())
	}
	return w
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// walkerRequest has a body of 512 bytes with four facts in it.
func walkerRequest(secret string) string {
	body := `{"payer":{"country":"CI","operator":"ORANGE","phone":"+2250707070707","name":"Awa"},"method":"collect","amount":{"value":"500","currency":"XOF"},"reference":"`
	body += strings.Repeat("r", 512-len(body)-2) + `"}`
	return fmt.Sprintf("POST /v1/payments/4f2a9c1e?lang=fr HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: okhttp/4.12.0\r\nAccept: application/json\r\n"+
		"Accept-Encoding: gzip\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Request-Id: mine\r\n\r\n%s", secret, len(body), body)
}

// judge walks one request through all rows up to the upstream, and ends it.
func (w *walker) judge() token.Reason {
	p := w.gateway.begin(&w.ctx)
	defer p.finish()
	for _, step := range [...]func() token.Reason{
		p.admit,
		func() token.Reason { return p.identify(&p.source) },
		func() token.Reason { return p.bounds(&p.source) },
		p.subject,
		p.permit,
	} {
		if r := step(); r != token.Allowed {
			return r
		}
	}
	return token.Allowed
}

// On a cache hit nothing of ours is allocated from the first byte of the head to
// the last of the log line: scan, match, present, verify, facts, decide, rate,
// quota and what is left of them, metrics and log, with a body of 512 bytes and four facts.
func TestWalkAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates on its own")
	}
	w := newWalker(t)
	until(t, "the cache holds the token", func() bool {
		d := token.DigestOf(w.ctx.Request.Header.Peek("Authorization")[len("Bearer "):])
		_, ok := w.cache.Recall(&d, token.At(time.Now()))
		return ok
	})
	if n := testing.AllocsPerRun(500, func() { w.judge() }); n != 0 {
		t.Errorf("the walk allocates %v times", n)
	}
	h := &w.ctx.Request.Header
	if n := testing.AllocsPerRun(500, func() {
		if w.gateway.received(h).MaxRequestBodySize <= 1 {
			t.Fatal("the header phase refuses")
		}
	}); n != 0 {
		t.Errorf("the header phase allocates %v times", n)
	}
}

func BenchmarkWalk(b *testing.B) {
	w := newWalker(b)
	b.ReportAllocs()
	for b.Loop() {
		w.judge()
	}
}

func BenchmarkHeaderPhase(b *testing.B) {
	w := newWalker(b)
	b.ReportAllocs()
	for b.Loop() {
		w.gateway.received(&w.ctx.Request.Header)
	}
}

// A passage that goes back to its pool holds nothing of its request: no slice
// that aliases it, no principal, no reason.
func TestNothingBorrowedSurvivesFinish(t *testing.T) {
	w := newWalker(t)
	p := w.gateway.begin(&w.ctx)
	p.admit()
	p.identify(&p.source)
	p.bounds(&p.source)
	p.subject()
	if len(p.facts.Phones) != 1 || len(p.params) != 1 || p.lookup.count != 1 {
		t.Fatalf("the walk found nothing: %+v", p.facts)
	}
	phones, params := p.facts.Phones, p.params
	p.finish()
	if phones[:1][0].Value != nil || params[:1][0].Value != nil {
		t.Error("a value is left behind in the kept room")
	}
	if p.ctx != nil || p.header != nil || p.body != nil || p.principal != nil || p.route != nil || p.presented.Secret != nil ||
		p.target.raw != nil || p.head.host != nil || p.judged.Principal != nil || p.input.Body != nil || p.lookup.values[0] != nil || p.candidate.Secret != nil ||
		p.verdict.Phone != nil || p.record.status != 0 || p.requestID != [32]byte{} || p.visit.RequestID != "" || p.snapshot != nil {
		t.Errorf("the passage kept something: %+v", p)
	}
}
