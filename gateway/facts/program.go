package facts

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"tollgate/policy"
	"tollgate/policy/token"
)

// Program is a route's facts, compiled. It is immutable and safe for concurrent
// use. A route that has one has all its bodies read and judged, even when no
// source reads the body: a policy field there would stand in a second place.
type Program struct {
	catalogue *policy.Catalogue
	slots     []slot

	json    *node   // what to look for in a JSON body; nil: nothing
	signed  *node   // what to look for in signed parameters; nil: nothing
	form    []field // form fields that a source reads
	query   []field
	headers []field
	params  []field

	readsJSON bool // a source reads a JSON body
	readsForm bool // a source reads a form body

	// shadows and bans are names that a policy field has elsewhere in the
	// request: a query parameter, or a form field, of that name would be the
	// same field in a second place.
	shadows []string
	bans    []string

	// named marks the operator sources that give the catalogue's own name.
	named  uint16
	fronts uint8 // how many there are

	seed  maphash.Seed
	works sync.Pool // of *work
}

// slot is one place to read and what its values become.
type slot struct {
	role     role
	kind     token.FactKind
	source   uint8  // which of the kind's sources
	want     string // roleGuard: the only value it may have
	group    uint32
	steps    []step
	front    *front // nil: the value stands alone
	constant []byte // const: the value; nil otherwise
	own      bool   // token: the token's own value
	number   bool   // a JSON number is a value too
	digits   bool   // international without a plus
}

// role is what a slot's values are for.
type role uint8

const (
	roleFact  role = iota
	roleFront      // goes in front of another slot's value
	roleGuard
)

// field is a name in a flat part of the request.
type field struct {
	name   string
	slots  []uint8
	nested *node // form only: the field holds JSON
}

// Groups say what every element of an array must hold: the four facts by their
// kind, then the guards and fronts each by itself.
const groupGuards = uint32(token.FactKinds)

// Compile turns what policy.ParseFacts read into a Program. The catalogue
// resolves countries, dial codes and operators and is kept.
func Compile(s *policy.FactSpec, c *policy.Catalogue) (*Program, error) {
	if s == nil || c == nil {
		return nil, fmt.Errorf("facts: Compile needs a FactSpec and a Catalogue")
	}
	p := &Program{catalogue: c, seed: maphash.MakeSeed()}
	p.works.New = func() any { return new(work) }
	for kind := range s.Sources {
		for i := range s.Sources[kind] {
			src := &s.Sources[kind][i]
			sl := slot{role: roleFact, kind: token.FactKind(kind), source: uint8(i), group: 1 << kind}
			sl.number = s.Number && sl.kind == token.FactPhone
			if err := p.add(sl, src); err != nil {
				return nil, err
			}
		}
	}
	for i := range s.Guards {
		g := &s.Guards[i]
		sl := slot{role: roleGuard, want: g.Want, group: p.freeGroup()}
		if err := p.add(sl, &g.Source); err != nil {
			return nil, err
		}
	}
	if len(p.headers) > maxFields || len(p.query) > maxFields {
		return nil, fmt.Errorf("facts: more than %d headers or query parameters", maxFields)
	}
	p.shadow()
	return p, nil
}

// maxSlots is above what policy.ParseFacts lets through, so that a mark for
// each slot or group fits into a word.
const maxSlots = 1 << 7

// maxFields is how many headers, and how many query parameters, can be read.
const maxFields = 32

// add gives a slot its number and puts it where its values are found.
func (p *Program) add(sl slot, src *policy.Source) error {
	if len(p.slots) >= maxSlots {
		return fmt.Errorf("facts: more than %d sources, required fields and prefixes together", maxSlots)
	}
	if err := p.compileSteps(&sl, src); err != nil {
		return err
	}
	number := uint8(len(p.slots))
	p.slots = append(p.slots, sl)
	return p.put(number, src)
}

func (p *Program) put(number uint8, src *policy.Source) error {
	sl := &p.slots[number]
	switch src.Origin {
	case policy.FromJSON:
		if p.json == nil {
			p.json = new(node)
		}
		p.json.add(src.Pointer, number, sl)
		p.readsJSON = true
	case policy.FromSigned:
		if p.signed == nil {
			p.signed = new(node)
		}
		p.signed.add(src.Pointer, number, sl)
	case policy.FromForm:
		p.readsForm = true
		f := putField(&p.form, src.Name)
		if !src.NestedJSON() {
			f.slots = append(f.slots, number)
			break
		}
		if f.nested == nil {
			f.nested = new(node)
		}
		f.nested.add(src.Pointer, number, sl)
	case policy.FromQuery:
		f := putField(&p.query, src.Name)
		f.slots = append(f.slots, number)
	case policy.FromHeader:
		f := putField(&p.headers, src.Name)
		f.slots = append(f.slots, number)
	case policy.FromPath:
		f := putField(&p.params, src.Name)
		f.slots = append(f.slots, number)
	case policy.FromConst:
		sl.constant = []byte(src.Name)
	case policy.FromToken:
		sl.own = true
	default:
		return fmt.Errorf("facts: %q has an origin this package cannot read", src.Text)
	}
	return nil
}

func putField(list *[]field, name string) *field {
	for i := range *list {
		if (*list)[i].name == name {
			return &(*list)[i]
		}
	}
	*list = append(*list, field{name: name})
	return &(*list)[len(*list)-1]
}

// freeGroup is the group after all that slots have.
func (p *Program) freeGroup() uint32 {
	group := uint32(1) << groupGuards
	for i := range p.slots {
		if p.slots[i].group >= group {
			group = p.slots[i].group << 1
		}
	}
	return group
}

// shadow gathers the names under which a policy field could stand a second
// time: in the query for what the path, the body or signed parameters hold, in
// the body for what the path, the query or signed parameters hold. Frameworks that merge the parts of a request
// would take either; a name that a source reads in both is judged in both.
func (p *Program) shadow() {
	note := func(name string) {
		if name != policy.Each && findField(p.query, name) == nil && !slices.Contains(p.shadows, name) {
			p.shadows = append(p.shadows, name)
		}
	}
	if p.json != nil {
		p.json.ends(note)
		for i := range p.json.members {
			note(p.json.members[i].name)
		}
	}
	for i := range p.form {
		note(p.form[i].name)
	}
	p.shadowSigned(note)
	for _, list := range [...][]field{p.params, p.query} {
		for i := range list {
			note(list[i].name)
			p.ban(list[i].name)
		}
	}
}

// shadowSigned does it for signed parameters: the names of their values, and the
// members that lead there from the outermost two objects, one of which is data.
func (p *Program) shadowSigned(note func(name string)) {
	if p.signed == nil {
		return
	}
	both := func(name string) {
		note(name)
		p.ban(name)
	}
	p.signed.ends(both)
	for i := range p.signed.members {
		inner := p.signed.members[i].node
		both(p.signed.members[i].name)
		for j := range inner.members {
			both(inner.members[j].name)
		}
	}
}

// ReadsSigned reports whether the program reads signed parameters.
func (p *Program) ReadsSigned() bool { return p.signed != nil }

// ban refuses a name in bodies where no source reads it.
func (p *Program) ban(name string) {
	if p.json == nil {
		p.json = new(node)
	}
	p.json.ban(name)
	if findField(p.form, name) == nil && !slices.Contains(p.bans, name) {
		p.bans = append(p.bans, name)
	}
}

func findField(list []field, name string) *field {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}
