package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"tollgate/policy/token"
)

// verifyMAC is Verify for a signed request, before its body: t in the window,
// the client known, its token standing. Nothing is proven yet: VerifyBody does
// that, and until then the principal only says whose bounds to judge by.
func (v *Verifier) verifyMAC(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	if v.signatures == nil || !inWindow(p, at) {
		return nil, v.unrecognised(src, nil, at, token.SignatureInvalid)
	}
	id := string(p.Name)
	live, _ := v.memory.RecallClient(id)
	// Of a client that is remembered the header phase asks the store nothing, and
	// the handler, which knows the source, counts. A client id is no secret: were
	// it refused here for what others sent under it, anybody could keep the
	// bodies of all its requests from being read.
	if (src != nil || live == nil) && v.tooMany(src, p.Name, live != nil, at) {
		return nil, token.AuthThrottled
	}
	if live == nil {
		var err error
		if live, err = v.client(id); err != nil {
			return nil, v.missed(src, p.Name, at, verdict(err))
		}
	}
	q := &token.Principal{Live: live, Kind: token.KindMAC}
	return q, standing(q, true, at)
}

func (v *Verifier) client(id string) (*token.Live, error) {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	return v.signatures.Clients.Client(ctx, id)
}

// inWindow reports whether what was presented has the shape of a MAC and was
// made within the window either side of now.
func inWindow(p *token.Presented, now token.Instant) bool {
	if len(p.MAC) != hex.EncodedLen(sha256.Size) || p.At < 1 || p.At > latest {
		return false
	}
	signed := seconds(p.At)
	return signed >= now.Add(-signedWindow) && signed <= now.Add(signedWindow)
}

// VerifyBody proves a signed request whose head Verify let through. Until then
// nothing is proven. It records nothing: that is Once. A wrong MAC counts as a
// failed attempt, a right one as a use.
func (v *Verifier) VerifyBody(q *token.Principal, m *token.Message, src *token.Source, now time.Time) token.Reason {
	at := token.At(now)
	reason := v.ExamineBody(q, m)
	if reason == token.SignatureInvalid {
		reason = v.missed(src, m.Presented.Name, at, reason)
	}
	if reason == token.Allowed && v.uses != nil {
		v.uses.Record(q, src, at)
	}
	return reason
}

// ExamineBody is VerifyBody without a trace: nothing is counted or noted as a
// use.
func (v *Verifier) ExamineBody(q *token.Principal, m *token.Message) token.Reason {
	mac, ok := macIn(m.Presented)
	if !ok || v.signatures == nil || q.Kind != token.KindMAC {
		return token.SignatureInvalid
	}
	body := sha256.Sum256(m.Body)
	text := strconv.AppendInt(make([]byte, 0, 128+len(m.Target)), m.Presented.At, 10)
	text = append(append(append(text, '.'), m.Method...), '\n')
	text = append(append(text, m.Target...), '\n')
	text = hex.AppendEncode(text, body[:])
	_, reason := v.signedBy(q.Live, text, mac[:])
	return reason
}

// macIn is the v1 that was presented.
func macIn(p *token.Presented) (mac [sha256.Size]byte, ok bool) {
	if len(p.MAC) != hex.EncodedLen(len(mac)) {
		return mac, false
	}
	_, err := hex.Decode(mac[:], p.MAC)
	return mac, err == nil
}

// Once records, once and for all, that a signature was accepted: the v1 of a
// request that VerifyBody proved, for as long as its t can be in the window, or
// a JWS that Verify let through, until it ends. A second time it is Replayed.
func (v *Verifier) Once(q *token.Principal, p *token.Presented) token.Reason {
	switch {
	case v.signatures == nil:
		return token.CannotDecide
	case p.Kind == token.KindMAC:
		mac, ok := macIn(p)
		if !ok {
			return token.SignatureInvalid
		}
		what := append([]byte("mac\x00"+string(q.Live.Handle)+"\x00"), mac[:]...)
		return v.once(what, seconds(p.At).Add(2*signedWindow))
	}
	return v.once(append([]byte("jws\x00"), p.Secret...), q.EndsAt)
}

func (v *Verifier) once(what []byte, until token.Instant) token.Reason {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	fresh, err := v.signatures.Replay.Record(ctx, token.DigestOf(what), until)
	switch {
	case err != nil:
		return token.CannotDecide
	case !fresh:
		return token.Replayed
	}
	return token.Allowed
}
