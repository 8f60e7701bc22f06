package auth

import "tollgate/policy/token"

// mostJWT bounds a JWT in bytes, before anything in it is looked at. Ours have
// about 350.
const mostJWT = 4 << 10

// shaped refuses, before it is hashed, what cannot be any credential of ours.
func shaped(p *token.Presented) token.Reason {
	switch {
	case p.Kind != token.KindKey && p.Kind != token.KindJWT && p.Kind != token.KindAccess:
		return token.TokenInvalid
	case len(p.Secret) == 0 || len(p.Secret) > mostJWT:
		return token.TokenInvalid
	}
	return token.Allowed
}

// screen checks without asking anyone whether a credential could be one of
// ours: the checksum of a key, the signature and the claims of a JWT.
func (v *Verifier) screen(p *token.Presented, at token.Instant) (claim, token.Reason) {
	if p.Kind == token.KindJWT {
		c, reason := v.keys.verify(p.Secret)
		switch {
		case reason != token.Allowed:
		case !c.acceptable(*v.issuer.Load(), at):
			reason = token.TokenInvalid
		case v.revoked != nil:
			reason = v.revoked.judge(c.id)
		}
		return claim{jwt: c}, reason
	}
	s, ok := token.Parse(p.Secret)
	if !ok || s.Kind != p.Kind {
		return claim{}, token.TokenInvalid
	}
	if s.Kind == token.KindAccess {
		return claim{id: p.Name}, token.Allowed
	}
	return claim{id: s.ID}, token.Allowed
}
