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
	"testing"
	"testing/synctest"
	"time"
)

// standing remembers what the health hook was told.
type standing struct {
	mu   sync.Mutex
	said []string
}

func (s *standing) healthy(target string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, fmt.Sprint(target, " ", ok))
}

func (s *standing) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, ", ")
}

// TestUnhealthyTargetIsLeftOut guarantees that a target whose checks fail gets
// no requests, that the hook is told once for each change, that a target comes
// back when its checks pass, and that with none left nothing is sent.
func TestUnhealthyTargetIsLeftOut(t *testing.T) {
	var sick atomic.Bool
	serve := func(c net.Conn, r *bufio.Reader, q query) {
		switch {
		case q.line != "GET /health?deep=1 HTTP/1.1":
			honest(c, r, q)
		case sick.Load():
			io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		default:
			io.WriteString(c, "HTTP/1.0 204 No Content\r\n\r\n")
		}
	}
	one, two := newOrigin(t, serve), newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) { honest(c, r, q) })
	s := &standing{}
	u, err := newUpstream("payments", UpstreamSpec{Targets: []string{one.url, two.url},
		Health: HealthSpec{"/health?deep=1", 5 * time.Millisecond}}, upstreamContext{healthy: s.healthy})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{route: &route{}}
	f.serve(t, u)
	until(t, "both are known healthy", func() bool { return strings.Count(s.all(), "true") == 2 })
	sick.Store(true)
	until(t, "the first is known to be down", func() bool { return u.targets[0].down.Load() })
	c := f.client(t)
	for i := range 10 {
		c.wantAnswer("POST", fmt.Sprint("m", i))
		if n := one.executed(fmt.Sprint("m", i)); n != 0 {
			t.Error("a target that is down got a request")
		}
	}
	two.stop()
	until(t, "both are down", func() bool { return u.targets[1].down.Load() })
	if g := c.ask("POST", "/pay", "none", "x"); g.status != 503 || g.body != "upstream_unreachable" || f.lastRecord().attempts != 0 {
		t.Errorf("with no healthy target got %v in %d attempts; want 503 at once", g, f.lastRecord().attempts)
	}
	sick.Store(false)
	until(t, "the first is back", func() bool { return !u.targets[0].down.Load() })
	c.wantAnswer("POST", "back")
	first := strings.TrimPrefix(one.url, "http://")
	var told []string
	for word := range strings.SplitSeq(s.all(), ", ") {
		if strings.HasPrefix(word, first) {
			told = append(told, strings.TrimPrefix(word, first+" "))
		}
	}
	if got := strings.Join(told, " "); got != "true false true" {
		t.Errorf("the hook was told %q about the first target; want one word for each change", got)
	}
}

// TestOneLostCheckIsNoOutage guarantees that a single failed check changes
// nothing.
func TestOneLostCheckIsNoOutage(t *testing.T) {
	var asked atomic.Int32
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
		if asked.Add(1)%2 == 0 {
			c.Close()
			return
		}
		honest(c, r, q)
	})
	s := &standing{}
	u, err := newUpstream("payments", UpstreamSpec{Targets: []string{o.url}, Health: HealthSpec{"/", time.Millisecond}},
		upstreamContext{healthy: s.healthy})
	if err != nil {
		t.Fatal(err)
	}
	u.start()
	defer u.close()
	until(t, "twenty checks were made", func() bool { return asked.Load() > 20 })
	if strings.Contains(s.all(), "false") {
		t.Errorf("the hook was told %s", s.all())
	}
}

// TestCloseEndsChecks guarantees that closing an upstream ends a check that
// hangs, at once.
func TestCloseEndsChecks(t *testing.T) {
	asked := make(chan struct{}, 1)
	o := newOrigin(t, func(net.Conn, *bufio.Reader, query) { asked <- struct{}{} })
	u, err := newUpstream("payments", UpstreamSpec{Targets: []string{o.url}, Health: HealthSpec{"/", time.Hour}}, upstreamContext{})
	if err != nil {
		t.Fatal(err)
	}
	u.start()
	<-asked
	began := time.Now()
	u.close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// TestSilentTargetHoldsNobodyUp makes a target swallow whoever dials it: closing
// an upstream whose check is still dialling does not wait, or a dead machine
// would hold up every reload and carry a drain beyond its time.
func TestSilentTargetHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := UpstreamSpec{Targets: []string{"http://bank.test:1"}, Health: HealthSpec{"/health", time.Minute}}
		u, err := newUpstream("bank", spec, upstreamContext{}, func(u *upstream) {
			u.dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		u.start()
		synctest.Wait() // the check is dialling
		began := time.Now()
		u.close()
		if took := time.Since(began); took > 0 {
			t.Errorf("closing took %v; want no wait for the dial", took)
		}
	})
}

// TestPanicOfACheckEndsNothing makes a health check panic, as a bug in reading a
// hostile answer would: the process lives, somebody is told, and the target is
// checked again.
func TestPanicOfACheckEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []any
		tries := 0
		spec := UpstreamSpec{Targets: []string{"http://bank.test:1"}, Health: HealthSpec{"/health", time.Minute}}
		u, err := newUpstream("bank", spec, upstreamContext{crashed: func(fault any) { told = append(told, fault) }}, func(u *upstream) {
			u.dialer = func(context.Context, string, string) (net.Conn, error) {
				if tries++; tries <= 2 {
					panic("BUG: of the test")
				}
				return nil, faultNoAnswer
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		u.start()
		time.Sleep(3 * persistPause)
		synctest.Wait()
		if len(told) != 2 || tries != 3 {
			t.Errorf("told of %v after %d checks; want 2 panics and a third check", told, tries)
		}
		u.close()
	})
}
