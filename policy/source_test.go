package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each source the documentation shows is read, and read as what it says.
func TestParseSourceReadsEveryForm(t *testing.T) {
	digits, suffix := Step{Op: StepDigits}, Step{Op: StepSuffix, Text: "_"}
	prefix := Source{Text: "form:data|json:/*/prefix", Origin: FromForm, Name: "data", Pointer: []string{"*", "prefix"}}
	for text, want := range map[string]Source{
		"json:/country":                          {Origin: FromJSON, Pointer: []string{"country"}},
		"json:/a~1b/~01/*/c":                     {Origin: FromJSON, Pointer: []string{"a/b", "~1", "*", "c"}},
		"json:/payer/provider|suffix:_ | alpha3": {Origin: FromJSON, Pointer: []string{"payer", "provider"}, Steps: []Step{suffix, {Op: StepAlpha3}}},
		"form:phone":                             {Origin: FromForm, Name: "phone"},
		"query:type | alias:words":               {Origin: FromQuery, Name: "type", Steps: []Step{{Op: StepTable, Text: "words"}}},
		"header:X_Country":                       {Origin: FromHeader, Name: "X_Country"},
		"header:X-Target-Environment":            {Origin: FromHeader, Name: "X-Target-Environment"},
		"path:{mode} | upper | alias":            {Origin: FromPath, Name: "mode", Steps: []Step{{Op: StepUpper}, {Op: StepAlias}}},
		"json:/mobile | region":                  {Origin: FromJSON, Pointer: []string{"mobile"}, Steps: []Step{{Op: StepRegion}}},
		"const:collect":                          {Origin: FromConst, Name: "collect"},
		"token":                                  {Origin: FromToken},
		"signed:/data/payer/*/phone":             {Origin: FromSigned, Pointer: []string{"data", "payer", "*", "phone"}},
		"form:data | json:/*/phone | concat:(form:data|json:/*/prefix) | digits": {
			Origin: FromForm, Name: "data", Pointer: []string{"*", "phone"}, Steps: []Step{{Op: StepConcat, Second: &prefix}, digits},
		},
	} {
		want.Text = text
		got, err := ParseSource(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// A source that could be misread is refused, in words that say what would do.
func TestParseSourceRefusesWithAdvice(t *testing.T) {
	f := func(text, advice string) {
		t.Helper()
		_, err := ParseSource(text)
		if err == nil {
			t.Errorf("%q was accepted", text)
			return
		}
		if !strings.Contains(err.Error(), advice) {
			t.Errorf("%q: %q does not say %q", text, err, advice)
		}
	}
	f("", "write json:/pointer")
	f("phone", "write json:/pointer")
	f("jsn:/phone", "write json:/pointer")
	f("json:phone", "starts with /")
	f("json:/", "empty name")
	f("json:/a//b", "empty name")
	f("json:/list/0/phone", "write *")
	f("json:/a~2", "~0")
	f("json:/a~", "~0")
	f("json:/"+strings.Repeat("a/", 20)+"b", "at most 16")
	f("json:/\xff", "UTF-8")
	f("form:", "form:phone")
	f("form:phone[]", "without brackets")
	f("query:a&b", "without brackets")
	f("header:", "X-Country")
	f("header:X Country", "X-Country")
	f("header:authorization", "never a fact")
	f("header:Token", "never a fact")
	f("header:X_API_KEY", "never a fact")
	f("path:mode", "in braces")
	f("path:{0}", "in braces")
	f("const:", "const:collect")
	f("signed:data/phone", "starts with /")
	f("json:/a |", "nothing where")
	f("json:/a | lower", "is no transform")
	f("json:/a | upper:x", "is no transform")
	f("json:/a | suffix:", "suffix:_")
	f("json:/a | suffix:__", "suffix:_")
	f("json:/a | suffix:a", "suffix:_")
	f("json:/a | json:/b", "only stand first")
	f("form:a | upper | json:/b", "only stand first")
	f("query:a | json:/b", "only stand first")
	f("json:/a | concat:json:/b", "in parentheses")
	f("json:/a | concat:(json:/b | upper)", "plain place")
	f("json:/a | concat:(token)", "plain place")
	f("json:/a | concat:(b)", "is no source")
	f("json:/a | concat:(json:/*/b)", "same array elements")
	f("json:/*/a | concat:(json:/x/*/b)", "same array elements")
	f("json:/a | concat:(const:1) | concat:(const:2)", "once")
	f("json:/a | concat:(const:1", "without its )")
	f("json:/a) | upper", "without its (")
}

// Every mistake of a route's facts is reported, each under its own key.
func TestParseFactsReportsAllMistakes(t *testing.T) {
	_, errs := ParseFacts(FactsText{
		Country:  []string{"json:/country | digits", "json:/c", "json:/c"},
		Operator: []string{"json:/operator | alias:absent"},
		Method:   []string{"const:collect | alpha3"},
		Phone:    []string{"phone"},
		Require:  map[string]string{"json:/type": "", "json:/kind | upper": "X", "const:a": "a"},
		Tables:   map[string]map[string]string{"spare": {"a": "b"}, "void": {}, "blank": {"": "x"}},
	})
	var keys []string
	for _, e := range errs {
		keys = append(keys, e.Key)
	}
	want := []string{
		"tables.blank", "tables.void", "country[0]", "country[2]", "operator[0]", "method[0]", "phone[0]",
		"require.const:a", "require.json:/kind | upper", "require.json:/type",
		"tables.blank", "tables.spare", "tables.void",
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s\n%v", diff, errs)
	}
}

// Facts without a source are a mistake: a route that moves no money says so.
func TestParseFactsWantsOneSource(t *testing.T) {
	for _, text := range []FactsText{{}, {AllowMissing: true}, {Require: map[string]string{"json:/a": "b"}}} {
		if _, errs := ParseFacts(text); len(errs) != 1 || errs[0].Key != "facts" {
			t.Errorf("%+v: errors %v, want one about facts", text, errs)
		}
	}
}

// More sources or guards than a program can mark are refused when it is read.
func TestParseFactsBounds(t *testing.T) {
	many := FactsText{Require: map[string]string{}}
	for c := byte('a'); c <= 'm'; c++ {
		many.Phone = append(many.Phone, "json:/"+string(c))
		many.Require["json:/"+string(c)] = "x"
	}
	_, errs := ParseFacts(many)
	if len(errs) != 2 || errs[0].Key != "phone" || errs[1].Key != "require" {
		t.Errorf("errors %v, want one for phone and one for require", errs)
	}
}

// What is read once is read the same again, and never by accident: a source
// that parses names a place, and no text makes the reader panic.
func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{
		"json:/a/*/b | suffix:_ | alpha3", "form:data|json:/*/phone | concat:(form:data|json:/*/prefix)", "path:{mode}",
		"token", "const:collect", "header:X-A|alias:t", "query:type", "json:/~0~1", "((", "|", "concat:()",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSource(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		again, err := ParseSource(s.Text)
		if err != nil {
			t.Fatalf("%q was read, its own text %q is not: %v", text, s.Text, err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("%q reads differently the second time:\n%s", text, diff)
		}
		if s.Name == "" && len(s.Pointer) == 0 && s.Origin != FromToken {
			t.Errorf("%q names no place: %+v", text, s)
		}
	})
}

// Facts that read signed parameters say so, wherever they do: as a source, in
// front of one, or in a guard.
func TestReadsSigned(t *testing.T) {
	f := func(want bool, text FactsText) {
		t.Helper()
		spec, errs := ParseFacts(text)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got := spec.ReadsSigned(); got != want {
			t.Errorf("%v: %v", text, got)
		}
	}
	f(false, FactsText{Country: []string{"json:/data/country"}})
	f(true, FactsText{Country: []string{"json:/data/country", "signed:/data/country"}})
	f(true, FactsText{Phone: []string{"json:/phone | concat:(signed:/data/prefix)"}})
	f(true, FactsText{Method: []string{"const:collect"}, Require: map[string]string{"signed:/data/type": "MSISDN"}})
}
