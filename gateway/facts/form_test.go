package facts

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate/policy"
	"tollgate/policy/token"
)

var formFacts = policy.FactsText{
	Country:  []string{"form:country"},
	Operator: []string{"form:operator_code"},
	Method:   []string{"query:type"},
	Phone:    []string{"form:phone"},
}

// The fields of a form are found, their escapes undone.
func TestReadFindsFactsInForms(t *testing.T) {
	p := program(t, formFacts)
	f := func(body, want string) {
		t.Helper()
		if got := read(t, p, post(t, body, formType)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", body, got, want)
		}
	}
	f("country=CI&operator_code=OM&phone=%2B2250707070707&amount=1", "country=CI operator=OM phone=+2250707070707")
	f("phone=+2250707070707", "phone= 2250707070707") // a plus is a space in a form
	f("%63ountr%79=C%49", "country=CI")
	f("&&country=CI&", "country=CI")
	f("country=a=b", "country=a=b")
	f("country=C%C3%B4te", "country=Côte")
	f("country", "hollow=country")
	f("country=&phone=", "hollow=country hollow=phone")
	f("amount=1&items[0]=x&items[1]=y", "")
	f("countr=1&phones=2&xphone=3", "")
}

// A form that two readers could read differently is refused.
func TestReadRefusesAmbiguousForms(t *testing.T) {
	p := program(t, formFacts)
	f := func(name, body string) {
		t.Helper()
		if got := read(t, p, post(t, body, formType)); got != "body_ambiguous" {
			t.Errorf("%s: %s\ngot %s", name, body, got)
		}
	}
	f("field twice", "country=CI&country=ML")
	f("field twice, once escaped", "country=CI&%63ountry=ML")
	f("another field twice", "country=CI&amount=1&amount=2")
	f("array twice", "items[]=1&items[]=2")
	f("array of a field", "phone[]=1")
	f("member of a field", "phone[a]=1")
	f("escaped brackets", "phone%5B%5D=1")
	f("member of a field, dotted", "phone.number=1")
	f("case variant", "Phone=1")
	f("long s", "country=CI&%C5%BFomething=1&operator%5Fcode=OM&OPERATOR_CODE=1")
	f("PHP: dot for underscore", "operator.code=OM")
	f("PHP: space for underscore", "operator+code=OM")
	f("PHP: space in front", "+phone=1")
	f("semicolon", "country=CI;country=ML")
	f("semicolon in a value", "amount=1;2")
	f("NUL", "amount=1%00")
	f("NUL in a name", "country%00=ML")
	f("broken escape", "amount=%2")
	f("escape of no digits", "amount=%zz")
	f("lone percent", "amount=100%")
	f("newline", "amount=1\n")
	f("invalid UTF-8", "amount=%ff")
	f("raw invalid UTF-8", "amount=\xff")
	f("policy field of the query", "type=collect")
	f("policy field of the query, array", "type[]=collect")
	f("names beyond a few, one twice", manyFields(40)+"&f7=1")
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteByte('f')
		b.WriteString(strings.Repeat("x", i/10))
		b.WriteByte(byte('0' + i%10))
		b.WriteString("=1")
	}
	return b.String()
}

// A form field that holds JSON is read like a JSON body, and what stands in
// front of a phone comes from the same element.
func TestReadFindsFactsInsideFormFields(t *testing.T) {
	p := program(t, policy.FactsText{ // CinetPay's transfer
		Country: []string{"form:data | json:/*/prefix | dial"},
		Method:  []string{"const:disburse"},
		Phone:   []string{"form:data | json:/*/phone | concat:(form:data | json:/*/prefix) | digits"},
	})
	f := func(data, want string) {
		t.Helper()
		body := "token=x&data=" + url.QueryEscape(data)
		if got := read(t, p, post(t, body, formType)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", data, got, want)
		}
	}
	f(`[{"prefix":"225","phone":"0102030405","name":"N","amount":500}]`, "country=CI method=disburse phone=2250102030405#")
	f(`[{"prefix":"225","phone":"0102030405"},{"phone":"70000000","prefix":"223"}]`, "country=CI,ML method=disburse phone=2250102030405#,22370000000#")
	f(`[{"phone":"0102030405"},{"prefix":"223"}]`, "country=ML method=disburse hollow=country hollow=phone")
	f(`[{"prefix":"225","phone":"0102030405"},{"prefix":"223","phone":""}]`, "country=CI,ML method=disburse phone=2250102030405# hollow=phone")
	f(`[{"prefix":"999","phone":"1"}]`, "country=999? method=disburse phone=9991#")
	f(`[]`, "method=disburse hollow=country hollow=phone")
	f(``, "method=disburse hollow=country hollow=phone")
	f(`[{"prefix":"225","Prefix":"223","phone":"1"}]`, "body_ambiguous")
	f(`[{"prefix":"225","phone":"1"}] x`, "body_ambiguous")
	f(`{"prefix":"225","phone":"1"}`, "body_ambiguous")
	f(`[{"prefix":225,"phone":"1"}]`, "body_ambiguous")
}

// What net/url's reader makes of an accepted form is what we found in it, and
// no form of bytes makes the reader fail otherwise than by refusing.
func FuzzReadForm(f *testing.F) {
	for _, seed := range []string{
		"country=CI&operator_code=OM&phone=%2B225", "country=CI&country=ML", "phone[]=1", "a=1;b=2", "a=%00", "a=%", "+phone=1",
		"Phone=1", "operator.code=1", "country", "&&=&=1&country=", manyFields(40), "country=%C3%B4", "type=1",
	} {
		f.Add(seed)
	}
	p := program(f, formFacts)
	f.Fuzz(func(t *testing.T, body string) {
		if body == "" {
			return
		}
		var out token.Facts
		if p.Read(post(t, body, formType), &out) != token.Allowed {
			return
		}
		values, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q was read; net/url says %v", body, err)
		}
		for name, list := range values {
			if len(list) != 1 {
				t.Errorf("%q was read with %q %d times", body, name, len(list))
			}
			if !utf8.ValidString(name + list[0]) {
				t.Errorf("%q was read with invalid UTF-8", body)
			}
		}
		for k, name := range map[token.FactKind]string{token.FactCountry: "country", token.FactOperator: "operator_code", token.FactPhone: "phone"} {
			want := values.Get(name)
			got := ""
			if facts := out.Of(k); len(facts) > 0 {
				got = string(facts[0].Value)
			}
			if got != want || out.Hollow[k] != (values.Has(name) && want == "") {
				t.Errorf("%q: net/url reads %s=%q, we %q (hollow %v)", body, name, want, got, out.Hollow[k])
			}
		}
	})
}
