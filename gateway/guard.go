package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/policy/token"
)

// guard stands between the listener and the server. fasthttp gives up the
// listener for good when accepting fails once, which running out of file
// descriptors makes it do; and it counts connections in a way that cannot be
// used behind proxies. So: passing errors are waited out, connections are
// counted, overall as they come and by address once it is known whose they are,
// and those that are too many are closed.
type guard struct {
	listener   net.Listener
	refused    *prometheus.CounterVec
	closing    context.Context // done once the listener is closed
	stop       context.CancelFunc
	entering   sync.WaitGroup // connections whose client is still being asked for
	mutex      sync.Mutex
	maxConns   int
	maxPerIP   int // 0: no limit
	open       map[*guardedConn]struct{}
	addresses  map[netip.Addr]int
	acceptPace time.Duration // the pause after the first error in a row
	ended      chan struct{} // closed when the last connection was handed over; nil: nobody accepts
}

const (
	firstAcceptPause = 5 * time.Millisecond
	lastAcceptPause  = 250 * time.Millisecond // serving again well within a second after descriptors are free
)

func newGuard(listener net.Listener, limits Limits, refused *prometheus.CounterVec) *guard {
	g := &guard{
		listener: listener, maxConns: limits.MaxConns, maxPerIP: limits.MaxConnsPerIP, refused: refused,
		open: map[*guardedConn]struct{}{}, addresses: map[netip.Addr]int{},
		acceptPace: firstAcceptPause,
	}
	g.closing, g.stop = context.WithCancel(context.Background())
	return g
}

// accept waits for the next connection that there is room for. It fails only
// when the listener was closed or is beyond help.
func (g *guard) accept() (*guardedConn, error) {
	pause := g.acceptPace
	for {
		socket, err := g.listener.Accept()
		if err != nil {
			if g.closing.Err() != nil || !passing(err) {
				return nil, err
			}
			g.refused.WithLabelValues("accept_error").Inc()
			g.wait(pause)
			pause = min(2*pause, lastAcceptPause)
			continue
		}
		c := g.admit(socket)
		switch {
		case c == nil:
			g.refused.WithLabelValues("max_conns").Inc()
			socket.Close()
		default:
			if g.closing.Err() != nil {
				g.lookAgain()
			}
			return c, nil
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

// quiet is a listener that can let nobody connect any more while those who wait
// in its queue are accepted.
type quiet interface {
	Quieten() error
	SetDeadline(time.Time) error
}

const (
	lastLook    = 5 * time.Millisecond // an accept that finds nobody in the queue for so long is the last
	lastArrival = time.Second          // for a client that connected to say whose connection it is
)

// lookAgain gives a quiet listener's queue time to show that it is empty.
func (g *guard) lookAgain() {
	if q, ok := g.listener.(quiet); ok {
		_ = q.SetDeadline(time.Now().Add(lastLook)) // an error: it is closed
	}
}

// close closes the listener once nobody waits in its queue, where that can be
// had, and everybody who was accepted is with the server; then the connections
// that have not told yet whose they are: nobody's request is on them. The others
// live on. It may be called again.
func (g *guard) close() (err error) {
	if g.closing.Err() != nil {
		return nil
	}
	g.stop()
	q, ok := g.listener.(quiet)
	if ok = ok && q.Quieten() == nil; ok {
		g.lookAgain()
	} else {
		err = g.listener.Close()
	}
	g.awaitEnd()
	if ok {
		err = g.listener.Close()
	}
	g.closeWhere(func(c *guardedConn) bool { return !c.settled })
	return err
}

// awaitEnd waits for whoever accepts to have done so for the last time.
func (g *guard) awaitEnd() {
	if g.ended == nil {
		return
	}
	patience := time.NewTimer(lastArrival)
	defer patience.Stop()
	select {
	case <-g.ended:
	case <-patience.C:
	}
}

// closeAll ends every connection at once, answered or not.
func (g *guard) closeAll() { g.closeWhere(func(*guardedConn) bool { return true }) }

func (g *guard) closeWhere(chosen func(*guardedConn) bool) {
	var sockets []net.Conn
	g.mutex.Lock()
	for c := range g.open {
		if chosen(c) {
			sockets = append(sockets, c.socket)
		}
	}
	g.mutex.Unlock()
	for _, socket := range sockets {
		socket.Close()
	}
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

// admit counts a connection in; nil when there is no room for it.
func (g *guard) admit(socket net.Conn) *guardedConn {
	c := &guardedConn{Conn: socket, socket: socket, guard: g}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if len(g.open) >= g.maxConns {
		return nil
	}
	g.open[c] = struct{}{}
	return c
}

// settle counts a connection for its client, or says which limit it is over. An
// address that is not valid, as that of a proxy of ours, which carries many
// clients, has no count of its own; an IPv6 client is its /64, as it is for the
// rates.
func (g *guard) settle(c *guardedConn, client netip.Addr) string {
	client = token.Source{Addr: client}.Throttle()
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if client.IsValid() && g.maxPerIP > 0 && g.addresses[client] >= g.maxPerIP {
		return "max_conns_per_ip"
	}
	c.settled = true
	if client.IsValid() {
		c.address = client
		g.addresses[client]++
	}
	return ""
}

func (g *guard) leave(c *guardedConn) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	delete(g.open, c)
	if !c.address.IsValid() {
		return
	}
	if g.addresses[c.address]--; g.addresses[c.address] <= 0 {
		delete(g.addresses, c.address)
	}
}
