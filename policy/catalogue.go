package policy

import "slices"

// Catalogue is what is known of the payment world: countries with their phone
// plans and operators, and the payment methods. It is immutable and safe for
// concurrent use. It advises and does not forbid: a code that it does not know
// is kept as it was written.
type Catalogue struct {
	countries []Country // by alpha-2
	methods   []string
	codes     map[string]*entry // upper-case alpha-2 and alpha-3
	dials     map[string]*entry // nil where several countries share the code
	methodIDs map[string]int    // upper-case word → place in methods
}

// Country is one country of a catalogue.
type Country struct {
	Alpha2    string // ISO 3166-1, upper case
	Alpha3    string // ISO 3166-1, upper case; "" when it is not given
	Name      string
	Dial      string // country calling code, digits only
	Currency  string // ISO 4217
	Lengths   []int  // digits a mobile number has after the calling code; none: the phone library judges
	Trunk     bool   // people dial a 0 before the national number; told, not used: lengths decide
	Legacy    Legacy // an older, shorter numbering that is still written
	Operators []Operator
}

// Legacy is a renumbering that can be undone without a table: a number of
// Length digits is Prefix followed by those digits today. Benin: 8 and "01".
// The zero Legacy is none.
type Legacy struct {
	Length int
	Prefix string
}

// Operator is one mobile-money operator of a country.
type Operator struct {
	ID      string // brand word, such as ORANGE
	Name    string
	Aliases []string // what providers call it in this country
}

// maxCode bounds every code of a composition, in bytes.
const maxCode = 64

// maxMethods bounds the payment methods of a catalogue: a compiled rule keeps
// them as the bits of one word.
const maxMethods = 64

// entry is a country with its look-up tables.
type entry struct {
	Country
	operators map[string]string // upper-case id or alias → id
	lengths   uint32            // bit n: a number of n digits is possible, legacy ones included
}

// Countries lists the countries by alpha-2. The caller owns the list.
func (c *Catalogue) Countries() []Country {
	list := make([]Country, len(c.countries))
	for i := range c.countries {
		list[i] = c.countries[i].clone()
	}
	return list
}

// Methods lists the payment methods. The caller owns the list.
func (c *Catalogue) Methods() []string { return slices.Clone(c.methods) }

// Country finds a country by alpha-2 or alpha-3 code, whatever its ASCII case,
// and gives its alpha-2 code. It does not allocate.
func (c *Catalogue) Country(code []byte) (alpha2 string, known bool) {
	if e := c.country(code); e != nil {
		return e.Alpha2, true
	}
	return "", false
}

// CountryByDial finds a country by its calling code, written as digits with or
// without a leading plus or 00. A code that several countries of the catalogue
// share names none of them. It does not allocate.
func (c *Catalogue) CountryByDial(dial []byte) (alpha2 string, known bool) {
	switch {
	case len(dial) > 1 && dial[0] == '+':
		dial = dial[1:]
	case len(dial) > 2 && dial[0] == '0' && dial[1] == '0':
		dial = dial[2:]
	}
	if e := c.dials[string(dial)]; e != nil {
		return e.Alpha2, true
	}
	return "", false
}

// Operator finds an operator of a country by its id or one of its aliases
// there, whatever their ASCII case. The country is an alpha-2 or alpha-3 code.
// There is no alias that holds in every country. It does not allocate.
func (c *Catalogue) Operator(country string, code []byte) (id string, known bool) {
	var room [maxCode]byte
	if len(country) > len(room) {
		return "", false
	}
	e := c.country(append(room[:0], country...))
	if e == nil {
		return "", false
	}
	return e.operator(code)
}

// Method finds a payment method, whatever its ASCII case. There are no aliases:
// a word such as "deposit" means opposite directions at different providers. It
// does not allocate.
func (c *Catalogue) Method(word []byte) (id string, known bool) {
	i, ok := c.method(word)
	if !ok {
		return "", false
	}
	return c.methods[i], true
}

// countryCode is an alpha-2 code in capitals; zero: not known.
type countryCode [2]byte

// String is the code as text.
func (c countryCode) String() string { return string(c[:]) }

// place is the country that a code means: one of the catalogue's, or any other
// two letters, which are a country that the catalogue does not know.
func (c *Catalogue) place(code []byte) (at place, ok bool) {
	if e := c.country(code); e != nil {
		return place{countryCode{e.Alpha2[0], e.Alpha2[1]}, e}, true
	}
	if len(code) != 2 {
		return place{}, false
	}
	var room [maxCode]byte
	folded, _ := upper(&room, code)
	for _, b := range folded {
		if b < 'A' || b > 'Z' {
			return place{}, false
		}
	}
	return place{code: countryCode{folded[0], folded[1]}}, true
}

func (c *Catalogue) country(code []byte) *entry {
	var room [maxCode]byte
	folded, ok := upper(&room, code)
	if !ok {
		return nil
	}
	return c.codes[string(folded)]
}

func (c *Catalogue) method(word []byte) (int, bool) {
	var room [maxCode]byte
	folded, ok := upper(&room, word)
	if !ok {
		return 0, false
	}
	i, ok := c.methodIDs[string(folded)]
	return i, ok
}

// planned is the country whose calling code the international digits begin
// with, when the catalogue alone can judge its numbers; nil otherwise.
func (c *Catalogue) planned(digits []byte) *entry {
	for n := min(maxDial, len(digits)); n > 0; n-- {
		if e, ok := c.dials[string(digits[:n])]; ok {
			if e == nil || e.lengths == 0 {
				return nil
			}
			return e
		}
	}
	return nil
}

func (e *entry) operator(code []byte) (id string, known bool) {
	var room [maxCode]byte
	folded, ok := upper(&room, code)
	if !ok {
		return "", false
	}
	id, known = e.operators[string(folded)]
	return id, known
}

// upper folds the ASCII letters of code into room; ok is false for a code that
// is empty or longer than any code may be.
func upper(room *[maxCode]byte, code []byte) (folded []byte, ok bool) {
	if len(code) == 0 || len(code) > len(room) {
		return nil, false
	}
	for i, b := range code {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		room[i] = b
	}
	return room[:len(code)], true
}

func (c *Country) clone() Country {
	out := *c
	out.Lengths = slices.Clone(c.Lengths)
	out.Operators = slices.Clone(c.Operators)
	for i := range out.Operators {
		out.Operators[i].Aliases = slices.Clone(out.Operators[i].Aliases)
	}
	return out
}
