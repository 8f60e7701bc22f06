package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeptConnectionIsReused guarantees that the ordinary case does not dial:
// requests in turn travel over one connection.
func TestKeptConnectionIsReused(t *testing.T) {
	o := newOrigin(t, honest)
	f := newFront(t, []string{o.url})
	a, b := f.client(t), f.client(t)
	for i := range 20 {
		a.wantAnswer("POST", fmt.Sprint("a", i))
		b.wantAnswer("GET", fmt.Sprint("b", i))
	}
	if n := o.dialed(); n != 1 {
		t.Errorf("40 requests in turn took %d connections; want 1", n)
	}
	old := newOrigin(t, says("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nfor m"))
	c := newFront(t, []string{old.url}).client(t)
	c.wantAnswer("POST", "m")
	c.wantAnswer("POST", "m")
	if n := old.dialed(); n != 1 {
		t.Errorf("2 requests to HTTP/1.0 that keeps took %d connections; want 1", n)
	}
}

// TestWordBetweenRequests guarantees that a pooled connection on which the
// upstream said or did anything unasked is never used again: the next request,
// a POST too, travels on a fresh one without a 502, is executed once, and gets
// its own answer. Not one of the unasked bytes reaches a client. After a mere
// end the fresh connection is kept; after a word each request has its own.
func TestWordBetweenRequests(t *testing.T) {
	f := func(name, method string, dials int, unasked func(net.Conn)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answered := make(chan struct{})
			o := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
				if q.mark() != "first" {
					honest(c, r, q)
					return
				}
				if q.line[:4] == "HEAD" {
					io.WriteString(c, head200+"Content-Length: 9\r\n\r\n")
				} else {
					honest(c, r, q)
				}
				<-answered
				unasked(c)
			})
			f := newFront(t, []string{o.url})
			a, b := f.client(t), f.client(t)
			if g := a.ask(method, "/pay", "first", ""); g.status != 200 {
				t.Fatalf("first got %v; want 200", g)
			}
			until(t, "the connection is pooled", func() bool { all, _ := f.up.idle(); return all == 1 })
			close(answered)
			until(t, "the unasked word arrived", func() bool { _, quiet := f.up.idle(); return quiet == 0 })
			b.wantAnswer("POST", "second")
			a.wantAnswer("GET", "third")
			for _, mark := range []string{"first", "second", "third"} {
				if n := o.executed(mark); n != 1 {
					t.Errorf("%s was executed %d times; want once", mark, n)
				}
			}
			if n := o.dialed(); n != dials {
				t.Errorf("%d connections; want %d", n, dials)
			}
			if r := f.lastRecord(); r.attempts != 1 {
				t.Errorf("the last request took %d attempts; want 1", r.attempts)
			}
		})
	}
	write := func(text string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, text) } }
	f("late second answer", "GET", 3, write(head200+"Content-Length: 6\r\n\r\nHIJACK"))
	f("late body to HEAD", "HEAD", 3, write("HIJACKED!"))
	f("one byte", "GET", 3, write("H"))
	f("408 and FIN on idle", "GET", 3, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		c.Close()
	})
	f("FIN on idle", "GET", 2, func(c net.Conn) { c.Close() })
	f("RST on idle", "GET", 2, reset)
}

// TestSecondAnswerAtOnce guarantees the same where the unasked bytes come
// glued to the answer: the answer is delivered without them.
func TestSecondAnswerAtOnce(t *testing.T) {
	f := func(name, method, answer, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, hostile(says(answer)))
			f := newFront(t, []string{o.url})
			a, b := f.client(t), f.client(t)
			if g := a.ask(method, "/pay", "attack", ""); g.status < 200 || g.body != want || g.err != nil {
				t.Errorf("got %v; want %q", g, want)
			}
			if all, _ := f.up.idle(); all != 0 {
				t.Error("the connection was pooled; want it closed")
			}
			b.wantAnswer("POST", "b")
			a.wantAnswer("GET", "a")
		})
	}
	second := head200 + "Content-Length: 6\r\n\r\nHIJACK"
	f("two answers with lengths", "GET", head200+"Content-Length: 3\r\n\r\nown"+second, "own")
	f("two answers, the first chunked", "GET", head200+"Transfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n"+second, "own")
	f("body to HEAD", "HEAD", second, "")
	f("body with 204", "GET", "HTTP/1.1 204 No Content\r\n\r\nHIJACK", "")
	f("length with 204", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n", "")
	f("body with 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nHIJACK", "")
	f("one byte more", "GET", head200+"Content-Length: 3\r\n\r\nown!", "own")
	f("told to close", "GET", head200+"Connection: close\r\nContent-Length: 3\r\n\r\nown", "own")
	f("told to close in a list", "GET", head200+"Connection: x, Close\r\nContent-Length: 3\r\n\r\nown", "own")
	f("HTTP/1.0 that cannot decide", "GET", "HTTP/1.0 200 OK\r\nConnection: close\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nown", "own")
	f("HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nown", "own")
	f("interim before it", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+head200+"Content-Length: 3\r\n\r\nown", "own")
}

// TestStalePost guarantees that an upstream that closes idle connections costs
// nobody a payment: of many POSTs, each after such a close, all are answered
// 200 and executed once.
func TestStalePost(t *testing.T) {
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
		honest(c, r, q)
		c.Close() // no Connection: close: the gateway takes it for kept
	})
	f := newFront(t, []string{o.url})
	c := f.client(t)
	for i := range 300 {
		mark := fmt.Sprint("pay", i)
		c.wantAnswer("POST", mark)
		until(t, "the FIN arrived", func() bool { _, quiet := f.up.idle(); return quiet == 0 })
		if n := o.executed(mark); n != 1 {
			t.Fatalf("%s was executed %d times; want once", mark, n)
		}
	}
}

// TestManyClientsAndABadUpstream attacks the next client through the pool: an
// upstream answers twice, sends a byte too many, switches protocols or hangs up,
// request by request, while eight clients pay at once. No client ever gets a byte
// that is not its own, and nothing is executed twice. A client may get 502.
// TOLLGATE_TEST_LONG makes the payments 100 000.
func TestManyClientsAndABadUpstream(t *testing.T) {
	times := 150
	if os.Getenv("TOLLGATE_TEST_LONG") != "" {
		times = 12_500
	}
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
		answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nfor %s", len(q.mark())+4, q.mark())
		switch len(q.mark()) % 6 {
		case 0:
			answer += "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nHIJACK"
		case 1:
			defer c.Close()
		case 2:
			answer += "H"
		case 3:
			answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHIJACK"
		}
		io.WriteString(c, answer)
	})
	f := newFront(t, []string{o.url})
	var all sync.WaitGroup
	for who := range 8 {
		c := f.client(t)
		all.Go(func() {
			for i := range times {
				mark := fmt.Sprintf("c%d-%d%s", who, i, "......"[:i%6])
				g := c.ask("POST", "/pay", mark, "x")
				if g.status != 200 && g.status != 502 || g.status == 200 && g.body != "for "+mark {
					t.Errorf("%s got %v; want its own answer or 502", mark, g)
				}
				f.up.targets[0].aloneTo.Store(0) // trust it again and again
			}
		})
	}
	all.Wait()
	executed := map[string]int{}
	for _, q := range o.seen {
		if executed[q.mark()]++; executed[q.mark()] > 1 {
			t.Errorf("%s was executed %d times", q.mark(), executed[q.mark()])
		}
	}
}

// TestDistrust guarantees that a target which answered twice gets a connection
// for each request from then on, and says so in each, until it is trusted again.
func TestDistrust(t *testing.T) {
	o := newOrigin(t, hostile(says(head200+"Content-Length: 3\r\n\r\nown"+head200+"Content-Length: 6\r\n\r\nHIJACK")))
	f := newFront(t, []string{o.url})
	c := f.client(t)
	c.wantAnswer("GET", "a")
	c.wantAnswer("GET", "b")
	if n, word := o.dialed(), o.last().header("Connection"); n != 1 || word != "" {
		t.Errorf("%d connections, Connection: %q; want 1 and none", n, word)
	}
	c.ask("GET", "/", "attack", "")
	for i := range 3 {
		c.wantAnswer("POST", fmt.Sprint("m", i))
		if n, word := o.dialed(), o.last().header("Connection"); n != 2+i || word != "close" {
			t.Errorf("%d connections, Connection: %q; want %d and close", n, word, 2+i)
		}
	}
	f.up.targets[0].aloneTo.Store(0)
	c.wantAnswer("GET", "x")
	c.wantAnswer("GET", "y")
	if n := o.dialed(); n != 5 {
		t.Errorf("%d connections; want 5: the target is trusted again", n)
	}
}

// TestIdleConnectionsEnd guarantees that an idle connection is closed before a
// usual upstream would close it, and that closing the upstream ends them all.
func TestIdleConnectionsEnd(t *testing.T) {
	o := newOrigin(t, honest)
	f := newFront(t, []string{o.url})
	c := f.client(t)
	c.wantAnswer("GET", "a")
	b := f.up.targets[0]
	b.expire(time.Now().Add(-maxIdle))
	if all, _ := f.up.idle(); all != 1 {
		t.Fatal("a connection used just now was closed")
	}
	b.mu.Lock()
	b.pool[0].idle = b.pool[0].idle.Add(-maxIdle - time.Second)
	b.mu.Unlock()
	if b.take(time.Now()) != nil {
		t.Error("a connection that idled too long was used")
	}
	if n := f.up.open.Load(); n != 0 {
		t.Errorf("%d connections are counted open; want 0", n)
	}
	c.wantAnswer("GET", "b")
	f.up.close()
	if n := f.up.open.Load(); n != 0 {
		t.Errorf("%d connections are open after close; want 0", n)
	}
	c.wantAnswer("GET", "c") // a request under way outlives a reload
	if n := f.up.open.Load(); n != 0 {
		t.Errorf("%d connections are pooled after close; want 0", n)
	}
}

// TestIdleConnectionsAreReaped guarantees that idle connections are closed in
// the background, though nobody asks for one.
func TestIdleConnectionsAreReaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, err := newUpstream("u", UpstreamSpec{Targets: []string{"http://origin:1"}}, upstreamContext{},
			func(u *upstream) { u.dialer = memoryDial })
		if err != nil {
			t.Fatal(err)
		}
		u.start()
		defer u.close()
		begun := tour{now: time.Now()}
		c := u.connect(&begun, time.Now().Add(time.Second))
		c.target.give(c, time.Now())
		<-time.After(maxIdle - time.Second)
		synctest.Wait()
		if n := u.open.Load(); n != 1 {
			t.Errorf("%d connections are open before they idled too long; want 1", n)
		}
		<-time.After(time.Second + 2*reapInterval)
		synctest.Wait()
		if n := u.open.Load(); n != 0 {
			t.Errorf("%d connections are open though they idled too long; want 0", n)
		}
	})
}

// TestOldConnectionsEnd guarantees that a busy connection does not live for
// ever, so that a changed DNS answer takes hold.
func TestOldConnectionsEnd(t *testing.T) {
	o := newOrigin(t, honest)
	f := newFront(t, []string{o.url})
	c := f.client(t)
	c.wantAnswer("GET", "a")
	b := f.up.targets[0]
	b.mu.Lock()
	b.pool[0].born = b.pool[0].born.Add(-maxAge)
	b.mu.Unlock()
	c.wantAnswer("GET", "b")
	if n := o.dialed(); n != 2 {
		t.Errorf("%d connections; want 2", n)
	}
}
