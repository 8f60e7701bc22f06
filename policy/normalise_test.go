package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
)

func TestNormaliseTakesBoundsToTheFormTheyAreKeptIn(t *testing.T) {
	b := token.Bounds{
		IPRanges:    []string{"192.0.2.7/32", "192.0.2.0/24", "::ffff:192.0.2.7", "2001:DB8::/32", "192.0.2.7"},
		Methods:     []string{"get", "POST", "GET"},
		Permissions: []string{"payments:write", "payments:write", "tokens:manage"},
		Composition: token.Composition{
			"CIV": {"om": {"COLLECT", "collect"}, "ORANGE_CIV": {"disburse"}, "MOMO": {"collect"}},
			"ci":  {"ORANGE": {"card"}},
		},
		Rate: "100/s burst 100",
	}
	warnings, wrong := Normalise(testCatalogue(t), &b)
	if len(warnings)+len(wrong) > 0 {
		t.Fatal(warnings, wrong)
	}
	want := token.Bounds{
		IPRanges:    []string{"192.0.2.7", "192.0.2.0/24", "2001:db8::/32"},
		Methods:     []string{"GET", "POST"},
		Permissions: []string{"payments:write", "tokens:manage"},
		Composition: token.Composition{"CI": {"ORANGE": {"disburse", "collect", "card"}, "MTN": {"collect"}}},
		Restricts:   token.Restricts{Composition: true, IP: true, Methods: true},
		Rate:        "100/s",
	}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Error(diff)
	}
}

func TestNormaliseNeverClearsARestriction(t *testing.T) {
	b := token.Bounds{Restricts: token.Restricts{Composition: true, Phones: true, IP: true, Methods: true}}
	if warnings, wrong := Normalise(testCatalogue(t), &b); len(warnings)+len(wrong) > 0 {
		t.Fatal(warnings, wrong)
	}
	if want := (token.Restricts{Composition: true, Phones: true, IP: true, Methods: true}); b.Restricts != want {
		t.Errorf("the flags are %+v", b.Restricts)
	}
	b = token.Bounds{}
	if Normalise(testCatalogue(t), &b); b.Restricts != (token.Restricts{}) {
		t.Errorf("bounds that restrict nothing have the flags %+v", b.Restricts)
	}
}

func TestNormaliseWarnsOfWhatTheCatalogueDoesNotKnowAndKeepsIt(t *testing.T) {
	b := token.Bounds{
		IPRanges:    []string{"0.0.0.0/0"},
		Composition: token.Composition{"CI": {"NewPay": {"Instant"}}, "fr": {"Lydia": {"collect"}}},
	}
	warnings, wrong := Normalise(testCatalogue(t), &b)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	want := token.Composition{"CI": {"NewPay": {"Instant"}}, "FR": {"Lydia": {"collect"}}}
	if diff := cmp.Diff(want, b.Composition); diff != "" {
		t.Error(diff)
	}
	told := fmt.Sprint(warnings)
	for _, part := range []string{
		"ip_whitelist[0] 0.0.0.0/0 lets every address", "composition.CI.NewPay the catalogue does not know the operator", "it knows ORANGE, MTN, WAVE",
		"composition.CI.NewPay[0] the catalogue does not know the method", "composition.fr the catalogue does not know the country FR",
	} {
		if !strings.Contains(told, part) {
			t.Errorf("no warning says %q: %s", part, told)
		}
	}
}

func TestNormaliseNamesEveryBadFieldAndWhatWouldDo(t *testing.T) {
	b := token.Bounds{
		IPRanges:    []string{"192.0.2.1", "10.0.0.5/8"},
		Methods:     []string{"GET", "FETCH", "TRACE"},
		Permissions: []string{"", "a b", `a"b`, strings.Repeat("x", 65)},
		Composition: token.Composition{
			"FRA": {"X": {"collect"}}, "CI": {"": {"collect"}, "ORANGE": {}, "MTN": {"pay in"}}, "ML": {}, "Côte d'Ivoire": {"X": {"y"}},
		},
		Rate: "fast",
	}
	_, wrong := Normalise(testCatalogue(t), &b)
	want := map[string]string{
		"ip_whitelist[1]":           "did you mean 10.0.0.0/8",
		"allowed_methods[1]":        "GET, HEAD, POST",
		"allowed_methods[2]":        "TRACE",
		"permissions[0]":            "such as payments:write",
		"permissions[1]":            "such as payments:write",
		"permissions[2]":            "such as payments:write",
		"permissions[3]":            "such as payments:write",
		"composition.FRA":           "two letters",
		"composition.Côte d'Ivoire": "two letters",
		"composition.ML":            "at least one operator (it knows ORANGE, MOOV)",
		"composition.CI.":           "is empty",
		"composition.CI.ORANGE":     "at least one method",
		"composition.CI.MTN[0]":     "visible ASCII",
		"rate":                      "100/s",
	}
	for _, e := range wrong {
		part, known := want[e.Field]
		if !known || !strings.Contains(e.Message, part) {
			t.Errorf("%s: %s; want %q", e.Field, e.Message, part)
		}
		delete(want, e.Field)
	}
	if len(want) > 0 {
		t.Errorf("no error names %v", want)
	}
}

func TestNormaliseBoundsEveryList(t *testing.T) {
	many := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint("m", i))
		}
		return list
	}
	operators := map[string][]string{}
	for i := range maxRules + 1 {
		operators[fmt.Sprint("O", i)] = []string{"collect"}
	}
	countries := token.Composition{}
	for i := range maxRules + 1 {
		countries[string(rune('A'+i/26))+string(rune('A'+i%26))] = map[string][]string{"X": {"collect"}}
	}
	f := func(field string, b token.Bounds) {
		t.Helper()
		_, wrong := Normalise(testCatalogue(t), &b)
		if len(wrong) != 1 || wrong[0].Field != field || !strings.Contains(wrong[0].Message, "at most") {
			t.Errorf("%s: %v", field, wrong)
		}
	}
	f("ip_whitelist", token.Bounds{IPRanges: make([]string, maxRanges+1)})
	f("permissions", token.Bounds{Permissions: many(maxPermissions + 1)})
	f("composition", token.Bounds{Composition: countries})
	f("composition.CI", token.Bounds{Composition: token.Composition{"CI": operators}})
	f("composition.CI.ORANGE", token.Bounds{Composition: token.Composition{"CI": {"ORANGE": many(maxMethods + 1)}}})
	if _, _, wrong := NormaliseRanges("ip_whitelist", make([]string, maxMerchantRanges+1)); len(wrong) != 1 {
		t.Errorf("a merchant's list has no bound: %v", wrong)
	}
	if list, _, wrong := NormaliseRanges("ip_whitelist", []string{"192.0.2.7/32", "x"}); len(list) != 1 || list[0] != "192.0.2.7" || len(wrong) != 1 || wrong[0].Field != "ip_whitelist[1]" {
		t.Errorf("a merchant's list: %v, %v", list, wrong)
	}
}

func TestPruneRemovesWhatAPatchHasEmptied(t *testing.T) {
	c := token.Composition{"CI": {"ORANGE": {"collect"}, "MTN": {}}, "ML": {"ORANGE": nil}, "SN": {}}
	Prune(c)
	if diff := cmp.Diff(token.Composition{"CI": {"ORANGE": {"collect"}}}, c); diff != "" {
		t.Error(diff)
	}
	Prune(nil)
}

// FuzzNormalise: whatever an admin sends, the answer is errors or bounds that
// are their own normal form and compile.
func FuzzNormalise(f *testing.F) {
	f.Add("192.0.2.0/24", "GET", "payments:write", "CI", "OM", "collect", "100/s")
	f.Add("10.0.0.5/8", "FETCH", "a b", "FRA", "", "pay in", "fast")
	f.Add("::/0", "get", "", "fr", "NewPay", "Instant", "")
	f.Add("\xff", "\xff", "\xff", "\xff\xff", "\xff", "\xff", "\xff")
	c := testCatalogue(f)
	f.Fuzz(func(t *testing.T, ip, method, permission, country, operator, word, rate string) {
		b := token.Bounds{
			IPRanges: []string{ip, ip}, Methods: []string{method}, Permissions: []string{permission},
			Composition: token.Composition{country: {operator: {word}}, "CIV": {operator: {word, "collect"}}}, Rate: rate,
		}
		if _, wrong := Normalise(c, &b); len(wrong) > 0 {
			for _, e := range wrong {
				if e.Field == "" || e.Message == "" || len(e.Message) > 1000 {
					t.Fatalf("an error that says nothing, or too much: %+v", e)
				}
			}
			return
		}
		again := token.Bounds{
			IPRanges: append([]string(nil), b.IPRanges...), Methods: b.Methods, Permissions: b.Permissions,
			Composition: b.Composition, Restricts: b.Restricts, Rate: b.Rate,
		}
		if _, wrong := Normalise(c, &again); len(wrong) > 0 || !cmp.Equal(b, again) {
			t.Fatalf("normalising again: %v\n%s", wrong, cmp.Diff(b, again))
		}
		if _, err := Compile(c, b, nil, b.IPRanges); err != nil {
			t.Fatalf("what was normalised does not compile: %v", err)
		}
	})
}
