package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// talker is a client without a socket: each read is one request, as long as
// there are any, and answers are counted and dropped.
type talker struct {
	memoryConn
	request  []byte
	rest     []byte // of the request that is being read
	requests int
	answers  int
}

func (c *talker) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.requests == 0 {
			return 0, io.EOF
		}
		c.requests--
		c.rest = c.request
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *talker) Write(p []byte) (int, error) {
	c.answers += bytes.Count(p, []byte("HTTP/1.1 201 Created"))
	return len(p), nil
}

func (c *talker) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4000} }

// memoryProxy is the whole gateway between a client and an upstream in memory:
// what is left is its own work and its libraries'.
type memoryProxy struct {
	gateway *Gateway
	request []byte // one POST of 512 bytes behind 14 header lines
	block   []byte // the header block of it
	target  []byte
	header  fasthttp.RequestHeader
}

func newMemoryProxy(t testing.TB) *memoryProxy {
	w := newWalker(t)
	for _, u := range w.gateway.current.Load().upstreams {
		u.dialer = memoryDial
	}
	h := &w.ctx.Request.Header
	body := w.ctx.Request.Body()
	p := &memoryProxy{gateway: w.gateway, target: bytes.Clone(h.RequestURI())}
	p.block = []byte("Host: api.example.com\r\nUser-Agent: okhttp/4.12.0\r\nAccept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate\r\n" +
		"Accept-Language: fr-CI,fr;q=0.9,en;q=0.7\r\nAuthorization: " + string(h.Peek("Authorization")) + "\r\nContent-Type: application/json; charset=utf-8\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n", len(body)) + "Idempotency-Key: 6fa459ea-ee8a-3ca4-894e-db77e160355e\r\nCache-Control: no-cache, no-store, max-age=0\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\r\n" +
		"X-Request-Id: 4bf92f3577b34da6a3ce929d0e0e4736\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nConnection: keep-alive\r\n\r\n")
	p.request = append(append([]byte("POST "+string(p.target)+" HTTP/1.1\r\n"), p.block...), body...)
	if err := p.header.Read(bufio.NewReader(bytes.NewReader(p.request))); err != nil || !bytes.Equal(p.header.RawHeaders(), p.block) {
		t.Fatalf("the request is none: %v", err)
	}
	return p
}

// serve has n requests served on connections of at most 900.
func (p *memoryProxy) serve(t testing.TB, n int) {
	server := p.gateway.newServer(p.gateway.current.Load().limits)
	for n > 0 {
		c := &talker{request: p.request, requests: min(n, 900)}
		n -= c.requests
		want := c.requests
		if err := server.ServeConn(newGuard(nil, Limits{MaxConns: 1}, nil).admit(c)); err != nil {
			t.Fatal(err)
		}
		if c.answers != want {
			t.Fatalf("%d of %d were answered by the upstream", c.answers, want)
		}
	}
}

// scan does n times what the strict reading of one such request costs: its
// opening on the wire, its header block in the header phase, and the handing
// over of what was found to the handler.
func (p *memoryProxy) scan(t testing.TB, n int) {
	line := requestLine{method: []byte("POST"), http11: true}
	g := p.gateway
	first, second := g.acquire(), g.acquire()
	defer first.release()
	defer second.release()
	first.header, second.header = &p.header, &p.header
	var o opening
	var f finding
	for range n {
		o.watch(p.request[:1]) // as the server reads: a byte, and then what there is
		o.watch(p.request[1:])
		if first.scan(line) != token.Allowed {
			t.Fatal("refused")
		}
		if f.keep(first); !f.take(second) {
			t.Fatal("not handed over")
		}
		if o.next(len(p.block), len(p.request)-len(p.block)-o.line); !o.plain() {
			t.Fatal("not plain")
		}
	}
}

// BenchmarkStrictScan measures in turns, so that both see the same machine: a
// request through the whole proxy in memory, and the strict reading alone of
// what that request is. scan-% is the second in percent of the first; the
// promise is at most 3.
func BenchmarkStrictScan(b *testing.B) {
	p := newMemoryProxy(b)
	p.serve(b, 500)
	var whole, scan time.Duration
	requests := 0
	for b.Loop() {
		began := time.Now()
		p.serve(b, 200)
		between := time.Now()
		p.scan(b, 200)
		whole += between.Sub(began)
		scan += time.Since(between)
		requests += 200
	}
	b.ReportMetric(float64(whole.Nanoseconds())/float64(requests), "proxy-ns/req")
	b.ReportMetric(float64(scan.Nanoseconds())/float64(requests), "scan-ns/req")
	b.ReportMetric(100*float64(scan)/float64(whole), "scan-%")
}

// The strict reading allocates nothing of ours.
func TestStrictScanAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates on its own")
	}
	p := newMemoryProxy(t)
	if lines := strings.Count(string(p.block), "\r\n") - 1; lines != 14 || len(p.block) < 590 {
		t.Errorf("the block has %d lines in %d bytes", lines, len(p.block))
	}
	if n := testing.AllocsPerRun(200, func() { p.scan(t, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
