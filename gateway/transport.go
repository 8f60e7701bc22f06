package gateway

import (
	"context"
	"net"
	"time"
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
// look-up, connecting and the handshake together end at deadline, or with ctx.
func (u *upstream) dial(ctx context.Context, b *backend, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
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
