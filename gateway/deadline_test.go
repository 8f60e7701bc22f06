package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// brief is a time that is up within a test; every other bound of slowRig is far
// above what a test waits.
const brief = 200 * time.Millisecond

// slowRig serves POST and GET on /slow, a route that the test changes. Its
// origin answers with as many bytes as X-Answer says, in parts that come at the
// test's word where the request says X-Parts, and never where it says X-Silent.
func slowRig(t testing.TB, limits gateway.Limits, change func(*gateway.RouteSpec)) (r *rig, o *slowOrigin) {
	o = &slowOrigin{parts: make(chan struct{})}
	parts, end := o.parts, make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer o.done.Add(1)
		io.Copy(io.Discard, req.Body)
		if req.Header.Get("X-Silent") != "" {
			<-end
			return
		}
		n, pieces := 2, 1
		fmt.Sscan(req.Header.Get("X-Answer"), &n)
		fmt.Sscan(req.Header.Get("X-Parts"), &pieces)
		w.Header().Set("Content-Length", itoa(n))
		for range pieces {
			if pieces > 1 {
				<-parts
			}
			io.WriteString(w, strings.Repeat("a", n/pieces))
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(func() {
		close(end)
		origin.Close()
	})
	r = newRig(t, withPlan(func(p *gateway.Plan) {
		p.Upstreams["slow"] = gateway.UpstreamSpec{Targets: []string{origin.URL}, Timeout: time.Minute, MaxResponse: 32 << 20}
		spec := gateway.RouteSpec{Path: "/slow", Methods: []string{"GET", "POST"}, Upstream: "slow", Dialects: []string{"payment"},
			Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}}
		change(&spec)
		p.Routes = append(p.Routes, spec)
		p.Limits = &limits
	}))
	return r, o
}

// slowOrigin is what a test sees of the origin of slowRig.
type slowOrigin struct {
	parts chan struct{} // gives the word for one part
	done  atomic.Int64  // answers that are written, or given up
}

var patient = gateway.Limits{ReadHeaderTimeout: time.Minute, ReadBodyTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: time.Minute}

func (r *rig) unbounded(t testing.TB) string {
	return r.roster.add(t, "slow", func(_ *token.Live, b *token.Bounds) { b.Restricts = token.Restricts{} })
}

// huge is more than the system takes off our hands for a client that reads
// nothing.
const huge = 24 << 20

// A body that does not come within its route's time is 408 and the end of its
// connection, whatever the server grants elsewhere; total_timeout ends it too.
func TestSlowBodyEndsAtItsRoutesDeadline(t *testing.T) {
	for name, change := range map[string]func(*gateway.RouteSpec){
		"body_timeout":  func(s *gateway.RouteSpec) { s.BodyTimeout = brief },
		"total_timeout": func(s *gateway.RouteSpec) { s.TotalTimeout = brief },
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := slowRig(t, patient, change)
			if a := r.raw(t, announce("/slow", r.unbounded(t), 1000)+"x"); a.status != 408 || !a.closed {
				t.Errorf("got %+v; want 408 and the end", a)
			}
		})
	}
}

// A client that does not take its answer is cut off when its route's time is up,
// of a streamed answer too; where the route has none, at the server's, which for
// a streamed answer is that of each part. What was held for it is free then.
func TestSlowReaderEndsAtItsRoutesDeadline(t *testing.T) {
	hasty := patient
	hasty.WriteTimeout = brief
	for _, c := range []struct {
		name   string
		limits gateway.Limits
		change func(*gateway.RouteSpec)
	}{
		{"write_timeout", patient, func(s *gateway.RouteSpec) { s.WriteTimeout = brief }},
		{"total_timeout", patient, func(s *gateway.RouteSpec) { s.TotalTimeout = 5 * brief }},
		{"limits.write_timeout", hasty, func(s *gateway.RouteSpec) {}},
		{"write_timeout of a stream", patient, func(s *gateway.RouteSpec) { s.Stream, s.WriteTimeout = true, brief }},
		{"total_timeout of a stream", patient, func(s *gateway.RouteSpec) { s.Stream, s.TotalTimeout = true, 5*brief }},
		{"limits.write_timeout of a stream", hasty, func(s *gateway.RouteSpec) { s.Stream = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, origin := slowRig(t, c.limits, c.change)
			conn := r.dial(t)
			conn.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			conn.write("GET /slow HTTP/1.1\r\nHost: a\r\n" + bearer(r.unbounded(t)) + "\r\nX-Answer: " + itoa(huge) + "\r\n\r\n")
			until(t, "the origin is rid of its answer", func() bool { return origin.done.Load() == 1 })
			until(t, "what was held is free", func() bool { return r.taken(t) == 0 })
			if n, err := io.Copy(io.Discard, conn.r); n >= huge {
				t.Errorf("all %d bytes came, %v; want the connection cut", n, err)
			}
		})
	}
}

// A streamed answer may take far longer than the write timeout, as long as its
// client takes each part in time.
func TestPatientStreamOutlivesTheWriteTimeout(t *testing.T) {
	const pieces, size = 8, 800_000
	hasty := patient
	hasty.WriteTimeout = brief
	r, origin := slowRig(t, hasty, func(s *gateway.RouteSpec) { s.Stream = true })
	c := r.dial(t)
	began := time.Now()
	c.write("GET /slow HTTP/1.1\r\nHost: a\r\n" + bearer(r.unbounded(t)) + "\r\nX-Parts: 8\r\nX-Answer: " + itoa(size) + "\r\n\r\n")
	tick := time.NewTicker(brief / 2) // not a wait for something: the stream has to last
	defer tick.Stop()
	go func() {
		for range pieces {
			<-tick.C
			origin.parts <- struct{}{}
		}
	}()
	if a := c.answer("GET"); len(a.body) != size || time.Since(began) < 2*brief {
		t.Errorf("%d bytes in %v; want %d in more than %v", len(a.body), time.Since(began), size, 2*brief)
	}
}

// An upstream that stays silent is given up when the total time of the request
// is up, its own time notwithstanding, and the client is told: 504.
func TestTotalTimeoutEndsTheWaitForAnUpstream(t *testing.T) {
	r, _ := slowRig(t, patient, func(s *gateway.RouteSpec) { s.TotalTimeout = brief })
	key := r.unbounded(t)
	for name, text := range map[string]string{
		"GET":  "GET /slow HTTP/1.1\r\nHost: a\r\n" + bearer(key) + "\r\nX-Silent: 1\r\n\r\n",
		"POST": announce("/slow", key, 5, "X-Silent: 1\r\n") + "hello",
	} {
		if a := r.raw(t, text); a.status != 504 || a.code() != "upstream_timeout" {
			t.Errorf("%s: got %+v; want 504", name, a)
		}
	}
	if a := r.raw(t, request("GET", "/slow", "", bearer(key))); a.status != 200 {
		t.Errorf("in time: got %+v", a)
	}
}

// The total time runs from the headers on: a body that took most of it leaves
// the upstream only the rest.
func TestTotalTimeoutCountsTheBody(t *testing.T) {
	t.Parallel()
	const total = 3 * time.Second
	r, _ := slowRig(t, patient, func(s *gateway.RouteSpec) { s.TotalTimeout = total })
	c := r.dial(t)
	c.write(announce("/slow", r.unbounded(t), 5, "X-Silent: 1\r\n") + "hell")
	<-time.After(total * 8 / 10) // the body is slow: that is what is tested
	c.write("o")
	if a := c.answer("POST"); a.status != 504 {
		t.Errorf("got %+v; want 504", a)
	}
	if took := r.events(t, 1)[0]["upstream_ms"].(float64); took >= 2000 {
		t.Errorf("the upstream was given %v ms: the time of the body was not counted", took)
	}
}

// A request that cannot be read is answered although the deadline for writing
// the answer before it has long passed: the library sets none of its own there.
func TestErrorIsAnsweredBehindAnOldDeadline(t *testing.T) {
	hasty := patient
	hasty.WriteTimeout = brief / 4
	r, _ := slowRig(t, hasty, func(*gateway.RouteSpec) {})
	c := r.dial(t)
	c.write(request("GET", "/-/healthz", ""))
	if a := c.answer("GET"); a.status != 200 {
		t.Fatalf("got %+v", a)
	}
	<-time.After(brief / 2) // the old deadline has to pass
	c.write("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
	if a := c.answer("GET"); a.status != 400 {
		t.Errorf("got %+v; want 400", a)
	}
}
