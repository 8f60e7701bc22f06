package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
)

// fat is a GET whose header takes about n bytes.
func fat(key string, n int) string {
	return request("GET", "/v1/status/1", "", bearer(key), "X-Fat: "+strings.Repeat("a", n))
}

// A plan with other limits takes no connection away: those that are open go on
// under the header limit they began with, new ones get the new limit, and body
// limits hold for both at once.
func TestLimitsChangeWithoutLosingAConnection(t *testing.T) {
	r := newRig(t, withOptions(func(o *gateway.Options) { o.Limits.MaxHeader = 2048 }),
		withPlan(func(p *gateway.Plan) { p.Routes[0].MaxBody = 0 }))
	key := r.roster.add(t, "good", nil)
	before := r.dial(t)
	ask := func(c *wireClient, raw string, want int) {
		t.Helper()
		c.write(raw)
		if a := c.answer(methodOf(raw)); a.status != want {
			t.Errorf("got %d %s, want %d", a.status, a.body, want)
		}
	}
	ask(before, fat(key, 10), 200)
	if a := r.raw(t, fat(key, 4000)); a.status != 431 {
		t.Fatalf("4000 bytes of header got %d under a limit of 2048", a.status)
	}
	for range 5 { // again and again, as an operator would who tries
		r.plan.Limits = &gateway.Limits{MaxHeader: 8192, MaxBody: 100}
		if err := r.gateway.Apply(r.plan); err != nil {
			t.Fatal(err)
		}
		ask(before, fat(key, 10), 200)
		r.plan.Limits = &gateway.Limits{MaxHeader: 8193, MaxBody: 100}
		if err := r.gateway.Apply(r.plan); err != nil {
			t.Fatal(err)
		}
	}
	after := r.dial(t)
	ask(after, fat(key, 4000), 200)
	ask(before, fat(key, 10), 200)
	large := request("POST", "/v1/payments/1", strings.Replace(goodBody, "500", strings.Repeat("5", 100), 1), bearer(key), jsonType)
	ask(after, large, 413)
	ask(before, large, 413)
	old := r.dial(t)
	r.plan.Limits = nil
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	ask(old, request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType), 200)
	if a := r.raw(t, fat(key, 4000)); a.status != 431 {
		t.Errorf("the limit of Options is not back: %d", a.status)
	}
}

// Fewer connections are let in as soon as a plan says so, and more again.
func TestConnectionLimitsChange(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	held := r.dial(t)
	apply := func(most int) {
		t.Helper()
		r.plan.Limits = &gateway.Limits{MaxConnsPerIP: most}
		if err := r.gateway.Apply(r.plan); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(c *wireClient) error {
		c.write(fat(key, 1))
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := ask(held); err != nil {
		t.Fatal(err)
	}
	apply(1)
	if err := ask(held); err != nil {
		t.Errorf("the one that was there: %v", err)
	}
	if err := ask(r.dial(t)); err == nil {
		t.Error("a second connection was served under a limit of one")
	}
	apply(0)
	if err := ask(r.dial(t)); err != nil {
		t.Errorf("without the limit: %v", err)
	}
}

// The access log can be put out and lit again.
func TestAccessLogCanBeQuiet(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	for i, quiet := range []bool{false, true, false} {
		r.plan.Quiet = quiet
		if err := r.gateway.Apply(r.plan); err != nil {
			t.Fatal(err)
		}
		if a := r.raw(t, request("GET", "/v1/status/"+itoa(i), "", bearer(key), "X-Request-Id: r"+itoa(i))); a.status != 200 {
			t.Fatalf("got %d", a.status)
		}
	}
	r.events(t, 2)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.gateway.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(r.log.String(), "\n"); n != 2 {
		t.Errorf("%d lines for two requests that were to be logged", n)
	}
}

// Where clients that say nothing use up the time of a drain, the access log is
// still written out: the lines of what was cut are the ones that will be looked
// for, and nobody is to look for a fault of the sink.
func TestLateDrainWritesTheLogOut(t *testing.T) {
	r := newRig(t, withOptions(func(o *gateway.Options) { o.Limits.ReadHeaderTimeout = time.Hour }))
	silent := r.dial(t)
	silent.write("GET / HT")
	if a := r.raw(t, request("GET", "/v1/nowhere", "")); a.status == 200 {
		t.Fatalf("got %+v", a)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := r.gateway.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "sink") {
		t.Errorf("got %v; want the end of the time alone", err)
	}
	silent.ended()
}

// While a gateway drains it serves, says that it is not ready, and ends every
// connection with its answer; then the listener closes. Requests that are under
// way on a retired stage are waited for like others.
func TestDrainAnswersAndCloses(t *testing.T) {
	r := newRig(t, withPlan(func(p *gateway.Plan) { p.Limits = &gateway.Limits{DrainDelay: time.Second} }))
	key := r.roster.add(t, "good", nil)
	hold := make(chan struct{})
	r.origin.mu.Lock()
	r.origin.hold = hold
	r.origin.mu.Unlock()
	under := r.dial(t)
	under.write(fat(key, 1))
	until(t, "the upstream has the request", func() bool { return len(r.origin.requests()) == 1 })
	r.plan.Limits = &gateway.Limits{DrainDelay: time.Second, MaxHeader: 4096}
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	idle := r.dial(t)
	idle.write(request("GET", "/-/readyz", ""))
	if a := idle.answer("GET"); a.status != 200 || a.closed {
		t.Fatalf("ready before: %+v", a)
	}
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		ended <- r.gateway.Shutdown(ctx)
	}()
	until(t, "it is not ready", func() bool { return !r.gateway.Ready() })
	idle.write(request("GET", "/-/readyz", ""))
	if a := idle.answer("GET"); a.status != 503 || !a.closed {
		t.Errorf("while draining: %+v, want 503 and the end of the connection", a)
	}
	if a := r.raw(t, request("GET", "/-/healthz", "")); a.status != 200 || !a.closed {
		t.Errorf("a new connection while draining: %+v", a)
	}
	until(t, "the listener is closed", func() bool {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			return true
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Second)) // one that waits in the backlog
		io.WriteString(c, request("GET", "/-/healthz", ""))
		_, err = bufio.NewReader(c).ReadByte()
		return err != nil && !errors.Is(err, context.DeadlineExceeded)
	})
	select {
	case err := <-ended:
		t.Fatalf("the shutdown did not wait for a request under way: %v", err)
	default:
	}
	close(hold)
	if a := under.answer("GET"); a.status != 200 || !a.closed {
		t.Errorf("the request under way got %+v", a)
	}
	if err := <-ended; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
