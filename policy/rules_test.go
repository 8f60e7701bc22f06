package policy

import (
	"strings"
	"testing"

	"tollgate/policy/token"
)

func TestCompileRefusesWhatNormaliseCouldNotHaveWritten(t *testing.T) {
	f := func(want string, b token.Bounds, merchant ...string) {
		t.Helper()
		r, err := Compile(testCatalogue(t), b, nil, merchant)
		if err == nil || r != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("compiled to %v, %v; the error should say %q", r, err, want)
		}
	}
	f("the token's IP ranges", token.Bounds{IPRanges: []string{"10.0.0.5/8"}})
	f("the merchant's IP ranges", token.Bounds{}, "nowhere")
	f("the HTTP methods", token.Bounds{Methods: []string{"get"}})
	f("the rate", token.Bounds{Rate: "fast"})
	wide := map[string][]string{}
	for i := range maxRules + 1 {
		wide["O"+strings.Repeat("x", i)] = nil
	}
	f("CI has 257 operators", token.Bounds{Composition: token.Composition{"CI": wide}})
	tall := token.Composition{}
	for i := range maxRules + 1 {
		tall["C"+strings.Repeat("x", i)] = nil
	}
	f("there are 257 countries", token.Bounds{Composition: tall})
}

func TestABoundRestrictsThoughItsFlagIsNotSet(t *testing.T) {
	c := testCatalogue(t)
	r, err := Compile(c, token.Bounds{IPRanges: []string{"192.0.2.7"}, Methods: []string{"GET"}, Composition: token.Composition{"CI": {"ORANGE": {"collect"}}}},
		[]token.Number{{Country: "CI", E164: "+2250707070707"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.own.asked || !r.asksMethods || !r.composed || !r.phoned || !r.Restricted() {
		t.Errorf("something is not asked for: %+v", r)
	}
}

func TestAStoredAliasIsResolvedByALaterCatalogue(t *testing.T) {
	r, err := Compile(testCatalogue(t), token.Bounds{Composition: token.Composition{"CIV": {"om": {"COLLECT"}}, "ci": {"ORANGE": {"card"}}}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, payment(r, "country=CI", "operator=ORANGE_CIV", "method=collect", "method=card"), token.Allowed)
}

func TestACountryThatNoRequestCanNameAllowsNothing(t *testing.T) {
	r, err := Compile(testCatalogue(t), token.Bounds{Composition: token.Composition{"FRA": {"X": {"collect"}}}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, payment(r, "country=FRA", "operator=X", "method=collect"), token.CountryNotAllowed)
}

func TestOwnIsWhatATokenHasExactlyOneOf(t *testing.T) {
	f := func(composition token.Composition, want Own, numbers ...token.Number) {
		t.Helper()
		if got := compiled(t, token.Bounds{Composition: composition}, numbers...).Own(); got != want {
			t.Errorf("%v is bound to %+v, want %+v", composition, got, want)
		}
	}
	off := token.Number{Country: "CI", E164: "+2250505050505"}
	f(nil, Own{})
	f(token.Composition{"civ": {"OM": {"collect"}}}, Own{"CI", "ORANGE", "collect", "+2250707070707"}, enabled("CI", "+2250707070707"), off)
	f(token.Composition{"CI": {"OM": {"collect"}}, "ML": {"OM": {"collect"}}}, Own{Operator: "ORANGE", Method: "collect"})
	f(token.Composition{"CI": {"OM": {"collect"}, "MTN": {"collect"}}}, Own{Country: "CI", Method: "collect"})
	f(token.Composition{"CI": {"OM": {"collect", "refund"}}}, Own{Country: "CI", Operator: "ORANGE"})
	f(token.Composition{"CI": {"OM": {"instant"}}}, Own{Country: "CI", Operator: "ORANGE", Method: "instant"})
	f(token.Composition{"CI": {"OM": {"instant", "later"}}}, Own{Country: "CI", Operator: "ORANGE"})
	f(token.Composition{"CI": {"OM": {"instant", "collect"}}}, Own{Country: "CI", Operator: "ORANGE"})
	f(token.Composition{"FR": {"X": {"refund"}}}, Own{"FR", "X", "refund", ""}, enabled("CI", "+2250707070707"), enabled("CI", "+2250505050505"))
	f(nil, Own{}, off)
}

func TestRulesTellTheirRateAndSize(t *testing.T) {
	small := compiled(t, token.Bounds{Rate: "5/s burst 9"})
	if r := small.Rate(); r.Count != 5 || r.Burst != 9 {
		t.Errorf("the rate is %+v", r)
	}
	if r := compiled(t, token.Bounds{}).Rate(); r != (Rate{}) {
		t.Errorf("no rate is %+v", r)
	}
	large := compiled(t, token.Bounds{IPRanges: manyRanges(1000)}, enabled("FR", "+33612345678"))
	if small.Size() < 200 || small.Size() > 600 || large.Size() < small.Size()+50_000 {
		t.Errorf("the sizes are %d and %d", small.Size(), large.Size())
	}
}
