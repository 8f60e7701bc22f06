package token

// Live is the immutable record that every request of a token is judged by: the
// token, its merchant's standing and its compiled rules, as one load found
// them. It is shared by all the token's credentials and holds no secret.
type Live struct {
	Handle         Handle
	Merchant       string
	Environment    Environment
	Mode           Mode
	Enhanced       bool
	Enabled        bool
	Revoked        bool
	MerchantActive bool
	ExpiresAt      Instant // 0: never
	ClientID       string
	Generations    []Generation // accepted client-secret generations, which JWTs are tied to
	Families       []string     // live refresh families, oldest first, at most MaxFamilies; what was minted in another one has ended
	Permissions    []string
	Restricts      Restricts
	Rules          Rules    // what is judged
	Bounds         Bounds   // the same as it was written, for telling the caller (whoami); never judged
	Numbers        []Number // likewise
	Parent         *Live    // nil unless another token made it; judged as well
}

// Generation is one accepted generation of a token's client secret.
type Generation struct {
	Number int
	EndsAt Instant // 0: lives
}

// Standing is the first reason of row 5 for which the token itself, its
// merchant or its parent is refused at now; Allowed when it stands.
func (l *Live) Standing(now Instant) Reason {
	switch {
	case l.Revoked:
		return TokenRevoked
	case l.ExpiresAt.Reached(now):
		return TokenExpired
	case !l.Enabled:
		return TokenDisabled
	case !l.MerchantActive:
		return MerchantSuspended
	case l.Parent != nil:
		return l.Parent.Standing(now)
	}
	return Allowed
}

// Accepts reports whether a JWT of the given client-secret generation is still
// good at now.
func (l *Live) Accepts(generation int, now Instant) bool {
	for _, g := range l.Generations {
		if g.Number == generation {
			return !g.EndsAt.Reached(now)
		}
	}
	return false
}

// Principal is who stands behind one credential: the live record, and what
// belongs to that credential alone. It is immutable, may be kept, and is safe
// to log: the secret is not in it.
type Principal struct {
	Live       *Live
	Kind       Kind
	Generation int      // of the key or client secret; for a JWT and an access token that of the client secret it was minted with
	EndsAt     Instant  // when this credential ends (grace, exp); 0: with its token
	Scope      []string // of a JWT that asked for one; nil: not narrowed
	ID         string   // jti of a JWT; "" otherwise
	Family     string   // of a refresh token and of what was minted in a family: it ends with it; "" otherwise
	User       string   // usr_… of a dashboard user, whose Live names no token; "" otherwise

	Preauthorised bool // an access token that opens an enhanced key
}

// Standing is the first reason of row 5 at now for this credential and its
// token: the exact words, which only logs and explain carry.
func (p *Principal) Standing(now Instant) Reason {
	if r := p.Live.Standing(now); r != Allowed {
		return r
	}
	if p.EndsAt.Reached(now) {
		return TokenExpired
	}
	if (p.Kind == KindJWT || p.Kind == KindAccess) && !p.Live.Accepts(p.Generation, now) {
		return TokenRevoked
	}
	if p.Family != "" && !contains(p.Live.Families, p.Family) {
		return TokenRevoked
	}
	return Allowed
}

// Permits reports whether the permission is granted: the token's own, the
// parent's where there is one, and, when the credential carries a scope, in it.
func (p *Principal) Permits(permission string) bool {
	for l := p.Live; l != nil; l = l.Parent {
		if !contains(l.Permissions, permission) {
			return false
		}
	}
	return p.Scope == nil || contains(p.Scope, permission)
}

func contains(list []string, word string) bool {
	for _, s := range list {
		if s == word {
			return true
		}
	}
	return false
}
