package gateway

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tollgate/policy/token"
)

// refuses reports whether reason refuses the request, and if so answers it. It
// is the one place where a proxied request is told no.
func (p *passage) refuses(reason token.Reason) bool {
	if reason == token.Allowed {
		return false
	}
	p.record.reason = reason
	resp := &p.ctx.Response
	skip := resp.SkipBody
	resp.Reset()
	resp.SkipBody = skip
	p.fillRefusal(reason)
	p.refuser(reason).Refuse(resp, &p.refusal)
	if p.unread || reason.Row() == 1 {
		resp.SetConnectionClose() // what follows on the wire need not be a request
	}
	return true
}

// refuser is who words a reason: the dialect that was spoken, or the first of
// the route; for rows 1 and 2, and where no route is known, none of them.
func (p *passage) refuser(reason token.Reason) Refuser {
	if p.dialect == nil || reason.Row() == 2 || reason.Row() == 1 && reason != token.BodyTooLarge {
		return p.gateway.options.Problem
	}
	return p.dialect
}

// fillRefusal gathers what a dialect may tell the caller. Refusals may cost an
// allocation or two; none of what is gathered is a secret.
func (p *passage) fillRefusal(reason token.Reason) {
	r := &p.refusal
	*r = token.Refusal{
		Reason:    reason,
		RequestID: string(p.requestID[:]),
		Presented: p.presented.Dialect != "",
		RetryIn:   p.retryIn,
	}
	switch reason {
	case token.MethodNotRouted:
		r.Allow = p.leaf.allow
	case token.IPNotAllowed:
		if p.source.Unknown {
			r.Detail = "The address of the client could not be told; a proxy in front left an unreadable one."
		} else {
			r.ClientIP = p.source.Addr.String()
		}
	case token.BodyAmbiguous, token.BodyUnsupported:
		r.Detail = p.input.Detail
	case token.CountryNotAllowed, token.OperatorNotAllowed, token.PaymentMethodNotAllowed:
		r.Country, r.Operator, r.Method = shown(p.verdict.Country), shown(p.verdict.Operator), shown(p.verdict.Method)
	case token.PhoneNotAllowed:
		r.Phone = token.MaskPhone(string(p.verdict.Phone))
	}
}

// shown is a client's own word in the answer to it, cut, and without what can be
// told to be a secret or somebody's number: answers end up in the logs of whoever
// stands between.
func shown(word []byte) string { return token.Redact(string(word[:min(len(word), maxLoggedWord)])) }

// crash answers a request whose handling panicked. The process lives on, the
// connection does not.
func (p *passage) crash(fault any) {
	p.gateway.crashed(fault)
	p.ctx.Response.Reset()
	p.unread = true
	p.dialect = nil
	p.refuses(token.InternalError)
}

// crashed counts and logs a panic. The log gets the place and, where it cannot
// hold a request's text, the words of the panic: those of the Go runtime are
// numbers and types, and ours begin with BUG.
func (g *Gateway) crashed(fault any) {
	words := "left out: it could quote a request"
	switch f := fault.(type) {
	case runtime.Error:
		words = f.Error()
	case string:
		if strings.HasPrefix(f, "BUG:") {
			words = f
		}
	}
	g.meters.panics.Inc()
	g.options.Logger.Error("recovered from a panic",
		zap.String("panic", words), zap.ByteString("stack", debug.Stack()))
}

// lastResort is around everything the server calls: a panic in the answering of
// a panic ends the connection, not the process.
func (g *Gateway) lastResort(ctx *fasthttp.RequestCtx) {
	if fault := recover(); fault != nil {
		g.crashed(fault)
		ctx.Response.Reset()
		ctx.Response.SetStatusCode(fasthttp.StatusInternalServerError)
		ctx.Response.SetConnectionClose()
	}
}
