package policy

import "tollgate/policy/token"

// judgeComposition checks that every country found is composed, every operator
// in every one of them, and every method for every such pair. Where a route
// allows a level to be missing, the levels below it must pass for at least one
// of the token's own values there: what the token could not do in any country
// it cannot do by naming none, and deleting a country never allows more.
func (r *Rules) judgeComposition(f *token.Facts, v *Verdict) token.Reason {
	if len(r.countries) == 0 {
		v.Country = firstValue(f.Countries)
		return token.CountryNotAllowed
	}
	asked := r.methodsAsked(f.Methods)
	if len(f.Countries) == 0 {
		return r.judgeAnywhere(f, &asked, v)
	}
	var judged marks
	for i := range f.Countries {
		at := r.findCountry(&f.Countries[i])
		if at < 0 {
			v.Country = f.Countries[i].Value
			return token.CountryNotAllowed
		}
		if judged.add(at) {
			continue
		}
		if reason := r.judgeOperators(&r.countries[at], f, &asked, v); reason != token.Allowed {
			v.Country = f.Countries[i].Value
			return reason
		}
	}
	return token.Allowed
}

// judgeAnywhere is for a request that names no country: the refusal of the
// country that comes furthest, or none when there is one that refuses nothing.
func (r *Rules) judgeAnywhere(f *token.Facts, asked *methodsAsked, v *Verdict) token.Reason {
	furthest := token.Allowed
	for i := range r.countries {
		var here Verdict
		reason := r.judgeOperators(&r.countries[i], f, asked, &here)
		if reason == token.Allowed {
			return token.Allowed
		}
		if reason > furthest {
			furthest = reason
			v.Operator, v.Method = here.Operator, here.Method
		}
	}
	return furthest
}

func (r *Rules) judgeOperators(rule *countryRule, f *token.Facts, asked *methodsAsked, v *Verdict) token.Reason {
	if len(f.Operators) == 0 {
		return r.judgeAnyOperator(rule, f, asked, v)
	}
	var judged marks
	for i := range f.Operators {
		at := rule.findOperator(&f.Operators[i])
		if at < 0 {
			v.Operator = f.Operators[i].Value
			return token.OperatorNotAllowed
		}
		if judged.add(at) {
			continue
		}
		if bad := rule.operators[at].refuses(r.catalogue, asked, f.Methods); bad != nil {
			v.Operator, v.Method = f.Operators[i].Value, bad.Value
			return token.PaymentMethodNotAllowed
		}
	}
	return token.Allowed
}

// judgeAnyOperator is for a request that names no operator.
func (r *Rules) judgeAnyOperator(rule *countryRule, f *token.Facts, asked *methodsAsked, v *Verdict) token.Reason {
	var bad *token.Fact
	for i := range rule.operators {
		if bad = rule.operators[i].refuses(r.catalogue, asked, f.Methods); bad == nil {
			return token.Allowed
		}
	}
	if bad != nil {
		v.Method = bad.Value
	}
	return token.PaymentMethodNotAllowed
}

// methodsAsked is the methods of a request, resolved once for all the pairs.
type methodsAsked struct {
	known  uint64
	others bool // there are words that the catalogue does not know
}

func (r *Rules) methodsAsked(list []token.Fact) (asked methodsAsked) {
	for i := range list {
		if bit, ok := r.catalogue.method(list[i].Value); ok && !list[i].Unknown {
			asked.known |= 1 << bit
		} else {
			asked.others = true
		}
	}
	return asked
}

// refuses is the first method of the request that the operator is not composed
// for; nil when it is for all.
func (o *operatorRule) refuses(c *Catalogue, asked *methodsAsked, list []token.Fact) *token.Fact {
	if asked.known&^o.methods == 0 && !asked.others {
		return nil
	}
	for i := range list {
		if !o.allows(c, &list[i]) {
			return &list[i]
		}
	}
	return nil
}

func (o *operatorRule) allows(c *Catalogue, f *token.Fact) bool {
	if f.Unknown {
		return false
	}
	if bit, ok := c.method(f.Value); ok {
		return o.methods&(1<<bit) != 0
	}
	for _, word := range o.others {
		if word == string(f.Value) {
			return true
		}
	}
	return false
}

// findCountry is the place of the rule for the country a fact names; -1 when
// there is none.
func (r *Rules) findCountry(f *token.Fact) int {
	at, ok := r.catalogue.placeNamed(f)
	if !ok {
		return -1
	}
	for i := range r.countries {
		if r.countries[i].code == at.code {
			return i
		}
	}
	return -1
}

// findOperator is the place of the rule for the operator a fact names in a
// country; -1 when there is none. A code that the catalogue does not know is
// compared as it stands.
func (rule *countryRule) findOperator(f *token.Fact) int {
	if f.Unknown {
		return -1
	}
	if rule.entry != nil {
		if id, ok := rule.entry.operator(f.Value); ok {
			return rule.find([]byte(id))
		}
	}
	return rule.find(f.Value)
}

func (rule *countryRule) find(id []byte) int {
	for i := range rule.operators {
		if rule.operators[i].id == string(id) {
			return i
		}
	}
	return -1
}

// maxRules bounds the countries of a composition and the operators of each, so
// that what was judged fits a fixed set of bits.
const maxRules = 256

type marks [maxRules / 64]uint64

// add puts i into the set and reports whether it was there.
func (b *marks) add(i int) (was bool) {
	word, bit := i/64, uint64(1)<<(i%64)
	was = b[word]&bit != 0
	b[word] |= bit
	return was
}

func firstValue(list []token.Fact) []byte {
	if len(list) == 0 {
		return nil
	}
	return list[0].Value
}
