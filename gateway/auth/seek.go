package auth

import (
	"context"
	"encoding/binary"

	"tollgate/policy/token"
)

// claim is what a screened credential says of itself.
type claim struct {
	id  []byte // what attempts are counted under: a key's handle id; nil for a JWT, whose signature recognises it
	jwt claims // KindJWT only; proven by the signature
}

// seek finds a credential that is not remembered.
func (v *Verifier) seek(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	// The stamp comes before the screens: were a signing key removed between a
	// good signature and the stamp, the JWT would be remembered for good.
	s := v.memory.Stamp(&p.Digest)
	c, reason := v.screen(p, at)
	if reason == token.TokenRevoked { // recognised, so not counted
		return nil, reason
	}
	if reason != token.Allowed {
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
	if src == nil && p.Kind != token.KindJWT {
		v.throttle.CountHere(at)
	}
	return nil, v.unrecognised(src, c.id, at, reason)
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

// findJWT builds the principal of a verified JWT on its token's live record.
// The record is recalled outside of the flight: joining somebody else's recall
// could answer from before a change that was acknowledged in between.
func (v *Verifier) findJWT(p *token.Presented, s token.Stamp, c *claims) (*token.Principal, error) {
	live := v.memory.RecallLive(c.handle, &s)
	if live == nil {
		found, err, _ := v.flights.Do(flight(0, string(c.handle), s.Changes), func() (any, error) {
			ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
			defer cancel()
			live, under, err := v.memory.FindLive(c.handle, s, func() (*token.Live, error) {
				return v.loader.LoadToken(ctx, c.handle)
			})
			return liveFound{live, under}, err
		})
		if err != nil {
			return nil, err
		}
		f := found.(liveFound)
		live, s = f.live, s.Join(f.stamp)
	}
	q, err := c.principal(live)
	if err == nil {
		v.memory.Remember(&p.Digest, s, q)
	}
	return q, err
}

// load is find without remembering anything.
func (v *Verifier) load(p *token.Presented, c *claim) (*token.Principal, error) {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	if p.Kind != token.KindJWT {
		return v.loader.LoadCredential(ctx, p.Kind, &p.Digest)
	}
	live := v.memory.RecallLive(c.jwt.handle, nil)
	if live == nil {
		var err error
		if live, err = v.loader.LoadToken(ctx, c.jwt.handle); err != nil {
			return nil, err
		}
	}
	return c.jwt.principal(live)
}

// flight names a load by what is loaded and how far changes had come.
func flight(kind byte, id string, changes uint64) string {
	b := make([]byte, 0, 1+8+len(id))
	b = binary.LittleEndian.AppendUint64(append(b, kind), changes)
	return string(append(b, id...))
}

// refuses is row 3 for a well-formed key that is about to cost a look-up.
func (v *Verifier) refuses(src *token.Source, id []byte, at token.Instant) bool {
	known := v.memory.RecallLive(token.HandleOf(id), nil) != nil
	if src == nil {
		return v.throttle.RefusesHere(id, known, at)
	}
	return v.throttle.Refuses(*src, id, known, at)
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
