package gateway

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"tollgate/policy"
	"tollgate/policy/token"
)

// Signatures proves of a signed request what its head alone cannot prove, and
// remembers what may be used once.
type Signatures interface {
	// VerifyBody proves a request of KindMAC whose head Verify let through. A
	// wrong MAC is counted against src. It records nothing.
	VerifyBody(q *token.Principal, m *token.Message, src *token.Source, now time.Time) token.Reason
	// ExamineBody is VerifyBody without a trace.
	ExamineBody(q *token.Principal, m *token.Message) token.Reason
	// Once records that a signature was used; Replayed where it was before. It
	// is durable, and exact over a whole fleet.
	Once(q *token.Principal, p *token.Presented) token.Reason
}

// The dialects whose routes are held to something. Everything else about a
// dialect is its own.
const (
	basicDialect     = "basic"
	signatureDialect = "signature"
)

// checkDialects refuses a route that lists a dialect it cannot serve, or that
// asks for what only an unlisted one brings.
func (r *route) checkDialects(spec *RouteSpec, signatures Signatures) error {
	r.signed = slices.Contains(spec.Dialects, signatureDialect)
	switch {
	case slices.Contains(spec.Dialects, basicDialect) && (spec.Rule.Facts != policy.FactsNone || spec.Rule.Permission != ""):
		return errors.New("dialect basic: dashboard users have no bounds; it needs `facts: none` and no permission")
	case r.signed && signatures == nil:
		return errors.New("dialect signature: nobody here can prove a signature")
	case !r.signed && spec.RefuseReplay:
		return errors.New("replay: only signed parameters can be used once; list the dialect signature")
	case !r.signed && spec.Facts != nil && spec.Facts.ReadsSigned():
		return errors.New("facts: signed: reads the parameters of ?signature=; list the dialect signature")
	}
	return nil
}

// prove is what is left of row 5 when the body is there: the MAC of a signed
// request. A right one is recorded at once, whatever comes of the request, but
// never in monitor mode, which changes nothing for the request that is meant.
func (p *passage) prove() token.Reason {
	if p.presented.Kind != token.KindMAC {
		return token.Allowed
	}
	s := p.gateway.options.Signatures
	if s == nil {
		return token.CannotDecide
	}
	if r := s.VerifyBody(p.principal, p.signedMessage(), &p.source, p.now); r != token.Allowed {
		return r
	}
	p.proven = true
	if p.judged.Monitored() {
		return token.Allowed
	}
	return s.Once(p.principal, &p.presented)
}

// signedMessage is the request as its client signed it. It lives in the passage.
func (p *passage) signedMessage() *token.Message {
	p.message = token.Message{Presented: &p.presented, Method: p.method.String(), Target: p.target.raw, Body: p.body}
	return &p.message
}

// spend uses signed parameters up, on a route that takes each once. It comes
// last: parameters that something else refused can be sent again.
func (p *passage) spend() token.Reason {
	if !p.route.refuseReplay || p.presented.Kind != token.KindSigned || p.judged.Monitored() {
		return token.Allowed
	}
	return p.gateway.options.Signatures.Once(p.principal, &p.presented)
}

// readSigned decodes the payload of the JWS that was verified, into room that
// stays with the passage: facts alias it to the end.
func (p *passage) readSigned() token.Reason {
	p.input.Signed = nil
	if p.presented.Kind != token.KindSigned {
		return token.Allowed
	}
	_, rest, _ := bytes.Cut(p.presented.Secret, dot)
	payload, _, ok := bytes.Cut(rest, dot)
	var err error
	if p.payload, err = payloadSpelling.AppendDecode(p.payload[:0], payload); err != nil || !ok || len(p.payload) == 0 {
		return token.SignatureInvalid
	}
	p.input.Signed = p.payload
	return token.Allowed
}

var (
	dot             = []byte{'.'}
	payloadSpelling = base64.RawURLEncoding.Strict() // RFC 7515 §2
)

// hidesSignature reports whether a query holds a compact JWS under a name that
// some reader would take for "signature", in any spelling but the one that
// cutSignature takes out: with escapes in it, in another case, behind a
// semicolon. An upstream could read what we would not have judged. Cutting it
// could make of the rest what was not judged either, so it is refused.
func hidesSignature(query []byte) bool {
	if bytes.IndexByte(query, '.') < 0 && bytes.IndexByte(query, '%') < 0 {
		return false // no JWS without a dot
	}
	for rest, more := query, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, ampersand)
		if bytes.HasPrefix(pair, signaturePair) && looksLikeJWS(pair[len(signaturePair):]) {
			continue
		}
		for behind, cut := pair, true; cut; {
			var piece []byte
			piece, behind, cut = bytes.Cut(behind, semicolon)
			if name, value, _ := bytes.Cut(piece, equalSign); token.NamesSignature(name) && spellsJWS(value) {
				return true
			}
		}
	}
	return false
}

// cutSignature takes `signature=<compact JWS>` out of the query of a target:
// that pair and one & beside it, or the question mark where it stood alone. Every
// other byte stays as it is. A signature of another shape is not ours. Where
// there is something to cut the rest is put together in room, which is returned
// for reuse; else the target itself is.
func cutSignature(target, room []byte) (cut, kept []byte) {
	query := bytes.IndexByte(target, '?') + 1
	if query == 0 || !bytes.Contains(target[query:], signaturePair) {
		return target, room
	}
	room = append(room[:0], target[:query]...)
	removed := false
	for rest, more := target[query:], true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, ampersand)
		if bytes.HasPrefix(pair, signaturePair) && looksLikeJWS(pair[len(signaturePair):]) {
			if removed = true; !more {
				room = room[:len(room)-1] // the mark in front of it
			}
			continue
		}
		room = append(room, pair...)
		if more {
			room = append(room, '&')
		}
	}
	if !removed {
		return target, room
	}
	return room, room
}

var (
	signaturePair = []byte("signature=")
	ampersand     = []byte{'&'}
	equalSign     = []byte{'='}
)

// spellsJWS reports whether text looks like a JWS once its escapes are undone
// and spaces around it are dropped. The escapes are whole: the target was judged.
func spellsJWS(text []byte) bool {
	var s shapeOfJWS
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(text):
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			i += 2
		}
		if !s.takes(c) {
			return false
		}
	}
	return s.whole()
}

// looksLikeJWS reports whether text is three parts of base64url with a dot
// between.
func looksLikeJWS(text []byte) bool {
	var s shapeOfJWS
	for _, c := range text {
		if c == ' ' || !s.takes(c) {
			return false
		}
	}
	return s.whole()
}

// shapeOfJWS is how far a JWS has been read, with spaces around it.
type shapeOfJWS struct {
	dots, run int
	over      bool // a space came after it
}

func (s *shapeOfJWS) takes(c byte) bool {
	switch {
	case c == ' ':
		s.over = s.over || s.dots+s.run > 0
		return true
	case s.over:
		return false
	case c == '.' && s.run > 0 && s.dots < 2:
		s.dots, s.run = s.dots+1, 0
		return true
	case isDigit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_':
		s.run++
		return true
	}
	return false
}

func (s *shapeOfJWS) whole() bool { return s.dots == 2 && s.run > 0 }
