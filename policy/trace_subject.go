package policy

import (
	"strings"

	"tollgate/policy/token"
)

func (t *Trace) noSubject() {
	const detail = "the route moves no money: composition and phones do not apply"
	for row, name := range subjectNames {
		t.add(row+11, name, token.Allowed, detail)
	}
}

var subjectNames = [...]string{"body", "facts", "composition", "phones"}

func (t *Trace) subject(c *Case, v *Verdict, row int, r token.Reason) {
	detail := "the token's rules were never compiled"
	switch {
	case r == token.CannotDecide:
	case row == 11:
		detail = bodyDetail(c, r)
	case row == 12:
		detail = factsDetail(c, r)
	case row == 13:
		detail = compositionDetail(c, v, r)
	default:
		detail = phonesDetail(c, v, r)
	}
	t.add(row, subjectNames[row-11], r, detail)
}

func bodyDetail(c *Case, r token.Reason) string {
	switch r {
	case token.Allowed:
		if c.Route.Facts == NoFacts {
			return "the route reads no body"
		}
		return "the request can be read in one way only"
	case token.BodyAmbiguous:
		return "two readers could read the request differently"
	case token.BodyUnsupported:
		return "the body is of a type the route does not read"
	case token.BodyTooLarge:
		return "the body is larger than the route allows"
	}
	return "the body could not be read: " + r.Code()
}

func factsDetail(c *Case, r token.Reason) string {
	f := c.Facts
	switch {
	case r == token.Allowed && c.Route.Facts == NoFacts:
		return "the route has no facts, and the token asks for none"
	case r == token.Allowed:
		return "the request says " + describe(f)
	case c.Route.Facts == NoFacts:
		return "the token is restricted and the route does not say where its facts are; give the route facts, or `facts: none` where no money moves"
	case r == token.FactConflict && (f.Guard == r || c.FactsReason == r):
		return "a field that the route requires holds another value than it must"
	case r == token.FactConflict:
		return "two places of the request say different things: " + describe(f)
	}
	return "the token is restricted and the request lacks " + missing(c) + "; it says " + describe(f)
}

// missing lists the facts that were not found.
func missing(c *Case) string {
	var names []string
	for k := token.FactCountry; int(k) < token.FactKinds; k++ {
		if c.lacks(k) {
			names = append(names, k.String())
		}
	}
	if len(names) == 0 {
		return "a field that the route requires"
	}
	return strings.Join(names, ", ")
}

func compositionDetail(c *Case, v *Verdict, r token.Reason) string {
	switch r {
	case token.Allowed:
		if !c.asksFor(func(r *Rules) bool { return r.composed }) {
			return "no composition is asked for"
		}
		return "every country, operator and method found is composed"
	case token.CountryNotAllowed:
		if v.Country == nil {
			return "the token's composition is empty"
		}
		return "the country " + quoted(v.Country) + " is not composed"
	case token.OperatorNotAllowed:
		return "the operator " + quoted(v.Operator) + " is not composed" + in(v.Country)
	}
	detail := "the method " + quoted(v.Method) + " is not composed"
	if v.Operator != nil {
		detail += " for the operator " + quoted(v.Operator)
	}
	return detail + in(v.Country)
}

func phonesDetail(c *Case, v *Verdict, r token.Reason) string {
	f := c.Facts
	switch {
	case r == token.Allowed && !c.asksFor(func(r *Rules) bool { return r.phoned }):
		return "no phone whitelist is asked for"
	case r == token.Allowed:
		return count(len(f.Phones), "phone") + " found, all of them enabled numbers of the token"
	}
	detail := "the phone " + token.MaskPhone(string(v.Phone)) + " is no enabled number of the token"
	if why := c.phoneTrouble(v.Phone); why != phoneRead {
		detail += ": " + why.err().Error()
	}
	return detail
}

// phoneTrouble says why the phone that failed could not be read, if so.
func (c *Case) phoneTrouble(raw []byte) phoneFault {
	rules, f := rulesOf(c.Principal.Live), c.Facts
	var where places
	where.gather(rules.catalogue, f.Countries)
	for i := range f.Phones {
		if string(f.Phones[i].Value) != string(raw) {
			continue
		}
		for _, at := range where.list() {
			var out e164
			if fault := rules.catalogue.canonical(&out, at, raw, f.Phones[i].Digits); fault != phoneRead {
				return fault
			}
		}
	}
	return phoneRead
}

// asksFor reports whether the rules of the token or of a parent are of a kind.
func (c *Case) asksFor(is func(*Rules) bool) bool {
	for l := c.Principal.Live; l != nil; l = l.Parent {
		if r := rulesOf(l); r != nil && is(r) {
			return true
		}
	}
	return false
}
