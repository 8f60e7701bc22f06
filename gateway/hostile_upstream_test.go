package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// foreign are the words that every behaviour puts where a client could take
// them for its own.
var foreign = []string{"HIJACK", "half"}

// TestHostileUpstream throws at the gateway every way in which an upstream can
// misbehave that we know of (testdata/upstream), with two clients in turn: a
// second answer, one that is cut or malformed or endless, an end or a word on an
// idle connection, and sixty more. Whoever asked gets an answer of its own or
// 502, 503 or 504, never a part of one as 200; the next client, and the first
// again, get theirs and not one foreign byte; the origin executed each request at
// most once; the pool is clean.
func TestHostileUpstream(t *testing.T) {
	all := readBehaviours(t)
	if len(all) < 60 {
		t.Fatalf("%d behaviours; want 60 at least", len(all))
	}
	h := newHouse(t, all)
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range b.methods {
				h.run(t, h.origins[b.name], method)
			}
		})
	}
}

// house is a gateway before one bad origin for each behaviour, which is an
// upstream and a route of its own.
type house struct {
	*rig
	key     string
	origins map[string]*badOrigin
}

func newHouse(t testing.TB, all []*behaviour) *house {
	t.Helper()
	h := &house{origins: map[string]*badOrigin{}}
	h.rig = newRig(t, withPlan(func(p *gateway.Plan) {
		p.Upstreams, p.Routes = map[string]gateway.UpstreamSpec{}, nil
		for _, b := range all {
			o := newBadOrigin(t, b)
			h.origins[b.name] = o
			p.Upstreams[b.name] = gateway.UpstreamSpec{Targets: []string{o.url()}, Timeout: b.timeout, MaxResponse: 1 << 20}
			p.Routes = append(p.Routes, gateway.RouteSpec{
				Path: "/" + b.name, Methods: []string{"GET", "PUT", "POST", "DELETE"}, Upstream: b.name, Dialects: []string{"payment"},
				Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}, MaxBody: 32 << 20, Stream: b.stream,
			})
		}
	}))
	h.key = h.roster.add(t, "good", func(_ *token.Live, b *token.Bounds) { b.Methods = []string{"DELETE", "GET", "POST", "PUT"} })
	return h
}

func (h *house) run(t *testing.T, o *badOrigin, method string) {
	t.Helper()
	before := o.executed("attack")
	a, b := h.visitor(t, o), h.visitor(t, o)
	a.wants("before")
	size := o.body
	if size == 0 && method != "GET" && method != "HEAD" {
		size = 12
	}
	for len(o.answered) > 0 {
		<-o.answered
	}
	got := a.ask(method, "attack", strings.Repeat("x", size))
	o.wantOf(t, method, got)
	o.answered <- struct{}{}
	select {
	case <-o.acted:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: the origin was not asked", method)
	}
	if len(o.steps) > 1 { // all but a mere answer leave the connection unfit, once it has arrived
		until(t, "nothing fit for use is pooled", func() bool {
			_, _, quiet, busy := h.gateway.UpstreamPools(o.name)
			return quiet == 0 && busy == 0
		})
	}
	for i := range 3 {
		b.wants(fmt.Sprint("b", i))
		a.wants(fmt.Sprint("a", i))
	}
	if n := o.executed("attack") - before; n > 1 {
		t.Errorf("%s was executed %d times", method, n)
	}
	until(t, "the pool is clean", func() bool {
		open, idle, quiet, busy := h.gateway.UpstreamPools(o.name)
		return open == idle && idle == quiet && idle <= 1 && busy == 0
	})
}

// wantOf judges what the client that was attacked got.
func (b *behaviour) wantOf(t testing.TB, method string, got visit) {
	t.Helper()
	if b.cut {
		if got.err == nil {
			t.Errorf("%s: got a whole answer, %d of %d bytes; want it cut", method, got.status, len(got.body))
		}
		return
	}
	if got.err != nil || got.status != b.status || b.told && got.body != b.text {
		t.Errorf("%s: got %d %.200q (%v); want %d %q", method, got.status, got.body, got.err, b.status, b.text)
	}
	if !b.told {
		for _, word := range foreign {
			if strings.Contains(got.body, word) {
				t.Errorf("%s: the answer holds a part of what the upstream sent: %q", method, got.body)
			}
		}
	}
	for _, line := range b.shows {
		name, value, _ := strings.Cut(line, ": ")
		if strings.Join(got.header.Values(name), ",") != value {
			t.Errorf("%s: %s is %q; want %q", method, name, got.header.Values(name), value)
		}
	}
	for _, name := range b.hides {
		if values, there := got.header[http.CanonicalHeaderKey(name)]; there {
			t.Errorf("%s: %s crossed: %q", method, name, values)
		}
	}
	unknown := strings.Contains(got.body, `"outcome":"unknown"`)
	if (got.status == 502 || got.status == 504) != unknown && !b.told {
		t.Errorf("%s: %d says outcome unknown: %v", method, got.status, unknown)
	}
}

// visitor is a client of one behaviour's route, on a connection that it renews
// when the gateway ends it.
type visitor struct {
	t     testing.TB
	house *house
	path  string
	conn  net.Conn
	r     *bufio.Reader
}

func (h *house) visitor(t testing.TB, o *badOrigin) *visitor {
	v := &visitor{t: t, house: h, path: "/" + o.name}
	t.Cleanup(v.end)
	return v
}

func (v *visitor) end() {
	if v.conn != nil {
		v.conn.Close()
		v.conn = nil
	}
}

// visit is an answer as a client read it; err says that it was no whole one.
type visit struct {
	status int
	body   string
	header http.Header
	err    error
}

func (v *visitor) ask(method, mark, body string) (got visit) {
	v.t.Helper()
	if v.conn == nil {
		conn, err := net.Dial("tcp", v.house.address)
		if err != nil {
			v.t.Fatal(err)
		}
		v.conn, v.r = conn, bufio.NewReader(conn)
	}
	_ = v.conn.SetDeadline(time.Now().Add(30 * time.Second))
	defer func() {
		if got.err != nil || got.header.Get("Connection") == "close" {
			v.end()
		}
	}()
	if _, err := io.WriteString(v.conn, request(method, v.path, body, bearer(v.house.key), "X-Mark: "+mark)); err != nil {
		return visit{err: err}
	}
	resp, err := http.ReadResponse(v.r, &http.Request{Method: method})
	if err != nil {
		return visit{err: err}
	}
	all, err := io.ReadAll(resp.Body)
	if n := v.r.Buffered(); n > 0 && err == nil {
		behind, _ := v.r.Peek(n)
		err = fmt.Errorf("%d bytes stand behind the answer: %.100q", n, bytes.Clone(behind))
	}
	return visit{resp.StatusCode, string(all), resp.Header, err}
}

// wants asserts that the mark gets its own answer and nothing of another's.
func (v *visitor) wants(mark string) {
	v.t.Helper()
	if got := v.ask("POST", mark, "pay "+mark); got.err != nil || got.status != 200 || got.body != "for "+mark {
		v.t.Errorf("%s got %d %.200q (%v); want its own answer", mark, got.status, got.body, got.err)
	}
}
