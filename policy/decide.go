package policy

import "tollgate/policy/token"

// FactsUse is what a route does about facts.
type FactsUse uint8

// NoFacts: the route was never told where its facts are, so that a token with a
// composition or a whitelist is refused there. FactsNone: the route moves no
// money, and composition and phones do not apply. FactsRead: the facts of every
// request are read and judged.
const (
	NoFacts FactsUse = iota
	FactsNone
	FactsRead
)

// RouteRule is what a route asks of the tokens that use it.
type RouteRule struct {
	Environment  token.Environment // EnvAny: both
	Permission   string            // "": none
	Mode         token.Mode
	Facts        FactsUse
	AllowMissing bool // a fact that is not there at all is not asked for
}

// Case is one request as far as a decision depends on it. It is read only, and
// whatever its slices borrow has to live until the verdict has been used.
type Case struct {
	Principal   *token.Principal // standing: row 5 is judged elsewhere
	Route       *RouteRule
	Now         token.Instant
	Source      token.Source
	HTTPMethod  string
	Environment token.Environment // asked for by X-Environment; EnvAny: not
	Facts       *token.Facts      // nil where none were read
	FactsReason token.Reason      // what reading the body said
}

// Verdict is what was decided. In monitor mode a request may be allowed and
// WouldDeny say what enforcement would have answered. A refused request has no
// WouldDeny, an allowed one no Reason. The values are those that
// failed first, as the request wrote them; they are borrowed from its facts.
type Verdict struct {
	Allowed   bool
	Reason    token.Reason
	WouldDeny token.Reason
	Country   []byte
	Operator  []byte
	Method    []byte
	Phone     []byte
}

// Then is the verdict of two phases in order: a refusal stands, and the first
// would-be refusal is kept. It is for an edge that judges headers before it
// reads a body.
func (v Verdict) Then(next Verdict) Verdict {
	if !v.Allowed || next.Allowed && v.WouldDeny != token.Allowed {
		return v
	}
	return next
}

// Decide judges rows 7 to 14 in the order of the table; the first refusal wins.
// It is pure and does not allocate with a nil trace; only a phone of a country
// that the catalogue cannot judge, and that is not listed as it is written,
// asks the phone library, which does. The token's parent is judged as well, by
// the same rows. It is safe for concurrent use.
func Decide(c *Case, t *Trace) Verdict {
	v := Verdict{Allowed: true}
	_ = c.environment(&v, t) &&
		c.address(&v, t) &&
		c.clientCert(&v, t) &&
		c.httpMethod(&v, t) &&
		c.permission(&v, t) &&
		c.subject(&v, t)
	return v
}

// Head judges what the request's headers alone decide without a client address:
// rows 7, 9 and 10.
func Head(c *Case, t *Trace) Verdict {
	v := Verdict{Allowed: true}
	_ = c.environment(&v, t) && c.httpMethod(&v, t) && c.permission(&v, t)
	return v
}

// Address judges row 8: the client's address, and the certificate it showed.
func Address(c *Case, t *Trace) Verdict {
	v := Verdict{Allowed: true}
	_ = c.address(&v, t) && c.clientCert(&v, t)
	return v
}

// Subject judges rows 11 to 14: what the request is about.
func Subject(c *Case, t *Trace) Verdict {
	v := Verdict{Allowed: true}
	c.subject(&v, t)
	return v
}

// Monitored reports whether refusals of the rows that monitor mode covers are
// only noted: the route's mode or the token's own suffices. A token that another
// token made always enforces, whatever it or its parent says.
func (c *Case) Monitored() bool {
	l := c.Principal.Live
	return c.Route.Mode == token.Monitor || l.Mode == token.Monitor && l.Parent == nil
}

// settle writes a row's outcome into the verdict and says whether to go on.
func (c *Case) settle(v *Verdict, r token.Reason) (goOn bool) {
	switch {
	case r == token.Allowed:
		return true
	case r.Monitored() && c.Monitored():
		if v.WouldDeny == token.Allowed {
			v.WouldDeny = r
		}
		return true
	}
	v.Allowed, v.Reason, v.WouldDeny = false, r, token.Allowed
	return false
}

// rulesOf is what a live record was compiled to; nil when it never was, which
// no row may take for "no bounds".
func rulesOf(l *token.Live) *Rules {
	r, _ := l.Rules.(*Rules)
	return r
}
