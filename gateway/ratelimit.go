package gateway

import (
	"strconv"
	"time"

	"tollgate/policy"
	"tollgate/policy/token"
)

// The fields that tell a client what is left of its rate and its quotas
// (draft-ietf-httpapi-ratelimit-headers-10): RateLimit-Policy says how much
// there is (q) in a window of seconds (w), RateLimit how much is left of it (r)
// and after how many seconds there is more (t).
//
// Our rate fills a bucket all the time and has no windows. Where the burst is
// larger than the count it is told as the burst in the time that the bucket
// takes to fill, else as the count in its unit; r is what the bucket holds, so it
// can be less than q, and who spends r and then waits t is never refused.

// window is one policy and what is left of it.
type window struct {
	quota, length int64 // 0: there is no such policy
	left, more    int64
}

// windows are those of a token and its parent; of two of a kind the one that
// binds.
type windows struct{ rate, day, month window }

// bind takes w where less is left of it, or for longer.
func (old *window) bind(w window) {
	if old.quota == 0 || w.left < old.left || w.left == old.left && w.more > old.more {
		*old = w
	}
}

// tellsLimits reports whether the answer tells what is left: ours do where the
// token is under a rate or a quota.
func (p *passage) tellsLimits() bool {
	rates := &p.snapshot.rates
	if !rates.told || p.principal == nil || p.principal.Kind == token.KindMAC && !p.proven { // not to who only claims it
		return false
	}
	for l := p.principal.Live; l != nil; l = l.Parent {
		if rates.rateOf(l).Per != 0 || rates.quotaOf(l) != (policy.Quota{}) {
			return true
		}
	}
	return false
}

// windowsOf are what a token is under, as things stand.
func (g *Gateway) windowsOf(rates *rates, live *token.Live, now time.Time) (w windows) {
	at := token.At(now)
	for l := live; l != nil; l = l.Parent {
		if rate := rates.rateOf(l); rate.Per != 0 {
			w.rate.bind(g.permits.window(l, rate, now))
		}
		q := rates.quotaOf(l)
		day, month, known := g.tally.peek(l.Handle, at)
		if q == (policy.Quota{}) || !known {
			continue
		}
		if q.Day > 0 {
			w.day.bind(windowOf(q.Day, day, token.DayOf(at), at))
		}
		if q.Month > 0 {
			w.month.bind(windowOf(q.Month, month, token.MonthOf(at), at))
		}
	}
	return w
}

func (s *permits) window(l *token.Live, rate policy.Rate, now time.Time) window {
	left, more := s.tokens.remaining(bucketOf(l), rate, now)
	w := window{int64(rate.Count), int64(seconds(rate.Per)), int64(left), int64(seconds(more))}
	if rate.Burst > rate.Count {
		w.quota, w.length = int64(rate.Burst), int64(seconds(rate.Per*time.Duration(rate.Burst)/time.Duration(rate.Count)))
	}
	return w
}

func windowOf(quota, used int64, period token.Period, at token.Instant) window {
	ends := period.Ends().Time()
	begins := ends.AddDate(0, 0, -1)
	if period == token.MonthOf(at) {
		begins = ends.AddDate(0, -1, 0)
	}
	return window{quota, int64(ends.Sub(begins) / time.Second), max(quota-used, 0), int64(seconds(ends.Sub(at.Time())))}
}

// tellLimits writes both fields into the answer, over whatever was there.
func (p *passage) tellLimits(now time.Time) {
	w := p.gateway.windowsOf(&p.snapshot.rates, p.principal.Live, now)
	b := w.append(p.line[:0], func(b []byte, v *window) []byte { return appendParameters(b, ";q=", v.quota, ";w=", v.length) })
	end := len(b)
	b = w.append(b, func(b []byte, v *window) []byte { return appendParameters(b, ";r=", v.left, ";t=", v.more) })
	if end > 0 {
		h := &p.ctx.Response.Header
		h.DisableNormalizing()
		h.SetBytesV("RateLimit-Policy", b[:end])
		h.SetBytesV("RateLimit", b[end:])
		h.EnableNormalizing()
	}
	p.line = b[:0]
}

// append writes a list of structured-field items (RFC 9651), one a policy.
func (w *windows) append(b []byte, parameters func([]byte, *window) []byte) []byte {
	start := len(b)
	for _, item := range [...]struct {
		name string
		*window
	}{{`"token"`, &w.rate}, {`"day"`, &w.day}, {`"month"`, &w.month}} {
		if item.quota == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, ", "...)
		}
		b = parameters(append(b, item.name...), item.window)
	}
	return b
}

func appendParameters(b []byte, first string, x int64, second string, y int64) []byte {
	b = strconv.AppendInt(append(b, first...), x, 10)
	return strconv.AppendInt(append(b, second...), y, 10)
}
