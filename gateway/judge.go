package gateway

import (
	"github.com/valyala/fasthttp"

	"tollgate/policy"
	"tollgate/policy/token"
)

// handle is the life of one request whose body, if any, has been read. Each
// line is one or more rows of the order of checks (policies.md §3); the first
// that refuses answers.
//
// A request with a body has been judged once before, by its headers alone (see
// header.go): it is judged again here, from the start, because only here the
// client's address is known, and because nothing that was decided earlier need
// then be carried along and trusted.
func (g *Gateway) handle(ctx *fasthttp.RequestCtx) {
	p := g.begin(ctx)
	defer p.finish()
	switch {
	case p.refuses(p.admit()): // rows 1 and 2
	case p.own != nil:
		p.serveOwn(token.Allowed)
	case p.refuses(p.identify(&p.source)): // rows 3 to 6
	case p.refuses(p.bounds(&p.source)): // rows 7 to 10
	case p.refuses(p.prove()): // row 5 again, of a request that is signed whole
	case p.refuses(p.subject()): // rows 11 to 14
	case p.refuses(g.makeRoom(p)): // row 6 again, of the answer
	case p.refuses(p.permit()): // row 15
	case p.route.whoami:
		p.serveWhoami()
	case p.refuses(p.spend()): // row 5 again, of parameters that count once
	case p.refuses(g.forward(p)): // row 16
	}
}

// admit judges rows 1 and 2: the request is unambiguous HTTP within the limits,
// and it leads somewhere.
func (p *passage) admit() token.Reason {
	if p.conn != nil && !p.conn.opening.plain() {
		return token.MalformedRequest
	}
	h := p.header
	line := requestLine{method: h.Method(), http11: h.IsHTTP11()}
	if !line.http11 && string(h.Protocol()) != "HTTP/1.0" {
		return token.VersionUnsupported
	}
	if p.method = methodOf(line.method); p.method == methodUnknown {
		return token.MethodNotImplemented
	}
	r := p.scan(line)
	if r != token.Allowed {
		return r
	}
	if r, p.decoded = p.target.judge(h.RequestURI(), p.decoded); r != token.Allowed {
		return r
	}
	if p.peer.IsValid() && (p.conn == nil || !p.conn.nameless) {
		shown := p.source.ClientCert
		p.source = p.snapshot.peers.source(p.peer, &p.head)
		p.source.ClientCert = shown
		if p.conn != nil { // not in Explain, nor in the header phase
			p.gateway.suspects.see(p)
		}
	}
	found, r := p.snapshot.table.find(p.head.host, p.target.decoded, p.method, &p.lookup)
	p.leaf = found.leaf
	if r != token.Allowed {
		return r
	}
	if found.leaf.own != nil {
		p.own = found.leaf.own
	} else {
		p.take(found.route)
	}
	return p.frame()
}

// scan reads the header block, unless the header phase has read these very bytes
// of this request and let them pass.
func (p *passage) scan(line requestLine) token.Reason {
	if p.cargo != nil && !p.unread && p.cargo.finding.take(p) {
		return token.Allowed
	}
	return p.head.scan(p.header.RawHeaders(), line, p.snapshot.peers.header)
}

// take settles on a route.
func (p *passage) take(r *route) {
	p.route = r
	p.dialect = r.dialects[0]
	p.params = p.params[:0]
	for i, name := range r.names {
		p.params = append(p.params, param(name, p.lookup.values[i]))
	}
}

// frame judges what of row 1 depends on where the request goes: a signature that
// could cross unseen is refused, chunked framing is taken only where it is asked
// for, and its trailers nowhere.
func (p *passage) frame() token.Reason {
	if r := p.route; r != nil && !r.signed && !r.forwardCredentials && hidesSignature(p.target.query) {
		return token.MalformedRequest
	}
	if !p.head.chunked {
		return token.Allowed
	}
	if p.route == nil || !p.route.allowChunked {
		return token.LengthRequired
	}
	if len(p.header.PeekTrailerKeys()) > 0 {
		return token.MalformedRequest
	}
	return token.Allowed
}

// maxBody is how many bytes of a body are read before it is refused.
func (p *passage) maxBody() int {
	if p.own != nil {
		return maxOwnBody
	}
	return p.route.maxBody
}

// identify judges rows 3 to 6: who it is. A nil source is the header phase.
func (p *passage) identify(src *token.Source) token.Reason {
	if r := p.present(); r != token.Allowed {
		return r
	}
	if p.gateway.stale() {
		return token.CannotDecide
	}
	principal, r := p.gateway.options.Verifier.Verify(&p.presented, src, p.now)
	p.principal = principal
	if r == token.Allowed && principal == nil {
		panic("BUG: gateway: a verifier allowed nobody")
	}
	return r
}

// bounds judges rows 7 to 10, in that order where the address is known. Of the
// header phase, where it is not, row 8 is left out.
func (p *passage) bounds(src *token.Source) token.Reason {
	asked, ok := environmentOf(p.head.environment)
	p.judged = policy.Case{
		Principal:   p.principal,
		Route:       &p.route.rule,
		Now:         token.At(p.now),
		HTTPMethod:  p.method.String(),
		Environment: asked,
	}
	if !ok { // an environment that nobody has
		if p.trace != nil {
			p.trace.Checks = append(p.trace.Checks, policy.Check{Row: 7, Name: "environment", Detail: "X-Environment asks for one that does not exist"})
		}
		return token.EnvironmentMismatch
	}
	v := policy.Head(&p.judged, p.trace)
	if src != nil && (v.Allowed || v.Reason.Row() > 8) {
		p.judged.Source = *src
		if at := policy.Address(&p.judged, p.trace); !at.Allowed {
			v = at
		}
	}
	return p.settle(v)
}

// subject judges rows 11 to 14: what the request is about.
func (p *passage) subject() token.Reason {
	if program := p.route.facts; program != nil {
		if r := p.readSigned(); r != token.Allowed {
			return r
		}
		p.input.Header, p.input.Query, p.input.Body = p.header, p.target.query, p.body
		p.input.Params, p.input.Own = p.params, p.principal.Live
		p.judged.FactsReason = program.Read(&p.input, &p.facts)
		p.judged.Facts = &p.facts
	}
	return p.settle(policy.Subject(&p.judged, p.trace))
}

// settle keeps a verdict together with the one before it.
func (p *passage) settle(v policy.Verdict) token.Reason {
	p.verdict = p.verdict.Then(v)
	p.record.wouldDeny = p.verdict.WouldDeny
	if !v.Allowed {
		return v.Reason
	}
	return token.Allowed
}

// environmentOf reads X-Environment: the words of the envelope dialect or our
// own, whatever their case. ok is false for any other word.
func environmentOf(value []byte) (e token.Environment, ok bool) {
	switch {
	case len(value) == 0:
		return token.EnvAny, true
	case equalFold(value, "production"), equalFold(value, "live"):
		return token.EnvLive, true
	case equalFold(value, "sandbox"), equalFold(value, "test"):
		return token.EnvTest, true
	}
	return token.EnvAny, false
}
