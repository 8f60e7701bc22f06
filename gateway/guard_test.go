package gateway

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// scriptedListener gives what its script says, then blocks until closed.
type scriptedListener struct {
	mutex  sync.Mutex
	script []any // error or net.Conn
	closed chan struct{}
}

func (l *scriptedListener) Accept() (net.Conn, error) {
	l.mutex.Lock()
	if len(l.script) > 0 {
		next := l.script[0]
		l.script = l.script[1:]
		l.mutex.Unlock()
		if err, ok := next.(error); ok {
			return nil, err
		}
		return next.(net.Conn), nil
	}
	l.mutex.Unlock()
	<-l.closed
	return nil, net.ErrClosed
}

func (l *scriptedListener) Close() error   { close(l.closed); return nil }
func (l *scriptedListener) Addr() net.Addr { return &net.TCPAddr{} }

// fakeConn is a connection from an address that notes being closed.
type fakeConn struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr { return c.from }
func (c *fakeConn) Close() error         { c.closed = true; return nil }

func connFrom(ip string) *fakeConn {
	return &fakeConn{from: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 4000))}
}

func newTestGuard(limits Limits, script ...any) (*guard, *scriptedListener) {
	l := &scriptedListener{script: script, closed: make(chan struct{})}
	return newGuard(l, limits, counters("refused", "", "reason")), l
}

// Running out of file descriptors does not end the listener: the guard waits,
// longer each time, and goes on.
func TestAcceptErrorsAreWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connFrom("192.0.2.1")
		emfile := &net.OpError{Op: "accept", Err: syscall.EMFILE}
		g, _ := newTestGuard(Limits{MaxConns: 10}, emfile, emfile, emfile, syscall.ECONNABORTED, c)
		began := time.Now()
		got, err := g.accept()
		if err != nil || got.RemoteAddr() != c.from {
			t.Fatalf("%v, %v", got, err)
		}
		if waited, want := time.Since(began), (5+10+20+40)*time.Millisecond; waited != want {
			t.Errorf("waited %v, want %v", waited, want)
		}
		if n := valueOf(t, g.refused); n != 4 {
			t.Errorf("%v errors were counted, want 4", n)
		}
	})
}

// The pause grows to a quarter of a second and no further, and closing ends it.
func TestClosingEndsTheWaitForDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := make([]any, 1000)
		for i := range script {
			script[i] = syscall.EMFILE
		}
		g, _ := newTestGuard(Limits{MaxConns: 10}, script...)
		ended := make(chan error)
		go func() { _, err := g.accept(); ended <- err }()
		<-time.After(time.Minute) // by the clock of synctest: nobody waits
		if n := valueOf(t, g.refused); n < 240 || n > 250 {
			t.Errorf("%v tries in a minute", n)
		}
		g.close()
		if err := <-ended; err == nil {
			t.Error("accept gave a connection after Close")
		}
	})
}

// An error that does not pass by itself is handed on.
func TestLastingAcceptErrorIsHandedOn(t *testing.T) {
	lasting := errors.New("broken")
	g, _ := newTestGuard(Limits{MaxConns: 10}, lasting)
	if _, err := g.accept(); !errors.Is(err, lasting) {
		t.Errorf("got %v", err)
	}
}

// Connections are counted, overall and by address, in whichever form the address
// comes, and counted out once when they end.
func TestConnectionsAreBounded(t *testing.T) {
	a1, a2, a3 := connFrom("192.0.2.1"), connFrom("::ffff:192.0.2.1"), connFrom("192.0.2.1")
	b1, b2, c1 := connFrom("192.0.2.2"), connFrom("192.0.2.2"), connFrom("192.0.2.3")
	g, l := newTestGuard(Limits{MaxConns: 4, MaxConnsPerIP: 2}, a1, a2, a3, b1, b2, c1)
	var open []net.Conn
	for range 5 {
		c, err := g.accept()
		if err != nil {
			t.Fatal(err)
		}
		switch reason := g.settle(c, peerOf(c.RemoteAddr())); {
		case (c.socket == a3) != (reason == "max_conns_per_ip"):
			t.Errorf("%v: %q, want the third connection of one address to be refused", c.RemoteAddr(), reason)
		case reason != "":
			c.Close()
		default:
			open = append(open, c)
		}
	}
	l.Close()
	if _, err := g.accept(); err == nil || !c1.closed {
		t.Errorf("a fifth connection is open: %v", err)
	}
	for range 2 {
		open[0].Close()
	}
	if len(g.open) != 3 || g.addresses[netip.MustParseAddr("192.0.2.1")] != 1 {
		t.Errorf("%d open, %v", len(g.open), g.addresses)
	}
	for _, c := range open[1:] {
		c.Close()
	}
	if len(g.open) != 0 || len(g.addresses) != 0 {
		t.Errorf("%d open, %v after all were closed", len(g.open), g.addresses)
	}
}

// A client with a whole IPv6 network for itself, as every customer of a provider
// has, gets no more connections for its 2^64 addresses than for one; and a proxy
// of ours, which has no address to be counted for, is not one client.
func TestIPv6ClientIsCountedByItsNetwork(t *testing.T) {
	g, _ := newTestGuard(Limits{MaxConns: 100, MaxConnsPerIP: 2})
	settle := func(address string) string {
		client, _ := netip.ParseAddr(address)
		return g.settle(g.admit(connFrom("192.0.2.1")), client)
	}
	for i, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "", "", ""} {
		if reason := settle(address); reason != "" {
			t.Errorf("%d: %s is refused: %s", i, address, reason)
		}
	}
	if reason := settle("2001:db8::ffff:1"); reason != "max_conns_per_ip" {
		t.Errorf("a third connection of one network is let in: %q", reason)
	}
}

// A lingering close reads what the client still sends, within bounds, so that
// the answer is not lost to a reset.
func TestLingeringCloseIsBounded(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(listener, Limits{MaxConns: 10}, counters("refused", "", "reason"))
	defer g.close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := g.accept()
	if err != nil {
		t.Fatal(err)
	}
	guarded(c).lingers.Store(true)
	io.WriteString(c, "refused")
	ended := make(chan struct{})
	go func() { c.Close(); close(ended) }()
	text, err := io.ReadAll(client) // our half ends at once, though the client has not
	if string(text) != "refused" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	<-ended // though the client never ends its half
}
