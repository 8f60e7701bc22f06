package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// stage is how far an origin has read when it fails.
type stage int

const (
	onAccept stage = iota // nothing
	inHead                // a byte of the head
	inBody                // the head, and one byte of the body
	whole                 // the whole request: it is executed
)

// counter is an origin that counts executions, a request read to its end being
// one, and fails at a stage while it is armed.
type counter struct {
	listen net.Listener
	at     stage
	does   func(net.Conn)
	armed  atomic.Bool
	failed atomic.Int32
	over   chan struct{}

	mu       sync.Mutex
	executed map[string]int    // by mark
	keys     map[string]string // Idempotency-Key lines as they came, by mark
}

func newCounter(t testing.TB, at stage, does func(net.Conn)) *counter {
	t.Helper()
	o := &counter{at: at, does: does, over: make(chan struct{}), executed: map[string]int{}, keys: map[string]string{}}
	o.listen = serveAll(t, o.over, o.serve)
	return o
}

func (o *counter) url() string { return "http://" + o.listen.Addr().String() }

// fails does what it does when the stage is reached, and reports whether it did.
func (o *counter) fails(c net.Conn, at stage) bool {
	if at != o.at || !o.armed.Load() {
		return false
	}
	o.failed.Add(1)
	o.does(c)
	return true
}

func (o *counter) serve(c net.Conn) {
	defer c.Close()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-o.over:
			c.Close()
		case <-ended:
		}
	}()
	if o.fails(c, onAccept) {
		return
	}
	r := bufio.NewReader(c)
	for {
		if _, err := r.Peek(1); err != nil || o.fails(c, inHead) {
			return
		}
		var head bytes.Buffer
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
		}
		length, _ := strconv.Atoi(headerOf(head.String(), "Content-Length"))
		if length > 0 {
			if _, err := r.Peek(1); err != nil {
				return
			}
		}
		if o.fails(c, inBody) {
			return
		}
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return
		}
		mark := headerOf(head.String(), "X-Mark")
		o.mu.Lock()
		o.executed[mark]++
		o.keys[mark] = headerOf(head.String(), "Idempotency-Key")
		o.mu.Unlock()
		if o.fails(c, whole) {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nfor %s", 4+len(mark), mark)
	}
}

// headerOf joins the values of all lines of that name.
func headerOf(head, name string) string {
	var found []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			found = append(found, v)
		}
	}
	return strings.Join(found, " AND ")
}

func (o *counter) count(mark string) (executions int, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.executed[mark], o.keys[mark]
}

func resets(c net.Conn) {
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func closes(c net.Conn) { c.Close() }

func writes(text string, then func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		then(c)
	}
}

// onceTimeout is long enough for every answer that comes, and short enough for
// those that never do.
const onceTimeout = 200 * time.Millisecond

const halfHead = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"

// TestNeverTwiceNeverHalf puts an origin that counts executions, and a second
// target that would be glad to have the request, behind every fault there is, for
// every method, with and without Idempotency-Key: a payment is executed at most
// once, whatever happens; nobody gets half an answer as 200; whoever is told that
// nothing was sent can rely on it, and whoever cannot be told is told that the
// outcome is unknown; the key crosses as it came, and none is made up.
func TestNeverTwiceNeverHalf(t *testing.T) {
	f := func(name string, at stage, does func(net.Conn)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, good := newCounter(t, at, does), newCounter(t, whole, closes)
			r := newRig(t, withPlan(func(p *gateway.Plan) { onceRoutes(p, bad.url(), good.url()) }))
			key := r.roster.add(t, "good", func(_ *token.Live, b *token.Bounds) { b.Methods = []string{"DELETE", "GET", "POST", "PUT"} })
			for _, path := range []string{"/kept", "/fresh"} {
				for i, method := range []string{"GET", "PUT", "POST", "DELETE", "GET", "PUT", "POST", "DELETE"} {
					idempotency := []string{"", `Idempotency-Key: "k-` + itoa(i) + `"`}[i/4]
					for turn := range 2 { // one of them meets the bad target
						bad.armed.Store(false)
						for n := range 2 {
							r.raw(t, request("POST", path, "{}", bearer(key), "X-Mark: warm"+itoa(n)))
						}
						bad.armed.Store(true)
						once(t, r, []*counter{bad, good}, key, path, method, fmt.Sprint(path, method, i, turn), idempotency)
					}
				}
			}
			if bad.failed.Load() == 0 {
				t.Error("the fault never happened")
			}
		})
	}
	f("closed on accept", onAccept, closes)
	f("reset on accept", onAccept, resets)
	f("closed in the head", inHead, closes)
	f("reset in the head", inHead, resets)
	f("closed in the body", inBody, closes)
	f("reset in the body", inBody, resets)
	f("reset after the request", whole, resets)
	f("closed after the request", whole, closes)
	f("closed in the answer's head", whole, writes("HTTP/1.1 200 OK\r\nContent-Le", closes))
	f("closed after the answer's head", whole, writes(halfHead, closes))
	f("reset after the answer's head", whole, writes(halfHead, resets))
	f("closed in the answer", whole, writes(halfHead+"half", closes))
	f("reset in the answer", whole, writes(halfHead+"half", resets))
	f("closed within chunks", whole, writes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", closes))
	f("garbage for an answer", whole, writes("half\r\n\r\n", closes))
	f("asked to come again", whole, writes("HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", closes))
	f("sent elsewhere", whole, writes("HTTP/1.1 307 Elsewhere\r\nLocation: /fresh\r\nContent-Length: 0\r\n\r\n", closes))
	f("asked to repeat it on another connection", whole, writes("HTTP/1.1 421 Misdirected\r\nContent-Length: 0\r\n\r\n", closes))
	f("timeout", whole, func(c net.Conn) { io.Copy(io.Discard, c) })
	f("timeout in the answer", whole, writes(halfHead+"half", func(c net.Conn) { io.Copy(io.Discard, c) }))
	f("late answer to nobody", whole, func(c net.Conn) {
		io.Copy(io.Discard, c) // until the gateway has given up
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf")
	})
}

// onceRoutes are two routes: over kept connections, and over a fresh one each.
func onceRoutes(p *gateway.Plan, targets ...string) {
	p.Upstreams, p.Routes = map[string]gateway.UpstreamSpec{}, nil
	for _, name := range []string{"kept", "fresh"} {
		p.Upstreams[name] = gateway.UpstreamSpec{Targets: targets, NoKeepAlive: name == "fresh"}
		p.Routes = append(p.Routes, gateway.RouteSpec{
			Path: "/" + name, Methods: []string{"GET", "PUT", "POST", "DELETE"}, Upstream: name, Dialects: []string{"payment"}, MaxBody: 1 << 20,
			Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}, Timeout: onceTimeout,
		})
	}
}

// once sends one request and judges what became of it.
func once(t *testing.T, r *rig, origins []*counter, key, path, method, mark, idempotency string) {
	t.Helper()
	body := ""
	if method != "GET" {
		body = strings.Repeat("x", 100_000) // more than one packet, so that it can be met half way
	}
	headers := []string{bearer(key), "X-Mark: " + mark}
	if idempotency != "" {
		headers = append(headers, idempotency)
	}
	a := r.raw(t, request(method, path, body, headers...))
	executions, sent := 0, strings.TrimPrefix(idempotency, "Idempotency-Key: ")
	for _, o := range origins {
		n, got := o.count(mark)
		if executions += n; n > 0 && got != sent {
			t.Errorf("%s: the key arrived as %q; want %q", mark, got, sent)
		}
	}
	unknown := strings.Contains(a.body, `"outcome":"unknown"`)
	switch {
	case executions > 1:
		t.Errorf("%s was executed %d times and answered %d", mark, executions, a.status)
	case a.status == 200 && (a.body != "for "+mark || executions != 1):
		t.Errorf("%s got 200 %q, executed %d times", mark, a.body, executions)
	case (a.status == 502 || a.status == 504) != unknown:
		t.Errorf("%s got %d %s; an unknown outcome is said with 502 and 504 and with nothing else", mark, a.status, a.body)
	case a.status == 503 && a.code() == "upstream_unreachable" && executions != 0:
		t.Errorf("%s was told that nothing was sent, and executed", mark)
	}
}

// TestUnsentIsSaidSo guarantees that a payment of which not one byte left, as its
// target refuses connections, may be sent again by its client: 503 without an
// unknown outcome.
func TestUnsentIsSaidSo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := newRig(t, withPlan(func(p *gateway.Plan) { onceRoutes(p, "http://"+l.Addr().String()) }))
	key := r.roster.add(t, "good", nil)
	a := r.raw(t, request("POST", "/kept", "{}", bearer(key)))
	if a.status != 503 || a.code() != "upstream_unreachable" || strings.Contains(a.body, "outcome") || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
	}
}

// TestStaleConnectionLosesNoPayment guarantees that an origin which ends idle
// connections costs nobody a payment: each of many POSTs meets a connection that
// ended meanwhile, by FIN or by RST, and each is answered 200 and executed once.
// TOLLGATE_TEST_LONG makes them 10 000.
func TestStaleConnectionLosesNoPayment(t *testing.T) {
	times := 200
	if os.Getenv("TOLLGATE_TEST_LONG") != "" {
		times = 10_000
	}
	for name, ends := range map[string]func(net.Conn){"FIN": closes, "RST": resets} {
		t.Run(name, func(t *testing.T) {
			answered := make(chan struct{})
			o := newCounter(t, whole, func(c net.Conn) {
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npaid")
				<-answered // read, or RST would take it away
				ends(c)
			})
			o.armed.Store(true)
			r := newRig(t, withPlan(func(p *gateway.Plan) { onceRoutes(p, o.url()) }))
			key := r.roster.add(t, "good", nil)
			c := r.dial(t)
			for i := range times {
				mark := "pay" + itoa(i)
				if i%500 == 499 {
					c = r.dial(t) // a connection takes so many requests
				}
				c.write(request("POST", "/kept", "{}", bearer(key), "X-Mark: "+mark))
				if a := c.answer("POST"); a.status != 200 || a.body != "paid" {
					t.Fatalf("%s got %d %s", mark, a.status, a.body)
				}
				answered <- struct{}{}
				until(t, "the end has arrived", func() bool {
					_, _, quiet, busy := r.gateway.UpstreamPools("kept")
					return quiet == 0 && busy == 0
				})
				if n, _ := o.count(mark); n != 1 {
					t.Fatalf("%s was executed %d times", mark, n)
				}
			}
		})
	}
}
