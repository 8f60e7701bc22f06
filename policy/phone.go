package policy

import "errors"

// The canonical form of a phone number is E.164: a plus, then 7 to 15 digits of
// which the first is not 0. Two spellings are the same number exactly when they
// have the same canonical form; nothing else is ever compared.
//
// A spelling is read in two steps. The gate keeps ASCII digits and one leading
// plus, drops spaces, dots, hyphens, parentheses and no-break spaces, and
// refuses every other character: what it lets through has one reading only.
// Then the catalogue's table of national lengths decides about zeros, so that
// the answer does not lean on numbering metadata that lags behind the plans.
// Only numbers of countries without lengths go to the phone library, which is
// never handed anything but digits and a plus.

const (
	maxE164     = 16 // a plus and fifteen digits
	minDigits   = 7
	maxDigits   = 15
	maxSpelling = 48 // bytes of a spelling, separators included
	maxDialled  = 24 // digits of a spelling, prefixes included
)

// phoneFault says why a spelling has no canonical form.
type phoneFault uint8

const (
	phoneRead phoneFault = iota
	phoneEmpty
	phoneCharacter
	phoneTooLong
	phonePlus
	phoneNoCountry
	phoneLength
	phoneNoDial
)

var phoneFaults = [...]string{
	phoneRead:      "it can be read",
	phoneEmpty:     "it holds no digits; write it as +2250707070707",
	phoneCharacter: "it holds a character other than digits, one leading +, spaces, dots, hyphens and parentheses; letters and extensions are not read",
	phoneTooLong:   "it is longer than any phone number",
	phonePlus:      "its + is not at the start; write one number, as +2250707070707",
	phoneNoCountry: "it is a national number and the country is not known; write it with + and the country's code",
	phoneLength:    "a number has 7 to 15 digits with its country's code",
	phoneNoDial:    "no country has that calling code",
}

func (f phoneFault) err() error { return errors.New(phoneFaults[f]) }

// spelling is what the gate let through.
type spelling struct {
	room [maxDialled]byte
	n    int
	plus bool
}

func (s *spelling) digits() []byte { return s.room[:s.n] }

// drop removes the first n digits.
func (s *spelling) drop(n int) {
	copy(s.room[:], s.room[n:s.n])
	s.n -= n
}

// gate reads a spelling's digits.
func (s *spelling) gate(raw []byte) phoneFault {
	if len(raw) > maxSpelling {
		return phoneTooLong
	}
	for i := 0; i < len(raw); i++ {
		switch b := raw[i]; {
		case '0' <= b && b <= '9':
			if s.n == len(s.room) {
				return phoneTooLong
			}
			s.room[s.n] = b
			s.n++
		case b == '+':
			if s.plus || s.n > 0 {
				return phonePlus
			}
			s.plus = true
		case b == ' ', b == '.', b == '-', b == '(', b == ')':
		case b == 0xC2 && i+1 < len(raw) && raw[i+1] == 0xA0: // no-break space
			i++
		default:
			return phoneCharacter
		}
	}
	if s.n == 0 {
		return phoneEmpty
	}
	return phoneRead
}

// place is a country that a number may be national to. The zero place is not
// known.
type place struct {
	code  countryCode
	entry *entry // nil when the catalogue does not know it
}

// e164 is a canonical number in the making.
type e164 struct {
	room    [maxE164]byte
	n       int
	literal bool // of no length the plan knows: kept digit for digit
}

func (o *e164) bytes() []byte { return o.room[:o.n] }

// set writes plus and the parts; it fails when they make no E.164 number.
func (o *e164) set(dial, prefix string, rest []byte) phoneFault {
	total := len(dial) + len(prefix) + len(rest)
	if total < minDigits || total > maxDigits {
		return phoneLength
	}
	b := append(o.room[:0], '+')
	b = append(append(append(b, dial...), prefix...), rest...)
	o.n = len(b)
	return phoneRead
}

// canonical reads raw, written in a place, into out. international says that
// bare digits carry their country's code. It does not allocate unless the phone
// library has to be asked.
func (c *Catalogue) canonical(out *e164, at place, raw []byte, international bool) phoneFault {
	var s spelling
	if fault := s.gate(raw); fault != phoneRead {
		return fault
	}
	return c.canonicalOf(out, &s, at, international)
}

func (c *Catalogue) canonicalOf(out *e164, s *spelling, at place, international bool) phoneFault {
	c.expand(s, at)
	if s.plus || international {
		return c.international(out, s)
	}
	return c.national(out, s, at)
}

// expand turns an international prefix into the plus it stands for: 00, the 000
// of East Africa, and Nigeria's 009.
func (c *Catalogue) expand(s *spelling, at place) {
	d := s.digits()
	switch {
	case s.plus || len(d) < 4 || d[0] != '0' || d[1] != '0':
		return
	case d[2] == '0':
		s.drop(3)
	case d[2] == '9' && at.code == countryCode{'N', 'G'} && c.possible(d[3:]):
		s.drop(3)
	default:
		s.drop(2)
	}
	s.plus = true
}

// possible reports whether the digits are a number of a length that the plan of
// their country knows.
func (c *Catalogue) possible(digits []byte) bool {
	e := c.planned(digits)
	if e == nil {
		return false
	}
	_, _, ok := e.settle(digits[len(e.Dial):])
	return ok
}

func (c *Catalogue) international(out *e164, s *spelling) phoneFault {
	d := s.digits()
	if d[0] == '0' {
		return phoneNoDial
	}
	e := c.planned(d)
	if e == nil {
		return c.foreign(out, s, place{})
	}
	rest := d[len(e.Dial):]
	prefix, settled, ok := e.settle(rest)
	if !ok {
		out.literal = true
		return out.set(e.Dial, "", rest)
	}
	return out.set(e.Dial, prefix, settled)
}

func (c *Catalogue) national(out *e164, s *spelling, at place) phoneFault {
	if at.code == (countryCode{}) {
		return phoneNoCountry
	}
	e := at.entry
	if e == nil || e.lengths == 0 || c.dials[e.Dial] != e {
		return c.foreign(out, s, at)
	}
	d := s.digits()
	carries := len(d) > len(e.Dial) && string(d[:len(e.Dial)]) == e.Dial
	if carries {
		if prefix, rest, ok := e.settle(d[len(e.Dial):]); ok {
			return out.set(e.Dial, prefix, rest)
		}
	}
	if prefix, rest, ok := e.settle(d); ok {
		return out.set(e.Dial, prefix, rest)
	}
	out.literal = true
	if carries {
		d = d[len(e.Dial):]
	}
	return out.set(e.Dial, "", d)
}

// settle decides about the zeros of a national number by its length alone: a
// possible length keeps every digit; one digit too many, and that a leading 0,
// loses it; anything else is not possible. A legacy number gets its prefix.
func (e *entry) settle(d []byte) (prefix string, rest []byte, ok bool) {
	if !e.allows(len(d)) {
		if len(d) == 0 || d[0] != '0' || !e.allows(len(d)-1) {
			return "", nil, false
		}
		d = d[1:]
	}
	if len(d) == e.Legacy.Length {
		prefix = e.Legacy.Prefix
	}
	return prefix, d, true
}

func (e *entry) allows(n int) bool { return n > 0 && n <= maxLength && e.lengths&(1<<n) != 0 }
