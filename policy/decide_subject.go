package policy

import "tollgate/policy/token"

// noFacts stands in for a request whose facts were not read.
var noFacts token.Facts

// facts is what the request is about; never nil.
func (c *Case) facts() *token.Facts {
	if c.Facts == nil {
		return &noFacts
	}
	return c.Facts
}

// subject judges rows 11 to 14. They end with the first refusal even in monitor
// mode: the rows after it would judge what could not be read or was not there.
func (c *Case) subject(v *Verdict, t *Trace) bool {
	if c.Route.Facts == FactsNone {
		if t != nil {
			t.noSubject()
		}
		return true
	}
	rows := [...]func(*Case, *Verdict) token.Reason{(*Case).body, (*Case).presence, (*Case).composition, (*Case).phones}
	for i, row := range rows {
		r := row(c, v)
		if t != nil {
			t.subject(c, v, 11+i, r)
		}
		if r != token.Allowed {
			return c.settle(v, r)
		}
	}
	return true
}

// body is row 11: what reading the body said, for every token. Reasons of row
// 12 that the reader gives are left to that row.
func (c *Case) body(*Verdict) token.Reason {
	if c.FactsReason == token.FactMissing || c.FactsReason == token.FactConflict {
		return token.Allowed
	}
	return c.FactsReason
}

// presence is row 12: sources agree, and every fact that the token or its
// parent restricts was found.
func (c *Case) presence(*Verdict) token.Reason {
	f := c.facts()
	own := rulesOf(c.Principal.Live)
	if own == nil {
		return token.CannotDecide
	}
	if own.catalogue.disagree(f) {
		return token.FactConflict
	}
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules := rulesOf(l)
		if rules == nil {
			return token.CannotDecide
		}
		if !rules.Restricted() {
			continue
		}
		if c.Route.Facts == NoFacts {
			return token.FactMissing
		}
		if r := firstRefusal(c.FactsReason, f.Guard); r != token.Allowed {
			return r
		}
		if rules.composed && (c.lacks(token.FactCountry) || c.lacks(token.FactOperator) || c.lacks(token.FactMethod)) ||
			rules.phoned && c.lacks(token.FactPhone) {
			return token.FactMissing
		}
	}
	return token.Allowed
}

func firstRefusal(a, b token.Reason) token.Reason {
	if a != token.Allowed {
		return a
	}
	return b
}

// lacks reports whether a fact that is asked for is missing: a place that held
// nothing always is, an absent one unless the route allows it.
func (c *Case) lacks(k token.FactKind) bool {
	f := c.facts()
	return f.Hollow[k] || len(f.Of(k)) == 0 && !c.Route.AllowMissing
}

// composition is row 13.
func (c *Case) composition(v *Verdict) token.Reason {
	if c.Route.Facts == NoFacts {
		return token.Allowed // only an unrestricted token comes this far
	}
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules := rulesOf(l)
		if rules == nil {
			return token.CannotDecide
		}
		if !rules.composed {
			continue
		}
		if r := rules.judgeComposition(c.facts(), v); r != token.Allowed {
			return r
		}
	}
	return token.Allowed
}

// phones is row 14.
func (c *Case) phones(v *Verdict) token.Reason {
	f := c.facts()
	if len(f.Phones) == 0 {
		return token.Allowed
	}
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules := rulesOf(l)
		if rules == nil {
			return token.CannotDecide
		}
		if !rules.phoned {
			continue
		}
		var where places
		where.gather(rules.catalogue, f.Countries)
		for i := range f.Phones {
			for _, at := range where.list() {
				if !rules.permits(at, &f.Phones[i]) {
					v.Phone = f.Phones[i].Value
					return token.PhoneNotAllowed
				}
			}
		}
	}
	return token.Allowed
}

// maxPlaces is how many different countries one request may name before its
// national numbers count as unreadable.
const maxPlaces = 8

// places are the different countries that a request's facts name. A national
// number has to be listed in each of them, since nothing says which it is of.
type places struct {
	room [maxPlaces]place
	n    int
}

// gather fills in the places; it leaves one unknown place where the countries
// are none, too many, or not all readable.
func (p *places) gather(c *Catalogue, countries []token.Fact) {
	for i := range countries {
		f := &countries[i]
		if i > 0 && string(f.Value) == string(countries[i-1].Value) && f.Unknown == countries[i-1].Unknown {
			continue
		}
		at, ok := c.placeNamed(f)
		if !ok || p.n == len(p.room) && !p.has(at) {
			p.n = 0
			break
		}
		if !p.has(at) {
			p.room[p.n] = at
			p.n++
		}
	}
	if p.n == 0 {
		p.room[0], p.n = place{}, 1
	}
}

func (p *places) list() []place { return p.room[:p.n] }

func (p *places) has(at place) bool {
	for i := range p.n {
		if p.room[i].code == at.code {
			return true
		}
	}
	return false
}

// placeNamed is the country that a fact names.
func (c *Catalogue) placeNamed(f *token.Fact) (place, bool) {
	if f.Unknown {
		return place{}, false
	}
	return c.place(f.Value)
}
