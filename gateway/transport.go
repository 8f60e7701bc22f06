package gateway

import (
	"context"
	"net"
	"time"
)

// fault is one thing that can go wrong with an upstream. Faults are constants:
// comparable, free to return, and they never quote a byte of an answer.
type fault string

// Error is the fault's own text.
func (f fault) Error() string { return string(f) }

// What an upstream can do wrong once something was sent to it.
const (
	faultNoAnswer  = fault("the connection ended without an answer")
	faultCut       = fault("the answer was cut short")
	faultHead      = fault("the answer's head is malformed")
	faultHeadSize  = fault("the answer's head is larger than 32 KiB or has more than 256 fields")
	faultStatus    = fault("the answer's status is not between 200 and 599")
	faultSwitch    = fault("the upstream switched protocols unasked")
	faultInterim   = fault("too many interim answers, or one of an unknown kind")
	faultFraming   = fault("the answer's length is announced in more than one way, or in one we do not read")
	faultUnframed  = fault("the answer has neither Content-Length nor chunked framing, so a cut one would look whole")
	faultChunk     = fault("the answer's chunked framing is malformed")
	faultBodySize  = fault("the answer is larger than the limit and its route does not stream")
	faultUnasked   = fault("the upstream sent bytes that nobody asked for, such as a second answer")
	faultHandshake = fault("the upstream did not agree on HTTP/1.1")
)

// conn is one connection to one target. One request at a time uses it.
//
// A connection goes back to its pool only after an answer that was read to its
// announced end with nothing behind it; anything else ends it. Nothing is read
// ahead into the conn itself, so between requests every byte that arrives stays
// in the socket, where quiet sees it.
type conn struct {
	stream  net.Conn // what is written to and read from: the socket, or TLS over it
	socket  net.Conn
	records *records // counts what TLS does on the socket; nil without TLS
	peek    peeker
	target  *backend
	born    time.Time
	idle    time.Time // since when it has been in the pool
	reused  bool
}

// peeker tells what waits on a connection between two requests. It must not
// block, and it consumes nothing.
type peeker interface {
	look() waiting
}

// waiting is what a look at a connection between two requests found.
type waiting uint8

const (
	nothing waiting = iota // it is alive and silent: the only state it may be used in
	anEnd                  // it is closed, or broken, or cannot be looked at
	aWord                  // bytes that nobody asked for
)

// send writes one request. sent is true when at least one byte left us, which
// is the end of every second attempt. It does not keep the slices.
func (c *conn) send(head, body []byte) (sent bool, err error) {
	n, err := c.stream.Write(head)
	if err == nil && len(body) > 0 {
		_, err = c.stream.Write(body)
	}
	if c.records != nil {
		return c.records.wrote, err
	}
	return n > 0, err
}

// begin readies the connection for one request that must be over by deadline.
func (c *conn) begin(deadline time.Time) error {
	if c.records != nil {
		c.records.wrote = false
	}
	return c.stream.SetDeadline(deadline)
}

// inside is what waits within the TLS layer, where a look at the socket cannot
// see it.
func (c *conn) inside() waiting {
	if c.records == nil {
		return nothing
	}
	return c.records.inside(c.stream)
}

// look is what waits on a connection that has been in the pool. What waits on a
// TLS socket is often the peer's goodbye, which is no word to anybody.
func (c *conn) look() waiting {
	found := c.peek.look()
	if found == aWord && c.records != nil {
		return c.records.hear(c.stream)
	}
	return found
}

// drop ends the connection without ceremony: no alert, no lingering.
func (c *conn) drop() { _ = c.socket.Close() }

// dial opens a connection to b and, for https, verifies who answers. Name
// look-up, connecting and the handshake together take at most timeout.
func (u *upstream) dial(b *backend, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	socket, err := u.dialer(ctx, "tcp", b.address)
	if err != nil {
		return nil, err
	}
	c := &conn{stream: socket, socket: socket, target: b, born: time.Now()}
	if c.peek, err = newPeeker(socket); err != nil {
		c.drop()
		return nil, err
	}
	if b.tls != nil {
		if err := c.secure(ctx, b.tls); err != nil {
			c.drop()
			return nil, err
		}
	}
	return c, nil
}
