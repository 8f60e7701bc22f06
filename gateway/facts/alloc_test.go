package facts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy"
	"tollgate/policy/token"
)

// body512 is 512 bytes of JSON with the four facts of fourFacts.
var body512 = func() string {
	head := `{"transaction_id":"0b8c6d6e-4f0a-4a3b-9f50-1f6f3d0f9a11","country_code":"CI","operators_code":["OM"],` +
		`"method":"MERCHANT","additional_infos":{"customer_email":"jane.doe@example.ci","customer_lastname":"Doe",` +
		`"customer_firstname":"Jane","customer_phone":"+2250707070707"},"amount":25000,"tunnel":"API",` +
		`"callback_url":"https://merchant.example/callback","return_url":"https://merchant.example/return","note":"`
	return head + strings.Repeat("x", 512-len(head)-2) + `"}`
}()

var fourFacts = policy.FactsText{
	Country:  []string{"json:/country_code"},
	Operator: []string{"json:/operators_code/*"},
	Method:   []string{"json:/method | alias:methods"},
	Phone:    []string{"json:/additional_infos/customer_phone"},
	Tables:   map[string]map[string]string{"methods": {"MERCHANT": "collect"}},
}

// Reading allocates nothing: not on an ordinary JSON body, not on a form, not
// where values are transformed, not when the body is refused.
func TestReadDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	if len(body512) != 512 {
		t.Fatalf("the body has %d bytes", len(body512))
	}
	f := func(name, want string, text policy.FactsText, in *Input) {
		t.Helper()
		p := program(t, text)
		var out token.Facts
		p.Read(in, &out)
		if got := told(&out); got != want {
			t.Errorf("%s: read %q, want %q", name, got, want)
		}
		n := testing.AllocsPerRun(2000, func() {
			out.Reset()
			p.Read(in, &out)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	f("512 bytes, four facts", "country=CI operator=OM method=collect phone=+2250707070707", fourFacts, post(t, body512))
	f("escapes and transforms", "country=CI method=collect phone=2250707070707#", policy.FactsText{
		Country: []string{"json:/provider | upper | suffix:_ | alpha3"},
		Method:  []string{"query:type"},
		Phone:   []string{"json:/phone | concat:(json:/prefix) | digits"},
	}, request(t, "POST", "/pay?type=c%6fllect", `{"\u0070rovider":"mtn_momo_c\u0069v","prefix":"225","phone":"0707070707"}`, "Content-Type: application/json"))
	f("form and header", "country=CI operator=orange phone=+2250707070707", policy.FactsText{
		Country: []string{"form:country"}, Operator: []string{"header:mno-name"}, Phone: []string{"form:phone"},
	}, post(t, "country=CI&phone=%2B2250707070707", formType, "mno-name: orange"))
	f("refused", "", simple, post(t, `{"country":"CI","country":"ML"}`))
}

func BenchmarkRead(b *testing.B) {
	list := make([]string, 0, 400)
	for i := range 400 {
		list = append(list, fmt.Sprintf(`{"id":"%08d","label":"item number %d","quantity":%d,"price":"12.50","tags":["a","b"]}`, i, i, i))
	}
	names := make([]string, 0, 4200)
	for i := range 4200 {
		names = append(names, fmt.Sprintf(`"name%06d":%d`, i, i))
	}
	for _, c := range []struct{ name, body string }{
		{"512B", body512},
		{"2KB", body512[:511] + `,"items":[` + strings.Join(list[:16], ",") + "]}"},
		{"40KB", body512[:511] + `,"items":[` + strings.Join(list, ",") + "]}"},
		{"4200names", body512[:511] + "," + strings.Join(names, ",") + "}"},
	} {
		b.Run(c.name+"/ours", func(b *testing.B) {
			p, in := program(b, fourFacts), post(b, c.body)
			var out token.Facts
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				if p.Read(in, &out) != token.Allowed {
					b.Fatal(in.Detail)
				}
			}
		})
		b.Run(c.name+"/jsontext", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			var buffer bytes.Buffer
			body, d := []byte(c.body), jsontext.NewDecoder(&buffer)
			for b.Loop() {
				buffer = *bytes.NewBuffer(body)
				d.Reset(&buffer)
				if found, err := walkJSONText(d); found != 4 || err != io.EOF {
					b.Fatal(found, err)
				}
			}
		})
	}
}

// walkJSONText finds the four facts of body512 with jsontext: what this package
// would be without a scanner of its own, but for case folding, depth and types.
func walkJSONText(d *jsontext.Decoder) (found int, err error) {
	if _, err = d.ReadToken(); err != nil {
		return found, err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return found, err
		}
		switch string(name) {
		case `"country_code"`, `"method"`, `"operators_code"`:
			found++
		case `"additional_infos"`:
			n, err := walkJSONText(d)
			if found += n; err != nil && err != errEnd {
				return found, err
			}
			continue
		case `"customer_phone"`:
			found++
		}
		if err := d.SkipValue(); err != nil {
			return found, err
		}
	}
	if _, err = d.ReadToken(); err != nil {
		return found, err
	}
	if d.StackDepth() > 0 {
		return found, errEnd
	}
	_, err = d.ReadToken()
	return found, err
}

var errEnd = errors.New("the inner object ended")

func BenchmarkReadForm(b *testing.B) {
	p := program(b, formFacts)
	in := post(b, "country=CI&operator_code=OM&phone=%2B2250707070707&amount=25000&return_url=https%3A%2F%2Fmerchant.example%2Freturn", formType)
	var out token.Facts
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		p.Read(in, &out)
	}
}
