package policy

import "fmt"

// CanonicalPhone gives the E.164 form of a number as an admin writes it: with +
// or 00, as bare digits that carry the country's calling code, or national to
// the country. The country is an alpha-2 or alpha-3 code; "" means that it is
// not known, and then a national number is an error.
//
// The warning, when there is one, says what looks odd about a number that is
// kept all the same: one of an impossible length is kept digit for digit, since
// numbering plans change faster than software. The error never quotes the
// number. Giving the answer again gives the answer again.
func (c *Catalogue) CanonicalPhone(country, number string) (e164Form, warning string, err error) {
	at, err := c.placeOf(country)
	if err != nil {
		return "", "", err
	}
	return c.admit(at, number, false)
}

// CanonicalDigits is CanonicalPhone for a number that is international by
// declaration, though it may have neither + nor 00.
func (c *Catalogue) CanonicalDigits(number string) (e164Form, warning string, err error) {
	return c.admit(place{}, number, true)
}

func (c *Catalogue) admit(at place, number string, international bool) (string, string, error) {
	var out e164
	if fault := c.canonical(&out, at, []byte(number), international); fault != phoneRead {
		return "", "", fmt.Errorf("the number cannot be read: %w", fault.err())
	}
	text := string(out.bytes())
	return text, c.doubt(&out, at, text), nil
}

// doubt words what looks odd about a number that was read.
func (c *Catalogue) doubt(out *e164, at place, text string) string {
	if home := c.planned([]byte(text[1:])); at.code != (countryCode{}) && home != nil && home.Alpha2 != at.code.String() {
		return fmt.Sprintf("this is a number of %s, not of %s", home.Alpha2, at.code)
	}
	opinion := libraryDoubt(text)
	if out.literal || opinion == "impossible" {
		return "the number has no length its country's plan knows; it is kept digit for digit and matches only that"
	}
	if opinion == "unassigned" {
		return "the number is in no range known to be in use; check it"
	}
	return ""
}

func (c *Catalogue) placeOf(country string) (place, error) {
	if country == "" {
		return place{}, nil
	}
	at, ok := c.place([]byte(country))
	if !ok {
		return place{}, fmt.Errorf("%q is no country code; write two letters (ISO 3166-1 alpha-2), such as CI", country)
	}
	return at, nil
}
