package gateway

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"tollgate/policy/token"
)

// guardedConn is one counted connection.
type guardedConn struct {
	cargo                 // of the request under way; the server's goroutine alone touches it
	net.Conn              // what is read and written: the socket, or a layer over it
	socket   net.Conn     // as it was accepted; closing it ends whoever waits on a layer
	guard    *guard       // that counts it
	settled  bool         // it is known whose it is; under the guard's mutex
	address  netip.Addr   // it is counted for; not valid: for none; under the guard's mutex
	nameless bool         // a proxy of ours opened it and said that it stands for nobody
	opening  opening      // of the request under way; the server's goroutine alone touches it
	cert     token.Digest // of the client's certificate; zero: none that was verified
	expires  time.Time    // of that certificate
	lingers  atomic.Bool  // the client may still be sending what will not be read
	closed   atomic.Bool
}

// Read reads, and watches how requests begin.
func (c *guardedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.opening.watch(p[:n])
	return n, err
}

// Write writes. What a client has not taken in time is not left to the system,
// which would go on for many minutes to deliver it from its own memory: closing
// discards it, and the client learns that its answer was cut.
func (c *guardedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && isTimeout(err) {
		if t, ok := c.socket.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // an error: it is gone already
		}
	}
	return n, err
}

// ClientCert is the SHA-256 of the client's certificate; zero where it showed
// none, and from the moment that one expires, also on a connection that began
// before.
func (c *guardedConn) ClientCert(now time.Time) token.Digest {
	if now.After(c.expires) {
		return token.Digest{}
	}
	return c.cert
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

// guardedTLSConn is a counted connection with TLS on it. It keeps what fasthttp
// looks for in one.
type guardedTLSConn struct {
	*guardedConn
	tls *tls.Conn
}

// secure puts TLS over a connection. The handshake comes later, on the
// goroutine that serves it.
func secure(c *guardedConn, config *tls.Config) *guardedTLSConn {
	stream := tls.Server(c.Conn, config)
	c.Conn = stream
	return &guardedTLSConn{guardedConn: c, tls: stream}
}

// Handshake runs the TLS handshake, within the deadlines that are set, and
// notes who the client proved to be. The goroutine that serves the connection
// calls it before anything else, once.
func (c *guardedTLSConn) Handshake() error {
	if err := c.tls.Handshake(); err != nil {
		if !errors.Is(err, io.EOF) { // one that went before it began is nobody's attempt
			c.guard.refused.WithLabelValues("tls_handshake").Inc()
		}
		return err
	}
	if state := c.tls.ConnectionState(); len(state.VerifiedChains) > 0 {
		leaf := state.PeerCertificates[0]
		c.cert, c.expires = token.DigestOf(leaf.Raw), leaf.NotAfter
	}
	return nil
}

// ConnectionState is the TLS connection's.
func (c *guardedTLSConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
