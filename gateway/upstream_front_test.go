package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// origin is an upstream on a real socket that does byte for byte what its
// script says. It counts how often each mark was executed.
type origin struct {
	url    string
	listen net.Listener
	script func(c net.Conn, r *bufio.Reader, q query)

	mu    sync.Mutex
	seen  []query
	dials int
	done  sync.WaitGroup
	open  map[net.Conn]bool
}

// query is a request as the origin saw it.
type query struct {
	line string // without CRLF
	head string // header lines, each with its CRLF
	body string
}

func (q query) mark() string { return q.header("X-Mark") }

// header is the value of the one header line of that exact name; it fails the
// comparison of whoever asks when there are two.
func (q query) header(name string) string {
	var found []string
	for line := range strings.SplitSeq(q.head, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && n == name {
			found = append(found, v)
		}
	}
	return strings.Join(found, " AND ")
}

// newOrigin serves script for each request. When the script returns with the
// connection open, the next request on it is read.
func newOrigin(t testing.TB, script func(c net.Conn, r *bufio.Reader, q query)) *origin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return newOriginOn(t, l, "http", script)
}

func newOriginOn(t testing.TB, l net.Listener, scheme string, script func(c net.Conn, r *bufio.Reader, q query)) *origin {
	o := &origin{listen: l, script: script, url: scheme + "://" + l.Addr().String(), open: map[net.Conn]bool{}}
	o.done.Go(o.accept)
	t.Cleanup(o.stop)
	return o
}

func (o *origin) accept() {
	for {
		c, err := o.listen.Accept()
		if err != nil {
			return
		}
		o.mu.Lock()
		o.dials++
		o.open[c] = true
		o.mu.Unlock()
		o.done.Go(func() { o.serve(c) })
	}
}

func (o *origin) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		q, err := readQuery(r)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.seen = append(o.seen, q)
		o.mu.Unlock()
		o.script(c, r, q)
	}
}

func (o *origin) stop() {
	o.listen.Close()
	o.mu.Lock()
	for c := range o.open {
		c.Close()
	}
	o.mu.Unlock()
	o.done.Wait()
}

// executed is how often a request with the mark arrived.
func (o *origin) executed(mark string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.seen {
		if q.mark() == mark {
			n++
		}
	}
	return n
}

func (o *origin) last() query {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.seen) == 0 {
		return query{}
	}
	return o.seen[len(o.seen)-1]
}

func (o *origin) dialed() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dials
}

func readQuery(r *bufio.Reader) (q query, err error) {
	if q.line, err = r.ReadString('\n'); err != nil {
		return q, err
	}
	q.line = strings.TrimSuffix(q.line, "\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return q, err
		}
		if line == "\r\n" {
			break
		}
		q.head += line
	}
	n, _ := strconv.Atoi(q.header("Content-Length"))
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	q.body = string(body)
	return q, err
}

// answerWith writes an ordinary answer.
func answerWith(c net.Conn, body string) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// honest answers every request with its own mark.
func honest(c net.Conn, _ *bufio.Reader, q query) { answerWith(c, "for "+q.mark()) }

// reset ends a connection with RST instead of FIN.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

// front is our half of the gateway on a real socket: every request is taken for
// judged and passed, and forwarded.
type front struct {
	address string
	route   *route
	up      *upstream

	mu      sync.Mutex
	records []record
}

type frontOption func(*front, *UpstreamSpec)

func onRoute(change func(*route)) frontOption {
	return func(f *front, _ *UpstreamSpec) { change(f.route) }
}

func withSpec(change func(*UpstreamSpec)) frontOption {
	return func(_ *front, s *UpstreamSpec) { change(s) }
}

func newFront(t testing.TB, targets []string, options ...frontOption) *front {
	t.Helper()
	f := &front{route: &route{}}
	spec := UpstreamSpec{Targets: targets, Timeout: 10 * time.Second, ConnectTimeout: 5 * time.Second}
	for _, o := range options {
		o(f, &spec)
	}
	up, err := newUpstream("payments", spec, upstreamContext{})
	if err != nil {
		t.Fatal(err)
	}
	f.serve(t, up)
	return f
}

func (f *front) serve(t testing.TB, up *upstream) {
	t.Helper()
	f.up, f.route.live, f.route.test = up, up, up
	up.start()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	server := &fasthttp.Server{Handler: f.handle, NoDefaultServerHeader: true, DisablePreParseMultipartForm: true,
		ReadBufferSize: 16 << 10, MaxRequestBodySize: 32 << 20, Logger: quietLogger{}}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		<-ended
		up.close()
	})
}

type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

var testLive = &token.Live{Handle: "tok_000000000001", Merchant: "mer_000000000001", Environment: token.EnvLive}

func (f *front) handle(ctx *fasthttp.RequestCtx) {
	live := *testLive
	if other := ctx.Request.Header.Peek("X-Merchant"); len(other) > 0 {
		live.Merchant = string(other)
	}
	p := &passage{ctx: ctx, header: &ctx.Request.Header, route: f.route, now: time.Unix(1700000000, 0),
		principal: &token.Principal{Live: &live}}
	copy(p.requestID[:], "0123456789abcdef0123456789abcdef")
	p.target.raw, p.head.host = ctx.Request.Header.RequestURI(), ctx.Request.Header.Host()
	p.head.clientRequestID = ctx.Request.Header.Peek("X-Request-Id")
	p.source.Addr = netip.MustParseAddr("192.0.2.7")
	reason := (&Gateway{}).forward(p)
	if reason != token.Allowed {
		ctx.SetStatusCode(reason.Status())
		ctx.SetBodyString(reason.Code())
	}
	p.record.reason = reason
	f.mu.Lock()
	f.records = append(f.records, p.record)
	f.mu.Unlock()
}

func (f *front) lastRecord() record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records[len(f.records)-1]
}

// client is one client connection that writes what it is told.
type client struct {
	t        testing.TB
	conn     net.Conn
	r        *bufio.Reader
	merchant string // "": testLive's
}

func (f *front) client(t testing.TB) *client {
	t.Helper()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return &client{t: t, conn: c, r: bufio.NewReader(c)}
}

// got is an answer as a client read it. err says that it was cut.
type got struct {
	status int
	body   string
	header http.Header
	err    error
}

func (g got) String() string { return fmt.Sprintf("%d %q (err %v)", g.status, g.body, g.err) }

// ask sends one request and reads the answer to its end.
func (c *client) ask(method, path, mark, body string) got {
	c.t.Helper()
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: api.example.com\r\nX-Mark: %s\r\n", method, path, mark)
	if c.merchant != "" {
		fmt.Fprintf(&text, "X-Merchant: %s\r\n", c.merchant)
	}
	if body != "" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(body))
	}
	text.WriteString("\r\n" + body)
	return c.raw(method, text.String())
}

func (c *client) raw(method, text string) got {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		return got{err: err}
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return got{err: err}
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return got{resp.StatusCode, string(all), resp.Header, err}
}

// wantAnswer asserts that mark gets its own answer and not a byte of another's.
func (c *client) wantAnswer(method, mark string) {
	c.t.Helper()
	body := ""
	if method != "GET" {
		body = "pay " + mark
	}
	if g := c.ask(method, "/pay", mark, body); g.status != 200 || g.body != "for "+mark || g.err != nil {
		c.t.Errorf("%s %s got %v; want its own answer", method, mark, g)
	}
}

// until waits for something another goroutine brings about.
func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !happened(); runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// idle is how many connections wait in the upstream's pools, and how many of
// them have nothing waiting on them.
func (u *upstream) idle() (all, quiet int) {
	for _, b := range u.targets {
		b.mu.Lock()
		for _, c := range b.pool {
			all++
			if c.peek.look() == nothing {
				quiet++
			}
		}
		b.mu.Unlock()
	}
	return all, quiet
}

// counted is the sum of a metric's counters and gauges.
func counted(t testing.TB, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
