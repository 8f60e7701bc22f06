package facts

import (
	"bytes"

	"tollgate/policy"
	"tollgate/policy/token"
)

// maxWords is how many different countries, operators or methods one request
// may name. Every operator is judged in every country for every method, so the
// three bound that work together.
const maxWords = 64

// assemble makes facts of the values that were found. It is false when there
// are too many.
func (w *work) assemble(p *Program, in *Input) bool {
	out := w.scan.out
	for i := range p.slots {
		if sl := &p.slots[i]; sl.role == roleFact && !w.given(sl, in) {
			return false
		}
	}
	for i := range w.hits {
		sl := &p.slots[w.hits[i].slot]
		if sl.role != roleFact {
			continue
		}
		value := w.hits[i].value
		if sl.front != nil {
			var ok bool
			if value, ok = w.concat(sl.front, &w.hits[i]); !ok {
				w.hollow |= sl.group
				continue
			}
		}
		if !w.add(sl, value) {
			return false
		}
	}
	w.nameOperators(p)
	for kind := range out.Hollow {
		out.Hollow[kind] = w.hollow&(1<<kind) != 0
	}
	out.Guard = w.judgeGuards(p)
	return true
}

// given adds the values that are not part of the request: constants, and what
// the token has exactly one of.
func (w *work) given(sl *slot, in *Input) bool {
	switch {
	case sl.constant != nil:
		return w.add(sl, sl.constant)
	case sl.own && in.Own != nil:
		if value := ownValue(in.Own, sl.kind); value != "" {
			return w.add(sl, w.text(value))
		}
	}
	return true
}

// ownValue is the token's value of a fact, when its rules have exactly one.
func ownValue(l *token.Live, k token.FactKind) string {
	rules, ok := l.Rules.(*policy.Rules)
	if !ok {
		return ""
	}
	own := rules.Own()
	switch k {
	case token.FactCountry:
		return own.Country
	case token.FactOperator:
		return own.Operator
	case token.FactMethod:
		return own.Method
	case token.FactPhone:
		return own.Phone
	}
	return ""
}

// concat puts a value that stands in front before h's: the only one there is,
// or the one of the same array element. Both kinds of value come in the order
// of the elements, so a cursor finds them all in one pass.
func (w *work) concat(f *front, h *hit) (joined []byte, ok bool) {
	if f.constant != nil {
		return w.join(f.constant, h.value), true
	}
	at := &w.cursors[f.number]
	for ; *at < len(w.hits); *at++ {
		other := &w.hits[*at]
		if other.slot != f.slot || f.paired && other.element < h.element {
			continue
		}
		if f.paired && other.element != h.element {
			return nil, false
		}
		return w.join(other.value, h.value), true
	}
	return nil, false
}

// add transforms a value and adds it to its fact. Of a country, operator or
// method that one source says more than once it keeps one.
func (w *work) add(sl *slot, value []byte) bool {
	f := token.Fact{Value: value, Source: sl.source, Digits: sl.digits}
	for i := range sl.steps {
		if f.Unknown {
			break
		}
		if w.apply(&sl.steps[i], &f); f.Value == nil {
			return true // it says nothing of the fact
		}
	}
	out := w.scan.out
	if sl.kind != token.FactPhone {
		list := out.Of(sl.kind)
		for i := range list {
			if list[i].Source == f.Source && list[i].Unknown == f.Unknown && bytes.Equal(list[i].Value, f.Value) {
				return true
			}
		}
		if len(list) == maxWords {
			return w.scan.fail(faultMany)
		}
	}
	out.Add(sl.kind, f)
	return true
}

// apply does one transform. A word that a transform does not know is kept as it
// is and marked: it may look like a word of the catalogue and must not be taken
// for it. Of a word that a table calls silent no value is left.
func (w *work) apply(s *step, f *token.Fact) {
	c := w.scan.program.catalogue
	switch s.op {
	case policy.StepUpper:
		f.Value = w.upper(f.Value)
	case policy.StepSuffix:
		at := bytes.LastIndexByte(f.Value, s.separator)
		if at < 0 || at == len(f.Value)-1 {
			f.Unknown = true
			return
		}
		f.Value = f.Value[at+1:]
	case policy.StepTable:
		meaning, ok := s.table[string(f.Value)]
		if f.Unknown = !ok; ok {
			f.Value = meaning
		}
	case policy.StepAlpha3:
		alpha2, ok := c.Country(f.Value)
		if f.Unknown = !ok || len(f.Value) != 3; !f.Unknown {
			f.Value = w.text(alpha2)
		}
	case policy.StepDial:
		alpha2, ok := c.CountryByDial(f.Value)
		if f.Unknown = !ok; ok {
			f.Value = w.text(alpha2)
		}
	case policy.StepRegion:
		alpha2, ok := region(c, f.Value)
		if f.Unknown = !ok; ok {
			f.Value = w.text(alpha2)
		}
	case policy.StepAlias: // of a country; see nameOperators
		if alpha2, ok := c.Country(f.Value); ok {
			f.Value = w.text(alpha2)
		}
	}
}

// maxDial is how many digits a country's calling code has at the most (E.164).
const maxDial = 3

// region is the country whose calling code an international number begins with.
func region(c *policy.Catalogue, number []byte) (alpha2 string, ok bool) {
	switch {
	case len(number) > 0 && number[0] == '+':
		number = number[1:]
	case len(number) > 1 && number[0] == '0' && number[1] == '0':
		number = number[2:]
	}
	for n := min(maxDial, len(number)); n > 0; n-- {
		if number[0] == '0' || number[0] == '+' {
			return "", false
		}
		if alpha2, ok = c.CountryByDial(number[:n]); ok {
			return alpha2, true
		}
	}
	return "", false
}

// nameOperators gives the operators of sources with a bare alias the name that
// the catalogue has for them, when the request names one country only. A code
// that the catalogue does not know stays what it is.
func (w *work) nameOperators(p *Program) {
	out := w.scan.out
	if p.named == 0 || len(out.Countries) == 0 {
		return
	}
	country, ok := p.catalogue.Country(out.Countries[0].Value)
	for i := range out.Countries {
		other, known := p.catalogue.Country(out.Countries[i].Value)
		if ok = ok && known && other == country && !out.Countries[i].Unknown; !ok {
			return
		}
	}
	for i := range out.Operators {
		f := &out.Operators[i]
		if f.Unknown || p.named&(1<<f.Source) == 0 {
			continue
		}
		if id, known := p.catalogue.Operator(country, f.Value); known {
			f.Value = w.text(id)
		}
	}
}

// judgeGuards says how the required fields stand. Each must be there, and every
// value it has must be the one that is asked for.
func (w *work) judgeGuards(p *Program) token.Reason {
	verdict := token.Allowed
	for i := range p.slots {
		sl := &p.slots[i]
		if sl.role != roleGuard {
			continue
		}
		there := false
		for j := range w.hits {
			if int(w.hits[j].slot) != i {
				continue
			}
			there = true
			if string(w.hits[j].value) != sl.want {
				return token.FactConflict
			}
		}
		if !there || w.hollow&sl.group != 0 {
			verdict = token.FactMissing
		}
	}
	return verdict
}
