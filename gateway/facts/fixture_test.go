package facts

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"go.yaml.in/yaml/v4"

	"tollgate/policy"
	"tollgate/policy/token"
)

// shippedCatalogue reads the catalogue that configs ships, the way this package
// needs it: without configs, which it may not import.
func shippedCatalogue(t testing.TB) *policy.Catalogue {
	t.Helper()
	text, err := os.ReadFile("../../configs/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Methods   []string
		Countries map[string]struct {
			Alpha3, Name, Dial, Currency string
			Lengths                      []int
			Trunk                        bool
			Legacy                       policy.Legacy
			Operators                    map[string]struct {
				Name    string
				Aliases []string
			}
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	var countries []policy.Country
	for code, c := range file.Countries {
		country := policy.Country{
			Alpha2: code, Alpha3: c.Alpha3, Name: c.Name, Dial: c.Dial, Currency: c.Currency,
			Lengths: c.Lengths, Trunk: c.Trunk, Legacy: c.Legacy,
		}
		for id, o := range c.Operators {
			country.Operators = append(country.Operators, policy.Operator{ID: id, Name: o.Name, Aliases: o.Aliases})
		}
		countries = append(countries, country)
	}
	catalogue, err := policy.NewCatalogue(countries, file.Methods)
	if err != nil {
		t.Fatal(err)
	}
	return catalogue
}

// program compiles facts that must be good.
func program(t testing.TB, text policy.FactsText) *Program {
	t.Helper()
	spec, errs := policy.ParseFacts(text)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	p, err := Compile(spec, shippedCatalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// post is a POST of a body with the given header lines; a Content-Type of JSON
// when none is among them.
func post(t testing.TB, body string, headers ...string) *Input {
	t.Helper()
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(strings.ToLower(h), "content-type:") }) {
		headers = append(headers, "Content-Type: application/json")
	}
	return request(t, "POST", "/pay", body, headers...)
}

const formType = "Content-Type: application/x-www-form-urlencoded"

// request is one request as fasthttp reads it from the wire.
func request(t testing.TB, method, target, body string, headers ...string) *Input {
	t.Helper()
	text := method + " " + target + " HTTP/1.1\r\nHost: api.example.com\r\n"
	for _, line := range headers {
		if line != "Content-Type:" { // for a test that wants none
			text += line + "\r\n"
		}
	}
	header := new(fasthttp.RequestHeader)
	if err := header.Read(bufio.NewReaderSize(strings.NewReader(text+"\r\n"), 1<<16)); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	in := &Input{Header: header, Body: []byte(body)}
	if _, query, ok := strings.Cut(target, "?"); ok {
		in.Query = []byte(query)
	}
	return in
}

// told writes facts as a line: "country=CI operator=OM,MTN phone=0707070707
// hollow=phone guard=fact_conflict". An unknown word has a ? behind it, a phone
// of international digits a #.
func told(f *token.Facts) string {
	var parts []string
	for k := token.FactCountry; int(k) < token.FactKinds; k++ {
		var words []string
		for _, v := range f.Of(k) {
			word := string(v.Value)
			if v.Unknown {
				word += "?"
			}
			if v.Digits {
				word += "#"
			}
			words = append(words, word)
		}
		if len(words) > 0 {
			parts = append(parts, k.String()+"="+strings.Join(words, ","))
		}
	}
	for k := token.FactCountry; int(k) < token.FactKinds; k++ {
		if f.Hollow[k] {
			parts = append(parts, "hollow="+k.String())
		}
	}
	if f.Guard != token.Allowed {
		parts = append(parts, "guard="+f.Guard.Code())
	}
	return strings.Join(parts, " ")
}

// read reads a request and writes what came of it: its facts, or the reason it
// was refused for.
func read(t testing.TB, p *Program, in *Input) string {
	t.Helper()
	var out token.Facts
	if r := p.Read(in, &out); r != token.Allowed {
		if in.Detail == "" {
			t.Errorf("%s was refused with %s and no detail", in.Body, r)
		}
		if told(&out) != "" {
			t.Errorf("%s was refused with %s and left facts behind: %s", in.Body, r, told(&out))
		}
		return r.Code()
	}
	if in.Detail != "" {
		t.Errorf("%s was read, with the detail %q", in.Body, in.Detail)
	}
	return told(&out)
}
