package gateway

import (
	"errors"
	"net"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// The header phase. fasthttp tells us of a request's headers before it reads
// the body or sends 100 Continue, but neither who sent them nor lets us answer
// there. So a request that announces a body is judged twice: received judges
// what the headers alone tell (all of rows 1 to 10 but 3 and 8), and where they
// refuse, makes the body unreadable; failed, which knows the address, then
// judges again and words the answer. A stranger's body is never read.

// refusal makes fasthttp refuse a body: a limit of one byte, and an announced
// length above it, whatever the client announced.
const (
	refusedLimit  = 1
	refusedLength = 2
)

// received is fasthttp's HeaderReceived, of a header that came on no connection
// of ours.
func (g *Gateway) received(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	return g.receivedOn(nil, h)
}

// receivedOn is received where the body is paid for by the connection's cargo.
func (g *Gateway) receivedOn(c *cargo, h *fasthttp.RequestHeader) (config fasthttp.RequestConfig) {
	length := h.ContentLength()
	if length == 0 || length == -2 {
		// No body: nothing to decide here, and nothing to continue with.
		if len(h.Peek(fasthttp.HeaderExpect)) > 0 {
			h.Del(fasthttp.HeaderExpect)
		}
		return config
	}
	p := g.acquire()
	defer func() {
		if fault := recover(); fault != nil {
			g.crashed(fault)
			config = refuseBody(h)
		}
		p.release()
	}()
	p.header = h
	if r := p.foresee(); r != token.Allowed {
		return refuseBody(h)
	}
	config.MaxRequestBodySize = p.maxBody()
	config.ReadTimeout = p.bodyTimeout()
	if p.head.bodyLength > int64(p.maxBody()) {
		return refuseBody(h) // else 100 Continue would invite it first
	}
	if c != nil && !c.reserve(&g.bodies, p.share(), p.bodyWeight()) {
		return refuseBody(h)
	}
	if c != nil {
		c.finding.keep(p)
	}
	return config
}

// share is the part of the budget that the body counts against: that of
// strangers on our own paths, where who sends it is told by the body itself.
func (p *passage) share() *budget {
	if p.own == nil {
		return nil
	}
	return &p.gateway.strangers
}

// bodyWeight is the memory that the announced body takes; of a chunked one, the
// most that it may.
func (p *passage) bodyWeight() int64 {
	if p.head.chunked {
		return weigh(int64(p.maxBody()) + int64(len("\r\n"))) // fasthttp reads a chunk's end with it
	}
	return weigh(p.head.bodyLength)
}

// foresee judges the rows that need neither the body nor the address. An empty
// bucket is refused here already, so that it does not pay for a body.
func (p *passage) foresee() token.Reason {
	if r := p.admit(); r != token.Allowed {
		return r
	}
	if p.own != nil {
		return token.Allowed
	}
	if r := p.identify(nil); r != token.Allowed {
		return r
	}
	if r := p.bounds(nil); r != token.Allowed {
		return r
	}
	return p.hasPermit(nil)
}

func refuseBody(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	h.SetContentLength(refusedLength) // also of a chunked body
	h.Del(fasthttp.HeaderExpect)
	return fasthttp.RequestConfig{MaxRequestBodySize: refusedLimit}
}

// failed is fasthttp's ErrorHandler: a request whose headers could not be
// parsed, or whose body was not read, by us or because it did not come. It
// answers, and fasthttp closes the connection.
func (g *Gateway) failed(ctx *fasthttp.RequestCtx, err error) {
	p := g.begin(ctx)
	defer p.finish()
	p.unread = true
	ctx.Response.SkipBody = ctx.IsHead()
	if len(p.header.RawHeaders()) == 0 {
		p.refuses(misread(err)) // nothing of the request is known
		return
	}
	reason := p.admit()
	switch {
	case reason == token.Allowed && !errors.Is(err, fasthttp.ErrBodyTooLarge):
		p.refuses(misread(err))
	case reason == token.Allowed && p.own != nil && p.shed():
		p.serveOwn(token.Overloaded)
	case reason == token.Allowed && p.own != nil:
		p.serveOwn(token.BodyTooLarge)
	case p.refuses(reason):
	case p.refuses(p.identify(&p.source)):
	case p.refuses(p.bounds(&p.source)):
	case p.oversized(): // row 11, the first that would have looked at the body
		p.refuses(token.BodyTooLarge)
	case p.refuses(p.hasPermit(&p.source)):
	case p.shed():
		p.refuses(token.Overloaded)
	default:
		// The headers would do after all: the credential was not in memory, and
		// the header phase had no budget left to load it. The next try finds it.
		p.refuses(token.CannotDecide)
	}
}

// shed reports whether there was no room for the body.
func (p *passage) shed() bool { return p.cargo != nil && p.cargo.shed }

// oversized reports whether the body itself was too large, not the limit that
// refuseBody sets.
func (p *passage) oversized() bool {
	return p.head.bodyLength > int64(p.maxBody()) ||
		p.head.chunked && p.header.ContentLength() != refusedLength
}

// misread tells why a request could not be read.
func misread(err error) token.Reason {
	var small *fasthttp.ErrSmallBuffer
	var slow net.Error
	switch {
	case errors.As(err, &small):
		return token.HeadersTooLarge
	case errors.As(err, &slow) && slow.Timeout():
		return token.RequestTimeout
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return token.BodyTooLarge
	}
	return token.MalformedRequest
}
