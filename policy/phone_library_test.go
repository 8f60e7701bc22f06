package policy

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// TestOurPlansAgreeWithTheLibraryOnItsExamples: the library's example of a
// mobile number, in every way that it formats it, is the same number to us, in
// every region there is.
func TestOurPlansAgreeWithTheLibraryOnItsExamples(t *testing.T) {
	c := testCatalogue(t)
	seen := 0
	for region := range phonenumbers.GetSupportedRegions() {
		example := phonenumbers.GetExampleNumberForType(region, phonenumbers.MOBILE)
		if example == nil {
			continue
		}
		seen++
		want := phonenumbers.Format(example, phonenumbers.E164)
		for _, form := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL} {
			raw := phonenumbers.Format(example, form)
			if strings.Trim(raw, "+0123456789 .-()") != "" {
				continue // some countries write slashes, which the gate refuses
			}
			if region == "AR" && form == phonenumbers.NATIONAL {
				continue // the library itself does not read its national 15 back
			}
			got, _, err := c.CanonicalPhone(region, raw)
			if err != nil || got != want {
				t.Errorf("%s: %q is %q, %v; the library says %s", region, raw, got, err, want)
			}
		}
		if got, _, err := c.CanonicalDigits(want[1:]); err != nil || got != want {
			t.Errorf("%s: the digits of %s are %q, %v", region, want, got, err)
		}
	}
	if seen < 200 {
		t.Errorf("only %d regions have an example", seen)
	}
}

// TestTheExamplesOfTheTestMetadataKeepTheirCountry: no spelling of the numbers
// in libphonenumber's own test data becomes a number of another country, and
// plus, 00 and bare digits never differ.
func TestTheExamplesOfTheTestMetadataKeepTheirCountry(t *testing.T) {
	type kind struct {
		Example string `xml:"exampleNumber"`
	}
	var data struct {
		Territories []struct {
			ID    string `xml:"id,attr"`
			Code  string `xml:"countryCode,attr"`
			Kinds []kind `xml:",any"`
		} `xml:"territories>territory"`
	}
	if err := xml.Unmarshal(vector(t, "phone", "PhoneNumberMetadataForTesting.xml"), &data); err != nil {
		t.Fatal(err)
	}
	c, seen := testCatalogue(t), 0
	for _, territory := range data.Territories {
		for _, k := range territory.Kinds {
			if k.Example == "" {
				continue
			}
			seen++
			number := territory.Code + k.Example
			plus, _, err := c.CanonicalPhone("", "+"+number)
			zeros, _, err0 := c.CanonicalPhone("", "00"+number)
			bare, _, err1 := c.CanonicalDigits(number)
			if plus != zeros || plus != bare || (err == nil) != (err0 == nil) || (err == nil) != (err1 == nil) {
				t.Errorf("%s %s: %q, %q and %q", territory.ID, number, plus, zeros, bare)
			}
			if err == nil && (!strings.HasPrefix(plus, "+"+territory.Code) || !canonicalForm.MatchString(plus)) {
				t.Errorf("%s %s became %q", territory.ID, number, plus)
			}
		}
	}
	if seen < 80 {
		t.Errorf("only %d examples were read", seen)
	}
}
