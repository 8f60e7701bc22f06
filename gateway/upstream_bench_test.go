package gateway

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

const cannedAnswer = "HTTP/1.1 201 Created\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n" +
	"Content-Length: 64\r\nCache-Control: no-store\r\nETag: \"abc\"\r\n\r\n" +
	`{"id":"pay_0123456789","status":"ACCEPTED","amount":"1000.00"  }`

// memoryConn is an upstream without a socket: every write of a request makes
// the canned answer readable.
type memoryConn struct {
	net.Conn
	left string
}

func (m *memoryConn) Write(p []byte) (int, error) {
	m.left = cannedAnswer
	return len(p), nil
}

func (m *memoryConn) Read(p []byte) (int, error) {
	if m.left == "" {
		return 0, io.EOF
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

func (m *memoryConn) look() waiting {
	if m.left != "" {
		return aWord
	}
	return nothing
}

func (m *memoryConn) SetDeadline(time.Time) error      { return nil }
func (m *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (m *memoryConn) SetWriteDeadline(time.Time) error { return nil }
func (m *memoryConn) Close() error                     { return nil }

func (m *memoryConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }
func (m *memoryConn) LocalAddr() net.Addr  { return &net.TCPAddr{} }

func memoryDial(context.Context, string, string) (net.Conn, error) { return &memoryConn{}, nil }

// cannedOrigin answers on a real socket and allocates nothing for a request.
func cannedOrigin(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf, answer := make([]byte, 16<<10), []byte(cannedAnswer)
				for n := 0; ; {
					m, err := c.Read(buf[n:])
					if err != nil {
						return
					}
					if n += m; bytes.HasSuffix(buf[:n], []byte(paymentBody)) {
						n = 0
						if _, err := c.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

var paymentBody = `{"amount":"1000.00","currency":"XOF","country":"CI","operator":"ORANGE","method":"collect","customer":{"phone":"+2250707070707"},"pad":"` +
	strings.Repeat("x", 374) + `"}`

// payment is a passage whose request has been judged: a POST of 512 bytes.
func payment(t testing.TB, u *upstream) *passage {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, quietLogger{})
	block := "Host: api.example.com\r\nUser-Agent: merchant/1.0\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n" +
		"Authorization: Bearer tg_live_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ\r\nContent-Type: application/json\r\n" +
		"Idempotency-Key: 6fa459ea-ee8a-3ca4-894e-db77e160355e\r\nContent-Length: 512\r\nConnection: keep-alive\r\n\r\n"
	if len(paymentBody) != 512 {
		t.Fatalf("the body has %d bytes", len(paymentBody))
	}
	if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader("POST /v1/payments?x=%2F HTTP/1.1\r\n" + block))); err != nil {
		t.Fatal(err)
	}
	ctx.Request.SetBodyString(paymentBody)
	p := &passage{ctx: ctx, header: &ctx.Request.Header, now: time.Unix(1700000000, 0),
		route: &route{live: u, test: u}, principal: &token.Principal{Live: testLive}}
	copy(p.requestID[:], "0123456789abcdef0123456789abcdef")
	p.target.raw, p.head.host = ctx.Request.Header.RequestURI(), ctx.Request.Header.Host()
	p.source.Addr = netip.MustParseAddr("192.0.2.7")
	return p
}

var payee = &Gateway{}

func (p *passage) pay(t testing.TB) {
	if reason := payee.forward(p); reason != token.Allowed || p.ctx.Response.StatusCode() != 201 {
		t.Fatalf("got %v and %d; want 201", reason, p.ctx.Response.StatusCode())
	}
	p.ctx.Response.Reset()
}

func benchUpstream(t testing.TB, target string, key []byte, options ...upstreamOption) *upstream {
	t.Helper()
	u, err := newUpstream("u", UpstreamSpec{Targets: []string{target}, SignKey: key, Headers: map[string]string{"X-Provider-Key": "secret"}},
		upstreamContext{}, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.close)
	return u
}

// TestForwardAllocatesNothing guarantees that forwarding over a kept connection
// allocates nothing of ours, signed or not, on a real socket too.
func TestForwardAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	f := func(name string, u *upstream) {
		t.Helper()
		p := payment(t, u)
		p.pay(t)
		if n := testing.AllocsPerRun(200, func() { p.pay(t) }); n != 0 {
			t.Errorf("%s: %v allocations a request; want 0", name, n)
		}
	}
	memory := func(u *upstream) { u.dialer = memoryDial }
	f("in memory", benchUpstream(t, "http://origin:1", nil, memory))
	f("in memory, signed", benchUpstream(t, "http://origin:1", make([]byte, 32), memory))
	f("on a socket", benchUpstream(t, cannedOrigin(t), nil))
}

// BenchmarkForward is one judged POST of 512 bytes to a kept connection and its
// answer into the client's response; HostClient is fasthttp's own client doing
// the same with the client's request object, unsafe defaults and all.
func BenchmarkForward(b *testing.B) {
	run := func(name string, u func(b *testing.B) *upstream) {
		b.Run(name, func(b *testing.B) {
			p := payment(b, u(b))
			p.pay(b)
			b.ReportAllocs()
			for b.Loop() {
				p.pay(b)
			}
		})
	}
	memory := func(u *upstream) { u.dialer = memoryDial }
	run("memory", func(b *testing.B) *upstream { return benchUpstream(b, "http://origin:1", nil, memory) })
	run("memory-signed", func(b *testing.B) *upstream { return benchUpstream(b, "http://origin:1", make([]byte, 32), memory) })
	run("socket", func(b *testing.B) *upstream { return benchUpstream(b, cannedOrigin(b), nil) })
	hostClient := func(name string, dial fasthttp.DialFunc) {
		b.Run(name, func(b *testing.B) {
			hc := &fasthttp.HostClient{Addr: "origin:1", Dial: dial}
			p := payment(b, benchUpstream(b, "http://origin:1", nil, memory))
			b.ReportAllocs()
			for b.Loop() {
				if err := hc.Do(&p.ctx.Request, &p.ctx.Response); err != nil || p.ctx.Response.StatusCode() != 201 {
					b.Fatal(err, p.ctx.Response.StatusCode())
				}
				p.ctx.Response.Reset()
			}
		})
	}
	hostClient("HostClient-memory", func(string) (net.Conn, error) { return &memoryConn{}, nil })
	address := strings.TrimPrefix(cannedOrigin(b), "http://")
	hostClient("HostClient-socket", func(string) (net.Conn, error) { return net.Dial("tcp", address) })
}

// BenchmarkReadAnswer is the strict reading of one answer, head and body.
func BenchmarkReadAnswer(b *testing.B) {
	m := &memoryConn{}
	x := acquireExchange()
	defer x.end(time.Now())
	x.parcel = new(budget).parcel()
	c := &conn{stream: m, socket: m}
	b.ReportAllocs()
	for b.Loop() {
		m.left = cannedAnswer
		x.conn, x.whole, x.r, x.w = c, false, 0, 0
		if err := x.readAnswer(); err != nil {
			b.Fatal(err)
		}
		if err := x.readBody(defaultMaxResponse); err != nil {
			b.Fatal(err)
		}
	}
	x.conn = nil
}

// BenchmarkCompose is the writing of one request's head from judged parts.
func BenchmarkCompose(b *testing.B) {
	u := benchUpstream(b, "http://origin:1", nil)
	p := payment(b, u)
	x := acquireExchange()
	defer x.end(time.Now())
	x.outgoing.fill(p)
	x.tour.now = time.Now()
	b.ReportAllocs()
	for b.Loop() {
		x.out = x.out[:0]
		if !x.outgoing.compose(x, u, u.targets[0]) {
			b.Fatal("refused")
		}
	}
}
