package gateway

import (
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"tollgate/policy/token"
)

// exchange is one request and its answer on their way over one upstream. It is
// pooled. On a streamed answer fasthttp reads from it after the handler has
// returned, so it holds nothing of the passage by then.
type exchange struct {
	out      []byte // the head of our request
	in       []byte // what was read and not yet used is in[r:w]
	r, w     int
	head     []byte  // the answer's head, which answer's slices alias
	parcel   *parcel // the answer's body, where it is read whole; nil while nothing was sent
	early    []byte  // what of it was read before it was known to be streamed
	allowed  int64   // bytes of the body that may come yet; -1: any number
	answer   answer
	outgoing outgoing

	upstream *upstream // whose slot we hold; nil: none
	conn     *conn
	deadline time.Time
	sent     bool // at least one byte went out: from here on there is no other try
	tour     tour
	tainted  bool // the connection must not be used again, whatever comes
	whole    bool // the answer was read to its announced end

	limited bool       // the answer tells what is left of our limits, not of the upstream's
	left    int64      // of the body, or of the chunk being read
	chunk   chunkState // where we are in chunked framing
	framing int        // bytes of the trailer section so far
}

const (
	firstRead  = 8 << 10  // bytes of the read buffer at first
	keptBuffer = 64 << 10 // a larger buffer is not kept for the next exchange
	inlineBody = 16 << 10 // a request's body up to this travels in one write with its head
	firstBody  = 32 << 10 // bytes of a parcel at first: what is announced is no reason to allocate
)

var exchanges = sync.Pool{New: func() any { return &exchange{in: make([]byte, firstRead)} }}

func acquireExchange() *exchange { return exchanges.Get().(*exchange) }

// end gives back all that the exchange holds, at now. The connection goes back
// to its pool if nothing speaks against it, and is closed otherwise.
func (x *exchange) end(now time.Time) {
	x.judge(saysNothing)
	x.release(now)
	if x.upstream != nil {
		x.upstream.leave()
	}
	if x.parcel != nil {
		x.parcel.free()
	}
	if cap(x.out) > keptBuffer {
		x.out = nil
	}
	*x = exchange{
		out: x.out[:0], in: x.in, head: x.head[:0],
		answer:   answer{lines: forgetLines(x.answer.lines)},
		outgoing: outgoing{lines: forgetLines(x.outgoing.lines), room: x.outgoing.room[:0]},
	}
	exchanges.Put(x)
}

func forgetLines(l []line) []line {
	if cap(l) > maxAnswerLines {
		return nil
	}
	clear(l)
	return l[:0]
}

func (x *exchange) release(now time.Time) {
	c := x.conn
	if c == nil {
		return
	}
	x.conn = nil
	switch {
	case x.whole && x.r != x.w:
		c.target.distrust(now)
		c.target.end(c)
	case x.whole && !x.tainted && !x.answer.last:
		c.target.give(c, now)
	default:
		c.target.end(c)
	}
}

// carry sends the request and reads the head of its answer. On Allowed the
// body, if there is one, is next; on any other reason nothing of the answer may
// be used. The caller ends the exchange in either case.
//
// UpstreamSaturated and UpstreamUnreachable mean that not one byte was sent,
// on any connection; UpstreamFailed and UpstreamTimeout that something was and
// the outcome is unknown.
func (x *exchange) carry(u *upstream) token.Reason {
	if !u.enter() {
		if !u.wait(x.deadline) {
			return token.UpstreamSaturated
		}
		x.tour.now = time.Now()
	}
	x.upstream = u
	for !x.sent {
		if x.conn = u.connect(&x.tour, x.deadline); x.conn == nil {
			return token.UpstreamUnreachable
		}
		if !x.try(u, x.conn) {
			return token.MalformedRequest
		}
	}
	if err := x.readAnswer(); err != nil {
		return x.fail(err)
	}
	return token.Allowed
}

// try writes the request to one connection. One that took nothing is closed,
// and leaves x unsent: there may be another. false means that the request is
// none that could be sent to anybody.
func (x *exchange) try(u *upstream, c *conn) bool {
	x.out = x.out[:0]
	if !x.outgoing.compose(x, u, c.target) {
		return false
	}
	body := x.outgoing.body
	if len(body) <= inlineBody {
		x.out, body = append(x.out, body...), nil
	}
	err := c.begin(x.deadline)
	if err == nil {
		x.sent, err = c.send(x.out, body)
	}
	switch {
	case err == nil:
	case x.sent:
		// An answer may be there all the same, to the part that arrived. It is
		// the last on this connection: half a request stands on it.
		x.tainted = true
	default:
		x.judge(saysNothing)
		x.release(time.Time{})
		if !c.reused {
			u.spend(&x.tour, c.target)
		}
	}
	return true
}

// fail turns an error after sending into its reason, holds it against the
// target as far as it is to blame, and tells the log.
func (x *exchange) fail(err error) token.Reason {
	x.tainted = true
	x.upstream.count(err)
	x.judge(verdictOn(err, x.deadline.Sub(x.tour.now), x.upstream.spec.Timeout))
	if isTimeout(err) {
		return token.UpstreamTimeout
	}
	x.upstream.complain(x.conn.target, "upstream gave no usable answer", err)
	return token.UpstreamFailed
}

// judge tells the circuit of the last target what became of its request.
func (x *exchange) judge(v verdict) {
	t := &x.tour
	if t.last == nil {
		return
	}
	switch c := t.last.circuit; v {
	case isAlive:
		c.succeed()
	case hasFailed:
		c.fail(t.caller, t.pass, time.Now())
	default:
		c.release(t.pass)
	}
	t.pass = nil
}

// readAnswer reads the head of the final answer, past a bounded number of
// interim ones. A connection that gave an interim answer is not used again: we
// asked for none.
func (x *exchange) readAnswer() error {
	toHEAD := string(x.outgoing.method) == "HEAD"
	room := maxAnswerHead
	for range maxInterim + 1 {
		used, err := x.readHead(room)
		if err != nil {
			return err
		}
		if err := x.answer.read(x.head, toHEAD); err != nil {
			return err
		}
		switch s := x.answer.status; {
		case s >= 200:
			return x.beginBody()
		case s == 101:
			return faultSwitch
		case s != 100 && s != 102 && s != 103:
			return faultInterim
		}
		room -= used
		x.tainted = true
	}
	return faultInterim
}

// readHead reads up to the end of a head, at most room bytes, into x.head.
func (x *exchange) readHead(room int) (used int, err error) {
	next := 0
	for {
		end := 0
		if end, next, err = headEnd(x.in[x.r:x.w], next); err != nil {
			return 0, err
		}
		if end > room || end == 0 && x.w-x.r >= room {
			return 0, faultHeadSize
		}
		if end > 0 {
			x.head = append(x.head[:0], x.in[x.r:x.r+end]...)
			x.r += end
			return end, nil
		}
		if err := x.fill(); err != nil {
			if err == io.EOF && x.r == x.w {
				return 0, faultNoAnswer
			}
			return 0, cut(err)
		}
	}
}

// fill reads once into the buffer, making room first.
func (x *exchange) fill() error {
	if x.r == x.w {
		x.r, x.w = 0, 0
	}
	if x.w == len(x.in) {
		if x.r > 0 {
			x.w = copy(x.in, x.in[x.r:x.w])
			x.r = 0
		} else {
			x.in = slices.Grow(x.in, len(x.in))[:2*len(x.in)]
		}
	}
	n, err := x.conn.stream.Read(x.in[x.w:])
	x.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// cut words the end of a connection where more was announced. Deadlines and
// resets keep their own error.
func cut(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return faultCut
	}
	return err
}
