package gateway

import (
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"pgregory.net/rapid"
)

// Many who take at once never have more than there is, and what all of them
// gave back is there again.
func TestBudgetIsNeverExceeded(t *testing.T) {
	const limit, each = 1000, 300
	b := &budget{}
	b.limit.Store(limit)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				if !b.take(each) {
					continue
				}
				if used := b.used.Load(); used > limit {
					t.Errorf("%d of %d are taken", used, limit)
				}
				b.give(each)
			}
		})
	}
	all.Wait()
	if used := b.used.Load(); used != 0 {
		t.Errorf("%d are left when nobody has any", used)
	}
}

// Whatever a connection goes through, in whatever order, its cargo has given
// back everything when the connection is over.
func TestCargoGivesBackWhatItTook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &budget{}
		b.limit.Store(1 << 20)
		strangers := &budget{}
		strangers.limit.Store(1 << 18)
		c := &carrier{}
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 30).Draw(t, "steps") {
			switch step {
			case 0, 1:
				share := rapid.SampledFrom([]*budget{nil, strangers}).Draw(t, "share")
				c.reserve(b, share, weigh(rapid.Int64Range(1, 600<<10).Draw(t, "body")))
			case 2:
				c.unloadBody()
			case 3:
				if p := b.parcel(); p != nil && c.answer == nil {
					p.grow(rapid.IntRange(0, 300<<10).Draw(t, "answer"))
					c.answer = p
				} else if p != nil {
					p.free()
				}
			case 4:
				unloadAt(c, fasthttp.StateIdle)
			}
			if used := b.used.Load(); used > 1<<20 {
				t.Fatalf("%d bytes are taken of %d", used, 1<<20)
			}
		}
		unloadAt(c, fasthttp.StateClosed)
		if used, theirs := b.used.Load(), strangers.used.Load(); used != 0 || theirs != 0 {
			t.Fatalf("%d bytes are never given back, %d of strangers", used, theirs)
		}
	})
}

// What is reserved for a body is what fasthttp allocates for it.
func TestBodiesAreWeighedAsTheyAreAllocated(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4095, 4096, 4097, 64 << 10, 1<<20 + 1, 5 << 20} {
		var heavy int
		serveOne(t, func(s *fasthttp.Server) {
			s.MaxRequestBodySize = 8 << 20
			s.Handler = func(ctx *fasthttp.RequestCtx) { heavy = cap(ctx.Request.Body()) }
		}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "+strconv.Itoa(n)+"\r\n\r\n", make([]byte, n))
		if int64(heavy) > weigh(int64(n)) {
			t.Errorf("a body of %d bytes takes %d, and %d were reserved", n, heavy, weigh(int64(n)))
		}
	}
}

// The header phase finds the connection that a request came on, although it is
// told of the header alone: were this not so, it would reserve on somebody
// else's account, or read memory that is nobody's.
func TestHeaderPhaseKnowsItsConnection(t *testing.T) {
	ours := &carrier{}
	var found [2]*cargo
	requests := 0
	serveOne(t, func(s *fasthttp.Server) {
		s.HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
			found[requests] = cargoUnder(h)
			requests++
			return fasthttp.RequestConfig{}
		}
		s.Handler = func(*fasthttp.RequestCtx) {}
	}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", nil, ours)
	if requests != 2 || found[0] != &ours.cargo || found[1] != &ours.cargo {
		t.Errorf("%d requests came on %p and %p; want 2 on %p", requests, found[0], found[1], &ours.cargo)
	}
}

// carrier is a laden connection that no guard counts.
type carrier struct {
	net.Conn
	cargo
}

// serveOne serves what is written on one connection, and waits until it is over.
func serveOne(t *testing.T, change func(*fasthttp.Server), head string, body []byte, on ...*carrier) {
	t.Helper()
	near, far := net.Pipe()
	c := &carrier{}
	if len(on) > 0 {
		c = on[0]
	}
	c.Conn = far
	s := &fasthttp.Server{Logger: silence{}, ReadTimeout: 10 * time.Second}
	change(s)
	ended := make(chan error, 1)
	go func() { ended <- s.ServeConn(c) }()
	go io.Copy(io.Discard, near)
	io.WriteString(near, head)
	near.Write(body)
	near.Close()
	<-ended
}

// A request's body is let go of when the request has been judged and forwarded,
// and not when its answer has been taken, which is the client's to delay; a small
// one's room is kept.
func TestBodyIsNotKeptForItsAnswer(t *testing.T) {
	w := newWalker(t)
	for size, kept := range map[int]bool{keptBody: true, 4 * keptBody: false} {
		w.ctx.Request.SetBody(make([]byte, size))
		w.gateway.begin(&w.ctx).finish()
		if got := len(w.ctx.Request.Body()) > 0; got != kept {
			t.Errorf("a body of %d bytes: kept is %v, want %v", size, got, kept)
		}
	}
}
