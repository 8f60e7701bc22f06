package policy

import (
	"testing"

	"tollgate/policy/token"
)

// testCatalogue is a small catalogue with every kind of phone plan there is:
// with and without a trunk 0, renumbered, without lengths, and a shared code.
func testCatalogue(t testing.TB) *Catalogue {
	t.Helper()
	plain := func(a2, a3, dial string, lengths ...int) Country {
		return Country{Alpha2: a2, Alpha3: a3, Dial: dial, Lengths: lengths}
	}
	ci := plain("CI", "CIV", "225", 10)
	ci.Operators = []Operator{
		{ID: "ORANGE", Name: "Orange Money", Aliases: []string{"OM", "ORANGE_CIV", "orange-money-ci", "ORANGE_MONEY_CI"}},
		{ID: "MTN", Aliases: []string{"MTN_MOMO_CIV", "MOMO"}},
		{ID: "WAVE", Aliases: []string{"WAVE_CI"}},
	}
	ml := plain("ML", "MLI", "223", 8)
	ml.Operators = []Operator{{ID: "ORANGE", Aliases: []string{"OM", "OMML"}}, {ID: "MOOV", Aliases: []string{"MOMO"}}}
	bj := plain("BJ", "BEN", "229", 10)
	bj.Legacy = Legacy{Length: 8, Prefix: "01"}
	bj.Operators = []Operator{{ID: "MTN"}, {ID: "MOOV"}}
	ke, ng := plain("KE", "KEN", "254", 9), plain("NG", "NGA", "234", 10)
	ke.Trunk, ng.Trunk = true, true
	c, err := NewCatalogue([]Country{
		ci, ml, bj, ke, ng,
		plain("SN", "SEN", "221", 9), plain("CM", "CMR", "237", 9), plain("GA", "GAB", "241", 8), plain("CG", "COG", "242", 9),
		plain("GH", "GHA", "233", 9), plain("CD", "COD", "243", 9), plain("GM", "GMB", "220", 7),
		plain("LS", "LSO", "266"), plain("US", "USA", "1", 10), plain("CA", "CAN", "1", 10),
	}, []string{"collect", "disburse", "cashout", "card", "refund"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// compiled is the rules of bounds, which must be good.
func compiled(t testing.TB, b token.Bounds, numbers ...token.Number) *Rules {
	t.Helper()
	return compiledFor(t, nil, b, numbers...)
}

// compiledFor is compiled with a merchant's IP ranges.
func compiledFor(t testing.TB, merchant []string, b token.Bounds, numbers ...token.Number) *Rules {
	t.Helper()
	c := testCatalogue(t)
	if _, wrong := Normalise(c, &b); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	r, err := Compile(c, b, numbers, merchant)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// enabled is a whitelisted number.
func enabled(country, e164 string) token.Number {
	return token.Number{Country: country, E164: e164, Enabled: true}
}

// told builds facts from "country=CI operator=ORANGE …"; a key may be followed
// by its source's number: "country1=CI".
func told(pairs ...string) *token.Facts {
	f := new(token.Facts)
	for _, pair := range pairs {
		f.Add(toldOne(pair))
	}
	return f
}

func toldOne(pair string) (token.FactKind, token.Fact) {
	for k := token.FactCountry; int(k) < token.FactKinds; k++ {
		name := k.String()
		if len(pair) > len(name)+1 && pair[:len(name)] == name {
			switch rest := pair[len(name):]; {
			case rest[0] == '=':
				return k, token.Fact{Value: []byte(rest[1:])}
			case rest[1] == '=':
				return k, token.Fact{Value: []byte(rest[2:]), Source: rest[0] - '0'}
			}
		}
	}
	panic("BUG: told: " + pair)
}

// payment is a request on a route with facts, of a token with the rules.
func payment(r *Rules, pairs ...string) *Case {
	return &Case{
		Principal: &token.Principal{Live: &token.Live{Environment: token.EnvLive, Rules: r}},
		Route:     &RouteRule{Facts: FactsRead},
		Facts:     told(pairs...),
	}
}

// expect decides a case, with and without a trace, and compares the reason.
func expect(t *testing.T, c *Case, want token.Reason) Verdict {
	t.Helper()
	var trace Trace
	v := Decide(c, nil)
	traced := Decide(c, &trace)
	if v.Reason != traced.Reason || v.Allowed != traced.Allowed || v.WouldDeny != traced.WouldDeny {
		t.Errorf("a trace changed the verdict: %v became %v", v.Reason, traced.Reason)
	}
	if v.Reason != want || v.Allowed != (want == token.Allowed) {
		t.Errorf("decided %v, want %v; %+v", v.Reason, want, trace.Checks)
	}
	return v
}
