package gateway

import (
	"net"
	"time"
)

// lastWord is how long an answer may take to be written although the total time
// of its request is up: whoever waited so long is at least told so.
const lastWord = time.Second

// bodyTimeout is how long the request's body may take.
func (p *passage) bodyTimeout() time.Duration {
	limit := p.snapshot.limits.ReadBodyTimeout
	if p.route == nil {
		return limit
	}
	if p.route.bodyTimeout > 0 {
		limit = p.route.bodyTimeout
	}
	if total := p.route.totalTimeout; total > 0 {
		limit = min(limit, total)
	}
	return limit
}

// within is end, or when the total time of a request that began then is up.
func (r *route) within(began, end time.Time) time.Time {
	if up := began.Add(r.totalTimeout); r.totalTimeout > 0 && up.Before(end) {
		return up
	}
	return end
}

// boundWrite sets until when the answer must be written, where the server itself
// does not know: on routes with times of their own, for the first part of a
// streamed answer, and where a request could not be read, for which the library
// sets no deadline at all and may leave one that has long passed.
func (p *passage) boundWrite() {
	limit, r := p.snapshot.limits.WriteTimeout, p.route
	own := r != nil && (r.writeTimeout > 0 || r.totalTimeout > 0)
	if !own && !p.unread && !p.ctx.Response.IsBodyStream() {
		return
	}
	now := time.Now()
	end := now.Add(limit)
	if own {
		if r.writeTimeout > 0 {
			end = now.Add(r.writeTimeout)
		}
		if p.began.IsZero() {
			p.began = now
		}
		if up := r.within(p.began, end); up.Before(end) {
			end = up
			if soon := now.Add(min(limit, lastWord)); end.Before(soon) {
				end = soon
			}
		}
	}
	_ = p.ctx.SetWriteDeadline(end) // an error: the connection is gone
}

// pace moves the deadline for writing along while a streamed answer is taken: as
// a whole it is bounded by its upstream's time, and each part by the write
// timeout. The zero pace moves nothing.
type pace struct {
	conn  net.Conn
	each  time.Duration
	until time.Time // of the route's total time; zero: none
	moved time.Time
}

// paceOf is the pace of the passage's answer; on a route with a write timeout of
// its own, that is for all of it.
func (p *passage) paceOf() pace {
	if p.snapshot == nil || p.route.writeTimeout > 0 {
		return pace{}
	}
	s := pace{conn: p.ctx.Conn(), each: p.snapshot.limits.WriteTimeout}
	if p.route.totalTimeout > 0 {
		s.until = p.began.Add(p.route.totalTimeout)
	}
	return s
}

// renew grants the next part its time. It is called between two writes.
func (s *pace) renew() {
	if s.conn == nil {
		return
	}
	now := time.Now()
	if now.Sub(s.moved) < s.each/8 {
		return
	}
	s.moved = now
	end := now.Add(s.each)
	if !s.until.IsZero() && s.until.Before(end) {
		end = s.until
	}
	_ = s.conn.SetWriteDeadline(end) // an error: the connection is gone
}
