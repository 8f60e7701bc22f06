package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/configs"
	"tollgate/gateway"
	"tollgate/gateway/facts"
	"tollgate/gateway/wire"
	"tollgate/gateway/wire/oauth"
	"tollgate/gateway/wire/payment"
	"tollgate/policy"
	"tollgate/policy/token"
)

// rig is a gateway on a real socket before a strict origin on another.
type rig struct {
	t        testing.TB
	gateway  *gateway.Gateway
	address  string
	origin   *strictOrigin
	roster   *roster
	log      *sink
	words    *sink // what zap wrote
	registry *prometheus.Registry
	stale    atomic.Bool
	now      atomic.Int64 // microseconds; 0: the real clock
	options  gateway.Options
	plan     gateway.Plan
}

type rigOption func(*rig)

func withPlan(change func(*gateway.Plan)) rigOption { return func(r *rig) { change(&r.plan) } }
func withOptions(change func(*gateway.Options)) rigOption {
	return func(r *rig) { change(&r.options) }
}

// newRig serves one route, POST and GET /v1/payments/{id}, whose facts are the
// members country, operator, method and phone of a JSON body, and beside it
// GET /v1/status/{id} with facts: none.
func newRig(t testing.TB, options ...rigOption) *rig {
	t.Helper()
	r := &rig{t: t, origin: newStrictOrigin(t), roster: newRoster(t), log: newSink(), words: newSink(), registry: prometheus.NewRegistry()}
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(r.words), zap.DebugLevel))
	r.options = gateway.Options{
		Verifier: r.roster, Examiner: r.roster,
		Dialects: []gateway.Dialect{payment.Dialect{}, oauth.Dialect{}, headerDialect{}},
		Problem:  wire.Problem{}, Whoami: wire.Whoami{},
		AccessLog: r.log, Logger: logger, Registerer: r.registry,
		Now: r.clock, Rand: rand.Reader, Stale: r.stale.Load,
		Catalogue: func() *policy.Catalogue { return r.roster.catalogue },
	}
	r.plan = gateway.Plan{
		Upstreams: map[string]gateway.UpstreamSpec{"payments": {Targets: []string{r.origin.url}, ConnectTimeout: 5 * time.Second, Timeout: 10 * time.Second}},
		Routes: []gateway.RouteSpec{
			r.moneyRoute(t),
			{Path: "/v1/status/{id}", Methods: []string{"GET", "PUT"}, Upstream: "payments", Dialects: []string{"oauth", "payment"},
				Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}},
		},
		Whoami: "/api/whoami",
	}
	for _, o := range options {
		o(r)
	}
	var err error
	if r.gateway, err = gateway.New(r.options); err != nil {
		t.Fatal(err)
	}
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	r.gateway.SetReady(true)
	r.serve(t)
	return r
}

func (r *rig) moneyRoute(t testing.TB) gateway.RouteSpec {
	return gateway.RouteSpec{
		Path: "/v1/payments/{id}", Methods: []string{"GET", "POST"}, Upstream: "payments", Dialects: []string{"payment", "oauth"},
		Rule: policy.RouteRule{Environment: token.EnvLive, Permission: "payments:write", Facts: policy.FactsRead},
		Facts: r.roster.program(t, policy.FactsText{
			Country: []string{"json:/country"}, Operator: []string{"json:/operator"},
			Method: []string{"json:/method"}, Phone: []string{"json:/phone"},
		}),
		MaxBody: 4096,
	}
}

func (r *rig) clock() time.Time {
	if us := r.now.Load(); us != 0 {
		return time.UnixMicro(us)
	}
	return time.Now()
}

func (r *rig) serve(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- r.gateway.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.gateway.Shutdown(ctx); err != nil && err != context.DeadlineExceeded {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// roster knows principals by their secret: the part of auth, cache and store
// that the gateway sees, with the answers that a test wants.
type roster struct {
	catalogue *policy.Catalogue
	mu        sync.Mutex
	known     map[string]*token.Principal
	refused   map[string]token.Reason
	away      bool // the store is
	throttled bool
	cold      map[string]bool // not in memory: the header phase answers "not here"
	asked     atomic.Int64
	changed   atomic.Int64 // by Verify alone: what Examine must leave alone
	panics    atomic.Bool
}

func newRoster(t testing.TB) *roster {
	t.Helper()
	c, err := configs.ShippedCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return &roster{catalogue: c, known: map[string]*token.Principal{}, refused: map[string]token.Reason{}, cold: map[string]bool{}}
}

func (r *roster) program(t testing.TB, text policy.FactsText) *facts.Program {
	t.Helper()
	spec, faults := policy.ParseFacts(text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	p, err := facts.Compile(spec, r.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var fullBounds = token.Bounds{
	IPRanges:    []string{"127.0.0.0/8"},
	Methods:     []string{"GET", "POST"},
	Permissions: []string{"payments:write"},
	Composition: token.Composition{"CI": {"ORANGE": {"collect", "disburse"}, "MTN": {"collect"}}},
	Restricts:   token.Restricts{Composition: true, Phones: true, IP: true, Methods: true},
}

var listed = []token.Number{
	{Country: "CI", E164: "+2250707070707", Enabled: true},
	{Country: "CI", E164: "+2250708080808", Enabled: false},
}

// add makes a key whose token has the bounds, changed as asked, and returns it.
func (r *roster) add(t testing.TB, id string, change func(*token.Live, *token.Bounds)) string {
	t.Helper()
	id = (id + "000000000000")[:12]
	bounds := fullBounds
	live := &token.Live{Handle: token.HandleOf([]byte(id)), Merchant: "mer_" + id, Environment: token.EnvLive,
		Enabled: true, MerchantActive: true, Numbers: listed}
	if change != nil {
		change(live, &bounds)
	}
	rules, err := policy.Compile(r.catalogue, bounds, live.Numbers, nil)
	if err != nil {
		t.Fatal(err)
	}
	live.Rules, live.Bounds, live.Permissions, live.Restricts = rules, bounds, bounds.Permissions, bounds.Restricts
	secret := string(token.Compose(token.KindKey, token.EnvLive, []byte(id+strings.Repeat("x", 28))))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[secret] = &token.Principal{Live: live, Kind: token.KindKey, Generation: 1}
	return secret
}

func (r *roster) Verify(p *token.Presented, src *token.Source, now time.Time) (*token.Principal, token.Reason) {
	if r.panics.Load() {
		panic("secret text of a request")
	}
	r.changed.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if src == nil && r.cold[string(p.Secret)] {
		return nil, token.AuthThrottled
	}
	if r.throttled && r.known[string(p.Secret)] == nil {
		return nil, token.AuthThrottled
	}
	return r.examine(p, now)
}

func (r *roster) Examine(p *token.Presented, now time.Time) (*token.Principal, token.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.examine(p, now)
}

func (r *roster) examine(p *token.Presented, now time.Time) (*token.Principal, token.Reason) {
	r.asked.Add(1)
	if r.away {
		return nil, token.CannotDecide
	}
	q := r.known[string(p.Secret)]
	if q == nil || p.Kind != q.Kind {
		return nil, token.TokenInvalid
	}
	if reason := r.refused[string(p.Secret)]; reason != token.Allowed {
		return q, reason
	}
	return q, q.Standing(token.At(now))
}

// set changes what the roster answers.
func (r *roster) set(change func(*roster)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// strictOrigin is an upstream that reads requests with net/http's strict reader
// and remembers every byte of them.
type strictOrigin struct {
	url  string
	mu   sync.Mutex
	seen []seenRequest
	hold chan struct{} // when not nil, an answer waits for it
}

type seenRequest struct {
	target string
	host   string
	header http.Header
	body   string
}

func newStrictOrigin(t testing.TB) *strictOrigin {
	t.Helper()
	o := &strictOrigin{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.url = "http://" + l.Addr().String()
	s := &http.Server{Handler: o, ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return o
}

func (o *strictOrigin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	o.seen = append(o.seen, seenRequest{r.RequestURI, r.Host, r.Header.Clone(), string(body)})
	hold := o.hold
	o.mu.Unlock()
	if hold != nil {
		<-hold
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"done":true}`)
}

func (o *strictOrigin) requests() []seenRequest {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]seenRequest(nil), o.seen...)
}

// sink gathers what is written to it.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newSink() *sink { return &sink{} }

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
	closed bool // the server ended the connection behind the answer
}

func (a answer) code() string {
	var problem struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &problem)
	return problem.Code
}

// raw writes text on a connection of its own and reads one answer.
func (r *rig) raw(t testing.TB, text string) answer {
	t.Helper()
	c := r.dial(t)
	defer c.conn.Close()
	c.write(text)
	return c.answer(methodOf(text))
}

func methodOf(text string) string {
	method, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), " ")
	return method
}

type wireClient struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func (r *rig) dial(t testing.TB) *wireClient {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return &wireClient{t, conn, bufio.NewReader(conn)}
}

func (c *wireClient) write(text string) {
	// A server that refuses early may close while we write: what counts is
	// its answer.
	_, _ = io.WriteString(c.conn, text)
}

func (c *wireClient) answer(method string) answer {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("no answer to %s: %v", method, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("half an answer: %v", err)
	}
	return answer{resp.StatusCode, resp.Header, string(body), resp.Close}
}

// request writes a request down.
func request(method, target, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: api.example.com\r\n", method, target)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

func bearer(secret string) string { return "Authorization: Bearer " + secret }

const jsonType = "Content-Type: application/json"

// goodBody passes fullBounds.
const goodBody = `{"country":"CI","operator":"ORANGE","method":"collect","phone":"+2250707070707","amount":500}`

// event is one line of the access log.
type event map[string]any

// events waits until the log has n lines and returns them parsed; every one has
// to be a JSON object.
func (r *rig) events(t testing.TB, n int) []event {
	t.Helper()
	var lines []string
	until(t, fmt.Sprintf("the access log has %d lines", n), func() bool {
		text := r.log.String() // once: it grows meanwhile
		lines = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		return text != "" && len(lines) >= n
	})
	all := make([]event, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &all[i]); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
	}
	return all
}

// until waits for something another goroutine brings about.
func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !happened() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// headerDialect is a third dialect with a carrier of its own, to be ambiguous
// with the others.
type headerDialect struct{ wire.Problem }

func (headerDialect) Name() string { return "header" }

func loopback() netip.Addr { return netip.MustParseAddr("127.0.0.1") }

// Present reads `token: <key>`.
func (headerDialect) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	value := h.Peek("token")
	if len(value) == 0 {
		return token.Absent
	}
	p.Dialect, p.Secret, p.Kind = "header", value, token.KindKey
	if !token.LooksLike(value, token.KindKey) {
		p.Kind = token.KindNone
		return token.Malformed
	}
	return token.Found
}

func mustCompile(r *rig, spec *policy.FactSpec) *facts.Program {
	p, err := facts.Compile(spec, r.roster.catalogue)
	if err != nil {
		panic(err)
	}
	return p
}

func itoa(n int) string { return strconv.Itoa(n) }
