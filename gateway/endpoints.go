package gateway

import (
	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// maxOwnBody bounds a body on our own paths: forms and small JSON, which anyone
// may send before being known.
const maxOwnBody = 8 << 10

// ownEndpoint is a path that tollgate answers itself.
type ownEndpoint struct {
	path     string
	endpoint Endpoint
	issues   bool   // hands out access tokens
	judges   bool   // tells something by a credential: no verdict, no answer
	route    *route // set for the card of Plan.Whoami, which is judged like a route
	meters   *routeMeters
}

// ownEndpoints are those of the plan and the two that are always there. The
// pattern syntax is not for them: their paths are literal.
func (g *Gateway) ownEndpoints(plan *Plan) []*ownEndpoint {
	own := []*ownEndpoint{
		{path: "/-/healthz", endpoint: health{}},
		{path: "/-/readyz", endpoint: health{g}},
	}
	for _, e := range plan.Endpoints {
		own = append(own, &ownEndpoint{path: e.Path, endpoint: e.Endpoint, issues: e.Issues, judges: e.Judges || e.Issues})
	}
	return own
}

// health answers load balancers and container platforms.
type health struct{ gateway *Gateway } // nil: alive is enough

// Serve says ok, or 503 where readiness is asked for and not there.
func (h health) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	resp.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	resp.Header.SetContentType("text/plain; charset=utf-8")
	switch {
	case !req.Header.IsGet() && !req.Header.IsHead():
		resp.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		resp.SetStatusCode(fasthttp.StatusMethodNotAllowed)
		v.Reason = token.MethodNotRouted
	case h.gateway != nil && !h.gateway.Ready():
		resp.SetStatusCode(fasthttp.StatusServiceUnavailable)
		resp.SetBodyString("not ready\n")
	default:
		resp.SetBodyString("ok\n")
	}
}

// serveOwn lets one of our own endpoints answer. A reason other than Allowed is
// why the edge already refuses: the endpoint only words it, and the body was not
// read.
func (p *passage) serveOwn(refused token.Reason) {
	if refused == token.Allowed && p.own.judges {
		refused = p.admitOwn()
	}
	p.fillVisit(refused)
	if p.own.judges {
		p.visit.Permit = p.permitIssue
	}
	p.own.endpoint.Serve(&p.ctx.Request, &p.ctx.Response, &p.visit)
	p.record.reason = p.visit.Reason
}

// admitOwn judges what an endpoint of our own cannot: whether verdicts may be
// given, and the rate of the address, which bounds what a client may make of
// them that is refused.
func (p *passage) admitOwn() token.Reason {
	if p.gateway.stale() {
		return token.CannotDecide
	}
	rate := p.snapshot.rates.perIP
	if rate.Per == 0 {
		return token.Allowed
	}
	return p.waits(p.gateway.permits.addresses.take(p.source.Throttle(), rate, p.now))
}

// permitIssue takes a permit to hand something out to a token: as often as it
// may make requests, and counted apart from them, so that neither who uses up
// the one keeps it from the other.
func (p *passage) permitIssue(l *token.Live) token.Reason {
	r := p.waits(p.gateway.permits.takeIssue(&p.snapshot.rates, l, p.now))
	p.visit.RetryIn = p.retryIn
	return r
}

// serveWhoami lets the caller read its own card.
func (p *passage) serveWhoami() {
	p.fillVisit(token.Allowed)
	p.visit.Remaining = p.gateway.permits.remaining(&p.snapshot.rates, p.principal.Live, p.now)
	p.gateway.options.Whoami.Answer(&p.ctx.Response, p.principal, &p.visit)
	p.record.reason = p.visit.Reason
}

func (p *passage) fillVisit(reason token.Reason) {
	p.visit = token.Visit{
		Source:    p.source,
		RequestID: string(p.requestID[:]),
		NowMicros: token.At(p.now),
		Reason:    reason,
		RetryIn:   p.retryIn,
	}
}
