package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tollgate/policy/token"
)

// deadTarget is an address of this machine where nobody listens.
func deadTarget(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// TestRoundRobin guarantees that targets share requests evenly.
func TestRoundRobin(t *testing.T) {
	a, b, c := newOrigin(t, honest), newOrigin(t, honest), newOrigin(t, honest)
	f := newFront(t, []string{a.url, b.url, c.url})
	who := f.client(t)
	for i := range 30 {
		who.wantAnswer("POST", fmt.Sprint("m", i))
	}
	for i, o := range []*origin{a, b, c} {
		if n := len(o.seen); n != 10 {
			t.Errorf("target %d got %d requests; want 10", i, n)
		}
	}
}

// TestDeadTargetIsPassedOver guarantees that a POST whose target refuses the
// connection goes to another, as nothing was sent, and that the dead target is
// then left alone for a while.
func TestDeadTargetIsPassedOver(t *testing.T) {
	o := newOrigin(t, honest)
	f := newFront(t, []string{deadTarget(t), o.url})
	c := f.client(t)
	c.wantAnswer("POST", "first")
	if r := f.lastRecord(); r.attempts != 2 || !r.sent || "http://"+r.target != o.url {
		t.Errorf("recorded %d attempts, sent %v, target %s; want 2, true, %s", r.attempts, r.sent, r.target, o.url)
	}
	for i := range 10 {
		c.wantAnswer("POST", fmt.Sprint("m", i))
		if r := f.lastRecord(); r.attempts != 1 {
			t.Errorf("request %d took %d attempts; want 1: the dead target rests", i, r.attempts)
		}
	}
}

// TestNobodyThere guarantees that with no target to reach nothing is sent and
// the answer says so, at once, and that the upstream's return is noticed by the
// very next request.
func TestNobodyThere(t *testing.T) {
	dead := deadTarget(t)
	f := newFront(t, []string{dead})
	c := f.client(t)
	for range 3 {
		if g := c.ask("POST", "/pay", "m", "x"); g.status != 503 || g.body != "upstream_unreachable" {
			t.Errorf("got %v; want 503 upstream_unreachable", g)
		}
		if r := f.lastRecord(); r.sent || r.attempts != 1 || "http://"+r.target != dead {
			t.Errorf("recorded sent %v, %d attempts, target %q; want false, 1, %s", r.sent, r.attempts, r.target, dead)
		}
	}
	l, err := net.Listen("tcp", strings.TrimPrefix(dead, "http://"))
	if err != nil {
		t.Skipf("the port was taken by another process meanwhile: %v", err)
	}
	newOriginOn(t, l, "http", honest)
	c.wantAnswer("POST", "back")
}

// TestBlackHoleCostsOneRequest guarantees that a target which swallows
// connection attempts holds one request at a time for the connect timeout, and
// that the others are told at once.
func TestBlackHoleCostsOneRequest(t *testing.T) {
	release := make(chan struct{})
	var dials atomic.Int32
	hole := func(ctx context.Context, _, _ string) (net.Conn, error) {
		dials.Add(1)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-release:
			return nil, syscall.ECONNREFUSED
		}
	}
	u, err := newUpstream("u", UpstreamSpec{Targets: []string{"http://192.0.2.1:9"}, ConnectTimeout: 10 * time.Second},
		upstreamContext{}, func(u *upstream) { u.dialer = hole })
	if err != nil {
		t.Fatal(err)
	}
	b := u.targets[0]
	b.rest(time.Now()) // it has failed before
	tried := tour{now: time.Now()}
	first := make(chan *conn)
	go func() { first <- u.connect(&tried, time.Now().Add(10*time.Second)) }()
	until(t, "the first request dials", func() bool { return dials.Load() == 1 })
	for range 100 {
		other := tour{now: time.Now()}
		if c := u.connect(&other, time.Now().Add(10*time.Second)); c != nil || other.attempts != 0 {
			t.Fatalf("another request got %v in %d attempts; want nothing at once", c, other.attempts)
		}
	}
	close(release)
	if c := <-first; c != nil {
		t.Error("a dial that failed gave a connection")
	}
	if n := u.open.Load(); n != 0 {
		t.Errorf("%d connections are counted open; want 0", n)
	}
}

// TestOurOwnFaultBlamesNobody guarantees that running out of descriptors does
// not make targets suspect, and neither does a request that came too late.
func TestOurOwnFaultBlamesNobody(t *testing.T) {
	for _, fails := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL} {
		u, err := newUpstream("u", UpstreamSpec{Targets: []string{"http://192.0.2.1:9"}}, upstreamContext{},
			func(u *upstream) {
				u.dialer = func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Err: fails}
				}
			})
		if err != nil {
			t.Fatal(err)
		}
		if c := u.connect(&tour{now: time.Now()}, time.Now().Add(time.Second)); c != nil || u.targets[0].failures.Load() != 0 {
			t.Errorf("%v made the target suspect", fails)
		}
	}
}

// TestSaturated guarantees that an upstream is never sent more requests at a
// time than max_conns, that the next ones wait in a bounded queue for a bounded
// time, and that whoever waited in vain is told that nothing was sent.
func TestSaturated(t *testing.T) {
	busy, release := make(chan struct{}, 10), make(chan struct{})
	var most, now atomic.Int32
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		busy <- struct{}{}
		<-release
		now.Add(-1)
		honest(c, r, q)
	})
	f := newFront(t, []string{o.url}, withSpec(func(s *UpstreamSpec) { s.MaxConns = 2 }))
	var all sync.WaitGroup
	for i := range 2 {
		c := f.client(t)
		all.Go(func() { c.wantAnswer("POST", fmt.Sprint("busy", i)) })
	}
	<-busy
	<-busy
	began := time.Now()
	if g := f.client(t).ask("POST", "/pay", "late", "x"); g.status != 503 || g.body != "upstream_saturated" {
		t.Errorf("got %v; want 503 upstream_saturated", g)
	}
	if took := time.Since(began); took < slotWait || took > slotWait+5*time.Second {
		t.Errorf("waited %v; want %v", took, slotWait)
	}
	if r := f.lastRecord(); r.sent || r.attempts != 0 {
		t.Errorf("recorded sent %v, %d attempts; want nothing sent", r.sent, r.attempts)
	}
	for i := range 2 { // these wait and are served
		c := f.client(t)
		all.Go(func() { c.wantAnswer("POST", fmt.Sprint("patient", i)) })
	}
	until(t, "two wait", func() bool { return f.up.waiting.Load() == 2 })
	began = time.Now()
	if f.up.enter() || f.up.wait(time.Now().Add(time.Minute)) || time.Since(began) >= slotWait {
		t.Error("a third waiter was let into a queue of two")
	}
	close(release)
	all.Wait()
	if n := most.Load(); n > 2 {
		t.Errorf("%d requests at a time; want at most 2", n)
	}
	until(t, "every slot is back", func() bool { return len(f.up.slots) == 0 && f.up.waiting.Load() == 0 })
}

// TestIdleMakesRoom guarantees that max_conns bounds connections, idle ones
// included: a new target's connection takes the place of another's idle one.
func TestIdleMakesRoom(t *testing.T) {
	a, b := newOrigin(t, honest), newOrigin(t, honest)
	f := newFront(t, []string{a.url, b.url}, withSpec(func(s *UpstreamSpec) { s.MaxConns = 1 }))
	c := f.client(t)
	for i := range 6 {
		c.wantAnswer("POST", fmt.Sprint("m", i))
		until(t, "the slot is back", func() bool { return len(f.up.slots) == 0 })
		if n := f.up.open.Load(); n != 1 {
			t.Errorf("%d connections are open; want 1", n)
		}
	}
	if len(a.seen) != 3 || len(b.seen) != 3 {
		t.Errorf("targets got %d and %d requests; want 3 each", len(a.seen), len(b.seen))
	}
}

// TestNothingWrittenMeansAnother guarantees that a connection which dies under
// the first byte is replaced, for any method, and that one which took even one
// byte is not.
func TestNothingWrittenMeansAnother(t *testing.T) {
	f := func(takes int, want token.Reason, wantDials int) {
		t.Helper()
		dials := 0
		u, err := newUpstream("u", UpstreamSpec{Targets: []string{"http://a:1", "http://b:1"}}, upstreamContext{},
			func(u *upstream) {
				u.dialer = func(context.Context, string, string) (net.Conn, error) {
					dials++
					return &brokenConn{takes: takes}, nil
				}
			})
		if err != nil {
			t.Fatal(err)
		}
		x := acquireExchange()
		defer x.end(time.Now())
		x.deadline, x.tour.now = time.Now().Add(time.Second), time.Now()
		x.outgoing.method, x.outgoing.target = []byte("POST"), []byte("/pay")
		x.outgoing.headers = []byte("\r\n")
		if got := x.carry(u); got != want || dials != wantDials || x.sent != (takes > 0) {
			t.Errorf("a connection that takes %d bytes: %v after %d dials, sent %v; want %v after %d", takes, got, dials, x.sent, want, wantDials)
		}
	}
	f(0, token.UpstreamUnreachable, 2)
	f(1, token.UpstreamFailed, 1)
}

// TestFailureLeavesNothing guarantees that after a failure the client's response
// is as good as new, whatever was in it.
func TestFailureLeavesNothing(t *testing.T) {
	p := payment(t, benchUpstream(t, deadTarget(t), nil))
	p.ctx.Response.SetStatusCode(299)
	p.ctx.Response.Header.Set("X-Stale", "1")
	p.ctx.Response.SetBodyString("stale")
	if reason := (&Gateway{}).forward(p); reason != token.UpstreamUnreachable {
		t.Fatalf("got %v; want upstream_unreachable", reason)
	}
	if r := &p.ctx.Response; r.StatusCode() != 200 || len(r.Body()) != 0 || r.Header.Peek("X-Stale") != nil {
		t.Errorf("the response still holds %d %q %q", r.StatusCode(), r.Body(), r.Header.Peek("X-Stale"))
	}
}

// brokenConn takes so many bytes and then resets.
type brokenConn struct {
	net.Conn
	takes int
}

func (b *brokenConn) Write(p []byte) (int, error)     { return min(b.takes, len(p)), syscall.ECONNRESET }
func (b *brokenConn) Read([]byte) (int, error)        { return 0, syscall.ECONNRESET }
func (b *brokenConn) SetDeadline(time.Time) error     { return nil }
func (b *brokenConn) SetReadDeadline(time.Time) error { return nil }
func (b *brokenConn) Close() error                    { return nil }

// TestEarlyAnswer guarantees that an upstream which refuses a large body before
// it has read it is heard, whether it then reads on or resets, and that the
// connection is not used again.
func TestEarlyAnswer(t *testing.T) {
	f := func(name string, after func(c net.Conn)) {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if _, err := io.ReadFull(c, make([]byte, 16)); err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
				after(c)
				c.Close()
			}
		}()
		fr := newFront(t, []string{"http://" + l.Addr().String()})
		c := fr.client(t)
		for range 3 {
			if g := c.ask("POST", "/pay", "m", strings.Repeat("x", 8<<20)); g.status != 413 || g.body != "big" {
				t.Errorf("%s: got %v; want the upstream's 413", name, g)
			}
			until(t, "the connection is closed or known for dead", func() bool {
				_, quiet := fr.up.idle()
				return len(fr.up.slots) == 0 && quiet == 0
			})
		}
	}
	f("reads on", func(c net.Conn) {
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	})
	f("resets", func(net.Conn) {})
}

// TestSpecIsChecked guarantees that a wrong upstream is refused with words that
// say what would do, all mistakes at once, and that no secret is in them.
func TestSpecIsChecked(t *testing.T) {
	good := func() UpstreamSpec { return UpstreamSpec{Targets: []string{"http://127.0.0.1:9000"}} }
	f := func(change func(*UpstreamSpec), want ...string) {
		t.Helper()
		s := good()
		change(&s)
		_, err := newUpstream("payments", s, upstreamContext{})
		if len(want) == 0 {
			if err != nil {
				t.Errorf("refused: %v", err)
			}
			return
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("got %v; want an error with %q", err, w)
			}
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
	target := func(text string) func(*UpstreamSpec) { return func(s *UpstreamSpec) { s.Targets = []string{text} } }
	header := func(name, value string) func(*UpstreamSpec) {
		return func(s *UpstreamSpec) { s.Headers = map[string]string{name: value} }
	}
	f(func(*UpstreamSpec) {})
	f(target("https://api.example.com"))
	f(target("http://[::1]:9000"))
	f(target("http://127.0.0.1:9000/"))
	f(func(s *UpstreamSpec) { s.Targets = nil }, "targets is empty")
	f(func(s *UpstreamSpec) { s.Targets = make([]string, 65) }, "at most 64")
	f(func(s *UpstreamSpec) { s.Targets = []string{"ftp://a", "http://b/c"} }, "ftp://a", "no path")
	f(target("127.0.0.1:9000"), "write http://host:port")
	f(target("http://"), "write http://host:port")
	f(target("http://user:hunter2@a"), "user name or password")
	f(target("http://user:hunter2@a:b:c"), "user name or password")
	f(target("http://a?x=1"), "no path or query")
	f(target("http://a:0"), "between 1 and 65535")
	f(target("http://a:70000"), "between 1 and 65535")
	f(header("X-Key", "hunter2\r\nX-Evil: 1"), "line break")
	f(header("X Key", "hunter2"), "no header name")
	f(header("Host", "a"), "leave it out")
	f(header("content-length", "1"), "leave it out")
	f(header("X_Tollgate_Token", "hunter2"), "leave it out")
	f(func(s *UpstreamSpec) { s.Headers = map[string]string{"X-Key": "a", "x_key": "b"} }, "twice")
	f(header("Authorization", "Bearer hunter2"))
	f(func(s *UpstreamSpec) { s.SignKey = []byte("hunter2") }, "at least 32")
	f(func(s *UpstreamSpec) { s.Host = "a b" }, "keep, target")
	f(func(s *UpstreamSpec) { s.Host = "http://a" }, "keep, target")
	f(func(s *UpstreamSpec) { s.Host = "api.example.com:8443" })
	f(func(s *UpstreamSpec) { s.Health.Path = "health" }, "begin with /")
	f(func(s *UpstreamSpec) { s.Health.Path = "/health" }, "interval")
	f(func(s *UpstreamSpec) { s.MaxConns = -1 }, "negative")
}

// TestReloadKeepsWhatIsTheSame guarantees that a reload can tell an upstream it
// may keep, connections and all, from one that changed.
func TestReloadKeepsWhatIsTheSame(t *testing.T) {
	spec := func() UpstreamSpec {
		return UpstreamSpec{Targets: []string{"http://a:1"}, Headers: map[string]string{"X-Key": "v"}, SignKey: make([]byte, 32)}
	}
	u, err := newUpstream("u", spec(), upstreamContext{})
	if err != nil {
		t.Fatal(err)
	}
	if !u.sameAs(spec()) {
		t.Error("an equal spec counts as changed")
	}
	for i, change := range []func(*UpstreamSpec){
		func(s *UpstreamSpec) { s.Targets = []string{"http://a:2"} },
		func(s *UpstreamSpec) { s.Targets = append(s.Targets, "http://b:1") },
		func(s *UpstreamSpec) { s.Headers["X-Key"] = "w" },
		func(s *UpstreamSpec) { s.SignKey[0] = 1 },
		func(s *UpstreamSpec) { s.Host = "keep" },
		func(s *UpstreamSpec) { s.MaxConns = 7 },
		func(s *UpstreamSpec) { s.Timeout = time.Second },
		func(s *UpstreamSpec) { s.ConnectTimeout = time.Second },
		func(s *UpstreamSpec) { s.MaxResponse = 1 },
		func(s *UpstreamSpec) { s.Health = HealthSpec{"/h", time.Second} },
	} {
		s := spec()
		change(&s)
		if u.sameAs(s) {
			t.Errorf("change %d went unnoticed", i)
		}
	}
}
