package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

// The model is row 12's presence and rows 13 and 14 as the specification words
// them, with nothing clever: every value against every value, over plain maps,
// through the catalogue's public look-ups.
type model struct {
	catalogue    *Catalogue
	composition  token.Composition
	numbers      []string
	composed     bool
	phoned       bool
	allowMissing bool
}

func (m *model) decide(f *token.Facts) token.Reason {
	lacks := func(list []token.Fact) bool { return len(list) == 0 && !m.allowMissing }
	if m.composed && (lacks(f.Countries) || lacks(f.Operators) || lacks(f.Methods)) || m.phoned && lacks(f.Phones) {
		return token.FactMissing
	}
	if m.composed {
		if r := m.composes(f); r != token.Allowed {
			return r
		}
	}
	if m.phoned {
		for _, p := range f.Phones {
			for _, country := range m.countriesOr(f, "") {
				form, _, err := m.catalogue.CanonicalPhone(country, string(p.Value))
				if err != nil || !slices.Contains(m.numbers, form) {
					return token.PhoneNotAllowed
				}
			}
		}
	}
	return token.Allowed
}

// composes is the product of all values; its reason is that of the level at
// which the first country, in order, fails.
func (m *model) composes(f *token.Facts) token.Reason {
	if len(m.composition) == 0 {
		return token.CountryNotAllowed
	}
	var reasons []token.Reason
	if len(f.Countries) == 0 {
		for country, operators := range m.composition {
			reasons = append(reasons, m.operates(country, operators, f))
		}
		return best(reasons)
	}
	for _, country := range m.countriesOr(f, "") {
		if operators, ok := m.composition[country]; ok {
			reasons = append(reasons, m.operates(country, operators, f))
		} else {
			reasons = append(reasons, token.CountryNotAllowed)
		}
	}
	return first(reasons)
}

func (m *model) operates(country string, operators map[string][]string, f *token.Facts) token.Reason {
	var reasons []token.Reason
	if len(f.Operators) == 0 {
		for _, methods := range operators {
			reasons = append(reasons, m.methods(methods, f))
		}
		return best(reasons)
	}
	for _, o := range f.Operators {
		id := string(o.Value)
		if known, ok := m.catalogue.Operator(country, o.Value); ok {
			id = known
		}
		if methods, ok := operators[id]; ok {
			reasons = append(reasons, m.methods(methods, f))
		} else {
			reasons = append(reasons, token.OperatorNotAllowed)
		}
	}
	return first(reasons)
}

func (m *model) methods(allowed []string, f *token.Facts) token.Reason {
	for _, w := range f.Methods {
		id := string(w.Value)
		if known, ok := m.catalogue.Method(w.Value); ok {
			id = known
		}
		if !slices.Contains(allowed, id) {
			return token.PaymentMethodNotAllowed
		}
	}
	return token.Allowed
}

func (m *model) countriesOr(f *token.Facts, none string) []string {
	var list []string
	for _, v := range f.Countries {
		code, ok := m.catalogue.Country(v.Value)
		if !ok {
			code = strings.ToUpper(string(v.Value))
		}
		list = append(list, code)
	}
	if len(list) == 0 {
		return []string{none}
	}
	return list
}

func first(reasons []token.Reason) token.Reason {
	for _, r := range reasons {
		if r != token.Allowed {
			return r
		}
	}
	return token.Allowed
}

// best is Allowed when one of them is, and else the furthest.
func best(reasons []token.Reason) token.Reason {
	if slices.Contains(reasons, token.Allowed) {
		return token.Allowed
	}
	return slices.Max(reasons)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestTheCompiledRulesDecideAsTheSpecificationReads compares the compiled judge
// with the model on random bounds and random requests.
func TestTheCompiledRulesDecideAsTheSpecificationReads(t *testing.T) {
	c := testCatalogue(t)
	word := func(t *rapid.T, label string, words ...string) string { return rapid.SampledFrom(words).Draw(t, label) }
	country := func(t *rapid.T) string { return word(t, "country", "CI", "civ", "ML", "BJ", "FR", "SN") }
	operator := func(t *rapid.T) string { return word(t, "operator", "ORANGE", "om", "MTN", "MOMO", "OMML", "NEWPAY") }
	method := func(t *rapid.T) string { return word(t, "method", "collect", "DISBURSE", "card", "instant") }
	phone := func(t *rapid.T) string {
		return word(t, "phone", "+2250707070707", "0707070707", "76123456", "+22376123456", "97654321", "2250707070707", "x")
	}
	rapid.Check(t, func(t *rapid.T) {
		b := token.Bounds{Composition: token.Composition{}}
		for range rapid.IntRange(0, 3).Draw(t, "countries") {
			operators := map[string][]string{}
			for range rapid.IntRange(1, 3).Draw(t, "operators") {
				operators[operator(t)] = rapid.SliceOfN(rapid.Custom(method), 1, 3).Draw(t, "methods")
			}
			b.Composition[country(t)] = operators
		}
		b.Restricts.Composition = rapid.Bool().Draw(t, "composed")
		b.Restricts.Phones = rapid.Bool().Draw(t, "phoned")
		if _, wrong := Normalise(c, &b); len(wrong) > 0 {
			t.Fatal(wrong)
		}
		m := &model{catalogue: c, composition: b.Composition, allowMissing: rapid.Bool().Draw(t, "allow missing")}
		var numbers []token.Number
		for _, e164 := range rapid.SliceOf(rapid.SampledFrom([]string{"+2250707070707", "+22376123456", "+2290197654321"})).Draw(t, "numbers") {
			numbers = append(numbers, enabled("CI", e164))
			m.numbers = append(m.numbers, e164)
		}
		m.composed, m.phoned = b.Restricts.Composition, b.Restricts.Phones || len(numbers) > 0
		r, err := Compile(c, b, numbers, nil)
		if err != nil {
			t.Fatal(err)
		}
		request := new(token.Facts)
		for k, draw := range []func(*rapid.T) string{country, operator, method, phone} {
			for range rapid.IntRange(0, 3).Draw(t, "values") {
				request.Add(token.FactKind(k), token.Fact{Value: []byte(draw(t))})
			}
		}
		k := payment(r)
		k.Facts, k.Route.AllowMissing = request, m.allowMissing
		if got, want := Decide(k, nil).Reason, m.decide(request); got != want {
			t.Fatalf("decided %v, the specification says %v: %+v of %+v", got, want, describe(request), b.Composition)
		}
	})
}

// TestNarrowingBoundsNeverAllowsMore: whatever passes the narrower composition
// or whitelist passes the wider.
func TestNarrowingBoundsNeverAllowsMore(t *testing.T) {
	c := testCatalogue(t)
	wide := token.Composition{"CI": {"ORANGE": {"collect", "disburse"}, "MTN": {"collect", "card"}}, "ML": {"ORANGE": {"collect"}}}
	numbers := []token.Number{enabled("CI", "+2250707070707"), enabled("ML", "+22376123456")}
	rapid.Check(t, func(t *rapid.T) {
		narrow := token.Composition{}
		for _, country := range sortedKeys(wide) {
			narrow[country] = map[string][]string{}
			for _, operator := range sortedKeys(wide[country]) {
				for _, method := range wide[country][operator] {
					if rapid.Bool().Draw(t, "keep") {
						narrow[country][operator] = append(narrow[country][operator], method)
					}
				}
			}
		}
		Prune(narrow)
		fewer := slices.Clone(numbers)
		for i := range fewer {
			fewer[i].Enabled = rapid.Bool().Draw(t, "enabled")
		}
		flags := token.Restricts{Composition: true, Phones: true}
		small, err1 := Compile(c, token.Bounds{Composition: narrow, Restricts: flags}, fewer, nil)
		large, err2 := Compile(c, token.Bounds{Composition: wide, Restricts: flags}, numbers, nil)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		var pairs []string
		for _, words := range [][]string{
			{"country=CI", "country=ML"}, {"operator=OM", "operator=MTN"}, {"method=collect", "method=disburse", "method=card"},
			{"phone=+2250707070707", "phone=+22376123456"},
		} {
			pairs = append(pairs, rapid.SliceOfN(rapid.SampledFrom(words), 0, 2).Draw(t, "values")...)
		}
		a, b := payment(small, pairs...), payment(large, pairs...)
		a.Route.AllowMissing = rapid.Bool().Draw(t, "allow missing")
		b.Route.AllowMissing = a.Route.AllowMissing
		if Decide(a, nil).Allowed && !Decide(b, nil).Allowed {
			t.Fatalf("narrowing to %v allowed %v", narrow, pairs)
		}
	})
}
