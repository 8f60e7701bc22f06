package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/gateway/listen"
	"tollgate/policy/token"
)

// behind serves a rig on one more listener, behind an entry, and gives
// its address. Its end is part of the rig's.
func (r *rig) behind(t testing.TB, e gateway.Entry) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.gateway.ServeEntry(l, e) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = r.gateway.Shutdown(ctx) // the rig's own end judges it
		if err := <-ended; err != nil {
			t.Errorf("ServeEntry: %v", err)
		}
	})
	return l.Addr().String()
}

// proxied is an entry that believes the plan's proxies.
func (r *rig) proxied(config *tls.Config) gateway.Entry {
	return gateway.Entry{TLS: config, Reveal: listen.Reveal(func(a netip.Addr) bool { return r.gateway.Trusts(a) })}
}

func trustLoopback(p *gateway.Plan) {
	p.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	p.ForwardedHeader = gateway.XForwardedFor
}

func dialTo(t testing.TB, address string) *wireClient {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return &wireClient{t, conn, bufio.NewReader(conn)}
}

// ended waits for the end of a connection on which nothing is answered.
func (c *wireClient) ended() {
	c.t.Helper()
	if text, err := io.ReadAll(c.r); len(text) > 0 || isTimeout(err) {
		c.t.Errorf("got %q, %v, want the end of the connection", text, err)
	}
}

func isTimeout(err error) bool {
	slow, ok := err.(net.Error)
	return ok && slow.Timeout()
}

// refusedFor is the count of connections refused for a reason.
func (r *rig) refusedFor(t testing.TB, reason string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tollgate_connections_refused_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == reason {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func onlyFrom(ranges ...string) func(*token.Live, *token.Bounds) {
	return func(_ *token.Live, b *token.Bounds) { b.IPRanges = ranges }
}

const header7 = "PROXY TCP4 203.0.113.7 192.0.2.9 5000 443\r\n"

// A client that connects through the balancer and says nothing, a hundred times
// over, keeps nobody else waiting: others are accepted and answered meanwhile.
func TestSilentClientBehindBalancerStopsNobody(t *testing.T) {
	r := newRig(t, withPlan(trustLoopback), withOptions(func(o *gateway.Options) { o.Limits.ReadHeaderTimeout = time.Hour }))
	key := r.roster.add(t, "good", onlyFrom("203.0.113.7"))
	address := r.behind(t, r.proxied(nil))
	silent := make([]*wireClient, 100)
	for i := range silent {
		silent[i] = dialTo(t, address)
		silent[i].write("PROXY TCP4 203.0.113"[:i%20])
	}
	for range 20 {
		c := dialTo(t, address)
		c.write(header7 + request("GET", "/v1/status/1", "", bearer(key)))
		if a := c.answer("GET"); a.status != 200 {
			t.Fatalf("beside silent clients: %d %s", a.status, a.body)
		}
		c.conn.Close()
	}
	if n := r.refusedFor(t, "proxy_header_timeout"); n != 0 {
		t.Errorf("%v silent clients were gone before the others were answered: nothing is shown", n)
	}
}

// A client that says nothing behind the balancer, or stops within the header, is
// closed when the time for a header is over, and counted.
func TestSilentClientBehindBalancerIsClosed(t *testing.T) {
	r := newRig(t, withPlan(trustLoopback), withOptions(func(o *gateway.Options) { o.Limits.ReadHeaderTimeout = 100 * time.Millisecond }))
	address := r.behind(t, r.proxied(nil))
	for _, said := range []string{"", "P", header7[:20]} {
		c := dialTo(t, address)
		c.write(said)
		c.ended()
	}
	until(t, "they are counted", func() bool { return r.refusedFor(t, "proxy_header_timeout") == 3 })
}

// Silent clients behind the balancer are among max_conns, so that they cannot
// use up the process's descriptors, and end at once with the gateway.
func TestSilentClientsBehindBalancerAreBounded(t *testing.T) {
	r := newRig(t, withPlan(trustLoopback), withOptions(func(o *gateway.Options) { o.Limits.MaxConns, o.Limits.ReadHeaderTimeout = 2, time.Hour }))
	address := r.behind(t, r.proxied(nil))
	one, two := dialTo(t, address), dialTo(t, address)
	one.write("P")
	until(t, "a third is refused", func() bool {
		c := dialTo(t, address)
		defer c.conn.Close()
		return r.refusedFor(t, "max_conns") > 0
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.gateway.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	one.ended()
	two.ended()
}

// The client that a trusted balancer names is the one whose address policies,
// limits and the log speak of, with TLS behind the header too.
func TestBalancersHeaderNamesTheClient(t *testing.T) {
	cert := selfSigned(t)
	for name, config := range map[string]*tls.Config{"plain": nil, "TLS": {Certificates: []tls.Certificate{cert}}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withPlan(trustLoopback), withPlan(func(p *gateway.Plan) { p.Limits = &gateway.Limits{MaxConnsPerIP: 2} }))
			theirs, others := r.roster.add(t, "theirs", onlyFrom("203.0.113.7")), r.roster.add(t, "others", onlyFrom("127.0.0.1"))
			address := r.behind(t, r.proxied(config))
			connect := func(header string) *wireClient {
				c := dialTo(t, address)
				c.write(header)
				if config != nil {
					stream := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
					c.conn, c.r = stream, bufio.NewReader(stream)
				}
				return c
			}
			for i := range 2 {
				c := connect(header7)
				for secret, want := range map[string]int{theirs: 200, others: 403} {
					c.write(request("GET", "/v1/status/1", "", bearer(secret)))
					if a := c.answer("GET"); a.status != want {
						t.Errorf("%d: got %d %s, want %d", i, a.status, a.body, want)
					}
				}
			}
			connect(header7).ended() // a third of the one client
			other := connect("PROXY TCP4 203.0.113.8 192.0.2.9 5000 443\r\n")
			other.write(request("GET", "/-/healthz", ""))
			if a := other.answer("GET"); a.status != 200 {
				t.Errorf("another client behind the balancer: %d", a.status)
			}
			if n := r.refusedFor(t, "max_conns_per_ip"); n != 1 {
				t.Errorf("%v connections were refused", n)
			}
			for _, seen := range r.origin.requests() {
				proto := "http"
				if config != nil {
					proto = "https"
				}
				if seen.header.Get("X-Forwarded-For") != "203.0.113.7" || seen.header.Get("X-Forwarded-Proto") != proto {
					t.Errorf("the upstream was told %v", seen.header)
				}
			}
			for _, e := range r.events(t, 4) {
				if e["client_ip"] != "203.0.113.7" && e["client_ip"] != "203.0.113.8" {
					t.Errorf("the log says %v", e["client_ip"])
				}
			}
		})
	}
}

// A client that is not behind a trusted balancer cannot name itself: its PROXY
// line is a bad request.
func TestStrangersProxyHeaderIsABadRequest(t *testing.T) {
	r := newRig(t)
	c := dialTo(t, r.behind(t, r.proxied(nil)))
	c.write(header7 + request("GET", "/-/healthz", ""))
	if a := c.answer("GET"); a.status != 400 || !a.closed {
		t.Errorf("got %+v", a)
	}
	c = dialTo(t, r.address) // nor is it believed where the protocol is off
	c.write(header7)
	if a := c.answer("GET"); a.status != 400 {
		t.Errorf("got %+v", a)
	}
}

// A trusted peer without a header, which a forgotten setting or a way around the
// balancer's own address would be, is closed without an answer.
func TestMissingProxyHeaderIsRefused(t *testing.T) {
	r := newRig(t, withPlan(trustLoopback))
	address := r.behind(t, r.proxied(nil))
	c := dialTo(t, address)
	c.write(request("GET", "/-/healthz", ""))
	c.ended()
	c = dialTo(t, address)
	c.write("PROXY TCP4 0.0.0.0 192.0.2.9 5000 443\r\n" + request("GET", "/-/healthz", ""))
	c.ended()
	if r.refusedFor(t, "proxy_header_missing") != 1 || r.refusedFor(t, "proxy_header_malformed") != 1 {
		t.Error("they are not counted as what they are")
	}
	if log := r.words.String(); strings.Count(log, "trusted proxy is refused") != 1 || !strings.Contains(log, `"reason":"proxy_header_missing","proxy":"127.0.0.1"`) {
		t.Errorf("the operator is told %q", log)
	}
}

// Who is trusted to write PROXY headers changes with the plan, for connections
// that are yet to come.
func TestTrustInProxyHeadersIsReloaded(t *testing.T) {
	r := newRig(t)
	address := r.behind(t, r.proxied(nil))
	for _, want := range []int{400, 200, 400} {
		c := dialTo(t, address)
		c.write(header7 + request("GET", "/-/healthz", ""))
		if a := c.answer("GET"); a.status != want {
			t.Errorf("got %d, want %d", a.status, want)
		}
		if r.plan.TrustedProxies == nil {
			trustLoopback(&r.plan)
		} else {
			r.plan.TrustedProxies = nil
		}
		if err := r.gateway.Apply(r.plan); err != nil {
			t.Fatal(err)
		}
	}
}

// A stranger whom the balancer can only call UNKNOWN, or who reaches a health
// check's path through it, does not gain the balancer's right to name a client
// in X-Forwarded-For; a balancer without the PROXY protocol keeps it.
func TestConnectionOfNobodyCannotNameAClient(t *testing.T) {
	r := newRig(t, withPlan(trustLoopback))
	victims, balancers := r.roster.add(t, "victim", onlyFrom("203.0.113.7")), r.roster.add(t, "balancer", onlyFrom("127.0.0.1"))
	address := r.behind(t, r.proxied(nil))
	for secret, want := range map[string]int{victims: 403, balancers: 200} {
		c := dialTo(t, address)
		c.write("PROXY UNKNOWN\r\n" + request("GET", "/v1/status/1", "", bearer(secret), "X-Forwarded-For: 203.0.113.7"))
		if a := c.answer("GET"); a.status != want {
			t.Errorf("through UNKNOWN: %d %s, want %d", a.status, a.body, want)
		}
	}
	if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(victims), "X-Forwarded-For: 203.0.113.7")); a.status != 200 {
		t.Errorf("a trusted proxy's X-Forwarded-For: %d", a.status)
	}
}

// A proxy of ours that carries many clients over its own connections is not
// bounded as if it were one of them.
func TestTrustedProxyIsNotOneClient(t *testing.T) {
	r := newRig(t, withPlan(trustLoopback), withPlan(func(p *gateway.Plan) { p.Limits = &gateway.Limits{MaxConnsPerIP: 1} }))
	var open []*wireClient
	for range 5 {
		c := r.dial(t)
		c.write(request("GET", "/-/healthz", ""))
		if a := c.answer("GET"); a.status != 200 {
			t.Fatalf("got %d", a.status)
		}
		open = append(open, c)
	}
	r.plan.TrustedProxies = nil
	if err := r.gateway.Apply(r.plan); err != nil {
		t.Fatal(err)
	}
	first := r.dial(t)
	first.write(request("GET", "/-/healthz", ""))
	if a := first.answer("GET"); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	r.dial(t).ended()
	for _, c := range open { // those that were there are counted out as they were counted in
		c.conn.Close()
	}
	first.conn.Close()
	until(t, "there is room again", func() bool {
		c := r.dial(t)
		defer c.conn.Close()
		c.write(request("GET", "/-/healthz", ""))
		_, err := c.r.ReadByte()
		return err == nil
	})
}

// A client that opens a TLS connection and stalls within the handshake is closed
// at the header's deadline; one that speaks plain HTTP, or an old version, never
// reaches a request.
func TestStalledHandshakeIsClosed(t *testing.T) {
	r := newRig(t, withOptions(func(o *gateway.Options) { o.Limits.ReadHeaderTimeout = 100 * time.Millisecond }))
	cert := selfSigned(t)
	address := r.behind(t, gateway.Entry{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}})
	for _, said := range []string{"", "\x16\x03\x01\x02\x00\x01\x00"} {
		c := dialTo(t, address)
		c.write(said)
		c.ended()
	}
	if n := r.refusedFor(t, "tls_handshake"); n != 2 {
		t.Errorf("%v are counted", n)
	}
	c := dialTo(t, address)
	c.write(request("GET", "/-/healthz", ""))
	if text, _ := io.ReadAll(c.r); len(text) > 0 && text[0] != 0x15 { // a TLS alert
		t.Errorf("plain HTTP got %q", text)
	}
	if conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was spoken")
	}
	if n := len(r.origin.requests()); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
}

// A panic while a connection is revealed ends that connection and nothing else.
func TestPanicInRevealEndsOneConnection(t *testing.T) {
	r := newRig(t)
	first := make(chan bool, 1)
	first <- true
	address := r.behind(t, gateway.Entry{Reveal: func(c net.Conn) (net.Conn, error) {
		select {
		case <-first:
			panic("secret text of a header")
		default:
			return c, nil
		}
	}})
	dialTo(t, address).ended()
	c := dialTo(t, address)
	c.write(request("GET", "/-/healthz", ""))
	if a := c.answer("GET"); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
}
