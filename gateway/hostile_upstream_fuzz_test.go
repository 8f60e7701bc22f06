package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// act is what a fuzzed origin does to one request: it sends, waits for the
// client's answer, sends again, and ends the connection.
type act struct {
	first, late []byte
	how         byte
}

// The bits of act.how.
const (
	howSplit  = 3      // sent at once, or in pieces of 1, 3 or 16 bytes
	howReset  = 1 << 2 // ends by RST, else by FIN
	howAtOnce = 1 << 3 // ends without waiting for the client's answer
	howHead   = 1 << 4 // the client asks HEAD
	howStream = 1 << 5 // over a route that streams
)

// fuzzedOrigin acts on requests marked attack, and answers all others by mark.
type fuzzedOrigin struct {
	listen   net.Listener
	acts     chan act
	answered chan struct{}
	acted    chan struct{}
}

func newFuzzedOrigin(t testing.TB) *fuzzedOrigin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &fuzzedOrigin{listen: l, acts: make(chan act, 1), answered: make(chan struct{}, 1), acted: make(chan struct{}, 1)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(c)
		}
	}()
	t.Cleanup(func() { l.Close() })
	return o
}

func (o *fuzzedOrigin) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		mark, length, err := readBadHead(r)
		if err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return
		}
		if mark == "attack" {
			o.act(c, <-o.acts)
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nfor %s", 4+len(mark), mark)
	}
}

// patience is how long an answer is waited for that may never come, as what was
// sent need not be whole.
const patience = 3 * time.Millisecond

func (o *fuzzedOrigin) act(c net.Conn, a act) {
	say := func(text []byte) {
		size := [...]int{max(1, len(text)), 1, 3, 16}[a.how&howSplit]
		for len(text) > 0 {
			n := min(size, len(text))
			if _, err := c.Write(text[:n]); err != nil {
				return
			}
			text = text[n:]
		}
	}
	say(a.first)
	if a.how&howAtOnce == 0 {
		wait := time.NewTimer(patience)
		select {
		case <-o.answered:
		case <-wait.C:
		}
		wait.Stop()
	}
	say(a.late)
	if a.how&howReset != 0 {
		c.(*net.TCPConn).SetLinger(0)
	}
	c.Close()
	o.acted <- struct{}{}
}

// heard is a client's connection that remembers what it read.
type heard struct {
	net.Conn
	got bytes.Buffer
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.got.Write(p[:n])
	return n, err
}

// fuzzedClient asks over one connection, which it renews when that ends.
type fuzzedClient struct {
	rig  *rig
	key  string
	conn *heard
	r    *bufio.Reader
}

func (c *fuzzedClient) ask(t *testing.T, method, path, mark string) (v visit, raw string) {
	t.Helper()
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.rig.address)
		if err != nil {
			t.Fatal(err)
		}
		c.conn = &heard{Conn: conn}
		c.r = bufio.NewReader(c.conn)
	}
	c.conn.got.Reset()
	_ = c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(c.conn, request(method, path, "", bearer(c.key), "X-Mark: "+mark))
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err == nil {
		var all []byte
		all, err = io.ReadAll(resp.Body)
		v = visit{resp.StatusCode, string(all), resp.Header, err}
		if n := c.r.Buffered(); n > 0 {
			t.Fatalf("%d bytes stand behind the answer in %q", n, c.conn.got.String())
		}
	}
	v.err, raw = err, c.conn.got.String()
	if err != nil || resp.Close {
		c.conn.Close()
		c.conn = nil
	}
	return v, raw
}

// Whatever bytes an upstream sends for an answer, however they are cut, and
// whatever it sends behind: the client that asked gets exactly one well-formed
// answer, which is either the upstream's own, as net/http reads it too, or ours
// that says that there was none; a streamed one may be cut, visibly. The next
// client, and the first again, get their own. Nothing panics, and memory does not
// follow what is announced.
func FuzzWholeBack(f *testing.F) {
	o := newFuzzedOrigin(f)
	r := newRig(f, withPlan(func(p *gateway.Plan) {
		p.Quiet = true
		p.Upstreams = map[string]gateway.UpstreamSpec{"fuzzed": {Targets: []string{"http://" + o.listen.Addr().String()}, MaxResponse: 64 << 10}}
		p.Routes = nil
		for _, path := range []string{"/whole", "/stream"} {
			p.Routes = append(p.Routes, gateway.RouteSpec{
				Path: path, Methods: []string{"GET"}, Upstream: "fuzzed", Dialects: []string{"payment"}, Stream: path == "/stream",
				Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone},
			})
		}
	}))
	key := r.roster.add(f, "good", nil)
	a, b := &fuzzedClient{rig: r, key: key}, &fuzzedClient{rig: r, key: key}
	hows := [...]byte{0, 1, howReset | howAtOnce, howHead, howStream | 2}
	for i, seed := range readBehaviours(f) {
		var parts [2][]byte
		at := 0
		for _, s := range seed.steps {
			if s.verb == "waits" {
				at = 1
			}
			parts[at] = append(parts[at], strings.Repeat(s.text, min(s.times, 10))...)
		}
		f.Add(parts[0], parts[1], hows[i%len(hows)])
		f.Add(parts[0], parts[1], byte(howStream))
	}
	runs := 0
	f.Fuzz(func(t *testing.T, first, late []byte, how byte) {
		if len(first) > 1<<20 || len(late) > 1<<16 {
			t.Skip()
		}
		r.gateway.Trust("fuzzed")
		method, path := "GET", "/whole"
		if how&howHead != 0 {
			method = "HEAD"
		}
		if how&howStream != 0 {
			path = "/stream"
		}
		for len(o.answered) > 0 {
			<-o.answered
		}
		o.acts <- act{first, late, how}
		got, raw := a.ask(t, method, path, "attack")
		judgeBack(t, got, raw, method, append(bytes.Clone(first), late...), path == "/stream")
		o.answered <- struct{}{}
		<-o.acted
		until(t, "the end has arrived", func() bool {
			_, _, quiet, busy := r.gateway.UpstreamPools("fuzzed")
			return quiet == 0 && busy == 0
		})
		for mark, c := range map[string]*fuzzedClient{"b": b, "a": a} {
			if got, _ := c.ask(t, "GET", "/whole", mark); got.err != nil || got.status != 200 || got.body != "for "+mark {
				t.Fatalf("behind %q and %q, client %s got %d %q (%v)", first, late, mark, got.status, got.body, got.err)
			}
		}
		if runs++; runs%512 == 0 {
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.HeapInuse > 512<<20 {
				t.Fatalf("the heap has grown to %d bytes", m.HeapInuse)
			}
		}
		if strings.Contains(r.words.String(), "panic") {
			t.Fatal(r.words.String())
		}
	})
}

// judgeBack judges what the client got that asked the fuzzed origin.
func judgeBack(t *testing.T, got visit, raw, method string, sent []byte, streams bool) {
	t.Helper()
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	if n := strings.Count(head, "\r\nX-Request-Id: "); n != 1 || strings.ContainsAny(strings.ReplaceAll(head, "\r\n", ""), "\r\n\x00") {
		t.Fatalf("%q came as %q: the head is none of ours", sent, raw)
	}
	if strings.Contains(got.body, `"code":"upstream_failed"`) && got.status == 502 || method == "HEAD" && got.status == 502 {
		return
	}
	want, err := readLikeHTTP(sent, method)
	switch {
	case got.err != nil && streams:
		return // cut, and the client could see it
	case got.err != nil:
		t.Fatalf("%q came as %q: %v", sent, raw, got.err)
	case err != nil:
		t.Fatalf("%q came as %d %q; net/http says %v", sent, got.status, got.body, err)
	case got.status != want.status || got.body != want.body:
		t.Fatalf("%q came as %d %q; net/http reads %d %q", sent, got.status, got.body, want.status, want.body)
	}
}

// readLikeHTTP reads the final answer with net/http.
func readLikeHTTP(sent []byte, method string) (v visit, err error) {
	r := bufio.NewReader(bytes.NewReader(sent))
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return v, err
		}
		if resp.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		return visit{status: resp.StatusCode, body: string(body)}, err
	}
}
