package gateway

import (
	"net/netip"
	"strconv"
	"time"

	"tollgate/policy/token"
)

// outgoing is what the request to the upstream is made of: judged parts, never
// the client's request object. Slices alias the client's request.
type outgoing struct {
	method      []byte
	target      []byte // path and query, byte for byte as the client sent them, but for a credential in them
	room        []byte // of target, where something was cut; kept with the exchange
	host        []byte // the client's Host
	headers     []byte // the client's header block as it came, with its last empty line
	body        []byte // whole; the very bytes that were judged
	requestID   []byte // ours
	clientID    []byte // the client's own request id, when it may be passed on
	handle      string // "": a user's request
	user        string // "": a token's
	merchant    string
	environment string
	client      netip.Addr // as judged, behind trusted proxies too
	secure      bool       // the client came over TLS
	now         time.Time
	underscores bool // header names with _ cross
	credentials bool // so do credentials
	signed      bool // the route reads X-Client-Id

	lines     []line // headers, split
	nominated [maxNominated][]byte
}

// forward sends the judged request to the upstream of its route and writes the
// upstream's answer into the client's response. On any reason but Allowed the
// response is as good as new, and the caller words the refusal into it:
//
//   - Overloaded, UpstreamUnreachable, UpstreamSaturated: not one byte was sent
//   - UpstreamFailed, UpstreamTimeout: something was; the outcome is unknown
//
// A request of which one byte was sent is never sent again. Redirects are not
// followed and no status is retried: the answer is the client's.
func (g *Gateway) forward(p *passage) token.Reason {
	u := p.route.upstream(p.environment())
	timeout := p.route.timeout
	if timeout == 0 {
		timeout = u.spec.Timeout
	}
	began := time.Now() // sockets know no other clock than the real one
	if r := g.makeRoom(p); r != token.Allowed {
		return r
	}
	if p.began.IsZero() {
		p.began = began
	}
	x := acquireExchange()
	x.parcel, p.parcel = p.parcel, nil
	x.limited = p.counted && p.tellsLimits()
	x.deadline, x.tour.now = p.route.within(p.began, began.Add(timeout)), began
	x.outgoing.fill(p)
	x.tour.caller = x.outgoing.merchant
	streamed, reason := false, token.InternalError
	defer func() {
		p.record.upstream, p.record.sent, p.record.attempts = u.name, x.sent, x.tour.attempts
		now := time.Now()
		p.record.upstreamTook = now.Sub(began)
		if x.tour.last != nil {
			p.record.target = x.tour.last.address
		}
		if !streamed {
			x.tainted = x.tainted || reason != token.Allowed // a panic comes by here too
			x.end(now)
		}
	}()
	if reason = x.carry(u); reason == token.Allowed {
		streamed, reason = x.deliver(&p.ctx.Response, p)
	}
	if reason != token.Allowed {
		p.ctx.Response.Reset()
	}
	return reason
}

// makeRoom takes the memory that an answer begins with, once: without it nothing
// may be asked of an upstream, nor counted, nor used up.
func (g *Gateway) makeRoom(p *passage) token.Reason {
	if p.parcel == nil && !p.route.whoami {
		if p.parcel = g.bodies.parcel(); p.parcel == nil {
			return token.Overloaded
		}
	}
	return token.Allowed
}

// fill borrows the parts from the passage.
func (o *outgoing) fill(p *passage) {
	live := p.principal.Live
	o.method, o.target = p.header.Method(), p.target.raw
	if !p.route.forwardCredentials {
		o.target, o.room = cutSignature(p.target.raw, o.room)
	}
	o.host, o.headers = p.head.host, p.header.RawHeaders()
	o.body = p.ctx.Request.Body()
	o.requestID, o.clientID = p.requestID[:], p.head.clientRequestID
	o.handle, o.user = string(live.Handle), p.principal.User
	o.merchant, o.environment = live.Merchant, live.Environment.String()
	if o.client = p.source.Addr; !o.client.IsValid() {
		o.client = p.source.Peer
	}
	o.secure, o.now = p.ctx.IsTLS(), p.now
	o.underscores, o.credentials, o.signed = p.route.allowUnderscores, p.route.forwardCredentials, p.route.signed
}

// compose writes the head of the request for one target into x.out. false means
// that the client's header block cannot be read one way only; it was refused
// before, so this is the second lock on the same door.
func (o *outgoing) compose(x *exchange, u *upstream, b *backend) bool {
	out := append(x.out, o.method...)
	out = append(out, ' ')
	out = append(out, o.target...)
	out = append(out, " HTTP/1.1\r\nHost: "...)
	switch {
	case u.host != "":
		out = append(out, u.host...)
	case u.keep && len(o.host) > 0:
		out = append(out, o.host...)
	default:
		out = append(out, b.host...)
	}
	out = append(out, '\r', '\n')
	out, ok := o.appendClients(out, u)
	if !ok {
		return false
	}
	out = append(out, u.headers.lines...)
	out = o.appendOurs(out, u)
	if b.alone(x.tour.now) {
		out = append(out, "Connection: close\r\n"...)
	}
	x.out = append(out, '\r', '\n')
	return true
}

// appendClients writes the client's own end-to-end headers, in their order and
// spelling.
func (o *outgoing) appendClients(out []byte, u *upstream) ([]byte, bool) {
	lines, ok := readLines(o.headers, o.lines)
	o.lines = lines
	if !ok {
		return out, false
	}
	nominated := o.nominated[:0]
	for i := range lines {
		if l := &lines[i]; len(l.name) == len("connection") && equalFold(l.name, "connection") {
			if nominated, ok = nominate(l.value, nominated); !ok {
				return out, false
			}
		}
	}
	for i := range lines {
		l := &lines[i]
		if o.mayCross(l.name, u, nominated) {
			out = append(out, l.name...)
			out = append(out, ": "...)
			out = append(out, l.value...)
			out = append(out, '\r', '\n')
		}
	}
	return out, true
}

// mayCross applies the rules of outward, of the route and of the upstream's own
// headers to one name. What describes the judged body crosses even when it is
// nominated: without its Content-Type the same bytes could be read as another
// kind of body than the one that was judged.
func (o *outgoing) mayCross(name []byte, u *upstream, nominated [][]byte) bool {
	if !o.underscores {
		for _, c := range name {
			if c == '_' {
				return false
			}
		}
	}
	var room foldedName
	folded := room.fold(name)
	switch outward(folded) {
	case crosses:
		return !isNominated(name, nominated) && !u.headers.sets(folded)
	case content:
		return !u.headers.sets(folded)
	case credential:
		return o.credentials && !isNominated(name, nominated) && !u.headers.sets(folded)
	case naming:
		return (o.credentials || !o.signed) && !isNominated(name, nominated) && !u.headers.sets(folded)
	}
	return false
}

// appendOurs writes what only tollgate may say.
func (o *outgoing) appendOurs(out []byte, u *upstream) []byte {
	if o.user != "" {
		out = appendField(out, "X-Tollgate-User", o.user)
	} else {
		out = appendField(out, "X-Tollgate-Token", o.handle)
	}
	out = appendField(out, "X-Tollgate-Merchant", o.merchant)
	out = appendField(out, "X-Tollgate-Environment", o.environment)
	out = appendField(out, "X-Request-Id", o.requestID)
	if len(o.clientID) > 0 {
		out = appendField(out, "X-Client-Request-Id", o.clientID)
	}
	out = append(out, "X-Forwarded-For: "...)
	if o.client.IsValid() {
		out = o.client.AppendTo(out)
	} else {
		out = append(out, "unknown"...)
	}
	out = append(out, "\r\nX-Forwarded-Proto: http"...)
	if o.secure {
		out = append(out, 's')
	}
	out = append(out, '\r', '\n')
	if len(o.host) > 0 {
		out = appendField(out, "X-Forwarded-Host", o.host)
	}
	if u.signer != nil {
		out = u.signer.append(out, o)
	}
	if len(o.body) > 0 || expectsBody(o.method) {
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, int64(len(o.body)), 10)
		out = append(out, '\r', '\n')
	}
	return out
}

// expectsBody are the methods whose requests say so when they have no body
// (RFC 9110 §8.6).
func expectsBody(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}
