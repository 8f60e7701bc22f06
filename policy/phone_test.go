package policy

import (
	"strings"
	"testing"
)

// The table of domain.md §5.2 and the rules under it: a spelling, the country
// it was written in, and the one form it is compared in; "" is refused.
var phoneTable = []struct{ country, raw, want string }{
	// Côte d'Ivoire: the 0 is part of the number.
	{"CI", "0707070707", "+2250707070707"},
	{"CIV", "0707070707", "+2250707070707"},
	{"CI", "002250707070707", "+2250707070707"},
	{"", "002250707070707", "+2250707070707"},
	{"CI", "225 07 07 07 07 07", "+2250707070707"},
	{"CI", "+225-07-07-07-07-07", "+2250707070707"},
	{"", "+225.07.07.07.07.07", "+2250707070707"},
	{"CI", "+225 (07) 07-07-07-07", "+2250707070707"},
	{"CI", "07\u00a007\u00a007\u00a007\u00a007", "+2250707070707"},
	{"CI", "2250707070707", "+2250707070707"},
	{"", "+2250707070707", "+2250707070707"},
	{"ML", "+2250707070707", "+2250707070707"},
	{"CI", "+22507070707", "+22507070707"}, // the seed's own: kept literally
	{"CI", "22507070707", "+22507070707"},
	{"CI", "07070707", "+22507070707"}, // 8 digits, before 2021: literally, not converted
	{"CI", "707070707", "+225707070707"},
	{"CI", "2251234567", "+2252251234567"}, // 10 digits that begin like the code are national

	// Benin: 8 digits became 01 and 8 digits, in every spelling.
	{"BJ", "97654321", "+2290197654321"},
	{"BJ", "+22997654321", "+2290197654321"},
	{"", "+22997654321", "+2290197654321"},
	{"BJ", "22997654321", "+2290197654321"},
	{"BJ", "0022997654321", "+2290197654321"},
	{"BJ", "0197654321", "+2290197654321"},
	{"BJ", "+2290197654321", "+2290197654321"},
	{"BJ", "2290197654", "+2292290197654"},

	// A leading 0 that makes the number one digit too long goes.
	{"CM", "0691234567", "+237691234567"},
	{"CM", "691234567", "+237691234567"},
	{"KE", "+254(0)712345678", "+254712345678"},
	{"KE", "254(0)712345678", "+254712345678"},
	{"KE", "0712345678", "+254712345678"},
	{"", "+2540712345678", "+254712345678"},
	{"NG", "08031234567", "+2348031234567"},
	{"NG", "+23408031234567", "+2348031234567"},
	{"", "+2348031234567", "+2348031234567"},
	{"GH", "0241234567", "+233241234567"},
	{"CD", "0812345678", "+243812345678"},
	{"GA", "06031234", "+24106031234"},
	{"GA", "077123456", "+24177123456"},
	{"GA", "+241077123456", "+24177123456"},
	{"GA", "+24177123456", "+24177123456"},
	{"CG", "061234567", "+242061234567"},
	{"CG", "+242061234567", "+242061234567"},

	// International prefixes.
	{"KE", "000254712345678", "+254712345678"},
	{"KE", "00254712345678", "+254712345678"},
	{"NG", "0092348031234567", "+2348031234567"},
	{"CI", "0092348031234567", "+92348031234567"}, // 009 is Nigeria's alone
	{"NG", "00923001234567", "+923001234567"},     // and 00 and a calling code that begins with 9
	{"US", "01122997654321", "+2290197654321"},    // the library finds Benin, our plan renumbers
	{"US", "0112250707070707", "+2250707070707"},
	{"GM", "2201234", "+2202201234"},

	// Countries the catalogue does not have, or has no lengths for.
	{"", "+33612345678", "+33612345678"},
	{"FR", "0612345678", "+33612345678"},
	{"FR", "+33 (0)6 12 34 56 78", "+33612345678"},
	{"CI", "0033612345678", "+33612345678"},
	{"LS", "50123456", "+26650123456"},
	{"LS", "+266 5012 3456", "+26650123456"},
	{"US", "(415) 555-2671", "+14155552671"}, // a calling code that is shared
	{"", "+1 415 555 2671", "+14155552671"},

	// What cannot be read, or compared.
	{"", "0707070707", ""},    // no country
	{"", "2250707070707", ""}, // international only where a route says so
	{"", "+0707070707", ""},
	{"CI", "00002250707070707", ""},
	{"CI", "12", ""},
	{"", "+22512", ""},
	{"", "+99912345678", ""},
	{"CI", "+225070707070707070", ""},
	{"CI", strings.Repeat("0", 30), ""},
	{"CI", "07 07 07 07 07" + strings.Repeat(" ", 48), ""},
	{"CI", "", ""},
	{"CI", "+", ""},
	{"CI", " ", ""},
	{"CI", "()", ""},
	{"XX", "0707070707", ""},
	{"CI", "+225+0707070707", ""},
	{"CI", "225+0707070707", ""},
	{"CI", "0707070707+", ""},
	{"CI", "07\xc207070707", ""},
	{"CI", "0707070707\xc2", ""},
	{"CI", "07\t07070707", ""},
	{"CI", "0707070707\x00", ""},
	{"CI", "0707070707\n", ""},
}

func TestPhonesArriveAtOneForm(t *testing.T) {
	c := testCatalogue(t)
	for _, row := range phoneTable {
		got, _, err := c.CanonicalPhone(row.country, row.raw)
		if got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("CanonicalPhone(%q, %q) = %q, %v; want %q", row.country, row.raw, got, err, row.want)
		}
		if err != nil && len(row.raw) > 6 && strings.Contains(err.Error(), row.raw) {
			t.Errorf("CanonicalPhone(%q, %q): the error quotes the number: %v", row.country, row.raw, err)
		}
	}
}

// security.md §3.3: seventeen spellings that the library takes for
// +14155552671, or for another number than was written.
var hostileSpellings = []string{
	"\uff0b\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff12\uff16\uff17\uff11", // full width
	"+\u0661\u0664\u0661\u0665\u0665\u0665\u0665\u0662\u0666\u0667\u0661",      // Arabic-Indic
	"+1415\u200b5552671",
	"+1415\u00ad5552671",
	"+1415\u20605552671",
	"++14155552671",
	"+14155552671;isub=1",
	"+14155552671;ext=5",
	"+14155552671 ext. 5",
	"+14155552671x12",
	"+14155552671x",
	"tel:+14155552671",
	"tel:415-555-2671;phone-context=+1",
	"+1415\u2010555\u20102671",
	"+1-800-FLOWERS",
	"+1415555CRAB",
	"call +14155552671 now",
}

// A spelling that a lenient phone library would take for a listed number (letters,
// zero-width characters, two numbers, a sentence around one) is no number.
func TestTheSeventeenHostileSpellingsAreRefused(t *testing.T) {
	c := testCatalogue(t)
	if len(hostileSpellings) != 17 {
		t.Fatalf("there are %d", len(hostileSpellings))
	}
	more := []string{
		"+14155552671/+14155552672", "+14155552671,+14155552672", "+14155552671 +14155552672", "＋14155552671",
		"+14155552671#", "*31#+14155552671", "+1415555267l", "+1O155552671", "4.1e10", "-14155552671x", "+14155552671\u0660", "true", "null",
	}
	for _, raw := range append(more, hostileSpellings...) {
		for _, country := range []string{"US", "CI", ""} {
			if got, _, err := c.CanonicalPhone(country, raw); err == nil {
				t.Errorf("CanonicalPhone(%q, %q) = %q; it should be refused", country, raw, got)
			}
		}
		if got, _, err := c.CanonicalDigits(raw); err == nil {
			t.Errorf("CanonicalDigits(%q) = %q; it should be refused", raw, got)
		}
	}
}

func TestBareDigitsAreInternationalWhereARouteSaysSo(t *testing.T) {
	c := testCatalogue(t)
	f := func(raw, want string) {
		t.Helper()
		got, _, err := c.CanonicalDigits(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("CanonicalDigits(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
	f("2250707070707", "+2250707070707")
	f("22997654321", "+2290197654321")
	f("250783456789", "+250783456789") // no country of this catalogue
	f("+2250707070707", "+2250707070707")
	f("002250707070707", "+2250707070707")
	f("0707070707", "") // no calling code begins with 0
	f("33612345678", "+33612345678")
	f("", "")
}

func TestOddNumbersAreKeptWithAWarning(t *testing.T) {
	c := testCatalogue(t)
	f := func(country, raw, want string) {
		t.Helper()
		_, warning, err := c.CanonicalPhone(country, raw)
		if err != nil || (warning == "") != (want == "") || !strings.Contains(warning, want) {
			t.Errorf("CanonicalPhone(%q, %q) warns %q, %v; it should say %q", country, raw, warning, err, want)
		}
	}
	f("CI", "+2250707070707", "")
	f("BJ", "97654321", "")
	f("CI", "+22507070707", "digit for digit")
	f("CI", "07070707", "digit for digit")
	f("CI", "+22376123456", "a number of ML, not of CI")
	f("CI", "+2259907070707", "no range known")
}
