package gateway

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// Entry is what stands between a listener's sockets and the first request. The
// zero Entry is plain HTTP from whoever connects.
type Entry struct {
	// TLS, where it is not nil, is spoken on every connection. A client
	// certificate that its chain proves is the request's ClientCert. The
	// handshake has the time that a header has.
	TLS *tls.Config

	// Reveal, where it is not nil, tells whose connection it really is: it reads
	// what a balancer wrote in front, such as a PROXY header, and gives the
	// connection from there on, whose RemoteAddr is the client's *net.TCPAddr.
	// It is called on a goroutine of its own, under a deadline of the time that
	// a header has, before TLS. On an error the connection is closed, and
	// counted as refused by the error's Reason method, a word out of a few;
	// "" is not counted.
	Reveal func(net.Conn) (net.Conn, error)
}

// Serve accepts connections until Shutdown; then it gives nil. A plan must have
// been applied. A TLS listener keeps its TLS.
func (g *Gateway) Serve(ln net.Listener) error { return g.ServeEntry(ln, Entry{}) }

// ServeEntry is Serve behind an entry. It takes ln over; it may be called for
// several listeners at once.
//
// Accepting waits for no client: all that needs bytes of theirs happens on
// goroutines of their own.
func (g *Gateway) ServeEntry(ln net.Listener, e Entry) error {
	guarded, err := g.guard(ln)
	if err != nil {
		return err
	}
	defer func() {
		guarded.entering.Wait()
		if guarded.ended != nil {
			close(guarded.ended)
		}
	}()
	for {
		c, err := guarded.accept()
		switch {
		case err == nil && e.Reveal == nil:
			g.enter(c, e.TLS)
		case err == nil:
			guarded.entering.Go(func() { g.reveal(c, e) })
		case guarded.closing.Err() != nil:
			return nil
		default:
			return err
		}
	}
}

// guard puts a guard before a listener and sees that there is a stage.
func (g *Gateway) guard(ln net.Listener) (*guard, error) {
	g.serving.Lock() // before the limits are read: Apply sets later ones under it
	defer g.serving.Unlock()
	s := g.current.Load()
	if s == nil {
		return nil, errors.New("gateway: Serve before Apply: there is no route yet")
	}
	guarded := newGuard(ln, s.limits, g.meters.connections)
	if g.over {
		return guarded, guarded.close()
	}
	guarded.ended = make(chan struct{})
	g.guards = append(g.guards, guarded)
	if g.stage == nil {
		g.stage = g.newStage(s.limits)
	}
	return guarded, nil
}

// reveal finds out whose connection it is and lets it in. A client that says
// nothing costs this goroutine and its place among max_conns, until the
// deadline.
func (g *Gateway) reveal(c *guardedConn, e Entry) {
	defer func() {
		if fault := recover(); fault != nil {
			g.crashed(fault)
			c.Close()
		}
	}()
	within := g.current.Load().limits.ReadHeaderTimeout
	err := c.socket.SetReadDeadline(time.Now().Add(within))
	var revealed net.Conn
	if err == nil {
		revealed, err = e.Reveal(c.socket)
	}
	if err == nil {
		err = c.socket.SetReadDeadline(time.Time{})
	}
	if err != nil {
		reason := reasonOf(err)
		g.complain(c, reason)
		g.turnAway(c, reason)
		return
	}
	peer := peerOf(c.socket.RemoteAddr())
	c.nameless = peer == peerOf(revealed.RemoteAddr()) && g.Trusts(peer)
	c.Conn = revealed
	g.enter(c, e.TLS)
}

func reasonOf(err error) string {
	var reasoned interface{ Reason() string }
	if errors.As(err, &reasoned) {
		return reasoned.Reason()
	}
	return "" // the connection itself failed
}

// complainEvery is the pause between complaints about balancers: one that is set
// up wrongly is wrong on every connection.
const complainEvery = time.Minute

// complain tells the operator that a balancer of theirs is refused; clients hear
// nothing that would say why.
func (g *Gateway) complain(c *guardedConn, reason string) {
	now, last := time.Now().UnixNano(), g.complained.Load()
	if reason == "" || last != 0 && now-last < int64(complainEvery) || !g.complained.CompareAndSwap(last, now) {
		return
	}
	g.options.Logger.Warn("a connection from a trusted proxy is refused; said at most once a minute, the metric counts them",
		zap.String("reason", reason), zap.Stringer("proxy", peerOf(c.socket.RemoteAddr())))
}

// turnAway closes a connection that was counted in but is not let in.
func (g *Gateway) turnAway(c *guardedConn, reason string) {
	if reason != "" {
		g.meters.connections.WithLabelValues(reason).Inc()
	}
	c.Close()
}

// enter counts a connection for the client it belongs to and hands it to the
// server.
func (g *Gateway) enter(c *guardedConn, config *tls.Config) {
	client := peerOf(c.RemoteAddr())
	if g.Trusts(client) {
		client = netip.Addr{} // it carries many clients
	}
	if reason := c.guard.settle(c, client); reason != "" {
		g.turnAway(c, reason)
		return
	}
	if config != nil {
		g.hand(secure(c, config))
		return
	}
	if stream, ok := c.Conn.(*tls.Conn); ok {
		g.hand(&guardedTLSConn{guardedConn: c, tls: stream})
		return
	}
	g.hand(c)
}

// Trusts reports whether an address is one of our own proxies under the plan in
// force.
func (g *Gateway) Trusts(a netip.Addr) bool {
	s := g.current.Load()
	return s != nil && s.peers.trusts(a.Unmap().WithZone(""))
}
