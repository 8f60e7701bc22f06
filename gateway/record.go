package gateway

import (
	"net"
	"time"

	"tollgate/policy/token"
)

// finish ends every request, whichever way it went: it recovers what panicked,
// gives the answer its id, writes the one event and counts it, and empties the
// passage. It is deferred by whoever called begin.
func (p *passage) finish() {
	if fault := recover(); fault != nil {
		p.crash(fault)
	}
	g := p.gateway
	if p.parcel != nil {
		p.parcel.free()
		p.parcel = nil
	}
	p.refund()
	resp := &p.ctx.Response
	resp.Header.SetBytesV("X-Request-Id", p.requestID[:])
	now := g.options.Now()
	if p.counted || p.record.reason == token.RateLimited || p.record.reason == token.QuotaExceeded {
		if p.tellsLimits() {
			p.tellLimits(now)
		}
	}
	if g.draining.Load() {
		resp.SetConnectionClose() // so that no client is about to reuse it when the listeners close
	}
	if p.head.chunked {
		resp.SetConnectionClose() // where its body ended is the lenient reader's word alone
	}
	if p.conn != nil {
		if p.unread || resp.ConnectionClose() {
			p.conn.lingers.Store(true)
		}
		if !p.unread { // else nothing follows, and the reader's buffer may be another connection's already
			p.conn.opening.next(len(p.header.RawHeaders()), len(p.body))
		}
	}
	p.record.status = resp.StatusCode()
	p.record.bytesIn = int64(len(p.header.RequestURI()) + len(p.header.RawHeaders()) + len(p.body))
	p.boundWrite()
	if resp.IsBodyStream() {
		p.record.bytesOut = int64(max(resp.Header.ContentLength(), 0)) // what is announced; 0 where nothing is
	} else if p.record.bytesOut == 0 {
		p.record.bytesOut = int64(len(resp.Body()))
	}
	took := now.Sub(p.now)
	p.count(took)
	if g.accessLog != nil && !p.snapshot.quiet {
		p.line = p.appendLine(p.line[:0], took)
		g.accessLog.write(p.line)
	}
	p.ctx.Request.ReleaseBody(keptBody)
	if p.cargo != nil {
		p.cargo.unloadBody()
	}
	p.release()
}

// outcome is the log's and the metrics' one word for how the request ended.
func (p *passage) outcome() token.Outcome {
	if p.record.reason == token.Allowed && p.record.wouldDeny != token.Allowed {
		return token.OutcomeWouldDeny
	}
	return p.record.reason.Outcome()
}

// exact is the reason that is counted and logged: what would have refused, where
// monitor mode let it pass.
func (p *passage) exact() token.Reason {
	if p.record.reason == token.Allowed {
		return p.record.wouldDeny
	}
	return p.record.reason
}

// label is the route's word in the log and the metrics; "" where none matched.
func (p *passage) label() string {
	switch {
	case p.route != nil:
		return p.route.label
	case p.own != nil:
		return p.own.path
	}
	return ""
}

// dialectName is the dialect that was spoken; "" while none was.
func (p *passage) dialectName() string {
	switch {
	case p.visit.Dialect != "":
		return p.visit.Dialect
	case p.presented.Dialect != "" && p.dialect != nil:
		return p.dialect.Name()
	}
	return ""
}

// caller is whose request it was, as far as it is known. claimed is the handle
// that a well-formed but unproven key or signature names: for the log, never for
// trust.
func (p *passage) caller() (handle token.Handle, merchant string, environment token.Environment, claimed []byte) {
	switch {
	case p.principal != nil && p.principal.Kind == token.KindMAC && !p.proven:
		return "", "", token.EnvAny, []byte(p.principal.Live.Handle.ID())
	case p.principal != nil:
		live := p.principal.Live
		return live.Handle, live.Merchant, live.Environment, nil
	case p.visit.Handle != "":
		return p.visit.Handle, p.visit.Merchant, token.EnvAny, nil
	}
	if p.presented.Kind == token.KindKey {
		if s, ok := token.Parse(p.presented.Secret); ok {
			return "", "", token.EnvAny, s.ID
		}
	}
	return "", "", token.EnvAny, nil
}

// guarded finds the counted connection under what the server calls one.
func guarded(c net.Conn) *guardedConn {
	switch c := c.(type) {
	case *guardedConn:
		return c
	case *guardedTLSConn:
		return c.guardedConn
	}
	return nil
}

// appendTime appends an RFC 3339 time in UTC with microseconds.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
}
