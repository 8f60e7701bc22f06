package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"tollgate/policy"
	"tollgate/policy/token"
)

// ExplainRequest is a request that nobody made, and whose it would be: a
// principal's, or whoever's the credential proves, or, with neither, whoever's
// the headers present.
type ExplainRequest struct {
	Method     string
	Host       string // "": one whose routes match the rest
	Path       string // with its query
	Headers    []HeaderField
	Body       []byte
	ClientIP   netip.Addr   // the zero address: not told, so that a token with IP ranges is refused
	ClientCert token.Digest // of the client certificate it comes with; the zero digest: none
	Principal  *token.Principal
	Credential []byte
}

// HeaderField is one header of a request to be explained.
type HeaderField struct{ Name, Value string }

// Explanation is what would have happened to a request.
type Explanation struct {
	Allowed   bool
	Reason    token.Reason
	WouldDeny token.Reason     // monitor mode: what enforcement would have said
	Status    int              // of our own answer; 200 where the request would be forwarded
	Principal *token.Principal // whose it was; nil where that could not be told
	Checks    []policy.Check   // in the order of the rows, up to the one that refused
}

// Explain walks a request through the very steps that judge traffic, and tells
// what each of them said. Nothing is forwarded, counted, remembered or logged,
// and the credential and the body are the caller's again when it returns. The
// error means that nothing could be told.
func (g *Gateway) Explain(ctx context.Context, r ExplainRequest) (e Explanation, err error) {
	if err := ctx.Err(); err != nil {
		return e, err
	}
	if g.current.Load() == nil {
		return e, errors.New("gateway: Explain before Apply: there is no route yet")
	}
	x := explainer{passage: g.acquire(), request: &r}
	defer func() {
		if fault := recover(); fault != nil {
			g.crashed(fault)
			err = errors.New("gateway: the request could not be explained; the log has the reason")
		}
		x.passage.release()
	}()
	reason := x.walk()
	e.Reason, e.WouldDeny, e.Principal = reason, x.passage.record.wouldDeny, x.passage.principal
	e.Allowed = reason == token.Allowed
	e.Status = x.status(reason)
	e.Checks = x.checks(reason)
	return e, nil
}

// checks are those of the trace in the order of the rows, up to the one that
// refused: the headers' rows are looked at before the address's.
func (x *explainer) checks(reason token.Reason) []policy.Check {
	list := x.trace.Checks
	slices.SortStableFunc(list, func(a, b policy.Check) int { return a.Row - b.Row })
	row := reason.Row()
	if reason == token.BodyTooLarge {
		row = 11
	}
	end := slices.IndexFunc(list, func(c policy.Check) bool { return !c.Passed && c.Row == row })
	if reason == token.Allowed || end < 0 {
		return list
	}
	return list[:end+1]
}

// explainer is the walk of handle with a trace and without its effects.
type explainer struct {
	passage *passage
	request *ExplainRequest
	trace   policy.Trace
	header  fasthttp.RequestHeader
}

func (x *explainer) walk() token.Reason {
	p := x.passage
	p.trace = &x.trace
	p.header, p.body = &x.header, x.request.Body
	p.source = token.Source{Peer: x.request.ClientIP, Addr: x.request.ClientIP, Unknown: !x.request.ClientIP.IsValid(), ClientCert: x.request.ClientCert}
	if r := x.note(1, "http", x.compose(), ""); r != token.Allowed {
		return r
	}
	if r := x.admit(); r != token.Allowed || p.own != nil {
		return r
	}
	if r := x.identify(); r != token.Allowed {
		return r
	}
	if r := p.bounds(&p.source); r != token.Allowed {
		return r
	}
	if len(p.body) > p.maxBody() {
		return x.note(11, "body", token.BodyTooLarge, "the body is larger than the "+strconv.Itoa(p.maxBody())+" bytes of the route")
	}
	if r := x.prove(); r != token.Allowed {
		return r
	}
	if r := p.subject(); r != token.Allowed {
		return r
	}
	if r := x.note(15, "rate", p.waits(p.gateway.permits.empty(&p.snapshot.rates, p.principal.Live, &p.source, p.now)), ""); r != token.Allowed {
		return r
	}
	return x.quota()
}

// quota looks at what is left of the quotas, and counts nothing.
func (x *explainer) quota() token.Reason {
	p := x.passage
	for l := p.principal.Live; l != nil; l = l.Parent {
		q := p.quotaOf(l)
		if q == (policy.Quota{}) {
			continue
		}
		day, month, known := p.gateway.tally.ask(l.Handle, token.At(p.now))
		if !known {
			return x.note(6, "decidable", token.CannotDecide, "what was used of the quota cannot be known just now")
		}
		detail := "of " + q.String() + " used: " + strconv.FormatInt(day, 10) + " today, " + strconv.FormatInt(month, 10) + " this month"
		if r := x.note(15, "quota", p.ends(overdrawn(q, day, month, token.At(p.now))), detail); r != token.Allowed {
			return r
		}
	}
	return token.Allowed
}

// note adds a check of the gateway's own rows to the trace.
func (x *explainer) note(row int, name string, r token.Reason, detail string) token.Reason {
	if detail == "" && r != token.Allowed {
		detail = r.Code()
	}
	x.trace.Checks = append(x.trace.Checks, policy.Check{Row: row, Name: name, Passed: r == token.Allowed, Detail: detail})
	return r
}

func (x *explainer) admit() token.Reason {
	p := x.passage
	r := p.admit()
	if r != token.Allowed && r.Row() != 2 {
		x.trace.Checks[0] = policy.Check{Row: 1, Name: "http", Detail: r.Code()}
		return r
	}
	detail := ""
	switch {
	case p.own != nil:
		detail = "answered by tollgate itself, by the endpoint's own rules"
	case p.route != nil:
		detail = p.route.label
	case r == token.MethodNotRouted:
		detail = p.leaf.host + p.leaf.pattern + " takes " + p.leaf.allow
	}
	return x.note(2, "route", r, detail)
}

// identify is rows 4 to 6, by a verifier that leaves no trace.
func (x *explainer) identify() token.Reason {
	p, r := x.passage, x.request
	now := token.At(p.now)
	reason := token.Allowed
	switch {
	case r.Principal != nil:
		p.principal = r.Principal
		x.presentSigned()
		x.note(4, "credentials", token.Allowed, "judged as the token itself")
		if reason = r.Principal.Standing(now); reason == token.Allowed && r.Principal.Live.Enhanced {
			reason = token.AccessTokenRequired
		}
	case p.gateway.options.Examiner == nil:
		reason = token.CannotDecide
	case r.Credential != nil:
		p.presented = presentedAs(p.route.dialects[0].Name(), r.Credential)
		x.note(4, "credentials", token.Allowed, "judged by the credential given")
		p.principal, reason = p.gateway.options.Examiner.Examine(&p.presented, p.now)
	default:
		if reason = x.note(4, "credentials", p.present(), ""); reason != token.Allowed {
			return reason
		}
		p.principal, reason = p.gateway.options.Examiner.Examine(&p.presented, p.now)
	}
	if p.gateway.stale() {
		reason = token.CannotDecide
	}
	if reason.Row() == 6 {
		return x.note(6, "decidable", reason, "")
	}
	return x.note(5, "token", reason, "")
}

// presentSigned keeps signed parameters of a request that is judged as a token's
// own: they say what it is about. Whose signature they have is not asked.
func (x *explainer) presentSigned() {
	p := x.passage
	first := p.dialect
	if p.present() != token.Allowed || p.presented.Kind != token.KindSigned {
		p.dialect = first
		p.presented.Reset()
	}
}

// prove is row 5 of a request that is signed whole. It records nothing.
func (x *explainer) prove() token.Reason {
	p := x.passage
	if p.presented.Kind != token.KindMAC {
		return token.Allowed
	}
	if p.gateway.options.Signatures == nil {
		return x.note(6, "decidable", token.CannotDecide, "")
	}
	return x.note(5, "signature", p.gateway.options.Signatures.ExamineBody(p.principal, p.signedMessage()), "")
}

// presentedAs takes a bare credential for what its shape says.
func presentedAs(dialect string, secret []byte) token.Presented {
	kind := token.KindNone
	if token.LooksLike(secret, token.KindKey) {
		kind = token.KindKey
	} else if bytes.Count(secret, []byte{'.'}) == 2 {
		kind = token.KindJWT
	}
	return token.Presented{Dialect: dialect, Kind: kind, Secret: secret}
}

// compose writes the request down as it would come over the wire and reads it
// as the server does.
func (x *explainer) compose() token.Reason {
	r := x.request
	host := r.Host
	if host == "" {
		host = x.anyHost()
	}
	var b []byte
	b = append(b, r.Method+" "+r.Path+" HTTP/1.1\r\n"...)
	b = append(b, "Host: "+host+"\r\n"...)
	framed := len(r.Body) == 0
	broken := strings.ContainsAny(r.Method+r.Path+host, " \r\n\x00")
	for _, h := range r.Headers {
		broken = broken || strings.ContainsAny(h.Name+h.Value, "\r\n\x00")
		framed = framed || strings.EqualFold(h.Name, "Content-Length") || strings.EqualFold(h.Name, "Transfer-Encoding")
		b = append(b, h.Name+": "+h.Value+"\r\n"...)
	}
	if !framed {
		b = append(b, "Content-Length: "+strconv.Itoa(len(r.Body))+"\r\n"...)
	}
	b = append(b, "\r\n"...)
	if broken {
		return token.MalformedRequest
	}
	if len(b) > x.passage.snapshot.limits.MaxHeader {
		return token.HeadersTooLarge
	}
	if err := x.header.Read(bufio.NewReaderSize(bytes.NewReader(b), len(b)+1)); err != nil {
		return token.MalformedRequest
	}
	return token.Allowed
}

// anyHost is a host for which the path has a route: one that no route names
// where the routes of every host have it, else the first that has it.
func (x *explainer) anyHost() string {
	const nobodys = "localhost"
	p := x.passage
	t := p.snapshot.table
	path, _, _ := strings.Cut(x.request.Path, "?")
	names := make([]string, 0, len(t.hosts))
	for name := range t.hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range append([]string{nobodys}, names...) {
		if !strings.HasPrefix(path, "/") {
			break
		}
		if _, r := t.find([]byte(name), []byte(path), methodOf([]byte(x.request.Method)), &p.lookup); r != token.NoRoute {
			return name
		}
	}
	return nobodys
}

// status is what the answer would have: the dialect that words it may choose
// its own.
func (x *explainer) status(r token.Reason) int {
	if r == token.Allowed {
		return fasthttp.StatusOK
	}
	var resp fasthttp.Response
	x.passage.fillRefusal(r)
	x.passage.refuser(r).Refuse(&resp, &x.passage.refusal)
	return resp.StatusCode()
}
