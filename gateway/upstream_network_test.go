package gateway

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestNameDoesNotResolve makes the name service fail for an upstream's targets:
// not a byte is sent, the client is told so at once and not after a timeout, and
// another upstream is asked meanwhile as if nothing were.
func TestNameDoesNotResolve(t *testing.T) {
	failing, err := newUpstream("bank", UpstreamSpec{Targets: []string{"http://bank.test:1", "http://bank2.test:1"}}, upstreamContext{},
		func(u *upstream) {
			u.dialer = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "bank.test", IsNotFound: true}}
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{route: &route{}}
	f.serve(t, failing)
	well := newFront(t, []string{newOrigin(t, honest).url})
	a, b := f.client(t), well.client(t)
	for i := range 20 {
		if g := a.ask("POST", "/pay", "m", "x"); g.status != 503 || g.body != "upstream_unreachable" {
			t.Errorf("got %v; want 503 upstream_unreachable", g)
		}
		if r := f.lastRecord(); r.sent || r.upstreamTook > time.Second {
			t.Errorf("recorded sent %v after %v; want nothing, at once", r.sent, r.upstreamTook)
		}
		b.wantAnswer("POST", fmt.Sprint("m", i))
	}
}

// TestHangsLeakNothing lets an upstream hang for hundreds of requests: each is
// told 504 at its deadline, or 503 where no slot came free, and when they are over
// not a connection, a slot or a goroutine is left.
func TestHangsLeakNothing(t *testing.T) {
	var now atomic.Int32
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
		if q.mark() == "well" {
			honest(c, r, q)
			return
		}
		now.Add(1)
		_, _ = r.ReadByte() // until the gateway gives up
		now.Add(-1)
	})
	f := newFront(t, []string{o.url}, withSpec(func(s *UpstreamSpec) { s.MaxConns = 32 }), onRoute(func(r *route) { r.timeout = 50 * time.Millisecond }))
	clients := make([]*client, 48)
	for i := range clients {
		clients[i] = f.client(t)
		clients[i].ask("GET", "/", "well", "") // its server goroutine stays for what comes
	}
	f.up.targets[0].expire(time.Time{})
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			for range 10 {
				if g := c.ask("POST", "/pay", "m", "x"); g.status != 504 && g.status != 503 {
					t.Errorf("got %v; want 504, or 503 where no slot was free", g)
				}
			}
		})
	}
	all.Wait()
	until(t, "nothing is left", func() bool {
		return len(f.up.slots) == 0 && f.up.waiting.Load() == 0 && f.up.open.Load() == 0 && now.Load() == 0
	})
	until(t, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+2 })
	until(t, "the upstream is asked again", func() bool { return f.client(t).ask("GET", "/", "well", "").status == 200 })
}

// TestBombsCostNoMemory lets sixty connections at a time receive what is made to
// fill memory: announcements of terabytes, chunks of exabytes, heads, trailers,
// chunk extensions and interim answers without an end. What is held meanwhile is
// bounded, whether the route streams or not, and each client is told 502 or sees
// its answer cut.
func TestBombsCostNoMemory(t *testing.T) {
	endless := func(start, more string) func(net.Conn, *bufio.Reader, query) {
		return func(c net.Conn, _ *bufio.Reader, _ query) {
			if _, err := c.Write([]byte(start)); err != nil {
				return
			}
			for text := []byte(strings.Repeat(more, 1+4096/len(more))); ; {
				if _, err := c.Write(text); err != nil {
					return
				}
			}
		}
	}
	chunked := head200 + "Transfer-Encoding: chunked\r\n\r\n"
	for name, script := range map[string]func(net.Conn, *bufio.Reader, query){
		"4 TB":             saysAndCloses(head200 + "Content-Length: 4000000000000\r\n\r\n" + strings.Repeat("half", 4096)),
		"1 EB":             saysAndCloses(head200 + "Content-Length: 999999999999999999\r\n\r\n" + strings.Repeat("half", 4096)),
		"chunk of 1 EB":    saysAndCloses(chunked + "fffffffffffffff\r\n" + strings.Repeat("half", 4096)),
		"endless line":     endless(head200+"X-A: ", "x"),
		"endless head":     endless(head200, "X-A: b\r\n"),
		"endless trailer":  endless(chunked+"4\r\nhalf\r\n0\r\n", "X-A: b\r\n"),
		"endless size":     endless(chunked, "0"),
		"endless interims": endless("", "HTTP/1.1 103 Early Hints\r\nLink: </half>\r\n\r\n"),
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", streaming ", stream), func(t *testing.T) {
				o := newOrigin(t, hostile(script))
				f := newFront(t, []string{o.url}, onRoute(func(r *route) { r.stream = stream }))
				clients := make([]*client, 60)
				for i := range clients {
					clients[i] = f.client(t)
					clients[i].wantAnswer("POST", "warm")
				}
				peak := watchHeap(t)
				var all sync.WaitGroup
				for _, c := range clients {
					all.Go(func() {
						if g := c.ask("GET", "/", "attack", ""); g.err == nil && g.status != 502 {
							t.Errorf("got %d and %d bytes; want 502 or a cut answer", g.status, len(g.body))
						}
					})
				}
				all.Wait()
				if grown := peak(); grown > 50<<20 {
					t.Errorf("the heap grew by %d bytes; want less than 50 MiB", grown)
				}
				f.client(t).wantAnswer("POST", "next")
			})
		}
	}
}

// watchHeap looks at the heap until the function that it gives is called, which
// says by how much it had grown at most.
func watchHeap(t *testing.T) (peak func() int64) {
	t.Helper()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := int64(m.HeapAlloc), int64(0)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			runtime.ReadMemStats(&m)
			most = max(most, int64(m.HeapAlloc)-before)
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	}()
	return func() int64 {
		close(over)
		<-done
		return most
	}
}
