package auth

import (
	"context"

	"tollgate/policy/token"
)

// Marker hears that an access token was verified from the store, not from
// memory: a pair whose access token was used is no unused successor.
type Marker interface {
	MarkAccessUsed(ctx context.Context, access token.Digest) error
}

// pairDigest names a key together with the access token beside it. A zero byte
// stands between them, which no secret holds.
func pairDigest(p *token.Presented, scratch []byte) token.Digest {
	scratch = append(scratch[:0], p.Secret...)
	scratch = append(append(scratch, 0), p.Access...)
	return token.DigestOf(scratch)
}

// mostPair bounds a key and an access token; both have about 50 bytes.
const mostPair = 256

// verifyPair is Verify for a key with an access token beside it. Both must be
// good, of one token, and the access token pre-authorised where the key is
// enhanced. The pair is remembered as one, so that it costs one look-up.
func (v *Verifier) verifyPair(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	if len(p.Secret)+len(p.Access) >= mostPair {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	var scratch [mostPair]byte
	p.Digest = pairDigest(p, scratch[:])
	q, ok := v.memory.Recall(&p.Digest, at)
	if q == nil {
		var reason token.Reason
		if q, reason = v.seekPair(p, src, at); reason != token.Allowed {
			return q, reason
		}
		ok = !q.EndsAt.Reached(at)
	}
	if q.Kind != token.KindKey {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	reason := pairStanding(q, ok, at)
	if reason == token.Allowed && v.uses != nil {
		v.uses.Record(q, src, at)
	}
	return q, reason
}

// pairStanding is standing for a key with an access token beside it.
func pairStanding(q *token.Principal, ok bool, at token.Instant) token.Reason {
	reason := standing(q, ok, at)
	if reason == token.AccessTokenRequired && q.Preauthorised {
		return token.Allowed
	}
	return reason
}

// seekPair verifies both halves on their own and puts them together. The stamp
// comes first: a change between it and the end keeps the pair from being
// remembered, whichever half it was of.
func (v *Verifier) seekPair(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	s := v.memory.Stamp(&p.Digest)
	half := token.Presented{Kind: token.KindKey, Secret: p.Secret}
	key, reason := v.verifyAlone(&half, src, at)
	if reason != token.Allowed && reason != token.AccessTokenRequired {
		return key, reason
	}
	half = token.Presented{Kind: token.KindAccess, Secret: p.Access, Name: []byte(key.Live.Handle.ID())}
	access, reason := v.verifyAlone(&half, src, at)
	if reason != token.Allowed && reason != token.AccessTokenRequired {
		return key, reason
	}
	q, reason := paired(key, access)
	if reason == token.Allowed {
		v.markUsed(&half)
		v.memory.Remember(&p.Digest, s, q)
	}
	return q, reason
}

// paired is who stands behind a key and an access token that both stand: one
// token, or it is nobody. It ends with whichever half ends first, and the
// access token ends with the client secret it was made under.
func paired(key, access *token.Principal) (*token.Principal, token.Reason) {
	if access.Live.Handle != key.Live.Handle { // recognised, both of them
		return key, token.TokenInvalid
	}
	q := *access // the newer of the two loads
	q.Kind, q.Generation, q.EndsAt = token.KindKey, key.Generation, earlier(access.EndsAt, key.EndsAt)
	for _, g := range q.Live.Generations {
		if g.Number == access.Generation {
			q.EndsAt = earlier(q.EndsAt, g.EndsAt)
		}
	}
	return &q, token.Allowed
}

// earlier is the earlier of two instants, of which 0 is never.
func earlier(a, b token.Instant) token.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// markUsed notes a first use. That it could not be noted is no reason to refuse
// a good pair: a retry of its renewal is then allowed once more than it should.
func (v *Verifier) markUsed(access *token.Presented) {
	if v.marker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	_ = v.marker.MarkAccessUsed(ctx, access.Digest)
}
