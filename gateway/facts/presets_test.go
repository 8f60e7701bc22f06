package facts

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"tollgate/policy"
	"tollgate/policy/token"
)

// presets reads the presets that configs ships.
func presets(t testing.TB) map[string]policy.FactsText {
	t.Helper()
	files, err := filepath.Glob("../../configs/presets/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no presets: %v", err)
	}
	all := map[string]policy.FactsText{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Name, About, Documents string
			Facts                  struct{ Country, Operator, Method, Phone []string }
			Require                map[string]string
			Tables                 map[string]map[string]string
			Number                 bool
			OnMissing              string `yaml:"on_missing"`
		}
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		if err := decoder.Decode(&p); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if p.Name+".yaml" != filepath.Base(file) {
			t.Errorf("%s is named %q", file, p.Name)
		}
		all[p.Name] = policy.FactsText{
			Country: p.Facts.Country, Operator: p.Facts.Operator, Method: p.Facts.Method, Phone: p.Facts.Phone,
			Require: p.Require, Tables: p.Tables, Number: p.Number, AllowMissing: p.OnMissing == "allow",
		}
	}
	return all
}

// The presets have the names that routes are documented to use.
func TestPresetNames(t *testing.T) {
	got := slices.Sorted(maps.Keys(presets(t)))
	want := strings.Fields(`bizao-bulk bizao-collect cinetpay-checkout cinetpay-transfer clapay
		digitalpaye-collect digitalpaye-transfer fedapay flutterwave-charge flutterwave-transfer
		hub2-payment hub2-transfer mtn-momo-collect mtn-momo-transfer orange-webpay
		pawapay-deposit pawapay-payout pawapay-refund paydunya-disburse wave-checkout wave-payout`)
	if !slices.Equal(got, want) {
		t.Errorf("presets\n%v\nwant\n%v", got, want)
	}
}

// Every word of a preset's tables means something that the shipped catalogue
// knows: a typing error there would refuse or let through in silence.
func TestPresetTablesSpeakTheCatalogue(t *testing.T) {
	c := shippedCatalogue(t)
	for name, text := range presets(t) {
		for table, words := range text.Tables {
			for word, meaning := range words {
				if meaning == policy.Silent {
					continue
				}
				_, country := c.Country([]byte(meaning))
				_, method := c.Method([]byte(meaning))
				operator := slices.ContainsFunc(c.Countries(), func(k policy.Country) bool {
					return slices.ContainsFunc(k.Operators, func(o policy.Operator) bool { return o.ID == meaning })
				})
				if !country && !method && !operator {
					t.Errorf("%s: table %s: %s means %q, which the catalogue does not know", name, table, word, meaning)
				}
			}
		}
	}
}

// documented is one file of testdata: a request as a provider documents it,
// behind comment lines that say which token it is sent with and what comes of
// it.
//
//	# token: CI ORANGE collect +2250707070707   (- for a token without phones)
//	# refused: fact_conflict                    (allowed when absent)
//	# own: country operator                     (facts that are the token's own)
//	# elsewhere: fact_conflict                  (with a token of another country; country_not_allowed when absent)
//	# path: mode=mtn                            (the route's variables)
type documented struct {
	country, operator, method, phone string
	refused                          string
	own                              string
	elsewhere                        string
	in                               *Input
}

func readDocumented(t *testing.T, file string) documented {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := documented{}
	var params []Param
	rest := string(text)
	for strings.HasPrefix(rest, "#") {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "# "), ": ")
		switch key {
		case "token":
			f := strings.Fields(value)
			d.country, d.operator, d.method, d.phone = f[0], f[1], f[2], f[3]
		case "refused":
			d.refused = value
		case "elsewhere":
			d.elsewhere = value
		case "own":
			d.own = value
		case "path":
			name, v, _ := strings.Cut(value, "=")
			params = append(params, Param{name, []byte(v)})
		}
	}
	head, body, _ := strings.Cut(rest, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	d.in = request(t, method, target, body, lines[1:]...)
	d.in.Params = params
	if d.country == "" {
		t.Fatalf("%s: no token line", file)
	}
	return d
}

// decide sends the request with a token of the given bounds.
func (d *documented) decide(t *testing.T, p *Program, country, operator, method, phone string) string {
	t.Helper()
	bounds := token.Bounds{Composition: token.Composition{}}
	for _, c := range strings.Split(country, "+") {
		bounds.Composition[c] = map[string][]string{operator: {method}}
	}
	var numbers []token.Number
	if phone != "-" {
		numbers = []token.Number{{Country: country, E164: phone, Enabled: true}}
	}
	rules, err := policy.Compile(p.catalogue, bounds, numbers, nil)
	if err != nil {
		t.Fatal(err)
	}
	live := &token.Live{Environment: token.EnvLive, Rules: rules}
	d.in.Own = live
	var facts token.Facts
	c := policy.Case{
		Principal: &token.Principal{Live: live}, Route: &policy.RouteRule{Facts: policy.FactsRead},
		Facts: &facts, FactsReason: p.Read(d.in, &facts),
	}
	return policy.Decide(&c, nil).Reason.Code()
}

// Each provider's documented request passes with a token that composes it, and
// is refused with one that composes another country, operator, method or phone.
func TestPresetsOnDocumentedRequests(t *testing.T) {
	texts := presets(t)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		files, err := filepath.Glob("testdata/" + name + "/*.txt")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no documented request in testdata: %v", name, err)
		}
		p := program(t, texts[name])
		for _, file := range files {
			t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txt"), func(t *testing.T) {
				d := readDocumented(t, file)
				if d.refused != "" {
					d.expect(t, p, d.refused, d.country, d.operator, d.method, d.phone)
					return
				}
				d.expectAll(t, p)
			})
		}
	}
}

// expectAll holds one request against its own token and four that differ in one
// bound each.
func (d *documented) expectAll(t *testing.T, p *Program) {
	t.Helper()
	other := func(is, a, b string) string {
		if is == a {
			return b
		}
		return a
	}
	d.expect(t, p, "allowed", d.country, d.operator, d.method, d.phone)
	d.expect(t, p, "payment_method_not_allowed", d.country, d.operator, other(d.method, "card", "collect"), d.phone)
	if strings.Contains(d.own, "country") {
		d.expect(t, p, "fact_missing", d.country+"+TD", d.operator, d.method, "-")
	} else {
		d.expect(t, p, cmp.Or(d.elsewhere, "country_not_allowed"), other(d.country, "TD", "CF"), d.operator, d.method, d.phone)
	}
	if !strings.Contains(d.own, "operator") {
		d.expect(t, p, "operator_not_allowed", d.country, "ANOTHER", d.method, d.phone)
	}
	if d.phone == "-" {
		d.expect(t, p, "fact_missing", d.country, d.operator, d.method, "+23566000000")
		return
	}
	d.expect(t, p, "phone_not_allowed", d.country, d.operator, d.method, "+23566000000")
}

func (d *documented) expect(t *testing.T, p *Program, want, country, operator, method, phone string) {
	t.Helper()
	if got := d.decide(t, p, country, operator, method, phone); got != want {
		var facts token.Facts
		reason := p.Read(d.in, &facts)
		t.Errorf("token %s %s %s %s: %s, want %s (read %s: %s)", country, operator, method, phone, got, want, reason, told(&facts))
	}
}
