package policy

import "tollgate/policy/token"

// subject judges rows 11 to 14. They end with the first refusal even in monitor
// mode: the rows after it would judge what could not be read or was not there.
func (c *Case) subject(v *Verdict, t *Trace) bool {
	if c.Route.Facts == FactsNone {
		if t != nil {
			t.noSubject()
		}
		return true
	}
	if c.Facts == nil { // not read: nothing was found
		var none token.Facts
		unread := *c
		unread.Facts = &none
		c = &unread
	}
	for row := 11; row <= 14; row++ {
		r := c.judgeRow(row, v)
		if t != nil {
			t.subject(c, v, row, r)
		}
		if r != token.Allowed {
			return c.settle(v, r)
		}
	}
	return true
}

// judgeRow is a switch and not a table of functions, through which the verdict
// would escape to the heap.
func (c *Case) judgeRow(row int, v *Verdict) token.Reason {
	switch row {
	case 11:
		return c.body()
	case 12:
		return c.presence()
	case 13:
		return c.composition(v)
	default:
		return c.phones(v)
	}
}

// body is row 11: what reading the body said, for every token. Reasons of row
// 12 that the reader gives are left to that row.
func (c *Case) body() token.Reason {
	if c.FactsReason == token.FactMissing || c.FactsReason == token.FactConflict {
		return token.Allowed
	}
	return c.FactsReason
}

// presence is row 12: sources agree, and every fact that the token or its
// parent restricts was found.
func (c *Case) presence() token.Reason {
	f := c.Facts
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
	f := c.Facts
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
		if r := rules.judgeComposition(c.Facts, v); r != token.Allowed {
			return r
		}
	}
	return token.Allowed
}

// phones is row 14.
func (c *Case) phones(v *Verdict) token.Reason {
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules := rulesOf(l)
		if rules == nil {
			return token.CannotDecide
		}
		if !rules.phoned {
			continue
		}
		if bad := rules.judgePhones(c.Facts); bad != nil {
			v.Phone = bad.Value
			return token.PhoneNotAllowed
		}
	}
	return token.Allowed
}

// judgePhones is the first phone that is not on the whitelist; nil when all
// are. The countries are looked at only for a phone that is not listed as it is
// written.
func (r *Rules) judgePhones(f *token.Facts) *token.Fact {
	var where places
	for i := range f.Phones {
		phone := &f.Phones[i]
		if !phone.Unknown && r.lists(phone.Value) {
			continue
		}
		if where.n == 0 {
			where.gather(r.catalogue, f.Countries)
		}
		for _, at := range where.list() {
			if !r.permits(at, phone) {
				return phone
			}
		}
	}
	return nil
}
