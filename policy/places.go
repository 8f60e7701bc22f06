package policy

import "tollgate/policy/token"

// maxPlaces is how many different countries one request may name before its
// national numbers count as unreadable.
const maxPlaces = 8

// places are the different countries that a request's facts name. A national
// number has to be listed in each of them, since nothing says which it is of.
type places struct {
	room [maxPlaces]place
	n    int
}

// gather fills in the places; it leaves one unknown place where the countries
// are none, too many, or not all readable.
func (p *places) gather(c *Catalogue, countries []token.Fact) {
	for i := range countries {
		f := &countries[i]
		if i > 0 && string(f.Value) == string(countries[i-1].Value) && f.Unknown == countries[i-1].Unknown {
			continue
		}
		at, ok := c.placeNamed(f)
		if !ok || p.n == len(p.room) && !p.has(at) {
			p.n = 0
			break
		}
		if !p.has(at) {
			p.room[p.n] = at
			p.n++
		}
	}
	if p.n == 0 {
		p.room[0], p.n = place{}, 1
	}
}

func (p *places) list() []place { return p.room[:p.n] }

func (p *places) has(at place) bool {
	for i := range p.n {
		if p.room[i].code == at.code {
			return true
		}
	}
	return false
}

// placeNamed is the country that a fact names.
func (c *Catalogue) placeNamed(f *token.Fact) (place, bool) {
	if f.Unknown {
		return place{}, false
	}
	return c.place(f.Value)
}
