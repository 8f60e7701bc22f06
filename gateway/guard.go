package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// guard stands between the listener and the server. fasthttp gives up the
// listener for good when accepting fails once, which running out of file
// descriptors makes it do; and it counts connections in a way that cannot be
// used behind proxies. So: passing errors are waited out, connections are
// counted, overall and by address, and those that are too many are closed.
type guard struct {
	net.Listener
	refused    *prometheus.CounterVec
	closing    context.Context // done once the listener is closed
	stop       context.CancelFunc
	mutex      sync.Mutex
	maxConns   int
	maxPerIP   int // 0: no limit
	open       map[*guardedConn]struct{}
	addresses  map[netip.Addr]int
	acceptPace time.Duration // the pause after the first error in a row
}

const (
	firstAcceptPause = 5 * time.Millisecond
	lastAcceptPause  = time.Second
)

func newGuard(inner net.Listener, limits Limits, refused *prometheus.CounterVec) *guard {
	g := &guard{
		Listener: inner, maxConns: limits.MaxConns, maxPerIP: limits.MaxConnsPerIP, refused: refused,
		open: map[*guardedConn]struct{}{}, addresses: map[netip.Addr]int{},
		acceptPace: firstAcceptPause,
	}
	g.closing, g.stop = context.WithCancel(context.Background())
	return g
}

// Accept waits for the next connection that may be served. It fails only when
// the listener was closed or is beyond help.
func (g *guard) Accept() (net.Conn, error) {
	pause := g.acceptPace
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			if g.closing.Err() != nil || !passing(err) {
				return nil, err
			}
			g.refused.WithLabelValues("accept_error").Inc()
			g.wait(pause)
			pause = min(2*pause, lastAcceptPause)
			continue
		}
		if guarded, reason := g.admit(c); reason == "" {
			return guarded, nil
		} else {
			g.refused.WithLabelValues(reason).Inc()
			c.Close()
		}
	}
}

// bound sets other limits; connections that are beyond them stay.
func (g *guard) bound(limits Limits) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.maxConns, g.maxPerIP = limits.MaxConns, limits.MaxConnsPerIP
}

func (g *guard) wait(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.closing.Done():
	}
}

// Close closes the listener; connections live on. It may be called again.
func (g *guard) Close() error {
	if g.closing.Err() != nil {
		return nil
	}
	g.stop()
	return g.Listener.Close()
}

// passing reports whether an accept error passes by itself: descriptors or
// memory are short, or the one connection died in the queue.
func passing(err error) bool {
	for _, e := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// admit counts a connection in, or says which limit it is over.
func (g *guard) admit(c net.Conn) (net.Conn, string) {
	guarded := &guardedConn{Conn: c, guard: g, address: peerOf(c.RemoteAddr())}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	switch {
	case len(g.open) >= g.maxConns:
		return nil, "max_conns"
	case g.maxPerIP > 0 && g.addresses[guarded.address] >= g.maxPerIP:
		return nil, "max_conns_per_ip"
	}
	g.open[guarded] = struct{}{}
	g.addresses[guarded.address]++
	if t, ok := c.(*tls.Conn); ok {
		return &guardedTLSConn{guardedConn: guarded, tls: t}, ""
	}
	return guarded, ""
}

func (g *guard) leave(c *guardedConn) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	delete(g.open, c)
	if g.addresses[c.address]--; g.addresses[c.address] <= 0 {
		delete(g.addresses, c.address)
	}
}

// closeAll ends every connection at once, answered or not.
func (g *guard) closeAll() {
	g.mutex.Lock()
	conns := make([]*guardedConn, 0, len(g.open))
	for c := range g.open {
		conns = append(conns, c)
	}
	g.mutex.Unlock()
	for _, c := range conns {
		c.Conn.Close()
	}
}

// guardedConn is one counted connection.
type guardedConn struct {
	net.Conn
	guard   *guard
	address netip.Addr
	opening opening     // of the request under way; the server's goroutine alone touches it
	lingers atomic.Bool // the client may still be sending what will not be read
	closed  atomic.Bool
}

// Read reads, and watches how requests begin.
func (c *guardedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.opening.watch(p[:n])
	return n, err
}

// Close counts the connection out. Where the client may still be sending, it
// ends our half first and reads for a moment what is left, since bytes that
// nobody reads make the system reset the connection and the client lose the
// answer that refuses it.
func (c *guardedConn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer c.guard.leave(c)
	if c.lingers.Load() {
		c.drain()
	}
	return c.Conn.Close()
}

const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

func (c *guardedConn) drain() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	var room [2048]byte
	for n := 0; n < lingerBytes; {
		got, err := c.Conn.Read(room[:])
		if n += got; err != nil {
			return
		}
	}
}

// guardedTLSConn keeps what fasthttp looks for in a TLS connection.
type guardedTLSConn struct {
	*guardedConn
	tls *tls.Conn
}

// Handshake runs the TLS handshake, within the deadlines that are set.
func (c *guardedTLSConn) Handshake() error { return c.tls.Handshake() }

// ConnectionState is the TLS connection's.
func (c *guardedTLSConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
