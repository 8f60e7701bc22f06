package policy

import (
	"slices"

	"tollgate/policy/token"
)

// foreignSpelling is a spelling of a listed number that only the phone library
// could read, kept so that the library is not asked on the hot path.
type foreignSpelling struct {
	country countryCode
	text    string
}

func (r *Rules) compileNumbers(numbers []token.Number) {
	for i := range numbers {
		n := &numbers[i]
		var out e164
		if !n.Enabled || r.catalogue.canonical(&out, place{}, []byte(n.E164), false) != phoneRead {
			continue
		}
		number := string(out.bytes())
		r.numbers = append(r.numbers, number)
		if r.catalogue.planned(out.room[1:out.n]) == nil {
			r.abroad = true
			r.spellForeign(n.Country, number)
		}
	}
	slices.Sort(r.numbers)
	r.numbers = slices.Compact(r.numbers)
}

// spellForeign keeps the usual spellings of a number that the catalogue cannot
// judge, in the country it was listed for. A spelling is kept only when the
// canonicaliser itself reads it as this number.
func (r *Rules) spellForeign(country, number string) {
	at, ok := r.catalogue.place([]byte(country))
	if !ok {
		return
	}
	for n := 0; n <= maxDial; n++ {
		bare := number[1+n:]
		for _, text := range []string{bare, "0" + bare} {
			var out e164
			if r.catalogue.canonical(&out, at, []byte(text), false) != phoneRead || string(out.bytes()) != number {
				continue
			}
			if r.foreign == nil {
				r.foreign = make(map[foreignSpelling]struct{})
			}
			r.foreign[foreignSpelling{at.code, text}] = struct{}{}
		}
	}
}

// lists reports whether a canonical number is on the whitelist.
func (r *Rules) lists(number []byte) bool {
	lo, hi := 0, len(r.numbers)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch s := r.numbers[mid]; {
		case s == string(number):
			return true
		case s < string(number):
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false
}

// permits reports whether a phone of a request, as it was written in a place,
// is an enabled number of the token. It does not allocate unless the phone
// library has to be asked, which a number that is listed in a usual spelling
// never needs.
func (r *Rules) permits(at place, phone *token.Fact) bool {
	if phone.Unknown || len(r.numbers) == 0 {
		return false
	}
	if r.lists(phone.Value) {
		return true
	}
	var s spelling
	if s.gate(phone.Value) != phoneRead {
		return false
	}
	r.catalogue.expand(&s, at)
	international := s.plus || phone.Digits
	if r.quick(&s, at, international) {
		return true
	}
	if international && !r.abroad && r.catalogue.planned(s.digits()) == nil {
		return false // reading it keeps its calling code, and none like it is listed
	}
	var out e164
	return r.catalogue.canonicalOf(&out, &s, at, phone.Digits) == phoneRead && r.lists(out.bytes())
}

// quick reports whether what the gate let through is known to be listed: it is
// a canonical number but for the plus, or a kept spelling of a foreign one.
// False says nothing; the spelling has to be read.
func (r *Rules) quick(s *spelling, at place, international bool) bool {
	if international {
		return r.listsDigits(s.digits())
	}
	if r.foreign == nil {
		return false
	}
	_, hit := r.foreign[foreignSpelling{at.code, string(s.digits())}]
	return hit
}

// listsDigits is lists for a number without its plus: what the gate left of
// "+33 6 12 …" is canonical when it is listed, whoever judges its country.
func (r *Rules) listsDigits(digits []byte) bool {
	var room [1 + maxDialled]byte
	room[0] = '+'
	return r.lists(room[:1+copy(room[1:], digits)])
}
