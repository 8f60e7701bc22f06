package facts

import (
	"strings"
	"testing"

	"tollgate/policy"
)

// simple is a route whose four facts stand in a JSON body.
var simple = policy.FactsText{
	Country:  []string{"json:/country"},
	Operator: []string{"json:/operator"},
	Method:   []string{"const:collect"},
	Phone:    []string{"json:/customer/phone"},
}

const good = `{"country":"CI","operator":"OM","customer":{"phone":"+2250707070707"},"amount":100}`

const goodFacts = "country=CI operator=OM method=collect phone=+2250707070707"

// The four facts of an ordinary body are found, however it is written.
func TestReadFindsFactsInJSON(t *testing.T) {
	p := program(t, simple)
	f := func(body, want string) {
		t.Helper()
		if got := read(t, p, post(t, body)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", body, got, want)
		}
	}
	f(good, goodFacts)
	f(" \r\n\t"+good+"\n", goodFacts)
	f(`{"customer":{"x":[1,{"phone":"not ours"}],"phone":"+2250707070707"},"n":{"country":"ML"},"operator":"OM","country":"CI"}`, goodFacts)
	f(`{"\u0063ountry":"C\u0049","op\u0065rator":"\u004f\u004D","customer":{"phon\u0065":"\u002b2250707070707"}}`, goodFacts)
	f(`{"country":"CI"}`, "country=CI method=collect")
	f(`{}`, "method=collect")
	f(`{"country":"C\u00f4te \ud83d\ude00 / \/ \"\\\b\f\n\r\t"}`, "country=Côte 😀 / / \"\\\b\f\n\r\t method=collect")
	f(`{"Customer ":{"phone":1},"countryy":7,"operato":[],"phone\u0000":1}`, "method=collect")
}

// A body that two readers could read differently is refused.
func TestReadRefusesAmbiguousJSON(t *testing.T) {
	p := program(t, simple)
	f := func(name, body string) {
		t.Helper()
		if got := read(t, p, post(t, body)); got != "body_ambiguous" {
			t.Errorf("%s: %s\ngot %s", name, body, got)
		}
	}
	f("duplicate policy field", `{"country":"CI","country":"ML"}`)
	f("duplicate of equal value", `{"country":"CI","country":"CI"}`)
	f("duplicate after unescaping", `{"country":"CI","\u0063ountry":"ML"}`)
	f("duplicate parent", `{"customer":{"phone":"1"},"customer":{"phone":"2"}}`)
	f("duplicate elsewhere", `{"country":"CI","x":{"a":1,"b":2,"a":3}}`)
	f("duplicate empty name", `{"":1,"":2}`)
	f("duplicate far apart", `{"a":1,`+manyNames(100)+`,"a":2}`)
	f("case variant", `{"Country":"ML"}`)
	f("case variant beside it", `{"country":"CI","COUNTRY":"ML"}`)
	f("case variant of a parent", `{"Customer":{"phone":"1"}}`)
	f("case variant inside", `{"customer":{"Phone":"1"}}`)
	f("escaped case variant", `{"\u0043ountry":"ML"}`)
	f("long s", "{\"cu\u017ftomer\":{}}")
	f("NUL behind a name", `{"country\u0000":"ML"}`)
	f("NUL behind a case variant", `{"COUNTRY\u0000x":"ML"}`)
	f("NUL in a value", `{"country":"CI\u0000"}`)
	f("trailing data", good+`{}`)
	f("trailing letter", good+`x`)
	f("trailing NUL", good+"\x00")
	f("byte order mark", "\ufeff"+good)
	f("UTF-16", "\xff\xfe{\x00}\x00")
	f("invalid UTF-8 in a value", "{\"x\":\"\xff\"}")
	f("invalid UTF-8 in a name", "{\"\xc3\x28\":1}")
	f("overlong UTF-8", "{\"x\":\"\xc0\xaf\"}")
	f("surrogate in UTF-8", "{\"x\":\"\xed\xa0\x80\"}")
	f("lone high surrogate", `{"x":"\ud800"}`)
	f("high surrogate and letter", `{"x":"\ud800A"}`)
	f("lone low surrogate", `{"x":"\udc00"}`)
	f("surrogates turned round", `{"x":"\udc00\ud800"}`)
	f("two low surrogates", `{"x":"\udc00\udc00"}`)
	f("surrogate in a name", `{"\ud800":1}`)
	f("too deep", strings.Repeat("[", 65)+strings.Repeat("]", 65))
	f("empty", " ")
	f("cut short", good[:len(good)-1])
	f("cut in a string", `{"country":"CI`)
	f("cut in an escape", `{"x":"\u00`)
	f("trailing comma", `{"country":"CI",}`)
	f("comment", `{"country":"CI"/**/}`)
	f("single quotes", `{'country':'CI'}`)
	f("bare name", `{country:"CI"}`)
	f("leading zero", `{"x":01}`)
	f("hexadecimal", `{"x":0x1}`)
	f("plus", `{"x":+1}`)
	f("NaN", `{"x":NaN}`)
	f("raw newline in a string", "{\"x\":\"a\nb\"}")
	f("bad escape", `{"x":"\x41"}`)
	f("form", "country=CI")
}

// A policy field of another type than it should have is refused, not skipped:
// some reader would make a value of it.
func TestReadRefusesWrongTypes(t *testing.T) {
	p := program(t, simple)
	for _, wrong := range []string{`1`, `true`, `false`, `{}`, `{"a":1}`, `["CI"]`, `[null]`, `-0.5e1`} {
		for _, body := range []string{
			`{"country":` + wrong + `}`,
			`{"customer":{"phone":` + wrong + `}}`,
		} {
			if got := read(t, p, post(t, body)); got != "body_ambiguous" {
				t.Errorf("%s: %s", body, got)
			}
		}
	}
	for _, body := range []string{`{"customer":"+2250707070707"}`, `{"customer":7}`, `{"customer":[{"phone":"1"}]}`, `["country"]`, `"country"`, `7`, `true`} {
		if got := read(t, p, post(t, body)); got != "body_ambiguous" {
			t.Errorf("%s: %s", body, got)
		}
	}
}

// A place that is there and holds nothing is marked, so that the fact counts as
// missing even where a route lets facts be missing.
func TestReadMarksHollowPlaces(t *testing.T) {
	p := program(t, simple)
	for _, nothing := range []string{`null`, `""`, `[]`, `[ ]`} {
		if got, want := read(t, p, post(t, `{"country":`+nothing+`,"operator":"OM"}`)), "operator=OM method=collect hollow=country"; got != want {
			t.Errorf("country %s: got %s, want %s", nothing, got, want)
		}
		if got, want := read(t, p, post(t, `{"customer":{"phone":`+nothing+`}}`)), "method=collect hollow=phone"; got != want {
			t.Errorf("phone %s: got %s, want %s", nothing, got, want)
		}
		if got, want := read(t, p, post(t, `{"customer":`+nothing+`}`)), "method=collect hollow=phone"; got != want {
			t.Errorf("customer %s: got %s, want %s", nothing, got, want)
		}
		if got, want := read(t, p, post(t, nothing)), "method=collect hollow=country hollow=operator hollow=phone"; got != want {
			t.Errorf("body %s: got %s, want %s", nothing, got, want)
		}
	}
}

// A phone may be a JSON number only where the route says so, and only when all
// readers see the same digits.
func TestReadTakesNumbersWhereTheRouteSaysSo(t *testing.T) {
	numbers := simple
	numbers.Number = true
	p := program(t, numbers)
	f := func(number, want string) {
		t.Helper()
		if got := read(t, p, post(t, `{"customer":{"phone":`+number+`}}`)); got != want {
			t.Errorf("%s: got %s, want %s", number, got, want)
		}
	}
	f("2250707070707", "method=collect phone=2250707070707")
	f("0", "method=collect phone=0")
	f("999999999999999", "method=collect phone=999999999999999")
	f("9999999999999999", "body_ambiguous") // some readers make 10000000000000000 of it
	f("-2250707070707", "body_ambiguous")
	f("2250707070707.0", "body_ambiguous")
	f("2.250707070707e12", "body_ambiguous")
	f("0707070707", "body_ambiguous")
	f("true", "body_ambiguous")
	if got := read(t, p, post(t, `{"country":225}`)); got != "body_ambiguous" {
		t.Errorf("a country as a number: %s", got)
	}
}

// Sixty-four levels pass, sixty-five do not, whatever they are made of.
func TestReadBoundsDepth(t *testing.T) {
	p := program(t, simple)
	for depth, want := range map[int]string{63: "method=collect", 64: "body_ambiguous"} {
		arrays := `{"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		objects := `{"x":` + strings.Repeat(`{"y":`, depth) + "1" + strings.Repeat("}", depth) + `}`
		for _, body := range []string{arrays, objects} {
			if got := read(t, p, post(t, body)); got != want {
				t.Errorf("%d below the first: got %s, want %s", depth, got, want)
			}
		}
	}
}

// manyNames is n members of different names.
func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"name` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('0'+i/26)) + `":0`)
	}
	return b.String()
}
