package gateway

import (
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// streamFrom is the announced length above which an answer of a streaming route
// is streamed. A shorter one is read whole first, like everywhere else: then a
// cut answer is a clean 502.
const streamFrom = 64 << 10

// deliver reads the rest of the answer and writes it into resp. On a route that
// streams it may only announce the body: streamed is true, and the exchange
// belongs to resp, which ends it by Close.
//
// Where memory is short an answer is streamed on any route, rather than lost
// once the upstream has done its work. Only an HTTP/1.0 client of a chunked
// answer loses it: it is told 502.
//
// An error while streaming aborts the client's connection in the middle of the
// body it was announced, so that nobody takes half an answer for a whole one. An
// HTTP/1.0 client could not tell without a length, so it is not streamed to.
func (x *exchange) deliver(resp *fasthttp.Response, p *passage) (streamed bool, reason token.Reason) {
	a := &x.answer
	streams := p.route.stream && !x.whole &&
		(a.length > streamFrom || a.chunked && p.header.IsHTTP11())
	x.allowed = -1
	if streams {
		if err := x.awaitBody(); err != nil {
			return false, x.fail(err)
		}
	} else {
		switch err := x.readBody(x.upstream.spec.MaxResponse); {
		case err == nil:
		case err != faultMemory:
			return false, x.fail(err)
		case a.chunked && !p.header.IsHTTP11():
			x.upstream.complain(x.conn.target, "an answer is lost", err)
			return false, token.UpstreamFailed
		default:
			streams, x.early = true, x.parcel.bytes
		}
	}
	x.judge(isAlive)
	x.copyHead(resp)
	resp.Header.SetBytesV("X-Request-Id", p.requestID[:])
	switch {
	case streams:
		x.outgoing = outgoing{lines: forgetLines(x.outgoing.lines)} // nothing borrowed survives the handler
		resp.SetBodyStream(&stream{x: x, pace: p.paceOf()}, int(a.length))
	case a.bodily:
		x.hand(resp, p.cargo)
	default:
		x.announce(resp, p)
	}
	return streams, token.Allowed
}

// hand gives the body to resp. A small one is copied; another is lent until it
// is written, which c is told of, so that no idle connection keeps it.
func (x *exchange) hand(resp *fasthttp.Response, c *cargo) {
	body := x.parcel.bytes
	if len(body) <= keptBody {
		resp.SetBody(body)
		return
	}
	resp.SetBodyRaw(body)
	if c != nil {
		c.answer = x.parcel
	} else {
		x.parcel.abandon()
	}
	x.parcel = nil
}

// stream is an answer's body on its way to a client, read by fasthttp after the
// handler has returned. Its error ends the client's connection.
type stream struct {
	x    *exchange
	pace pace
}

// Read gives the next bytes of the body; io.EOF only at its announced end.
func (s *stream) Read(p []byte) (int, error) {
	if s.x == nil {
		return 0, faultCut
	}
	defer s.pace.renew()
	if n := copy(p, s.x.early); n > 0 {
		s.x.early = s.x.early[n:]
		return n, nil
	}
	if s.x.parcel != nil {
		s.x.parcel.free()
		s.x.parcel = nil
	}
	n, err := s.x.Read(p)
	if s.x.allowed >= 0 {
		if s.x.allowed -= int64(n); s.x.allowed < 0 {
			n, err = 0, faultBodySize
		}
	}
	if err != nil && err != io.EOF {
		s.x.cutStream(err)
	}
	return n, err
}

// cutStream takes note of an answer that broke when its head had been passed
// on. The target was told alive by then, and stays it: what is cut far behind a
// good head is as often the network's doing.
func (x *exchange) cutStream(err error) {
	x.tainted = true
	x.upstream.count(err)
	x.upstream.countCutStream()
	x.upstream.complain(x.conn.target, "upstream cut an answer that was being streamed", err)
}

// Close ends the exchange. A second one does nothing: the exchange may be
// another request's by then.
func (s *stream) Close() error {
	if s.x != nil {
		s.x.end(time.Now())
		s.x = nil
	}
	return nil
}

// announce repeats the length that an answer without a body speaks of: that of
// the answer to GET (RFC 9110 §8.6).
func (x *exchange) announce(resp *fasthttp.Response, p *passage) {
	resp.SkipBody = true
	if x.answer.length < 0 || x.answer.status == fasthttp.StatusNoContent {
		return
	}
	var room [20]byte
	resp.Header.SetBytesV("Content-Length", strconv.AppendInt(room[:0], x.answer.length, 10))
}

// copyHead writes status and end-to-end headers into resp, which is new. Names
// keep their spelling; the framing is ours.
func (x *exchange) copyHead(resp *fasthttp.Response) {
	a := &x.answer
	resp.SetStatusCode(a.status)
	resp.Header.SetNoDefaultContentType(true)
	nominated := x.outgoing.nominated[:0]
	for i := range a.lines {
		if l := &a.lines[i]; len(l.name) == len("connection") && equalFold(l.name, "connection") {
			nominated, _ = nominate(l.value, nominated)
		}
	}
	resp.Header.DisableNormalizing()
	for i := range a.lines {
		l := &a.lines[i]
		var room foldedName
		switch homeward(room.fold(l.name)) {
		case crosses:
			if !isNominated(l.name, nominated) {
				resp.Header.AddBytesKV(l.name, l.value)
			}
		case content:
			resp.Header.AddBytesKV(l.name, l.value)
		case limits:
			if !x.limited && !isNominated(l.name, nominated) {
				resp.Header.AddBytesKV(l.name, l.value)
			}
		}
	}
	resp.Header.EnableNormalizing()
}
