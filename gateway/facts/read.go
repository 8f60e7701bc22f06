package facts

import (
	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// Input is one request as Read needs it. It is borrowed for the call.
type Input struct {
	Header *fasthttp.RequestHeader // method and header block
	Query  []byte                  // as it was sent, without the question mark
	Body   []byte                  // whole
	Signed []byte                  // the JSON payload of verified signed parameters; nil: none were sent
	Params []Param                 // the values of the route's path variables
	Own    *token.Live             // the caller's token, for sources that take its own value; nil: has none

	// Detail is set by Read when it refuses: one sentence for the caller that
	// says what is wrong. It quotes nothing of the request.
	Detail string
}

// Param is the value of one variable of a route's path, as it was sent.
type Param struct {
	Name  string
	Value []byte
}

// Read finds the facts of a request and puts them into out, which must have
// been Reset. It answers Allowed, also when facts are missing or disagree:
// package policy judges those against a token. Else the request could be read
// in two ways (BodyAmbiguous), has a body of a type that cannot be judged
// (BodyUnsupported) or names too many parties (BodyTooLarge), and out is empty.
//
// The values in out alias the request and die with it. Read does not allocate
// on an ordinary body, and its time and memory are bounded by the length of the
// request.
func (p *Program) Read(in *Input, out *token.Facts) token.Reason {
	w := p.works.Get().(*work)
	w.scan.program, w.scan.work, w.scan.out = p, w, out
	in.Detail = ""
	reason := w.read(in)
	if reason == token.Allowed && !w.assemble(p, in) {
		reason = w.refusal()
	}
	if reason != token.Allowed {
		out.Reset()
		in.Detail = string(w.scan.fault)
	}
	w.reset()
	p.works.Put(w)
	return reason
}

// read gathers the values of all places of the request.
func (w *work) read(in *Input) token.Reason {
	h := w.header(in.Header)
	if h.fault != "" {
		w.scan.fail(h.fault)
		return w.refusal()
	}
	if !w.path(in.Params) {
		return w.refusal()
	}
	if in.Signed != nil {
		return w.signed(in, &h)
	}
	return w.unsigned(in, &h)
}

// unsigned gathers what the query and the body say.
func (w *work) unsigned(in *Input, h *headerFacts) token.Reason {
	if !w.query(in.Query) {
		return w.refusal()
	}
	return w.body(in, h)
}

// signed gathers what signed parameters say. A value beside them that nobody
// signed is refused, and so is the mere place of one: a reader that looks there
// first would act on it.
func (w *work) signed(in *Input, h *headerFacts) token.Reason {
	if !w.scan.run(in.Signed, w.scan.program.signed) {
		return w.refusal()
	}
	found, hollow := len(w.hits), w.hollow
	w.hollow = 0
	if r := w.unsigned(in, h); r != token.Allowed {
		return r
	}
	if len(w.hits) != found || w.hollow != 0 {
		w.scan.fail(faultUnsigned)
		return w.refusal()
	}
	w.hollow = hollow
	return token.Allowed
}

// body reads the body by what it says it is.
func (w *work) body(in *Input, h *headerFacts) token.Reason {
	if len(in.Body) == 0 {
		if h.media == mediaJSON && w.scan.program.readsJSON && carriesBody(in.Header.Method()) {
			w.scan.fail(faultSyntax) // nothing is no JSON value
			return w.refusal()
		}
		return token.Allowed
	}
	p := w.scan.program
	either := !p.readsJSON && !p.readsForm
	var ok bool
	switch {
	case h.types > 1:
		ok = w.scan.fail(faultTypes)
	case h.encoded:
		w.scan.fail(faultEncoded)
		return token.BodyUnsupported
	case h.media == mediaJSON && (p.readsJSON || either):
		ok = w.scan.run(in.Body, p.json)
	case h.media == mediaForm && (p.readsForm || either):
		ok = w.form(in.Body)
	default:
		w.scan.fail(p.wantedType())
		return token.BodyUnsupported
	}
	if !ok {
		return w.refusal()
	}
	return token.Allowed
}

// refusal is the reason for which reading stopped.
func (w *work) refusal() token.Reason {
	if w.scan.fault == faultMany {
		return token.BodyTooLarge
	}
	return token.BodyAmbiguous
}

func carriesBody(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

func (p *Program) wantedType() fault {
	switch {
	case p.readsJSON && !p.readsForm:
		return faultWantJSON
	case p.readsForm && !p.readsJSON:
		return faultWantForm
	}
	return faultWantEither
}
