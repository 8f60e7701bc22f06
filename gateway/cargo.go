package gateway

import (
	"net"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// cargo is what a connection carries for the request under way: the part of the
// budget that was taken for its body, what its header phase found, and the body
// of its answer until that is written. It belongs to the connection and not to
// the request, since fasthttp calls nobody when a body ends in the middle, when
// 100 Continue cannot be sent, or when an answer has been written, but always
// tells when the connection is idle again or over. Only the goroutine that
// serves the connection uses it.
type cargo struct {
	from   *budget
	share  *budget   // the part of it that the sender belongs to; nil: none
	began  time.Time // when the headers of a request with a body were there
	body   int64     // bytes taken for it
	shed   bool      // there was no room for it
	answer *parcel

	finding finding // of the header phase, for the handler
}

// keptBody is the largest body buffer that a connection keeps for its next
// request: what is idle is counted by nobody.
const keptBody = 4 << 10

// reserve takes n bytes for the body of the request whose headers have just
// come, of the sender's share as well where there is one.
func (c *cargo) reserve(b, share *budget, n int64) bool {
	c.unload()
	c.from, c.began, c.shed = b, time.Now(), true
	switch {
	case share != nil && !share.take(n):
	case b.take(n):
		c.body, c.share, c.shed = n, share, false
	case share != nil:
		share.give(n)
	}
	return !c.shed
}

// unloadBody gives back what the request's body took: it is not read any more.
func (c *cargo) unloadBody() {
	if c.body > 0 {
		c.from.give(c.body)
		if c.share != nil {
			c.share.give(c.body)
		}
		c.body, c.share = 0, nil
	}
	c.began, c.shed = time.Time{}, false
	c.finding.block = nil
}

// unload gives everything back: the request is over.
func (c *cargo) unload() {
	c.unloadBody()
	if c.answer != nil {
		c.answer.free()
		c.answer = nil
	}
}

// load is the cargo itself: what embeds one is laden.
func (c *cargo) load() *cargo { return c }

// cargoOf is the cargo of a connection of ours; nil for any other.
func cargoOf(c net.Conn) *cargo {
	if l, ok := c.(interface{ load() *cargo }); ok {
		return l.load()
	}
	return nil
}

// unloadAt is the server's ConnState: what a connection carried for a request
// is given back when the request is over, or the connection.
func unloadAt(c net.Conn, s fasthttp.ConnState) {
	if s == fasthttp.StateIdle || s == fasthttp.StateClosed {
		if c := cargoOf(c); c != nil {
			c.unload()
		}
	}
}

// headerOffset is where the header of a request is in its RequestCtx.
const headerOffset = unsafe.Offsetof(fasthttp.RequestCtx{}.Request) + unsafe.Offsetof(fasthttp.Request{}.Header)

// cargoUnder is the cargo of the connection on which h came. fasthttp's
// HeaderReceived is given the header alone, but always one that is part of a
// RequestCtx, which knows its connection. That is not promised by its
// documentation: TestHeaderPhaseKnowsItsConnection holds it to that, under
// checkptr when the race detector is on. h must be such a header.
func cargoUnder(h *fasthttp.RequestHeader) *cargo {
	ctx := (*fasthttp.RequestCtx)(unsafe.Add(unsafe.Pointer(h), -int(headerOffset)))
	return cargoOf(ctx.Conn())
}

// weigh is how many bytes fasthttp allocates for a body of n: the next power of
// two, up to 100 MiB.
func weigh(n int64) int64 {
	const exact = 100 << 20
	if n > exact {
		return n
	}
	size := int64(1)
	for size < n {
		size <<= 1
	}
	return size
}
