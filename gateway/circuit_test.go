package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// drill is a circuit with a clock of its own.
type drill struct {
	*circuit
	t    *testing.T
	now  time.Time
	told []circuitEvent
}

func newDrill(t *testing.T, spec EjectSpec) *drill {
	d := &drill{t: t, now: time.Unix(1700000000, 0)}
	d.circuit = newCircuit(spec.withDefaults(), func(e circuitEvent) { d.told = append(d.told, e) })
	return d
}

func (d *drill) fails(caller string, times int) {
	for range times {
		pass, _ := d.admit(caller, d.now)
		d.fail(caller, pass, d.now)
	}
}

// lets reports whether the caller's request passes, and ends it without a word.
func (d *drill) lets(caller string) bool {
	pass, ok := d.admit(caller, d.now)
	d.release(pass)
	return ok
}

func (d *drill) want(caller string, want bool) {
	d.t.Helper()
	if got := d.lets(caller); got != want {
		d.t.Errorf("%s is let through: %v; want %v", caller, got, want)
	}
}

// TestOneCallerCannotEject guarantees that a client which knows a request that
// crashes or hangs the payment API cannot take the target away from others: its
// failures, however many, close the way for itself alone.
func TestOneCallerCannotEject(t *testing.T) {
	d := newDrill(t, EjectSpec{Failures: 5})
	d.fails("evil", 1000)
	d.want("evil", false)
	d.want("good", true)
	// One failure of somebody else, by chance, does not tip it.
	d.fails("good", 1)
	d.want("good", true)
	d.want("third", true)
	d.fails("evil", 1000)
	d.want("good", true)
}

// TestOneCallerCannotKeepTheRest guarantees that a client which goes on sending
// what crashes the target can neither lengthen the rest of everybody else nor
// sit on their trial with a request that hangs.
func TestOneCallerCannotKeepTheRest(t *testing.T) {
	d := newDrill(t, EjectSpec{Failures: 4, Rest: time.Second, MaxRest: time.Minute})
	d.fails("evil", 4)
	d.fails("good", 2) // an outage of a moment, while evil was at it
	d.want("good", false)
	d.want("third", false)
	for range 10 { // evil's trials, as soon as it may
		d.now = d.callers["evil"].until
		if _, ok := d.admit("evil", d.now); !ok {
			t.Fatal("evil has no trial of its own")
		}
		if !d.lets("good") {
			t.Fatal("good waits for evil's trial")
		}
		d.fail("evil", d.callers["evil"], d.now)
	}
	d.want("good", true)
	pass, _ := d.admit("third", d.now)
	d.succeed()
	d.release(pass)
	for _, caller := range []string{"evil", "good", "third"} {
		d.want(caller, true)
	}
}

// TestCircuitOpensWhenCallersAgree guarantees that failures in a row of several
// callers, and only those, leave the target out for all.
func TestCircuitOpensWhenCallersAgree(t *testing.T) {
	d := newDrill(t, EjectSpec{Failures: 5})
	d.fails("a", 2)
	d.fails("b", 2)
	d.want("c", true)
	d.succeed() // in a row means in a row
	d.fails("a", 2)
	d.fails("b", 2)
	d.want("c", true)
	d.fails("c", 1)
	for _, caller := range []string{"a", "b", "c", "d"} {
		d.want(caller, false)
	}
	d.now = d.now.Add(defaultRest)
	d.want("d", true)
	d.succeed()
	if d.troubled.Load() || len(d.callers) != 0 {
		t.Error("an answer is not the end of it")
	}
	want := fmt.Sprint([]circuitEvent{circuitClosed, circuitOpen, circuitTrial, circuitClosed})
	if got := fmt.Sprint(d.told); got != want {
		t.Errorf("the metrics were told %v; want %v", got, want)
	}
}

// TestTrials guarantees that behind the rest one request at a time tries the
// target, that the rest doubles up to its bound with each that fails, and that a
// trial which ends without a word makes room for the next.
func TestTrials(t *testing.T) {
	d := newDrill(t, EjectSpec{Failures: 2, Rest: time.Second, MaxRest: 5 * time.Second})
	d.fails("a", 1)
	d.fails("b", 1)
	for _, rest := range []time.Duration{1, 2, 4, 5, 5} {
		d.now = d.now.Add(rest*time.Second - 1)
		d.want("c", false)
		d.now = d.now.Add(1)
		d.want("c", true) // released: no verdict
		pass, ok := d.admit("c", d.now)
		if !ok || pass == nil {
			t.Fatalf("no trial after %d s", rest)
		}
		d.want("d", false)
		d.callers["c"] = nil // so that c never is out by its own bout
		delete(d.callers, "c")
		d.fail("c", pass, d.now)
	}
	// A failure of before does not lengthen the rest, and an old pass is worth
	// nothing once the circuit was closed.
	until := d.all.until
	d.fail("d", nil, d.now.Add(time.Second))
	if d.all.until != until {
		t.Error("a failure that was no trial lengthened the rest")
	}
	d.now = until
	old, _ := d.admit("e", d.now)
	d.succeed()
	d.fails("a", 1)
	d.fails("b", 1)
	d.fail("e", old, d.now)
	if d.all.rest != time.Second {
		t.Errorf("the pass of a closed circuit made the rest %v", d.all.rest)
	}
}

// TestCircuitForgetsNobodyItNeeds guarantees that what is remembered of failing
// callers is bounded, and that a crowd of them opens the circuit all the same.
func TestCircuitForgetsNobodyItNeeds(t *testing.T) {
	d := newDrill(t, EjectSpec{Failures: maxEjectAfter})
	for i := range 1000 {
		d.fails(fmt.Sprint("m", i), 1)
	}
	if n := len(d.callers); n != maxBouts {
		t.Errorf("%d callers are remembered; want %d", n, maxBouts)
	}
	d.want("another", false)
	d = newDrill(t, EjectSpec{})
	d.fails("a", 1000)
	d.fails("b", 1000)
	d.want("a", true)
}

// ejecting is a front whose circuit opens after three failures.
func ejecting(rest time.Duration) frontOption {
	return withSpec(func(s *UpstreamSpec) { s.Eject = EjectSpec{Failures: 3, Rest: rest, MaxRest: time.Hour} })
}

// cuts ends the connection for the marks that begin with cut, and is honest to
// the others.
func cuts(c net.Conn, r *bufio.Reader, q query) {
	if strings.HasPrefix(q.mark(), "cut") {
		c.Close()
		return
	}
	honest(c, r, q)
}

// TestFailingTargetIsEjected guarantees that a target which takes requests and
// does not answer them is left out as soon as callers agree, at once and with
// nothing sent when there is no other, and that requests go to another target
// where there is one.
func TestFailingTargetIsEjected(t *testing.T) {
	bad := newOrigin(t, cuts)
	f := newFront(t, []string{bad.url}, ejecting(time.Hour))
	a, b := f.client(t), f.client(t)
	a.merchant, b.merchant = "mer_a", "mer_b"
	for i, c := range []*client{a, b, a} {
		if g := c.ask("POST", "/pay", fmt.Sprint("cut", i), "x"); g.status != 502 {
			t.Fatalf("got %v; want 502", g)
		}
	}
	for _, c := range []*client{a, b} {
		if g := c.ask("POST", "/pay", "late", "x"); g.status != 503 || g.body != "upstream_unreachable" {
			t.Errorf("got %v; want 503 upstream_unreachable", g)
		}
		if r := f.lastRecord(); r.sent || r.attempts != 0 || r.upstreamTook > time.Second {
			t.Errorf("recorded sent %v in %d attempts after %v; want nothing, at once", r.sent, r.attempts, r.upstreamTook)
		}
	}
	if n := bad.executed("late"); n != 0 {
		t.Errorf("the target that is out got %d requests", n)
	}
	worse, good := newOrigin(t, func(c net.Conn, _ *bufio.Reader, _ query) { c.Close() }), newOrigin(t, honest)
	f = newFront(t, []string{worse.url, good.url}, ejecting(time.Hour))
	a, b = f.client(t), f.client(t)
	a.merchant, b.merchant = "mer_a", "mer_b"
	for i, c := range []*client{a, a, b, b, a} { // every other goes to the worse one
		if g := c.ask("POST", "/pay", fmt.Sprint("m", i), "x"); (g.status == 200) != (i%2 == 1) {
			t.Fatalf("request %d got %v", i, g)
		}
	}
	for i := range 10 {
		a.wantAnswer("POST", fmt.Sprint("a", i))
		b.wantAnswer("POST", fmt.Sprint("b", i))
	}
}

// TestEjectionIsSeen guarantees that an operator sees a target that is left out,
// for whom, how often and for what, from the first scrape on, and no longer than
// the upstream is there.
func TestEjectionIsSeen(t *testing.T) {
	o := newOrigin(t, cuts)
	registry := prometheus.NewRegistry()
	m, err := newMeters(registry)
	if err != nil {
		t.Fatal(err)
	}
	u, err := newUpstream("payments", UpstreamSpec{Targets: []string{o.url}, Eject: EjectSpec{Failures: 2, Rest: time.Hour, MaxRest: time.Hour}},
		upstreamContext{meters: m})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{route: &route{}}
	f.serve(t, u)
	want := func(circuit circuitEvent, ejections, faults float64) {
		t.Helper()
		got := [...]float64{counted(t, registry, "tollgate_upstream_circuit"), counted(t, registry, "tollgate_upstream_ejections_total"),
			counted(t, registry, "tollgate_upstream_faults_total")}
		if got != [...]float64{float64(circuit), ejections, faults} {
			t.Errorf("circuit, ejections and faults are %v; want %v, %v, %v", got, circuit, ejections, faults)
		}
	}
	a, b := f.client(t), f.client(t)
	a.merchant, b.merchant = "mer_a", "mer_b"
	want(circuitClosed, 0, 0)
	a.ask("GET", "/", "cut", "")
	a.ask("GET", "/", "cut", "")
	want(circuitOpenToOne, 1, 2)
	b.ask("GET", "/", "cut", "")
	want(circuitOpen, 2, 3)
	u.targets[0].circuit.succeed()
	want(circuitClosed, 2, 3)
	u.close()
	m.removeUpstream("payments")
	a.ask("GET", "/", "cut", "") // under way when a reload took the upstream away
	want(0, 0, 0)
}

// TestEjectedTargetComesBack guarantees that one good answer to a trial brings a
// target back for everybody.
func TestEjectedTargetComesBack(t *testing.T) {
	o := newOrigin(t, cuts)
	f := newFront(t, []string{o.url}, ejecting(time.Millisecond))
	a, b := f.client(t), f.client(t)
	a.merchant, b.merchant = "mer_a", "mer_b"
	for i, c := range []*client{a, b, a} {
		c.ask("POST", "/pay", fmt.Sprint("cut", i), "x")
	}
	until(t, "the trial is answered", func() bool { return a.ask("POST", "/pay", "back", "x").status == 200 })
	for i := range 5 {
		a.wantAnswer("POST", fmt.Sprint("a", i))
		b.wantAnswer("POST", fmt.Sprint("b", i))
	}
}

// TestClientsChoiceEjectsNobody guarantees that nothing a client can ask a
// healthy target for ejects it, not even for that client: answers that are too
// large, odd statuses and framings, an endpoint that is slower than its route
// allows, error statuses of the application.
func TestClientsChoiceEjectsNobody(t *testing.T) {
	f := func(name string, want int, script func(net.Conn, *bufio.Reader, query), options ...frontOption) {
		t.Helper()
		o := newOrigin(t, hostile(script))
		fr := newFront(t, []string{o.url}, append(options, ejecting(time.Hour))...)
		a, b := fr.client(t), fr.client(t)
		a.merchant, b.merchant = "mer_a", "mer_b"
		for range 5 {
			for _, c := range []*client{a, b} {
				if g := c.ask("GET", "/", "attack", ""); g.status != want {
					t.Errorf("%s: got %v; want %d", name, g, want)
				}
			}
		}
		a.wantAnswer("POST", "next")
		b.wantAnswer("POST", "next too")
	}
	f("500", 500, says("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"))
	f("too large", 502, says(head200+fmt.Sprintf("Content-Length: %d\r\n\r\n", defaultMaxResponse+1)))
	f("head too large", 502, says(head200+"X-A: "+strings.Repeat("x", maxAnswerHead)))
	f("without framing", 502, says(head200+"\r\n"))
	f("odd status", 502, says("HTTP/1.1 999 Odd\r\n\r\n"))
	f("slower than its route", 504, func(net.Conn, *bufio.Reader, query) {}, onRoute(func(r *route) { r.timeout = 20 * time.Millisecond }))
}

// TestHangIsAFailure guarantees that a target which takes requests and is silent
// for its upstream's own timeout is ejected like one that hangs up.
func TestHangIsAFailure(t *testing.T) {
	o := newOrigin(t, func(net.Conn, *bufio.Reader, query) {})
	f := newFront(t, []string{o.url}, ejecting(time.Hour), withSpec(func(s *UpstreamSpec) { s.Timeout = 200 * time.Millisecond }))
	a, b := f.client(t), f.client(t)
	a.merchant, b.merchant = "mer_a", "mer_b"
	for _, c := range []*client{a, b, a} {
		if g := c.ask("GET", "/", "m", ""); g.status != 504 {
			t.Fatalf("got %v; want 504", g)
		}
	}
	if g := b.ask("GET", "/", "m", ""); g.status != 503 || f.lastRecord().sent {
		t.Errorf("got %v, sent %v; want 503 with nothing sent", g, f.lastRecord().sent)
	}
}

// TestSlowEndpointBesideGoodOnes guarantees that one endpoint that always fails
// does not take the others of its target away: any answer between its failures
// begins the count anew.
func TestSlowEndpointBesideGoodOnes(t *testing.T) {
	o := newOrigin(t, cuts)
	f := newFront(t, []string{o.url}, ejecting(time.Hour))
	a, b := f.client(t), f.client(t)
	a.merchant, b.merchant = "mer_a", "mer_b"
	for i := range 10 {
		a.ask("GET", "/report", "cut", "")
		b.ask("GET", "/report", "cut", "")
		a.wantAnswer("POST", fmt.Sprint("pay", i))
	}
}

// TestTrialsUnderLoad guarantees, under concurrency and the race detector, that
// an ejected target gets one trial at a time and is found again when it is well.
func TestTrialsUnderLoad(t *testing.T) {
	var mu sync.Mutex
	sick, now, most := true, 0, 0
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
		mu.Lock()
		now++
		most = max(most, now)
		ill := sick
		mu.Unlock()
		defer func() {
			mu.Lock()
			now--
			mu.Unlock()
		}()
		if ill {
			c.Close()
			return
		}
		honest(c, r, q)
	})
	f := newFront(t, []string{o.url}, ejecting(time.Millisecond))
	warm := []*client{f.client(t), f.client(t), f.client(t)}
	for i, c := range warm { // in turn, so that no other request is under way when it opens
		c.merchant = fmt.Sprint("mer_", i)
		c.ask("POST", "/pay", "m", "x")
	}
	mu.Lock()
	most = 0
	mu.Unlock()
	var all sync.WaitGroup
	for who := range 8 {
		c := f.client(t)
		c.merchant = "mer_same"
		all.Go(func() {
			for i := range 50 {
				if g := c.ask("POST", "/pay", "m", "x"); g.status != 502 && g.status != 503 {
					t.Errorf("client %d request %d got %v", who, i, g)
				}
			}
		})
	}
	all.Wait()
	mu.Lock()
	if most > 1 {
		t.Errorf("%d trials at a time; want 1", most)
	}
	sick = false
	mu.Unlock()
	f.up.targets[0].circuit.mu.Lock()
	f.up.targets[0].circuit.all.until = time.Time{} // the rest may have grown long by now
	for _, b := range f.up.targets[0].circuit.callers {
		b.until = time.Time{}
	}
	f.up.targets[0].circuit.mu.Unlock()
	until(t, "the target is back", func() bool { return warm[0].ask("GET", "/", "m", "").status == 200 })
	warm[1].wantAnswer("POST", "m")
}

// TestBulkhead guarantees that an upstream which hangs with all its slots taken
// and its queue full costs another upstream nothing, and that what is too much
// for it is told so at once: 503 upstream_saturated.
func TestBulkhead(t *testing.T) {
	release, busy := make(chan struct{}), make(chan struct{}, 16)
	hangs := newOrigin(t, func(c net.Conn, r *bufio.Reader, q query) {
		busy <- struct{}{}
		<-release
		honest(c, r, q)
	})
	well := newOrigin(t, honest)
	a := newFront(t, []string{hangs.url}, withSpec(func(s *UpstreamSpec) { s.MaxConns = 4 }))
	b := newFront(t, []string{well.url}, withSpec(func(s *UpstreamSpec) { s.MaxConns = 4 }))
	var all sync.WaitGroup
	hang := func() {
		c := a.client(t)
		all.Go(func() {
			if g := c.ask("POST", "/pay", "m", "x"); g.status != 200 && g.body != "upstream_saturated" {
				t.Errorf("a request to the hanging upstream got %v", g)
			}
		})
	}
	for range 4 {
		hang()
	}
	for range 4 {
		<-busy
	}
	excess := a.client(t)
	for full := false; !full; { // keep its queue full while the others are looked at
		for range 4 {
			hang()
		}
		until(t, "its queue is full", func() bool { return a.up.waiting.Load() >= 4 })
		began := time.Now()
		g := excess.ask("POST", "/pay", "m", "x")
		full = time.Since(began) < slotWait/2
		if g.status != 503 || g.body != "upstream_saturated" {
			t.Fatalf("what is too much got %v; want 503 upstream_saturated", g)
		}
	}
	c := b.client(t)
	for i := range 50 {
		c.wantAnswer("POST", fmt.Sprint("b", i))
	}
	if hangs.dialed() != 4 || well.dialed() != 1 {
		t.Errorf("%d and %d connections; want 4 and 1", hangs.dialed(), well.dialed())
	}
	close(release)
	all.Wait()
}

// TestNoKeepAlive guarantees that an upstream which may not keep connections
// gets one for each request, is told so in each, and that none is pooled though
// it would keep them.
func TestNoKeepAlive(t *testing.T) {
	o := newOrigin(t, honest)
	f := newFront(t, []string{o.url}, withSpec(func(s *UpstreamSpec) { s.NoKeepAlive = true }))
	c := f.client(t)
	for i := range 5 {
		c.wantAnswer("POST", fmt.Sprint("m", i))
		if n, word := o.dialed(), o.last().header("Connection"); n != 1+i || word != "close" {
			t.Errorf("%d connections, Connection: %q; want %d and close", n, word, 1+i)
		}
		until(t, "the slot is back", func() bool { return len(f.up.slots) == 0 })
		if n := f.up.open.Load(); n != 0 {
			t.Errorf("%d connections are open; want 0", n)
		}
	}
}

// TestCutStreamIsCounted guarantees that an answer which breaks while it is
// streamed, and is in the log with the status it began with, is in the metrics.
func TestCutStreamIsCounted(t *testing.T) {
	o := newOrigin(t, hostile(func(c net.Conn, _ *bufio.Reader, _ query) {
		io.WriteString(c, head200+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
		c.Close()
	}))
	f := newFront(t, []string{o.url}, onRoute(streams))
	registry := prometheus.NewRegistry()
	m, err := newMeters(registry)
	if err != nil {
		t.Fatal(err)
	}
	f.up.context.meters = m
	if g := f.client(t).ask("GET", "/", "attack", ""); g.err == nil {
		t.Errorf("got a whole answer: %v", g)
	}
	until(t, "the slot is back", func() bool { return len(f.up.slots) == 0 })
	for _, name := range []string{"tollgate_upstream_cut_streams_total", "tollgate_upstream_faults_total"} {
		if n := counted(t, registry, name); n != 1 {
			t.Errorf("%s is %v; want 1", name, n)
		}
	}
}
