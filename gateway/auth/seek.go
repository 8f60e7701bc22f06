package auth

import (
	"context"
	"encoding/binary"

	"tollgate/policy/token"
)

// claim is what a screened credential says of itself.
type claim struct {
	id  []byte // what attempts are counted under: the handle id of a key, or of the key beside an access token; nil for a JWT, whose signature recognises it
	jwt claims // KindJWT only; proven by the signature
}

// seek finds a credential that is not remembered.
func (v *Verifier) seek(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	// The stamp comes before the screens: were a signing key removed between a
	// good signature and the stamp, the JWT would be remembered for good.
	s := v.memory.Stamp(&p.Digest)
	c, reason := v.screen(p, at)
	switch reason {
	case token.Allowed:
	case token.TokenRevoked, token.CannotDecide: // recognised, so not counted
		return nil, reason
	default:
		return nil, v.unrecognised(src, nil, at, reason)
	}
	if v.memory.RecallUnknown(p.Kind, &p.Digest, at) {
		return nil, v.unrecognised(src, c.id, at, token.TokenInvalid)
	}
	if p.Kind != token.KindJWT && v.refuses(src, c.id, at) {
		return nil, token.AuthThrottled
	}
	q, err := v.find(p, s, &c)
	if err == nil {
		return q, token.Allowed
	}
	if reason = verdict(err); reason == token.CannotDecide {
		return nil, reason
	}
	v.memory.RememberUnknown(p.Kind, &p.Digest, s, at)
	if p.Kind == token.KindJWT { // it cost no look-up that anybody could have made up
		return nil, v.unrecognised(src, c.id, at, reason)
	}
	return nil, v.missed(src, c.id, at, reason)
}

// find loads the principal and remembers it. At most one load runs for one
// digest and one state of changes: who comes after a change does not join a
// load that began before it.
func (v *Verifier) find(p *token.Presented, s token.Stamp, c *claim) (*token.Principal, error) {
	if p.Kind == token.KindJWT {
		return v.findJWT(p, s, &c.jwt)
	}
	kind, digest := p.Kind, p.Digest
	found, err, _ := v.flights.Do(flight(byte(kind), string(digest[:]), s.Changes), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
		defer cancel()
		return v.memory.Find(&digest, s, func() (*token.Principal, error) {
			return v.loader.LoadCredential(ctx, kind, &digest)
		})
	})
	if err != nil {
		return nil, err
	}
	return found.(*token.Principal), nil
}

// liveFound is what a flight for a live record brings home.
type liveFound struct {
	live  *token.Live
	stamp token.Stamp
}

// liveOf is a token's live record, and the stamp that what is built on it may be
// remembered under. It is recalled outside of the flight: joining somebody
// else's recall could answer from before a change that was acknowledged in
// between.
func (v *Verifier) liveOf(h token.Handle, s token.Stamp) (*token.Live, token.Stamp, error) {
	if live := v.memory.RecallLive(h, &s); live != nil {
		return live, s, nil
	}
	found, err, _ := v.flights.Do(flight(0, string(h), s.Changes), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
		defer cancel()
		live, under, err := v.memory.FindLive(h, s, func() (*token.Live, error) {
			return v.loader.LoadToken(ctx, h)
		})
		return liveFound{live, under}, err
	})
	if err != nil {
		return nil, s, err
	}
	f := found.(liveFound)
	return f.live, s.Join(f.stamp), nil
}

// findJWT builds the principal of a verified JWT on its token's live record.
func (v *Verifier) findJWT(p *token.Presented, s token.Stamp, c *claims) (*token.Principal, error) {
	live, s, err := v.liveOf(c.handle, s)
	if err != nil {
		return nil, err
	}
	q, err := c.principal(live)
	if err == nil {
		v.memory.Remember(&p.Digest, s, q)
	}
	return q, err
}

// load is find without remembering anything.
func (v *Verifier) load(p *token.Presented, c *claim) (*token.Principal, error) {
	if p.Kind != token.KindJWT {
		ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
		defer cancel()
		return v.loader.LoadCredential(ctx, p.Kind, &p.Digest)
	}
	live, err := v.record(c.jwt.handle)
	if err != nil {
		return nil, err
	}
	return c.jwt.principal(live)
}

// record is liveOf without remembering anything.
func (v *Verifier) record(h token.Handle) (*token.Live, error) {
	if live := v.memory.RecallLive(h, nil); live != nil {
		return live, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	return v.loader.LoadToken(ctx, h)
}

// flight names a load by what is loaded and how far changes had come.
func flight(kind byte, id string, changes uint64) string {
	b := make([]byte, 0, 1+8+len(id))
	b = binary.LittleEndian.AppendUint64(append(b, kind), changes)
	return string(append(b, id...))
}

// refuses is row 3 for what names a token and is about to cost a look-up.
func (v *Verifier) refuses(src *token.Source, id []byte, at token.Instant) bool {
	return v.tooMany(src, id, v.memory.RecallLive(token.HandleOf(id), nil) != nil, at)
}

// tooMany is row 3. known says that we remember whose name it is.
func (v *Verifier) tooMany(src *token.Source, name []byte, known bool, at token.Instant) bool {
	if src == nil {
		return v.throttle.RefusesHere(name, known, at)
	}
	return v.throttle.Refuses(*src, name, known, at)
}

// missed is the reason why a look-up that was made came to nothing. It is
// counted, unless it could not be told.
func (v *Verifier) missed(src *token.Source, name []byte, at token.Instant, reason token.Reason) token.Reason {
	if reason == token.CannotDecide {
		return reason
	}
	if src == nil {
		v.throttle.CountHere(at)
	}
	return v.unrecognised(src, name, at, reason)
}

// unrecognised counts a failed attempt and answers with its reason, or with
// AuthThrottled when there were too many before it.
func (v *Verifier) unrecognised(src *token.Source, id []byte, at token.Instant, reason token.Reason) token.Reason {
	if src == nil {
		return reason
	}
	if v.throttle.Refuses(*src, id, false, at) {
		return token.AuthThrottled
	}
	v.throttle.Count(*src, id, at)
	return reason
}
