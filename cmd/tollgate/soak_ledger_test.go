//go:build linux && !race

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ledger is every answer that clients got, to be held against what the gateway
// says of itself and what the origin carried out.
type ledger struct {
	mu         sync.Mutex
	answers    map[string]answered // by our request id
	named      map[string]int      // status, by the name that the client gave
	unanswered []string
	refused    []error  // connections that were not taken
	wrong      []string // answers that no fault excuses
}

type answered struct {
	name   string
	status int
}

func newLedger() *ledger {
	return &ledger{answers: map[string]answered{}, named: map[string]int{}}
}

// asked is one request and the statuses that may answer it.
type asked struct {
	kind, name, raw string
	want            []int
	echoes          bool // a 200 has the name in its body
}

// enter books an answer.
func (l *ledger) enter(a *asked, got reply, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unanswered = append(l.unanswered, fmt.Sprintf("%s %s: %v", a.kind, a.name, err))
		return
	}
	id := got.header.Get("X-Request-Id")
	if _, twice := l.answers[id]; twice || id == "" {
		l.wrong = append(l.wrong, fmt.Sprintf("%s: the request id %q is another's", a.kind, id))
	}
	l.answers[id] = answered{a.name, got.status}
	l.named[a.name] = got.status
	switch {
	case !slices.Contains(a.want, got.status):
		l.wrong = append(l.wrong, fmt.Sprintf("%s: answered %d %.200s, want one of %v", a.kind, got.status, got.body, a.want))
	case a.echoes && got.status == 200 && string(got.body) != fmt.Sprintf(`{"name":%q}`, a.name):
		l.wrong = append(l.wrong, fmt.Sprintf("%s %s: a foreign answer %.200s", a.kind, a.name, got.body))
	case bytes.Contains(got.body, []byte("foreign")):
		l.wrong = append(l.wrong, fmt.Sprintf("%s %s: foreign bytes %.200s", a.kind, a.name, got.body))
	}
}

// drives sends one request after the other, at a pace, on connections that are
// kept, until done or until no connection is taken any more.
func (l *ledger) drives(dial func() (net.Conn, error), done <-chan struct{}, next func() *asked) {
	pace := time.NewTicker(8 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-done:
			return
		case <-pace.C:
		}
		conn, err := dial() // and the first request at once: a silent connection is cut off
		if err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.refused = append(l.refused, err)
			return
		}
		r := bufio.NewReader(conn)
		quiet := time.Now() // since when nothing was sent
		for count := 0; ; count++ {
			if count > 0 {
				select {
				case <-done:
					conn.Close()
					return
				case <-pace.C:
				}
			}
			a := next()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = io.WriteString(conn, a.raw) // what counts is whether an answer comes
			sent := time.Now()
			got, err := readReply(r)
			if err != nil {
				err = fmt.Errorf("%w; %d requests were answered on the connection before it, the last %v before, and the end came after %v", err, count, sent.Sub(quiet), time.Since(sent))
			}
			l.enter(a, got, err)
			if quiet = time.Now(); err != nil || got.last {
				break
			}
		}
		conn.Close()
	}
}

// plainly connects without TLS.
func plainly(addr string) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.DialTimeout("tcp", addr, 5*time.Second) }
}

// told is the gateway's own word on a request.
type told struct {
	ID      string `json:"request_id"`
	Status  int
	Outcome string
	Reason  string
}

// events are the lines of the access log, by request id; a panic in the log, or
// a line that cannot be read, fails the test.
func (g *gate) events() map[string]told {
	g.t.Helper()
	f, err := os.Open(g.log)
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	list := map[string]told{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if strings.Contains(line, "panic") || strings.HasPrefix(line, "goroutine ") || strings.HasPrefix(line, "fatal error") {
			g.t.Errorf("the log says %s", line)
		}
		if !strings.Contains(line, `"msg":"request"`) {
			continue
		}
		var e told
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			g.t.Fatalf("%v in %s", err, line)
		}
		if _, twice := list[e.ID]; twice {
			g.t.Errorf("two lines tell of request %s", e.ID)
		}
		list[e.ID] = e
	}
	return list
}

// balance holds the clients' books against the gateway's log, its metrics, and
// what the origin carried out.
func (l *ledger) balance(t *testing.T, g *gate, o *faultyOrigin) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	counted := g.outcomes()
	g.within(10*time.Second, "a line for every request that was counted", func() bool { return len(g.events()) == counted["all"] })
	events := g.events()
	logged := map[string]int{"all": len(events)}
	for _, e := range events {
		logged[e.Outcome]++
	}
	if !maps.Equal(logged, counted) {
		t.Errorf("the log has %v, the metrics have %v", logged, counted)
	}
	t.Logf("%d answers to clients, %d requests in all: %v", len(l.answers), len(events), logged)
	for id, a := range l.answers {
		if e, ok := events[id]; !ok || e.Status != a.status {
			t.Errorf("%s was answered %d; the log says %+v", a.name, a.status, e)
		}
	}
	for _, err := range l.refused {
		t.Errorf("a connection was refused: %v", err)
	}
	l.fine(t)
	l.onceAtMost(t, o)
}

// fine wants every request answered, and as it may be.
func (l *ledger) fine(t *testing.T) {
	t.Helper()
	for i, w := range l.wrong {
		if t.Errorf("%s", w); i > 20 {
			break
		}
	}
	if len(l.unanswered) > 0 {
		t.Errorf("%d requests were not answered, such as\n%s", len(l.unanswered), strings.Join(l.unanswered[:min(10, len(l.unanswered))], "\n"))
	}
}

// onceAtMost holds every name to the origin's account.
func (l *ledger) onceAtMost(t *testing.T, o *faultyOrigin) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, times := range o.executed {
		if times > 1 {
			t.Errorf("%s was carried out %d times", name, times)
		}
	}
	carried, statuses := 0, map[int]int{}
	for name, status := range l.named {
		statuses[status]++
		n := o.executed[name]
		carried += n
		switch {
		case status >= 400 && status < 500 && n != 0:
			t.Errorf("%s was refused with %d and carried out", name, status)
		case status == 503 && n != 0:
			t.Errorf("%s was answered 503, which promises that nothing was sent, and carried out", name)
		}
	}
	t.Logf("statuses %v; %d carried out by the origin; faults met %v", statuses, carried, o.suffered)
}

// outcomes are the gateway's counts of requests by outcome, and of all.
func (g *gate) outcomes() map[string]int {
	g.t.Helper()
	list := map[string]int{"all": int(g.metric("tollgate_requests_total"))}
	for _, outcome := range []string{"allowed", "denied", "would_deny", "undecided", "upstream_error", "client_error"} {
		if n := int(g.metric("tollgate_requests_total", `outcome="`+outcome+`"`)); n > 0 {
			list[outcome] = n
		}
	}
	return list
}
