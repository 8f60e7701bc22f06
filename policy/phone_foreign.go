package policy

import "github.com/nyaruka/phonenumbers"

// nowhere is the region the phone library is given when there is none.
const nowhere = "ZZ"

// foreign asks the phone library about a number whose country the catalogue
// cannot judge. The library sees what the gate let through and nothing else,
// and its answer counts only when reading it again gives the same.
func (c *Catalogue) foreign(out *e164, s *spelling, at place) phoneFault {
	region, text := nowhere, string(s.digits())
	if at.code != (countryCode{}) {
		region = at.code.String()
	} else {
		text = "+" + text
	}
	answer, fault := libraryForm(text, region)
	if fault != phoneRead {
		return fault
	}
	if e := c.planned([]byte(answer[1:])); e != nil {
		// The library made it a number of a country whose plan we know.
		again := spelling{plus: true, n: copy(s.room[:], answer[1:])}
		again.room = s.room
		return c.international(out, &again)
	}
	if settled, fault := libraryForm(answer, nowhere); fault != phoneRead || settled != answer {
		return phoneLength
	}
	return out.set(answer[1:], "", nil)
}

// libraryForm is the library's E.164 form of a plus and digits.
func libraryForm(text, region string) (string, phoneFault) {
	number, err := phonenumbers.Parse(text, region)
	if err != nil {
		return "", phoneNoDial
	}
	answer := phonenumbers.Format(number, phonenumbers.E164)
	if len(answer) < 1+minDigits || len(answer) > maxE164 || answer[0] != '+' || answer[1] == '0' || !allDigits(answer[1:]) {
		return "", phoneLength
	}
	return answer, phoneRead
}

// libraryDoubt is what the phone library thinks odd about a canonical number:
// "impossible", "unassigned" or "". Its metadata lags behind numbering plans,
// so that this is a warning and never a verdict.
func libraryDoubt(e164 string) string {
	number, err := phonenumbers.Parse(e164, nowhere)
	switch {
	case err != nil || !phonenumbers.IsPossibleNumber(number):
		return "impossible"
	case !phonenumbers.IsValidNumber(number):
		return "unassigned"
	}
	return ""
}
