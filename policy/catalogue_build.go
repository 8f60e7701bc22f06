package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxDial   = 3  // ITU-T E.164: a country calling code has one to three digits
	maxLength = 14 // and a whole number at most fifteen
)

// NewCatalogue checks and indexes countries and payment methods. Its error
// joins everything that is wrong, each naming the country it is about. The
// catalogue keeps copies of what it is given.
func NewCatalogue(countries []Country, methods []string) (*Catalogue, error) {
	c := &Catalogue{
		codes:     make(map[string]*entry, 2*len(countries)),
		dials:     make(map[string]*entry, len(countries)),
		methodIDs: make(map[string]int, len(methods)),
	}
	var problems []error
	for i := range countries {
		e, errs := newEntry(&countries[i])
		problems = append(problems, errs...)
		if len(errs) == 0 {
			problems = append(problems, c.add(e)...)
		}
	}
	problems = append(problems, c.checkDials()...)
	problems = append(problems, c.addMethods(methods)...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	slices.SortFunc(c.countries, func(a, b Country) int { return cmp.Compare(a.Alpha2, b.Alpha2) })
	return c, nil
}

func (c *Catalogue) add(e *entry) (problems []error) {
	for _, code := range []string{e.Alpha2, e.Alpha3} {
		if code == "" {
			continue
		}
		if other := c.codes[code]; other != nil {
			problems = append(problems, fmt.Errorf("country %s: the code %s is %s's already", e.Alpha2, code, other.Alpha2))
			continue
		}
		c.codes[code] = e
	}
	if _, taken := c.dials[e.Dial]; taken {
		c.dials[e.Dial] = nil
	} else {
		c.dials[e.Dial] = e
	}
	c.countries = append(c.countries, e.Country)
	return problems
}

// checkDials refuses a calling code that another one begins with: a number would
// belong to two plans. The real ones never do.
func (c *Catalogue) checkDials() (problems []error) {
	for _, dial := range slices.Sorted(maps.Keys(c.dials)) {
		for n := 1; n < len(dial); n++ {
			if _, taken := c.dials[dial[:n]]; taken {
				problems = append(problems, fmt.Errorf("the calling codes %s and %s cannot both be: one begins the other", dial[:n], dial))
			}
		}
	}
	return problems
}

func (c *Catalogue) addMethods(methods []string) (problems []error) {
	if len(methods) > maxMethods {
		return []error{fmt.Errorf("methods: there are %d; at most %d can be kept", len(methods), maxMethods)}
	}
	for i, word := range methods {
		if reason := badCode(word); reason != "" {
			problems = append(problems, fmt.Errorf("methods[%d]: %q %s", i, word, reason))
			continue
		}
		folded := strings.ToUpper(word)
		if _, twice := c.methodIDs[folded]; twice {
			problems = append(problems, fmt.Errorf("methods[%d]: %q is listed twice", i, word))
			continue
		}
		c.methodIDs[folded] = i
	}
	c.methods = slices.Clone(methods)
	return problems
}

func newEntry(country *Country) (*entry, []error) {
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("country "+country.Alpha2+": "+format, args...))
	}
	if !capitals(country.Alpha2, 2) {
		wrong("the code %q is not two capital letters (ISO 3166-1 alpha-2)", country.Alpha2)
	}
	if country.Alpha3 != "" && !capitals(country.Alpha3, 3) {
		wrong("alpha3 %q is not three capital letters (ISO 3166-1 alpha-3)", country.Alpha3)
	}
	if !isDial(country.Dial) {
		wrong("dial %q is not one to three digits without a leading zero", country.Dial)
	}
	e := &entry{Country: country.clone(), operators: make(map[string]string)}
	for _, n := range country.Lengths {
		if n < 4 || n > maxLength {
			wrong("length %d: a national number has 4 to %d digits", n, maxLength)
			continue
		}
		e.lengths |= 1 << n
	}
	if reason := e.addLegacy(); reason != "" {
		wrong("%s", reason)
	}
	for i := range e.Operators {
		problems = append(problems, e.addOperator(&e.Operators[i])...)
	}
	return e, problems
}

// addLegacy lets a legacy number count as possible. Its length must not be a
// length of today, or one spelling would be two numbers.
func (e *entry) addLegacy() (reason string) {
	old := e.Legacy
	switch {
	case old == Legacy{}:
		return ""
	case old.Length < 4 || old.Prefix == "" || !allDigits(old.Prefix):
		return "legacy needs a length of at least 4 and a prefix of digits"
	case e.lengths&(1<<old.Length) != 0:
		return fmt.Sprintf("legacy length %d is a length of today as well", old.Length)
	case old.Length+len(old.Prefix) > maxLength || e.lengths&(1<<(old.Length+len(old.Prefix))) == 0:
		return fmt.Sprintf("legacy: %s and %d digits make no length of today", old.Prefix, old.Length)
	}
	e.lengths |= 1 << old.Length
	return ""
}

func (e *entry) addOperator(o *Operator) (problems []error) {
	for _, code := range append([]string{o.ID}, o.Aliases...) {
		if reason := badCode(code); reason != "" {
			problems = append(problems, fmt.Errorf("country %s: operator %q: %q %s", e.Alpha2, o.ID, code, reason))
			continue
		}
		folded := strings.ToUpper(code)
		if other, taken := e.operators[folded]; taken && other != o.ID {
			problems = append(problems, fmt.Errorf("country %s: %q names both %s and %s", e.Alpha2, code, other, o.ID))
			continue
		}
		e.operators[folded] = o.ID
	}
	return problems
}

// badCode says what is wrong with a code; "" when nothing is.
func badCode(code string) string {
	switch {
	case code == "":
		return "is empty"
	case len(code) > maxCode:
		return fmt.Sprintf("is longer than %d bytes", maxCode)
	}
	for i := range len(code) {
		if code[i] <= ' ' || code[i] > '~' {
			return "holds a character other than visible ASCII"
		}
	}
	return ""
}

func capitals(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range n {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

func isDial(s string) bool {
	return s != "" && len(s) <= maxDial && s[0] != '0' && allDigits(s)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
