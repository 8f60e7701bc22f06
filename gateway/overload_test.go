package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// heavyRig serves /heavy/{id} and, chunked, /chunked/{id}, with bodies of up to
// 1 MiB, before an origin that reads and forgets them and answers with as many
// bytes as X-Answer says. Its budget for bodies is given.
func heavyRig(t testing.TB, memory int64) *rig {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		n := 2
		fmt.Sscan(r.Header.Get("X-Answer"), &n)
		if r.Header.Get("X-Chunked") == "" {
			w.Header().Set("Content-Length", itoa(n))
		} else {
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, strings.Repeat("a", n))
	}))
	t.Cleanup(origin.Close)
	return newRig(t, withPlan(func(p *gateway.Plan) {
		p.Upstreams["heavy"] = gateway.UpstreamSpec{Targets: []string{origin.URL}}
		for _, path := range []string{"/heavy/{id}", "/chunked/{id}"} {
			p.Routes = append(p.Routes, gateway.RouteSpec{Path: path, Methods: []string{"GET", "POST"}, Upstream: "heavy", Dialects: []string{"payment"},
				Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}, MaxBody: 1 << 20, AllowChunked: path[1] == 'c'})
		}
		p.Limits = &gateway.Limits{BodyMemory: memory, ReadBodyTimeout: 5 * time.Second, MaxConns: 5000}
	}))
}

// taken is how much of the budget is.
func (r *rig) taken(t testing.TB) int { return int(r.metric(t, "tollgate_body_bytes")) }

// metric is the value of a gauge without labels.
func (r *rig) metric(t testing.TB, name string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// announce is the head of a POST of n bytes.
func announce(path, key string, n int, more ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\n%s\r\nContent-Length: %d\r\n%s\r\n", path, bearer(key), n, strings.Join(more, ""))
}

// However a request ends, be it answered, refused, cut at any point, reset, too
// slow, or never answered at all, the memory that was set aside for it is free
// again: a client that knew of one way where it is not could shut everybody out.
func TestBodyBudgetIsGivenBackOnEveryWay(t *testing.T) {
	r := heavyRig(t, 16<<20)
	key := r.roster.add(t, "good", func(l *token.Live, b *token.Bounds) { b.Restricts = token.Restricts{} })
	const n = 200_000
	chunked := "POST /chunked/1 HTTP/1.1\r\nHost: a\r\n" + bearer(key) + "\r\nTransfer-Encoding: chunked\r\n"
	fin := func(c *wireClient) { c.conn.(*net.TCPConn).CloseWrite() }
	rst := func(c *wireClient) { c.conn.(*net.TCPConn).SetLinger(0); c.conn.Close() }
	nothing := func(*wireClient) {}
	for _, way := range []struct {
		name, text string
		held       int // what is taken once the text has come; 0: not looked at
		then       func(*wireClient)
	}{
		{"answered", announce("/heavy/1", key, n) + strings.Repeat("x", n), 0, nothing},
		{"answered at length", announce("/heavy/1", key, n, "X-Answer: 500000\r\n") + strings.Repeat("x", n), 0, nothing},
		{"answer never read", announce("/heavy/1", key, 1, "X-Answer: 8000000\r\n") + "x", 1 << 20, rst},
		{"answer cut by the client", announce("/heavy/1", key, 1, "X-Answer: 8000000\r\n") + "x", 1 << 20, func(c *wireClient) { io.CopyN(io.Discard, c.r, 1000); rst(c) }},
		{"body ended", announce("/heavy/1", key, n) + "x", n, fin},
		{"body reset", announce("/heavy/1", key, n) + "x", n, rst},
		{"body not begun, ended", announce("/heavy/1", key, n), n, fin},
		{"body not begun, reset", announce("/heavy/1", key, n), n, rst},
		{"continue and reset", announce("/heavy/1", key, n, "Expect: 100-continue\r\n"), n, rst},
		{"continue and end", announce("/heavy/1", key, n, "Expect: 100-continue\r\n"), n, fin},
		{"continue and half a body", announce("/heavy/1", key, n, "Expect: 100-continue\r\n") + "x", n, rst},
		{"reset at once", announce("/heavy/1", key, n, "Expect: 100-continue\r\n"), 0, rst},
		{"chunked and answered", chunked + "\r\n5\r\nhello\r\n0\r\n\r\n", 0, nothing},
		{"chunked and empty", chunked + "\r\n0\r\n\r\n", 0, nothing},
		{"chunked and ended between chunks", chunked + "\r\n5\r\nhello\r\n", 1 << 20, fin},
		{"chunked and ended before the first", chunked + "\r\n", 1 << 20, fin},
		{"chunked and ended in a chunk", chunked + "\r\n5\r\nhe", 1 << 20, fin},
		{"chunked and reset", chunked + "\r\n5\r\nhello\r\n", 1 << 20, rst},
		{"chunked wrongly", chunked + "\r\n5\r\nhello\r\nzz\r\n", 0, nothing},
		{"chunked with a trailer", chunked + "\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n", 0, nothing},
		{"chunked and too large", chunked + "\r\n200000\r\n", 0, nothing},
		{"larger than the limit", announce("/heavy/1", key, 2<<20), 0, nothing},
		{"by a stranger", announce("/heavy/1", madeUpKey(), n), 0, nothing},
		{"nowhere", announce("/nowhere", key, n), 0, nothing},
		{"with a wrong body", announce("/v1/payments/1", key, 4, jsonType+"\r\n") + "nope", 0, nothing},
		{"one behind the other", announce("/heavy/1", key, 5) + "hello" + announce("/heavy/1", key, 5) + "hello" + announce("/heavy/1", key, n), n, fin},
	} {
		t.Run(way.name, func(t *testing.T) {
			c := r.dial(t)
			c.write(way.text)
			if way.held > 0 {
				until(t, "the body is paid for", func() bool { return r.taken(t) >= way.held })
			}
			way.then(c)
			go io.Copy(io.Discard, c.r)
			until(t, "the budget is whole again", func() bool { return r.taken(t) == 0 })
			c.conn.Close()
		})
	}
	// And where the handler panics, or the body is too slow.
	r.roster.panics.Store(true)
	r.raw(t, announce("/heavy/1", key, n))
	r.roster.panics.Store(false)
	if a := r.raw(t, announce("/heavy/1", key, n)); a.status != 408 || r.taken(t) != 0 {
		t.Errorf("a body that never came: %d, and %d bytes are taken", a.status, r.taken(t))
	}
}

// A body for which there is no room is refused by its headers alone: 503
// overloaded, to come again in a second, not one byte of it read and 100
// Continue not sent. It is let in once there is room.
func TestOverloadedBodyIsShedUnread(t *testing.T) {
	r := heavyRig(t, 2<<20)
	key := r.roster.add(t, "good", func(l *token.Live, b *token.Bounds) { b.Restricts = token.Restricts{} })
	var holders []*wireClient
	for i := range 2 {
		c := r.dial(t)
		c.write(announce("/heavy/1", key, 1<<20) + "x")
		until(t, "a holder's body is paid for", func() bool { return r.taken(t) == (i+1)<<20 })
		holders = append(holders, c)
	}
	for name, text := range map[string]string{
		"body":     announce("/heavy/1", key, 1),
		"continue": announce("/heavy/1", key, 1, "Expect: 100-continue\r\n"),
		"chunked":  "POST /chunked/1 HTTP/1.1\r\nHost: a\r\n" + bearer(key) + "\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		if a := r.raw(t, text); a.status != 503 || a.code() != "overloaded" || a.header.Get("Retry-After") != "1" || !a.closed {
			t.Errorf("%s: got %+v; want 503 overloaded, Retry-After: 1, Connection: close", name, a)
		}
	}
	// Whom the headers refuse is told so, overloaded or not.
	if a := r.raw(t, announce("/heavy/1", madeUpKey(), 1)); a.status != 401 {
		t.Errorf("a stranger got %+v; want 401", a)
	}
	if a := r.raw(t, announce("/heavy/1", key, 2<<20)); a.status != 413 {
		t.Errorf("a body over the limit got %+v; want 413", a)
	}
	// An answer needs room too: without it nothing is asked of the upstream.
	if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(key))); a.status != 503 || a.code() != "overloaded" || len(r.origin.requests()) != 0 {
		t.Errorf("a GET got %+v and the upstream saw %d requests; want 503 and none", a, len(r.origin.requests()))
	}
	for _, e := range r.events(t, 6) {
		if e["reason"] == "overloaded" && (e["outcome"] != "undecided" || e["status"] != 503.0) {
			t.Errorf("the log tells of it as %v", e)
		}
	}
	for _, c := range holders {
		c.conn.Close()
	}
	until(t, "the budget is whole again", func() bool { return r.taken(t) == 0 })
	if a := r.raw(t, announce("/heavy/1", key, 5)+"hello"); a.status != 200 {
		t.Errorf("with room again: got %+v", a)
	}
}

// A reload changes the budget at once, for all connections, and one that has no
// room for the largest body of a route is refused.
func TestReloadChangesTheBodyBudget(t *testing.T) {
	r := heavyRig(t, 2<<20)
	r.plan.Limits.BodyMemory = 1 << 20
	if err := r.gateway.Apply(r.plan); err != nil || r.metric(t, "tollgate_body_budget_bytes") != 1<<20 {
		t.Errorf("%v, and the budget is %v", err, r.metric(t, "tollgate_body_budget_bytes"))
	}
	r.plan.Limits.BodyMemory = 1<<20 - 1
	if err := r.gateway.Apply(r.plan); err == nil || !strings.Contains(err.Error(), "BodyMemory") {
		t.Errorf("a budget smaller than a body: %v", err)
	}
}

// An answer that outgrows the memory there is still reaches its client whole:
// the upstream has done its work by then. It is streamed, and the budget holds.
// Only who could not tell a cut stream from a whole one is told 502.
func TestAnswersWithoutMemoryAreStreamed(t *testing.T) {
	const memory, size = 2 << 20, 4 << 20
	r := heavyRig(t, memory)
	key := r.roster.add(t, "good", func(l *token.Live, b *token.Bounds) { b.Restricts = token.Restricts{} })
	for _, how := range []string{"", "X-Chunked: 1"} {
		text := "GET /heavy/1 HTTP/1.1\r\nHost: a\r\n" + bearer(key) + "\r\nX-Answer: " + itoa(size) + "\r\n" + how
		text = strings.TrimSuffix(text, "\r\n") + "\r\n\r\n"
		slow := r.dial(t)
		slow.write(announce("/heavy/1", key, 1<<20))
		until(t, "memory is short", func() bool { return r.taken(t) == memory/2 })
		for range 3 {
			a := r.raw(t, text)
			if a.status != 200 || len(a.body) != size || strings.Trim(a.body, "a") != "" {
				t.Errorf("%q: got %d with %d bytes; want 200 with %d", how, a.status, len(a.body), size)
			}
			if n := r.taken(t); n > memory {
				t.Errorf("%q: %d bytes are taken of %d", how, n, memory)
			}
		}
		old := r.raw(t, strings.Replace(text, "HTTP/1.1", "HTTP/1.0", 1))
		if want := map[string]int{"": 200, "X-Chunked: 1": 502}[how]; old.status != want {
			t.Errorf("%q: HTTP/1.0 got %d; want %d", how, old.status, want)
		}
		slow.conn.Close()
		until(t, "the budget is whole again", func() bool { return r.taken(t) == 0 })
	}
	// A streamed answer keeps to the limit of its upstream all the same.
	r.plan.Upstreams["heavy"] = gateway.UpstreamSpec{Targets: r.plan.Upstreams["heavy"].Targets, MaxResponse: size - 1}
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	c := r.dial(t)
	c.write("GET /heavy/1 HTTP/1.1\r\nHost: a\r\n" + bearer(key) + "\r\nX-Chunked: 1\r\nX-Answer: " + itoa(size) + "\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err == nil && resp.StatusCode == 200 {
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil && resp.StatusCode != 502 {
		t.Errorf("an answer beyond max_response came whole, status %d", resp.StatusCode)
	}
}

// A thousand connections that sent a large body and got a large answer, and are
// idle since, keep neither.
func TestIdleConnectionsKeepNoBodies(t *testing.T) {
	const conns, size = 300, 256 << 10
	r := heavyRig(t, 64<<20)
	key := r.roster.add(t, "good", func(l *token.Live, b *token.Bounds) { b.Restricts = token.Restricts{} })
	text := announce("/heavy/1", key, size, "X-Answer: "+itoa(size)+"\r\n") + strings.Repeat("x", size)
	before := liveHeap()
	clients := make([]net.Conn, conns)
	for i := range clients {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients[i] = c
		go io.WriteString(c, text)
		if n := drain(c, size); n < size {
			t.Fatalf("connection %d: an answer of %d bytes", i, n)
		}
	}
	if kept := int(liveHeap()-before) / conns; kept > 64<<10 {
		t.Errorf("an idle connection keeps %d bytes behind a body and an answer of %d", kept, size)
	}
	if r.taken(t) != 0 {
		t.Errorf("%d bytes are taken for nothing", r.taken(t))
	}
	runtime.KeepAlive(clients)
}

// drain reads n bytes and what comes with them, without a buffer to keep.
func drain(c net.Conn, n int) (got int) {
	var room [32 << 10]byte
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for got < n {
		m, err := c.Read(room[:])
		if got += m; err != nil {
			break
		}
	}
	return got
}

func liveHeap() int64 {
	for range 3 {
		runtime.GC() // pools hand what they keep over to the next cycle
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A thousand authenticated connections that announce 1 MiB each get the memory
// there is and not a byte more: the others are told 503, and memory is bounded
// by the budget.
func TestThousandAnnouncementsKeepToTheBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("it opens a thousand connections")
	}
	const conns, budget = 1000, 64 << 20
	r := heavyRig(t, budget)
	r.plan.Limits.ReadBodyTimeout = time.Minute
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	key := r.roster.add(t, "good", func(l *token.Live, b *token.Bounds) { b.Restricts = token.Restricts{} })
	before := liveHeap()
	shed := make(chan bool, conns)
	for range conns {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			io.WriteString(c, announce("/heavy/1", key, 1<<20)+"x")
			var room [64]byte
			n, _ := c.Read(room[:])
			shed <- strings.HasPrefix(string(room[:n]), "HTTP/1.1 503 ")
		}()
	}
	const fit = budget >> 20
	for range conns - fit {
		if !<-shed {
			t.Fatal("a connection beyond the budget was answered otherwise than 503")
		}
	}
	if n := r.taken(t); n != budget {
		t.Errorf("%d bytes are taken; want all %d", n, budget)
	}
	if grown := liveHeap() - before; grown > budget+48<<20 {
		t.Errorf("the heap has grown by %d MiB under a budget of %d", grown>>20, budget>>20)
	}
}

// A connection serves as many requests as it may: the last answer says that it
// is the last, and nothing is answered behind it.
func TestConnectionEndsAfterItsRequests(t *testing.T) {
	for _, c := range []struct{ limit, served int }{{3, 3}, {1, 1}, {-1, 1500}} {
		r := newRig(t, withPlan(func(p *gateway.Plan) { p.Limits = &gateway.Limits{MaxRequestsPerConn: c.limit} }))
		client := r.dial(t)
		for i := range c.served {
			client.write(request("GET", "/-/healthz", ""))
			a := client.answer("GET")
			if last := i+1 == c.limit; a.status != 200 || a.closed != last {
				t.Fatalf("limit %d: answer %d is %d, closed %v", c.limit, i+1, a.status, a.closed)
			}
		}
		if c.limit < 0 {
			continue
		}
		client.write(request("GET", "/-/healthz", ""))
		if _, err := client.r.ReadByte(); err == nil {
			t.Errorf("limit %d: something came behind the last answer", c.limit)
		}
	}
}

// Whoever is known by nothing yet may send a body to the paths that issue. Any
// number of strangers who begin one and never end it must not take the memory
// that payments need: they fill a quarter of it, and are shed themselves.
func TestStrangersBodiesLeaveRoomForPayments(t *testing.T) {
	const memory = 1 << 20
	r := newRig(t, withPlan(func(p *gateway.Plan) {
		p.Endpoints = []gateway.EndpointSpec{{Path: "/api/token", Endpoint: &noting{}, Issues: true}}
		p.Limits = &gateway.Limits{BodyMemory: memory, MaxBody: 64 << 10}
	}))
	key := r.roster.add(t, "good", nil)
	begun := "POST /api/token HTTP/1.1\r\nHost: a\r\nContent-Length: 8192\r\n\r\nx"
	var strangers []*wireClient
	for n := 8 << 10; n <= memory/4; n += 8 << 10 {
		c := r.dial(t)
		c.write(begun)
		until(t, "the stranger's body is paid for", func() bool { return r.taken(t) == n })
		strangers = append(strangers, c)
	}
	if a := r.raw(t, begun); a.status != 503 {
		t.Errorf("one more stranger got %+v; want 503", a)
	}
	if a := r.payment(t, key); a.status != 200 {
		t.Errorf("a payment got %+v", a)
	}
	for _, c := range strangers {
		c.conn.Close()
	}
	until(t, "the budget is whole again", func() bool { return r.taken(t) == 0 })
	if a := r.raw(t, request("POST", "/api/token", "x")); a.status != 200 {
		t.Errorf("with room again a stranger got %+v", a)
	}
}
