package listen

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"

	"github.com/pires/go-proxyproto"
)

// Reveal gives the function that tells whose connection one is, for a listener
// behind balancers that speak the PROXY protocol, version 1 or 2.
//
// From a peer that trusts accepts, a header is required: without one, or with
// one that cannot be read or names no client that there can be, the connection is
// refused with a *Refusal. One that speaks for the balancer itself (LOCAL,
// UNKNOWN), such as a health check, leaves the peer's own address. From any other
// peer nothing is read: what looks like a header is then a bad request.
//
// The caller sets the deadline on the connection, and owns it after an error.
func Reveal(trusts func(netip.Addr) bool) func(net.Conn) (net.Conn, error) {
	return func(c net.Conn) (net.Conn, error) {
		peer, ok := c.RemoteAddr().(*net.TCPAddr)
		if !ok || !trusts(peer.AddrPort().Addr().Unmap().WithZone("")) {
			return c, nil
		}
		r := bufio.NewReaderSize(c, headerRoom)
		client, err := readHeader(r)
		if err != nil {
			return nil, err
		}
		if client == nil {
			client = peer
		}
		rest, _ := r.Peek(r.Buffered()) // what is buffered is there
		return &revealed{Conn: c, client: client, rest: rest}, nil
	}
}

const (
	maxLine    = 107 // of version 1, with its line end
	headerRoom = 256 // of the buffer: a line fits, and version 2 is read in pieces
)

// Refusal is why a balancer's connection was not let in.
type Refusal struct {
	reason string
	cause  error // nil where the reason says it all
}

// Reason is the metric's word for it: proxy_header_missing,
// proxy_header_malformed or proxy_header_timeout; "" for a connection that ended
// before it sent a byte, as a check of the port does.
func (r *Refusal) Reason() string { return r.reason }

// Error says what was wrong, without the bytes that were.
func (r *Refusal) Error() string {
	if r.cause == nil {
		return "listen: " + r.reason
	}
	return "listen: " + r.reason + ": " + r.cause.Error()
}

// Unwrap is the connection's own error, where that was the reason.
func (r *Refusal) Unwrap() error { return r.cause }

// readHeader reads a header and no byte beyond it. It gives nil where the
// header speaks for the balancer itself.
func readHeader(r *bufio.Reader) (*net.TCPAddr, error) {
	if err := awaitLine(r); err != nil {
		return nil, err
	}
	h, err := proxyproto.Read(r)
	if err != nil {
		return nil, refusalOf(err, "proxy_header_malformed")
	}
	if h.Command.IsLocal() {
		return nil, nil
	}
	client, _, ok := h.TCPAddrs()
	if !ok || !canBeClient(client.AddrPort().Addr().Unmap()) {
		// A socket file, a datagram or nobody's address is no client's: its IP
		// ranges could not be judged.
		return nil, &Refusal{reason: "proxy_header_malformed"}
	}
	return client, nil
}

func canBeClient(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// awaitLine waits until all of a version 1 header has come, which the reader
// after it wants in one piece while a network may cut it anywhere. What is no
// such header is left to that reader.
func awaitLine(r *bufio.Reader) error {
	for n := 1; n <= maxLine; n++ {
		b, err := r.Peek(n)
		switch {
		case n == 1 && err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return &Refusal{cause: err} // an end, a reset, or our own doing
		case err != nil:
			return refusalOf(err, "proxy_header_missing")
		case b[n-1] == '\n', n <= len(proxyproto.SIGV1) && b[n-1] != proxyproto.SIGV1[n-1]:
			return nil
		}
	}
	return nil
}

func refusalOf(err error, otherwise string) *Refusal {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Refusal{"proxy_header_timeout", err}
	case errors.Is(err, proxyproto.ErrNoProxyProtocol):
		return &Refusal{"proxy_header_missing", nil}
	}
	return &Refusal{otherwise, err}
}

// revealed is a connection after its header, from the client it belongs to.
type revealed struct {
	net.Conn
	client *net.TCPAddr
	rest   []byte // came with the header and belongs behind it
}

// Read reads what follows the header.
func (c *revealed) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.rest = nil // lets the buffer go
	}
	return n, nil
}

// RemoteAddr is the client's address.
func (c *revealed) RemoteAddr() net.Addr { return c.client }

// CloseWrite ends our half of the connection.
func (c *revealed) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
