package policy

import (
	"strconv"
	"strings"

	"tollgate/policy/token"
)

// The sentences of explain. Nothing here runs without a trace.

func (t *Trace) environment(c *Case, r token.Reason) {
	detail := "the token is for " + c.Principal.Live.Environment.String() + ", the route for " + c.Route.Environment.String()
	if c.Environment != token.EnvAny {
		detail += ", the request asks for " + c.Environment.String()
	}
	t.add(7, "environment", r, detail)
}

func (t *Trace) address(c *Case, r token.Reason) {
	detail := "no IP range is asked for"
	seen := c.Source.Addr.Unmap().WithZone("").String()
	if c.Source.Unknown || !c.Source.Addr.IsValid() {
		seen = "the client's address, which cannot be told,"
	}
	switch {
	case r == token.CannotDecide:
		detail = "the token's rules were never compiled"
	case r != token.Allowed:
		detail = seen + " is outside the " + c.askedRanges()
	case c.askedRanges() != "":
		detail = seen + " is inside the " + c.askedRanges()
	}
	t.add(8, "ip", r, detail)
}

// askedRanges names the lists that the address is looked up in.
func (c *Case) askedRanges() string {
	var lists []string
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules, whose := rulesOf(l), "token"
		if l != c.Principal.Live {
			whose = "parent token"
		}
		if rules == nil {
			continue
		}
		if rules.own.asked {
			lists = append(lists, whose+"'s "+count(rules.own.count, "range"))
		}
		if rules.merchant.asked {
			lists = append(lists, "merchant's "+count(rules.merchant.count, "range"))
		}
	}
	return strings.Join(lists, " and the ")
}

func (t *Trace) httpMethod(c *Case, r token.Reason) {
	detail := "no HTTP methods are asked for"
	for l := c.Principal.Live; l != nil; l = l.Parent {
		if rules := rulesOf(l); rules != nil && rules.asksMethods {
			detail = c.HTTPMethod + "; the token allows " + rules.methods.String()
			if rules.methods&methodBit(c.HTTPMethod) == 0 {
				break
			}
		}
	}
	t.add(9, "http_method", r, detail)
}

func (t *Trace) permission(c *Case, r token.Reason) {
	detail := "the route asks for no permission"
	switch {
	case c.Route.Permission == "":
	case r == token.Allowed:
		detail = c.Route.Permission + " is granted"
	default:
		detail = c.Route.Permission + " is not granted to " + c.withholder()
	}
	t.add(10, "permission", r, detail)
}

// withholder is whose list the route's permission is missing from.
func (c *Case) withholder() string {
	only := token.Principal{Live: &token.Live{Permissions: c.Principal.Live.Permissions}}
	if !only.Permits(c.Route.Permission) {
		return "the token"
	}
	if c.Principal.Live.Parent != nil {
		whole := token.Principal{Live: c.Principal.Live}
		if !whole.Permits(c.Route.Permission) {
			return "its parent token"
		}
	}
	return "the credential, whose scope is narrower than its token"
}

func (t *Trace) noSubject() {
	const detail = "the route moves no money: composition and phones do not apply"
	for row, name := range subjectNames {
		t.add(row+11, name, token.Allowed, detail)
	}
}

var subjectNames = [...]string{"body", "facts", "composition", "phones"}

func (t *Trace) subject(c *Case, v *Verdict, row int, r token.Reason) {
	sentences := [...]func(*Case, *Verdict, token.Reason) string{bodyDetail, factsDetail, compositionDetail, phonesDetail}
	detail := "the token's rules were never compiled"
	if r != token.CannotDecide {
		detail = sentences[row-11](c, v, r)
	}
	t.add(row, subjectNames[row-11], r, detail)
}

func bodyDetail(c *Case, _ *Verdict, r token.Reason) string {
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

func factsDetail(c *Case, _ *Verdict, r token.Reason) string {
	f := c.facts()
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
	f := c.facts()
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
	rules, f := rulesOf(c.Principal.Live), c.facts()
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

// describe is the facts as one clause, phones masked.
func describe(f *token.Facts) string {
	var parts []string
	for k := token.FactCountry; int(k) < token.FactKinds; k++ {
		for _, v := range shorten(f.Of(k)) {
			text := quoted(v.Value)
			if k == token.FactPhone {
				text = token.MaskPhone(string(v.Value))
			}
			parts = append(parts, k.String()+" "+text)
		}
	}
	if len(parts) == 0 {
		return "nothing of country, operator, method or phone"
	}
	return strings.Join(parts, ", ")
}

// shorten keeps a long list of values from filling an answer.
func shorten(list []token.Fact) []token.Fact { return list[:min(len(list), 8)] }

// quoted is a value of a request, cut and escaped for a sentence.
func quoted(value []byte) string {
	return strconv.QuoteToASCII(string(value[:min(len(value), maxCode)]))
}

func in(country []byte) string {
	if country == nil {
		return ""
	}
	return " in " + quoted(country)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// String lists the methods of the set.
func (s httpMethods) String() string {
	var names []string
	for i, m := range knownMethods {
		if s&(1<<i) != 0 {
			names = append(names, m)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
