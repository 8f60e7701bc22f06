package webhook_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/admin/webhook"
	"tollgate/policy/token"
)

// run starts a sender and gives the function that ends it and waits for its end.
func run(t *testing.T, s *webhook.Sender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// settled is closed when n attempts have been settled.
func settled(o *webhook.Options, n int) <-chan struct{} {
	all := make(chan struct{})
	observe := o.Observe
	var mu sync.Mutex
	o.Observe = func(outcome webhook.Outcome, took time.Duration) {
		observe(outcome, took)
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			close(all)
		}
	}
	return all
}

// TestRunDrainsTheOutbox: a running sender delivers what is there when it
// begins, more than it has workers, what comes later when it is woken, and what
// the calendar finds, without waiting for its own clock.
func TestRunDrainsTheOutbox(t *testing.T) {
	r := newRig(t)
	srv := serve(t, nil)
	last := r.token(srv.URL, "single", "ends")
	ends := last
	ends.ExpiresAt = token.At(r.clock().Add(time.Hour))
	if _, err := r.store.ReplaceToken(t.Context(), act, ends, last.Version); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.token(srv.URL, "single", "T")
	}
	var first, later <-chan struct{}
	s := r.sender(func(o *webhook.Options) {
		o.Workers, o.Poll = 3, time.Hour
		first = settled(o, 22)
		later = settled(o, 23)
	})
	run(t, s)
	<-first
	r.token(srv.URL, "single", "later")
	s.Wake()
	<-later
	if n := len(srv.got()); n != 23 || r.count(webhook.Sent) != 23 {
		t.Errorf("%d requests, outcomes %v", n, r.outcomes)
	}
}

// TestStopLetsAttemptsEnd: when it is told to stop, a sender takes nothing more
// and waits for the attempt it has begun, which is settled before it returns.
func TestStopLetsAttemptsEnd(t *testing.T) {
	r := newRig(t)
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	srv := serve(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-release })
	r.token(srv.URL, "single", "one")
	r.token(srv.URL, "single", "two")
	s := r.sender(func(o *webhook.Options) { o.Workers = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	<-arrived
	cancel()
	select {
	case <-ended:
		t.Error("it returned in the middle of an attempt")
	default:
	}
	close(release)
	<-ended
	if len(srv.got()) != 1 || r.count(webhook.Sent) != 1 {
		t.Errorf("%d requests, outcomes %v", len(srv.got()), r.outcomes)
	}
	if r.pass(time.Hour); r.sender().Deliver(t.Context()) != 1 {
		t.Error("the delivered event is due again, or the other is lost")
	}
}

// TestSeveralSendersShareOneOutbox: of many senders exactly one sends an event.
func TestSeveralSendersShareOneOutbox(t *testing.T) {
	r := newRig(t)
	srv := serve(t, nil)
	for range 40 {
		r.token(srv.URL, "single", "T")
	}
	var done sync.WaitGroup
	for range 4 {
		s := r.sender(func(o *webhook.Options) { o.Workers = 2 })
		done.Go(func() {
			for s.Deliver(context.Background()) > 0 {
			}
		})
	}
	done.Wait()
	ids := map[string]int{}
	for _, got := range srv.got() {
		ids[got.header.Get("X-Tollgate-Webhook-Id")]++
	}
	if len(ids) != 40 || len(srv.got()) != 40 {
		t.Errorf("%d events in %d requests", len(ids), len(srv.got()))
	}
}

// TestHostileServersAreBounded: a server that says nothing, says too much, says
// nonsense or hangs up costs one bounded attempt and nothing else.
func TestHostileServersAreBounded(t *testing.T) {
	for name, talk := range map[string]func(net.Conn){
		"silence":        func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); hold(c) },
		"endless head":   func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n")); flood(c, "X-A: b\r\n") },
		"endless 1xx":    func(c net.Conn) { flood(c, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n") },
		"nonsense":       func(c net.Conn) { flood(c, "SSH-2.0-OpenSSH_9.9\r\n") },
		"no answer":      func(net.Conn) {},
		"half an answer": func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 20")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.token("http://"+listen(t, talk)+"/", "single", "T")
			s := r.sender(func(o *webhook.Options) { o.Timeout = 300 * time.Millisecond })
			s.Deliver(t.Context())
			if r.count(webhook.Failed) != 1 {
				t.Errorf("outcomes %v", r.outcomes)
			}
		})
	}
	t.Run("endless body", func(t *testing.T) {
		r := newRig(t)
		r.token("http://"+listen(t, func(c net.Conn) {
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"))
			flood(c, strings.Repeat("x", 1024))
		})+"/", "single", "T")
		r.sender().Deliver(t.Context())
		if r.count(webhook.Sent) != 1 {
			t.Errorf("outcomes %v", r.outcomes)
		}
	})
}

// listen takes connections and talks on them until the test ends.
func listen(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var talks sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); talks.Wait() })
	talks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talks.Go(func() { defer c.Close(); talk(c) })
		}
	})
	return l.Addr().String()
}

// hold keeps a connection until the other side leaves it.
func hold(c net.Conn) {
	for {
		if _, err := c.Read(make([]byte, 1024)); err != nil {
			return
		}
	}
}

// flood writes the same text until the other side leaves.
func flood(c net.Conn, text string) {
	for {
		if _, err := c.Write([]byte(text)); err != nil {
			return
		}
	}
}

// TestFaultsDoNotEscape: a panic in what the sender is handed costs the event
// one attempt, and the sender works on.
func TestFaultsDoNotEscape(t *testing.T) {
	r := newRig(t)
	srv := serve(t, nil)
	r.token(srv.URL, "single", "T")
	faulty := true
	s := r.sender(func(o *webhook.Options) {
		o.Secrets = func(context.Context, token.Handle) ([][]byte, error) {
			if faulty {
				panic("canary")
			}
			return nil, nil
		}
	})
	s.Deliver(t.Context())
	faulty = false
	r.pass(time.Hour)
	s.Deliver(t.Context())
	if r.count(webhook.Failed) != 1 || r.count(webhook.Sent) != 1 {
		t.Errorf("outcomes %v", r.outcomes)
	}
}

// TestNoSenderWithoutAKey: a sender that could sign with nothing, or with a key
// of another length, is not made.
func TestNoSenderWithoutAKey(t *testing.T) {
	r := newRig(t)
	for _, o := range []webhook.Options{{}, {Key: hookKey}, {Outbox: r.store}, {Outbox: r.store, Key: hookKey[:31]}, {Outbox: awayBox{}, Key: nil}} {
		if _, err := webhook.New(o); err == nil {
			t.Errorf("a sender is made of %+v", o)
		}
	}
}

// awayBox is an outbox that cannot be asked.
type awayBox struct{}

var errAway = errors.New("the store is away")

func (awayBox) DueHooks(context.Context, int, time.Duration) ([]token.Hook, error) {
	return nil, errAway
}
func (awayBox) HookDone(context.Context, string) error { return errAway }
func (awayBox) HookFailed(context.Context, string, string, token.Instant) error {
	return errAway
}

// TestStoreAwayIsNoEnd: a store that cannot be asked is logged, and the sender
// goes on asking until it is stopped.
func TestStoreAwayIsNoEnd(t *testing.T) {
	r := newRig(t)
	s := r.sender(func(o *webhook.Options) { o.Outbox, o.Calendar = awayBox{}, nil })
	if s.Deliver(t.Context()) != 0 || r.logs.FilterMessage("webhooks: the outbox could not be read").Len() != 1 {
		t.Errorf("log: %v", r.logs.All())
	}
	run(t, s)()
}
