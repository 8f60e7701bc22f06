package facts

import (
	"strings"
	"testing"

	"tollgate/policy"
	"tollgate/policy/token"
)

var signed = policy.FactsText{
	Country:  []string{"signed:/data/country", "json:/country"},
	Operator: []string{"signed:/data/parties/*/operator", "form:op"},
	Phone:    []string{"signed:/data/parties/*/msisdn | concat:(signed:/data/parties/*/prefix) | digits", "query:to"},
	Require:  map[string]string{"signed:/data/type": "MSISDN"},
}

const goodPayload = `{"iat":1,"data":{"country":"CI","type":"MSISDN","parties":[{"operator":"MTN","prefix":"225","msisdn":"0505050505"},{"operator":"ORANGE","prefix":"225","msisdn":"0707070707"}]}}`

// Signed parameters are read like a body of their own, strictly, and nothing
// unsigned of the same route counts beside them.
func TestSignedParametersAreRead(t *testing.T) {
	p := program(t, signed)
	if !p.ReadsSigned() || program(t, simple).ReadsSigned() {
		t.Error("ReadsSigned is wrong")
	}
	f := func(payload, target, body, want string, headers ...string) {
		t.Helper()
		if len(headers) == 0 {
			headers = []string{"Content-Type:"}
		}
		in := request(t, "POST", target, body, headers...)
		if payload != "" {
			in.Signed = []byte(payload)
		}
		if got := read(t, p, in); got != want {
			t.Errorf("%s %s %s: %s, want %s", payload, target, body, got, want)
		}
	}
	swap := func(old, new string) string { return strings.Replace(goodPayload, old, new, 1) }
	const all = "country=CI operator=MTN,ORANGE phone=2250505050505#,2250707070707#"
	const json = "Content-Type: application/json"
	f(goodPayload, "/pay", "", all)
	f(goodPayload, "/pay?lang=fr", `{"note":1}`, all, json)
	f(goodPayload, "/pay", `note=1`, all, formType)
	f(swap(`"msisdn":"0707070707"`, `"x":1`), "/pay", "", "country=CI operator=MTN,ORANGE phone=2250505050505# hollow=phone")
	f(swap("MSISDN", "EMAIL"), "/pay", "", all+" guard=fact_conflict")
	f(swap(`"type":"MSISDN",`, ""), "/pay", "", all+" guard=fact_missing")
	f(swap(`"CI"`, "null"), "/pay", "", "operator=MTN,ORANGE phone=2250505050505#,2250707070707# hollow=country")

	const no = "body_ambiguous"
	f(goodPayload, "/pay?to=%2B225", "", no)
	f(goodPayload, "/pay?to=", "", no)
	f(goodPayload, "/pay?country=CI", "", no)
	f(goodPayload, "/pay?DATA[country]=CI", "", no)
	f(goodPayload, "/pay?parties=1", "", no)
	f(goodPayload, "/pay?a;msisdn=1", "", no)
	f(goodPayload, "/pay", `{"country":"CI"}`, no, json)
	f(goodPayload, "/pay", `{"country":""}`, no, json)
	f(goodPayload, "/pay", `{"msisdn":"1"}`, no, json)
	f(goodPayload, "/pay", `{"data":{}}`, no, json)
	f(goodPayload, "/pay", `{"Parties":[]}`, no, json)
	f(goodPayload, "/pay", "op=MTN", no, formType)
	f(goodPayload, "/pay", "op=", no, formType)
	f(goodPayload, "/pay", "prefix=225", no, formType)
	f(goodPayload, "/pay", "x", "body_unsupported", "Content-Type: text/plain")
	for _, payload := range []string{`{"data":`, `{}{}`, `[]`, `[1]`, `"data"`, `null `, " ", swap(`"country"`, `"country":"ML","country"`), swap(`"country":"CI"`, `"country":"CI","Country":"ML"`),
		swap(`"country":"CI"`, `"country":"CI","countr\u0079":"ML"`), swap(`"CI"`, `7`), swap(`"CI"`, `{"a":1}`), swap("CI", "C\xff"), "\ufeff" + goodPayload, strings.Repeat(`{"a":`, 65)} {
		want := no
		if payload == "null " || payload == "[]" {
			want = "guard=fact_missing hollow" // everything is there and nothing
		}
		in := request(t, "GET", "/pay", "", "Content-Type:")
		in.Signed = []byte(payload)
		var out token.Facts
		if r := p.Read(in, &out); want == no && r != token.BodyAmbiguous || want != no && (r != token.Allowed || out.Guard != token.FactMissing || !out.Hollow[token.FactCountry]) {
			t.Errorf("%.80s: %v %s", payload, r, told(&out))
		}
	}

	f("", "/pay?to=%2B2250707070707", `{"country":"CI"}`, "country=CI phone=+2250707070707 guard=fact_missing", json)
	f("", "/pay", `{"data":{"country":"CI"}}`, no, json) // the place of what is signed elsewhere
}

// Reading signed parameters allocates nothing.
func TestReadingSignedParametersAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	p := program(t, signed)
	in := request(t, "GET", "/pay?lang=fr", "", "Content-Type:")
	in.Signed = []byte(goodPayload)
	var out token.Facts
	if n := testing.AllocsPerRun(1000, func() {
		out.Reset()
		if p.Read(in, &out) != token.Allowed {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Nothing unsigned is ever found beside signed parameters: whatever stands in
// the query and the body, the facts are those of the payload, or there are none.
func FuzzUnsignedBesideSigned(f *testing.F) {
	f.Add("to=1", `{"country":"ML"}`)
	f.Add("a=1&b", `{"data":{"parties":[{"msisdn":"1"}]}}`)
	f.Add("t%6f=1", `{"x":{"country":"ML"}}`)
	p := program(f, signed)
	f.Fuzz(func(t *testing.T, query, body string) {
		in := post(t, body)
		in.Query, in.Signed = []byte(query), []byte(goodPayload)
		var out token.Facts
		if p.Read(in, &out) != token.Allowed {
			return
		}
		if got := told(&out); got != "country=CI operator=MTN,ORANGE phone=2250505050505#,2250707070707#" {
			t.Errorf("%q %q: %s", query, body, got)
		}
	})
}
