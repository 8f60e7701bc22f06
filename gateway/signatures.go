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
)

// looksLikeJWS reports whether text is three parts of base64url with a dot
// between.
func looksLikeJWS(text []byte) bool {
	dots, run := 0, 0
	for _, c := range text {
		switch {
		case c == '.' && run > 0 && dots < 2:
			dots, run = dots+1, 0
		case isDigit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_':
			run++
		default:
			return false
		}
	}
	return dots == 2 && run > 0
}
