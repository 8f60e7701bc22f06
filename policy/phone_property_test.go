package policy

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

var canonicalForm = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// FuzzCanonicalPhone holds the promises of the canonical form: it is E.164, it
// is its own canonical form wherever it is read, the same input gives the same
// answer, and separators change nothing.
func FuzzCanonicalPhone(f *testing.F) {
	for _, row := range phoneTable {
		f.Add(row.country, row.raw, false)
		f.Add(row.country, row.raw, true)
	}
	for _, raw := range hostileSpellings {
		f.Add("CI", raw, false)
	}
	c := testCatalogue(f)
	f.Fuzz(func(t *testing.T, country, raw string, digits bool) {
		read := func(country, raw string) (string, error) {
			if digits {
				form, _, err := c.CanonicalDigits(raw)
				return form, err
			}
			form, _, err := c.CanonicalPhone(country, raw)
			return form, err
		}
		form, err := read(country, raw)
		if again, err2 := read(country, raw); again != form || (err == nil) != (err2 == nil) {
			t.Fatalf("%q in %q is %q, then %q", raw, country, form, again)
		}
		if err != nil {
			if form != "" {
				t.Fatalf("%q in %q gives %q with an error", raw, country, form)
			}
			return
		}
		if !canonicalForm.MatchString(form) {
			t.Fatalf("%q in %q gives %q", raw, country, form)
		}
		if _, known := c.place([]byte(country)); !known {
			country = ""
		}
		for _, where := range []string{country, "", "CI", "BJ", "NG", "FR"} {
			if again, _, err := c.CanonicalPhone(where, form); err != nil || again != form {
				t.Fatalf("%q in %q gives %q, and that in %q gives %q, %v", raw, country, form, where, again, err)
			}
		}
		if again, _, err := c.CanonicalDigits(form[1:]); err != nil || again != form {
			t.Fatalf("%q without its plus gives %q, %v", form, again, err)
		}
		if spaced, err := read(country, strings.Join(strings.Split(gateOnly(raw), ""), " ")); len(gateOnly(raw)) < 20 && (err != nil || spaced != form) {
			t.Fatalf("%q in %q gives %q, spaced out %q, %v", raw, country, form, spaced, err)
		}
	})
}

// gateOnly is raw without the characters that the gate drops.
func gateOnly(raw string) string {
	return strings.NewReplacer(" ", "", ".", "", "-", "", "(", "", ")", "", "\u00a0", "").Replace(raw)
}

// spelled draws a way of writing a number that is likely to be read.
func spelled(t *rapid.T) string {
	body := rapid.SampledFrom([]string{
		"+2250707070707", "2250707070707", "0707070707", "002250707070707", "000254712345678", "0712345678", "97654321", "0197654321",
		"+22997654321", "+254(0)712345678", "0612345678", "+33612345678", "33612345678", "+22376123456", "76123456", "06031234", "077123456",
		"4155552671", "+14155552671", "07070707", "22507070707", "+22507070707", "50123456", "+26650123456", "0092348031234567",
	}).Draw(t, "body")
	if rapid.Bool().Draw(t, "change a digit") {
		i := rapid.IntRange(0, len(body)-1).Draw(t, "at")
		d := rapid.SampledFrom([]string{"", "0", "1", "7", "00", " ", "x"}).Draw(t, "digit")
		body = body[:i] + d + body[i+1:]
	}
	return body
}

var someCountries = []string{"", "CI", "ML", "BJ", "KE", "NG", "CM", "GA", "LS", "US", "FR", "civ"}

// TestAFastHitIsTheCanonicalNumber: whatever the whitelist takes for one of its
// numbers without reading it is, when read, that number; and what is refused
// is, when read, none of them. So the shortcuts decide nothing of their own.
func TestAFastHitIsTheCanonicalNumber(t *testing.T) {
	c := testCatalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		var numbers []token.Number
		listed := map[string]bool{}
		for range rapid.IntRange(0, 6).Draw(t, "numbers") {
			country := rapid.SampledFrom(someCountries).Draw(t, "listed in")
			form, _, err := c.CanonicalPhone(country, spelled(t))
			if err != nil {
				continue
			}
			on := rapid.IntRange(0, 3).Draw(t, "enabled") > 0
			numbers = append(numbers, token.Number{Country: country, E164: form, Enabled: on})
			listed[form] = listed[form] || on
		}
		r, err := Compile(c, token.Bounds{Restricts: token.Restricts{Phones: true}}, numbers, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			raw := spelled(t)
			if len(numbers) > 0 && rapid.Bool().Draw(t, "a listed one") {
				raw = respelled(t, rapid.SampledFrom(numbers).Draw(t, "which").E164)
			}
			country := rapid.SampledFrom(someCountries).Draw(t, "written in")
			fact := token.Fact{Value: []byte(raw), Digits: rapid.Bool().Draw(t, "digits")}
			at, _ := c.place([]byte(country))
			form, readable := read(c, at, fact)
			if quick(r, at, fact) && (!readable || !listed[form]) {
				t.Fatalf("%q in %q hits, and is %q (%v)", raw, country, form, readable)
			}
			if got, want := r.permits(at, &fact), readable && listed[form]; got != want {
				t.Fatalf("%q in %q is permitted: %v; it is %q (%v), listed %v", raw, country, got, form, readable, listed)
			}
		}
	})
}

// quick is whether one of the two shortcuts takes a phone for a listed number.
func quick(r *Rules, at place, f token.Fact) bool {
	var s spelling
	if r.lists(f.Value) {
		return true
	}
	if s.gate(f.Value) != phoneRead {
		return false
	}
	r.catalogue.expand(&s, at)
	return r.quick(&s, at, s.plus || f.Digits)
}

func read(c *Catalogue, at place, f token.Fact) (string, bool) {
	var out e164
	if c.canonical(&out, at, f.Value, f.Digits) != phoneRead {
		return "", false
	}
	return string(out.bytes()), true
}

func respelled(t *rapid.T, e164 string) string {
	cut := rapid.IntRange(0, 4).Draw(t, "cut")
	prefix := rapid.SampledFrom([]string{"", "0", "00", "+", "+ "}).Draw(t, "prefix")
	return prefix + e164[cut:]
}

func TestNoUsualSpellingOfAListedNumberIsRefused(t *testing.T) {
	f := func(country, number string, spellings ...string) {
		t.Helper()
		r := compiled(t, token.Bounds{}, enabled(country, number))
		at, _ := r.catalogue.place([]byte(country))
		for _, raw := range spellings {
			if !r.permits(at, &token.Fact{Value: []byte(raw)}) {
				t.Errorf("%s is listed and %q is refused", number, raw)
			}
		}
		if r.permits(at, &token.Fact{Value: []byte(number[:len(number)-1] + "9")}) {
			t.Errorf("%s is listed and another number passes", number)
		}
		if !r.permits(at, &token.Fact{Value: []byte(number[1:]), Digits: true}) {
			t.Errorf("%s is listed and its digits are refused", number)
		}
		if r.permits(at, &token.Fact{Value: []byte(number), Unknown: true}) {
			t.Errorf("a word that its table does not know matches %s", number)
		}
	}
	f("CI", "+2250707070707", "+2250707070707", "0707070707", "2250707070707", "002250707070707", "+225 07 07 07 07 07")
	f("BJ", "+2290197654321", "97654321", "+22997654321", "22997654321", "0197654321")
	f("BJ", "+22997654321", "97654321", "+2290197654321") // kept by an older catalogue
	f("KE", "+254712345678", "0712345678", "712345678", "254712345678", "+254(0)712345678", "000254712345678")
	f("FR", "+33612345678", "0612345678", "+33 6 12 34 56 78", "0033612345678", "+33 (0)6 12 34 56 78", "33612345678")
	f("US", "+14155552671", "4155552671", "(415) 555-2671", "14155552671")
	f("CI", "+22507070707", "07070707", "+22507070707")
}

func TestANumberThatCannotBeReadPassesNothing(t *testing.T) {
	r := compiled(t, token.Bounds{}, enabled("CI", "not a number"))
	if !r.phoned || len(r.numbers) != 0 {
		t.Errorf("the rules are %+v; they should restrict phones and list none", r)
	}
}
