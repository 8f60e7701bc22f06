package policy

import (
	"bytes"

	"tollgate/policy/token"
)

// Values of one fact can be compared over several sources up to these numbers:
// different ones, and all of them. More count as a disagreement, so that no
// request makes comparing it dear.
const (
	maxDifferent = 32
	maxCompared  = 1024
)

// disagree reports whether two sources of one fact say different things. The
// elements that one source finds in an array may differ from each other; what
// has to be equal are the sets of values the sources found, each value taken to
// its canonical form, so that CI and CIV, or 0707… and +2250707…, agree. A
// source that found nothing has nothing to say.
func (c *Catalogue) disagree(f *token.Facts) bool {
	if !several(f.Countries) && !several(f.Operators) && !several(f.Methods) && !several(f.Phones) {
		return false
	}
	return c.compareSources(f)
}

// several reports whether the values come from more than one source.
func several(list []token.Fact) bool {
	for i := 1; i < len(list); i++ {
		if list[i].Source != list[0].Source {
			return true
		}
	}
	return false
}

func (c *Catalogue) compareSources(f *token.Facts) bool {
	var where places
	where.gather(c, f.Countries)
	if several(f.Countries) && differ(f.Countries, c.countryWord) ||
		several(f.Methods) && differ(f.Methods, c.methodWord) {
		return true
	}
	for _, at := range where.list() {
		operator := func(f *token.Fact) word { return operatorWord(at.entry, f) }
		phone := func(f *token.Fact) word { return c.phoneWord(at, f) }
		if several(f.Operators) && differ(f.Operators, operator) || several(f.Phones) && differ(f.Phones, phone) {
			return true
		}
	}
	return false
}

// word is a value in the form in which it is compared. The zero word is empty.
type word struct {
	id    string // canonical, of the catalogue
	raw   []byte // else as the request wrote it
	phone e164   // else a number
}

func (w *word) same(o *word) bool {
	if w.phone.n > 0 || o.phone.n > 0 {
		return string(w.phone.bytes()) == string(o.phone.bytes())
	}
	if w.id != "" || o.id != "" {
		return w.id == o.id
	}
	return foldEqual(w.raw, o.raw)
}

// differ reports whether the sources' sets of values are not the same set.
func differ(list []token.Fact, read func(*token.Fact) word) bool {
	var (
		words   [maxDifferent]word
		sources [maxDifferent]uint64
		n       int
		all     uint64
	)
	if len(list) > maxCompared {
		return true
	}
	for i := range list {
		if list[i].Source > 63 {
			return true
		}
		from := uint64(1) << list[i].Source
		all |= from
		w := read(&list[i])
		at := 0
		for at < n && !words[at].same(&w) {
			at++
		}
		if at == len(words) {
			return true
		}
		if at == n {
			words[n] = w
			n++
		}
		sources[at] |= from
	}
	for i := range n {
		if sources[i] != all {
			return true
		}
	}
	return false
}

func (c *Catalogue) countryWord(f *token.Fact) word {
	w := word{raw: f.Value}
	if at, ok := c.placeNamed(f); ok && at.entry != nil {
		w.id = at.entry.Alpha2
	}
	return w
}

func (c *Catalogue) methodWord(f *token.Fact) word {
	w := word{raw: f.Value}
	if !f.Unknown {
		w.id, _ = c.Method(f.Value)
	}
	return w
}

func operatorWord(e *entry, f *token.Fact) word {
	w := word{raw: f.Value}
	if e != nil && !f.Unknown {
		w.id, _ = e.operator(f.Value)
	}
	return w
}

func (c *Catalogue) phoneWord(at place, f *token.Fact) word {
	w := word{raw: f.Value}
	if c.canonical(&w.phone, at, f.Value, f.Digits) != phoneRead {
		w.phone = e164{}
	}
	return w
}

// foldEqual compares two values without regard to ASCII case.
func foldEqual(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	return bytes.Equal(a, b) || asciiFoldEqual(a, b)
}

func asciiFoldEqual(a, b []byte) bool {
	for i := range a {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
