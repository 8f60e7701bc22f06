package gateway

import (
	"time"

	"tollgate/policy"
	"tollgate/policy/token"
)

// permit takes the permits of row 15 and one request of each quota: all of them
// or, where one is not there, none.
func (p *passage) permit() token.Reason {
	g, rates, live := p.gateway, &p.snapshot.rates, p.principal.Live
	if r := p.waits(g.permits.empty(rates, live, &p.source, p.now)); r != token.Allowed {
		return r
	}
	if r := p.useQuotas(live); r != token.Allowed {
		return r
	}
	r := p.waits(g.permits.take(rates, live, &p.source, p.now))
	if r != token.Allowed { // another request was faster
		p.unuseQuotas(live, nil)
	}
	p.counted = r == token.Allowed
	return r
}

// hasPermit looks whether they are there and takes none. A quota of which
// nothing is in memory is taken for one that has something left.
func (p *passage) hasPermit(src *token.Source) token.Reason {
	rates := &p.snapshot.rates
	if r := p.waits(p.gateway.permits.empty(rates, p.principal.Live, src, p.now)); r != token.Allowed {
		return r
	}
	for l := p.principal.Live; l != nil; l = l.Parent {
		if q := p.quotaOf(l); q != (policy.Quota{}) {
			if day, month, known := p.gateway.tally.peek(l.Handle, token.At(p.now)); known {
				if r := p.ends(overdrawn(q, day, month, token.At(p.now))); r != token.Allowed {
					return r
				}
			}
		}
	}
	return token.Allowed
}

// useQuotas counts the request for its token and for the token's parent.
func (p *passage) useQuotas(live *token.Live) token.Reason {
	for l := live; l != nil; l = l.Parent {
		q := p.quotaOf(l)
		if q == (policy.Quota{}) {
			continue
		}
		until, known := p.gateway.tally.take(l.Handle, q, token.At(p.now))
		r := p.ends(until)
		if !known {
			r = token.CannotDecide
		}
		if r != token.Allowed {
			p.unuseQuotas(live, l)
			return r
		}
	}
	return token.Allowed
}

// unuseQuotas takes the request back from those before end.
func (p *passage) unuseQuotas(live, end *token.Live) {
	for l := live; l != end; l = l.Parent {
		if p.quotaOf(l) != (policy.Quota{}) {
			p.gateway.tally.untake(l.Handle, token.At(p.now))
		}
	}
}

// quotaOf is the quota that the request counts against. To look at one's own
// card counts against none (details.md, "Whoami").
func (p *passage) quotaOf(l *token.Live) policy.Quota {
	if p.route.whoami {
		return policy.Quota{}
	}
	return p.snapshot.rates.quotaOf(l)
}

// refund takes the request back from the quotas where no upstream got a byte of
// it: a merchant must not lose its day to an upstream that is down, to our own
// lack of room, or to somebody who sends its signed parameters again. The
// permits of the rates are spent: they bound how often that can be tried.
func (p *passage) refund() {
	if p.counted && p.record.reason != token.Allowed && !p.record.sent {
		p.unuseQuotas(p.principal.Live, nil)
	}
}

func (p *passage) waits(wait time.Duration) token.Reason {
	if wait <= 0 {
		return token.Allowed
	}
	p.retryIn = seconds(wait)
	return token.RateLimited
}

// maxRetryIn bounds what a client is told to wait for a quota: it may have been
// given another by then.
const maxRetryIn = 24 * time.Hour

// ends refuses where a quota is used up until some time.
func (p *passage) ends(until token.Instant) token.Reason {
	if until == 0 {
		return token.Allowed
	}
	p.retryIn = seconds(min(until.Time().Sub(p.now), maxRetryIn))
	return token.QuotaExceeded
}

// seconds rounds up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
