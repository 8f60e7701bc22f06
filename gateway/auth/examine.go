package auth

import (
	"time"

	"tollgate/policy/token"
)

// Examine is Verify without a trace: nothing is counted, remembered or noted as
// a use. It asks the store for whatever is not remembered, and hashes passwords.
func (v *Verifier) Examine(p *token.Presented, now time.Time) (*token.Principal, token.Reason) {
	at := token.At(now)
	switch {
	case p.Kind == token.KindKey && p.Access != nil:
		return v.examinePair(p, at)
	case p.Kind == token.KindPassword && v.basic != nil:
		return v.examinePassword(p, at)
	case p.Kind == token.KindSigned && v.signatures != nil:
		return v.examineSigned(p, at)
	case p.Kind == token.KindMAC && v.signatures != nil:
		return v.examineMAC(p, at)
	case p.Kind == token.KindAccess: // proves nothing without the key it belongs to
		return nil, token.TokenInvalid
	}
	return v.examineAlone(p, at)
}

// examineAlone is Examine for one key, JWT or access token by itself.
func (v *Verifier) examineAlone(p *token.Presented, at token.Instant) (*token.Principal, token.Reason) {
	if reason := shaped(p); reason != token.Allowed {
		return nil, reason
	}
	p.Digest = token.DigestOf(p.Secret)
	q, ok := v.memory.Recall(&p.Digest, at)
	if q == nil {
		claim, reason := v.screen(p, at)
		if reason != token.Allowed {
			return nil, reason
		}
		var err error
		if q, err = v.load(p, &claim); err != nil {
			return nil, verdict(err)
		}
		ok = !q.EndsAt.Reached(at)
	}
	if q.Kind != p.Kind {
		return nil, token.TokenInvalid
	}
	return q, standing(q, ok, at)
}

func (v *Verifier) examinePair(p *token.Presented, at token.Instant) (*token.Principal, token.Reason) {
	key, reason := v.examineAlone(&token.Presented{Kind: token.KindKey, Secret: p.Secret}, at)
	if reason != token.Allowed && reason != token.AccessTokenRequired {
		return key, reason
	}
	access, reason := v.examineAlone(&token.Presented{Kind: token.KindAccess, Secret: p.Access}, at)
	if reason != token.Allowed && reason != token.AccessTokenRequired {
		return key, reason
	}
	q, reason := paired(key, access)
	if reason != token.Allowed {
		return q, reason
	}
	return q, pairStanding(q, !q.EndsAt.Reached(at), at)
}

func (v *Verifier) examinePassword(p *token.Presented, at token.Instant) (*token.Principal, token.Reason) {
	login, ok := readBasic(p.Secret)
	if !ok {
		return nil, token.TokenInvalid
	}
	user, _, reason := v.compare(&login)
	if reason != token.Allowed {
		return nil, reason
	}
	return user, user.Live.Standing(at)
}

func (v *Verifier) examineSigned(p *token.Presented, at token.Instant) (*token.Principal, token.Reason) {
	j, ok := readJWS(p.Secret)
	if !ok {
		return nil, token.TokenInvalid
	}
	live, err := v.record(j.handle)
	if err != nil {
		return nil, verdict(err)
	}
	secretEnds, reason := v.signedBy(live, j.signed, j.mac)
	if reason != token.Allowed {
		return nil, reason
	}
	ends, ok := j.claim.ends(at)
	ends = earlier(ends, secretEnds)
	q := &token.Principal{Live: live, Kind: token.KindSigned, EndsAt: ends}
	if !ok {
		return q, token.TokenInvalid
	}
	return q, standing(q, !ends.Reached(at), at)
}

func (v *Verifier) examineMAC(p *token.Presented, at token.Instant) (*token.Principal, token.Reason) {
	if !inWindow(p, at) {
		return nil, token.SignatureInvalid
	}
	live, err := v.client(string(p.Name))
	if err != nil {
		return nil, verdict(err)
	}
	q := &token.Principal{Live: live, Kind: token.KindMAC}
	return q, standing(q, true, at)
}
