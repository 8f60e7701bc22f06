package facts

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy"
	"tollgate/policy/token"
)

// A body is read only as what it says it is, and refused when that is not what
// the route reads: an unread body is never one without facts.
func TestReadJudgesTheContentType(t *testing.T) {
	json, form := program(t, simple), program(t, formFacts)
	both := program(t, policy.FactsText{Country: []string{"json:/country", "form:country"}})
	neither := program(t, policy.FactsText{Country: []string{"header:X-Country"}})
	f := func(p *Program, contentType, body, want string) {
		t.Helper()
		if got := read(t, p, post(t, body, "Content-Type:"+contentType)); got != want {
			t.Errorf("%q %s: got %s, want %s", contentType, body, got, want)
		}
	}
	for _, accepted := range []string{
		"application/json", "Application/JSON", "application/json;charset=utf-8", `application/json ; Charset="UTF-8"`, "application/json;",
	} {
		f(json, accepted, good, goodFacts)
		f(both, accepted, `{"country":"CI"}`, "country=CI")
		f(neither, accepted, `{}`, "")
		f(form, accepted, `{}`, "body_unsupported")
	}
	for _, refused := range []string{
		"", "text/plain", "text/json", "application/jsonp", "application/vnd.api+json", "application/json;charset=utf-16",
		"application/json;charset=utf-8;charset=utf-8", "application/json;charset=utf-8;charset=latin1", "application/json;version=1",
		"application/json, text/plain", "multipart/form-data; boundary=x", "application/xml",
	} {
		f(json, refused, good, "body_unsupported")
		f(neither, refused, good, "body_unsupported")
	}
	f(form, "application/x-www-form-urlencoded", "country=CI", "country=CI")
	f(form, "application/x-www-form-urlencoded; charset=UTF-8", "country=CI", "country=CI")
	f(both, "application/x-www-form-urlencoded", "country=CI", "country=CI")
	f(json, "application/x-www-form-urlencoded", good, "body_unsupported") // JSON labelled as a form
	f(form, "application/json", "country=CI", "body_unsupported")
}

// Two Content-Type are two ways to read a body, and an encoded body is none we
// can judge.
func TestReadRefusesDoubtfulEnvelopes(t *testing.T) {
	p := program(t, simple)
	f := func(want string, headers ...string) {
		t.Helper()
		if got := read(t, p, post(t, good, headers...)); got != want {
			t.Errorf("%q: got %s, want %s", headers, got, want)
		}
	}
	f("body_ambiguous", "Content-Type: application/json", "content-type: text/plain")
	f("body_ambiguous", "Content-Type: application/json", "Content-Type: application/json")
	f("body_unsupported", "Content-Encoding: gzip")
	f("body_unsupported", "Content-Encoding: identity", "Content-Encoding: br")
	f("body_unsupported", "Content-Encoding: br", "Content-Encoding: identity")
	f("body_unsupported", "Content-Encoding: identity, gzip")
	f("body_unsupported", "Content-Encoding:")
	f(goodFacts, "Content-Encoding: Identity")
}

// A request without a body has no fact in it; one that promises JSON and sends
// none is refused.
func TestReadWithoutABody(t *testing.T) {
	p := program(t, simple)
	if got := read(t, p, request(t, "GET", "/pay", "")); got != "method=collect" {
		t.Errorf("GET: %s", got)
	}
	if got := read(t, p, request(t, "GET", "/pay", "", "Content-Type: application/json")); got != "method=collect" {
		t.Errorf("GET that names a type: %s", got)
	}
	if got := read(t, p, request(t, "POST", "/pay", "")); got != "method=collect" {
		t.Errorf("POST of nothing: %s", got)
	}
	if got := read(t, p, request(t, "POST", "/pay", "", "Content-Type: application/json")); got != "body_ambiguous" {
		t.Errorf("POST of no JSON: %s", got)
	}
}

// A header counts when it stands once, under its own name.
func TestReadFindsFactsInHeaders(t *testing.T) {
	p := program(t, policy.FactsText{Country: []string{"header:country-code"}, Operator: []string{"header:mno-name"}})
	f := func(want string, headers ...string) {
		t.Helper()
		if got := read(t, p, post(t, `{}`, headers...)); got != want {
			t.Errorf("%q: got %q, want %q", headers, got, want)
		}
	}
	f("country=sn operator=orange", "country-code: sn", "MNO-Name:  orange \t")
	f("", "X-Country-Code: sn")
	f("hollow=country", "country-code:")
	f("country=sn, ci", "country-code: sn, ci") // no catalogue knows it
	f("body_ambiguous", "country-code: sn", "Country-Code: ci")
	f("body_ambiguous", "country-code: sn", "country-code: sn")
	f("body_ambiguous", "country_code: sn")
	f("body_ambiguous", "country-code: sn", "country_code: ci")
}

// A header of a request that was built by hand counts like one from the wire.
func TestReadHeadersBuiltByHand(t *testing.T) {
	p := program(t, policy.FactsText{Country: []string{"header:Country-Code", "json:/country"}})
	var h fasthttp.RequestHeader
	h.SetMethod("POST")
	h.SetContentType("application/json")
	h.Set("Country-Code", "CI")
	if got := read(t, p, &Input{Header: &h, Body: []byte(`{"country":"CI"}`)}); got != "country=CI,CI" {
		t.Errorf("got %s", got)
	}
}

// A query parameter counts when every reader takes it for one, and a policy
// field of the body may not stand in the query.
func TestReadFindsFactsInTheQuery(t *testing.T) {
	p := program(t, policy.FactsText{
		Method: []string{"query:type"}, Country: []string{"json:/country"}, Phone: []string{"json:/customer/phones/*/msisdn"},
	})
	f := func(query, want string) {
		t.Helper()
		in := request(t, "POST", "/pay?"+query, `{}`, "Content-Type: application/json")
		if got := read(t, p, in); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	f("type=collect", "method=collect")
	f("a=1&type=collect&b=2&a=1", "method=collect")
	f("t%79pe=coll%65ct", "method=collect")
	f("type=a+b", "method=a b")
	f("type=", "hollow=method")
	f("type", "hollow=method")
	f("", "")
	f("x=%00&y=%ff;z", "")
	f("type=collect&type=disburse", "body_ambiguous")
	f("type=collect&t%79pe=disburse", "body_ambiguous")
	f("Type=collect", "body_ambiguous")
	f("type[]=collect", "body_ambiguous")
	f("type=collect;x=1", "body_ambiguous")
	f("x=1;type=collect", "body_ambiguous")
	f("type=%00", "body_ambiguous")
	f("type%00=collect", "body_ambiguous")
	f("type=%ff", "body_ambiguous")
	f("type=%zz", "body_ambiguous")
	f("ty%pe=1", "body_ambiguous")
	f("country=ML", "body_ambiguous")
	f("COUNTRY=ML", "body_ambiguous")
	f("x=1;country=ML", "body_ambiguous")
	f("customer[phones][0][msisdn]=1", "body_ambiguous")
	f("customer=1", "body_ambiguous")
	f("customer.phones=1", "body_ambiguous")
	f("msisdn=1", "body_ambiguous")
	f("phones=1", "") // neither where the body's way begins nor where it ends
}

// A policy field of the query may not stand in the body, whatever kind of body
// the route reads.
func TestReadRefusesQueryFieldsInTheBody(t *testing.T) {
	for _, text := range []policy.FactsText{
		{Method: []string{"query:type"}},
		{Method: []string{"query:type"}, Country: []string{"json:/country"}},
		{Method: []string{"query:type"}, Country: []string{"form:country"}},
	} {
		p := program(t, text)
		json, form := "body_ambiguous", "body_ambiguous"
		if p.readsForm {
			json = "body_unsupported"
		}
		if p.readsJSON {
			form = "body_unsupported"
		}
		for body, want := range map[string]string{`{"type":"x"}`: json, `{"TYPE":null}`: json} {
			if got := read(t, p, post(t, body)); got != want {
				t.Errorf("%v %s: %s", text, body, got)
			}
		}
		for _, body := range []string{"type=x", "Type=x", "type[a]=x"} {
			if got := read(t, p, post(t, body, formType)); got != form {
				t.Errorf("%v %s: %s", text, body, got)
			}
		}
	}
	p := program(t, policy.FactsText{Method: []string{"query:type"}})
	for _, body := range []string{`{"a":{"type":1}}`, `[{"type":1}]`, `"type"`, `1`, `true`, `null`, `[]`} {
		if got := read(t, p, post(t, body)); got != "" {
			t.Errorf("%s: got %s, want nothing: the name is no top-level member there", body, got)
		}
	}
}

// A policy field of the path may not stand in the query or the body: where they
// are merged, some frameworks take those before the path. A body that a source
// reads it from too is judged in both.
func TestReadRefusesPathFieldsElsewhere(t *testing.T) {
	p := program(t, policy.FactsText{Operator: []string{"path:{mode}"}})
	f := func(p *Program, target, body, contentType, want string) {
		t.Helper()
		in := request(t, "POST", target, body, contentType)
		in.Params = []Param{{"mode", []byte("mtn")}}
		if got := read(t, p, in); got != want {
			t.Errorf("%s %s: got %q, want %q", target, body, got, want)
		}
	}
	const json = "Content-Type: application/json"
	f(p, "/pay/mtn", `{"amount":1,"x":{"mode":1}}`, json, "operator=mtn")
	f(p, "/pay/mtn?a=1", "amount=1", formType, "operator=mtn")
	f(p, "/pay/mtn?mode=moov", `{}`, json, "body_ambiguous")
	f(p, "/pay/mtn?Mode[]=moov", `{}`, json, "body_ambiguous")
	f(p, "/pay/mtn", `{"mode":"moov"}`, json, "body_ambiguous")
	f(p, "/pay/mtn", `{"MODE":"moov"}`, json, "body_ambiguous")
	f(p, "/pay/mtn", "mode=moov", formType, "body_ambiguous")
	declared := program(t, policy.FactsText{Operator: []string{"path:{mode}", "json:/mode"}})
	f(declared, "/pay/mtn", `{"mode":"moov"}`, json, "operator=mtn,moov")
}

// A field that both the query and the body may hold is read in both.
func TestReadTakesDeclaredSecondPlaces(t *testing.T) {
	p := program(t, policy.FactsText{Country: []string{"json:/country", "query:country"}})
	in := request(t, "POST", "/pay?country=ML", `{"country":"CI"}`, "Content-Type: application/json")
	var out token.Facts
	if r := p.Read(in, &out); r != token.Allowed {
		t.Fatal(r)
	}
	got := map[uint8]string{}
	for _, v := range out.Countries {
		got[v.Source] = string(v.Value)
	}
	if got[0] != "CI" || got[1] != "ML" || len(got) != 2 {
		t.Errorf("got %v, want CI from the body and ML from the query", got)
	}
}

// A path variable is read as the upstream will: its escapes undone.
func TestReadFindsFactsInThePath(t *testing.T) {
	p := program(t, policy.FactsText{Operator: []string{"path:{mode}"}})
	f := func(value, want string) {
		t.Helper()
		in := request(t, "GET", "/pay", "")
		in.Params = []Param{{"id", []byte("7")}, {"mode", []byte(value)}}
		if got := read(t, p, in); got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
	f("mtn_ci", "operator=mtn_ci")
	f("mtn%5fci", "operator=mtn_ci")
	f("mtn+ci", "operator=mtn+ci")
	f("", "hollow=operator")
	f("mtn%5", "body_ambiguous")
	f("mtn%00", "body_ambiguous")
	f("mtn%ff", "body_ambiguous")
}

// The detail of a refusal says what is wrong and quotes nothing of the request.
func TestReadSaysWhy(t *testing.T) {
	p := program(t, simple)
	f := func(body, want string, headers ...string) {
		t.Helper()
		in := post(t, body, headers...)
		var out token.Facts
		p.Read(in, &out)
		if !strings.Contains(in.Detail, want) {
			t.Errorf("%s: %q does not say %q", body, in.Detail, want)
		}
	}
	f(`{"country":"CI","country":"ML"}`, "twice")
	f(`{"Country":"CI"}`, "letter case")
	f(`{"country":1}`, "another type")
	f(good+"x", "follows")
	f("{\"x\":\"\xff\"}", "UTF-8")
	f(`{"x":"\ud800"}`, "surrogate")
	f(`{"x":`+strings.Repeat("[", 65), "64 deep")
	f(`{`, "valid JSON")
	f(good, "must be application/json", "Content-Type: text/plain")
	f(good, "Content-Encoding", "Content-Encoding: gzip")
}
