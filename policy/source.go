package policy

import (
	"fmt"
	"maps"
	"slices"

	"tollgate/policy/token"
)

// FactsText is how a route or a preset says where its facts are, as it was
// written. ParseFacts reads it.
type FactsText struct {
	Country  []string
	Operator []string
	Method   []string
	Phone    []string
	Require  map[string]string            // source → the one value it must hold
	Tables   map[string]map[string]string // name → word as sent → word of the catalogue, or Silent
	// AllowMissing lets a request pass that has no value for a fact (never one
	// that has the place and nothing in it).
	AllowMissing bool
	// Number lets a phone be a JSON number: an integer of at most 15 digits.
	Number bool
}

// FactSpec is a FactsText that was read without an error: the sources of each
// fact, in the order given, and the fields that must hold a value.
type FactSpec struct {
	Sources      [token.FactKinds][]Source
	Guards       []Guard
	AllowMissing bool
	Number       bool
}

// ReadsSigned reports whether a source or guard reads signed parameters, which
// only a route that lists the dialect signature has.
func (s *FactSpec) ReadsSigned() bool {
	for i := range s.Guards {
		if s.Guards[i].Source.Origin == FromSigned {
			return true
		}
	}
	for _, list := range s.Sources {
		for i := range list {
			if list[i].readsSigned() {
				return true
			}
		}
	}
	return false
}

func (s *Source) readsSigned() bool {
	for i := range s.Steps {
		if s.Steps[i].Op == StepConcat && s.Steps[i].Second.Origin == FromSigned {
			return true
		}
	}
	return s.Origin == FromSigned
}

// Guard is a field that must hold one value for the facts to mean what the
// route takes them for: a payer's id is a phone only if its type is MSISDN.
type Guard struct {
	Source Source // without steps
	Want   string
}

// FactError is one thing that is wrong with a FactsText.
type FactError struct {
	Key     string // "phone[1]", "require.json:/type", "tables.words"
	Message string // what was wrong and what would do
}

// Error is the key and the message.
func (e FactError) Error() string { return e.Key + ": " + e.Message }

// Bounds of a route's facts. They keep a compiled program within the words the
// reader marks what it saw with, and are far above what any provider needs.
const (
	maxSources      = 12
	maxGuards       = 8
	maxPointerDepth = 16
)

// ParseFacts reads the text form of a route's facts and reports everything
// that is wrong with it at once. With an error the FactSpec is nil. At least
// one fact must have a source: a route that moves no money says so with
// `facts: none` and has no FactsText.
func ParseFacts(t FactsText) (*FactSpec, []FactError) {
	p := factsParser{tables: t.Tables, used: map[string]bool{}}
	p.checkTables()
	spec := &FactSpec{AllowMissing: t.AllowMissing, Number: t.Number}
	total := 0
	for kind, texts := range [token.FactKinds][]string{t.Country, t.Operator, t.Method, t.Phone} {
		spec.Sources[kind] = p.sources(token.FactKind(kind), texts)
		total += len(texts)
	}
	if total == 0 {
		p.fail("facts", "no fact has a source; list where country, operator, method and phone are, or write `facts: none` for a route that moves no money")
	}
	p.guards(spec, t.Require)
	for _, name := range slices.Sorted(maps.Keys(t.Tables)) {
		if !p.used[name] {
			p.fail("tables."+name, "no source uses it; write `alias:%s` behind a source, or take the table out", name)
		}
	}
	if len(p.errors) > 0 {
		return nil, p.errors
	}
	return spec, nil
}

// factsParser gathers the errors of one ParseFacts.
type factsParser struct {
	tables map[string]map[string]string
	used   map[string]bool
	errors []FactError
}

func (p *factsParser) fail(key, format string, args ...any) {
	p.errors = append(p.errors, FactError{Key: key, Message: fmt.Sprintf(format, args...)})
}

func (p *factsParser) sources(kind token.FactKind, texts []string) []Source {
	if len(texts) > maxSources {
		p.fail(kind.String(), "%d sources; at most %d can be read", len(texts), maxSources)
		return nil
	}
	list := make([]Source, 0, len(texts))
	for i, text := range texts {
		key := fmt.Sprintf("%s[%d]", kind, i)
		s, err := ParseSource(text)
		if err != nil {
			p.fail(key, "%v", err)
			continue
		}
		p.steps(key, kind, &s)
		for j := range list {
			if list[j].Text == s.Text {
				p.fail(key, "%q is listed twice; take one out", text)
			}
		}
		list = append(list, s)
	}
	return list
}

// steps checks that each transform fits the fact and finds its table.
func (p *factsParser) steps(key string, kind token.FactKind, s *Source) {
	for i := range s.Steps {
		step := &s.Steps[i]
		if !step.Op.fits(kind) {
			p.fail(key, "%s does not apply to a %s; it is for %s", step.Op, kind, step.Op.kinds())
		}
		if step.Op != StepTable {
			continue
		}
		table, ok := p.tables[step.Text]
		if !ok {
			p.fail(key, "there is no table %q; define it under `tables:`", step.Text)
			continue
		}
		p.used[step.Text], step.Table = true, table
	}
}

func (p *factsParser) checkTables() {
	for _, name := range slices.Sorted(maps.Keys(p.tables)) {
		table := p.tables[name]
		if len(table) == 0 {
			p.fail("tables."+name, "it is empty; list the provider's words and what each means")
		}
		for _, word := range slices.Sorted(maps.Keys(table)) {
			if word == "" || table[word] == "" {
				p.fail("tables."+name, "a word or its meaning is empty: %q means %q", word, table[word])
			}
		}
	}
}

func (p *factsParser) guards(spec *FactSpec, require map[string]string) {
	if len(require) > maxGuards {
		p.fail("require", "%d fields; at most %d can be required", len(require), maxGuards)
		return
	}
	for _, text := range slices.Sorted(maps.Keys(require)) {
		key := "require." + text
		s, err := ParseSource(text)
		switch {
		case err != nil:
			p.fail(key, "%v", err)
		case len(s.Steps) > 0:
			p.fail(key, "a required field is compared as it was sent; take out the transforms")
		case s.Origin == FromConst || s.Origin == FromToken:
			p.fail(key, "a required field is part of the request: json:, form:, query:, header:, path: or signed:")
		case require[text] == "":
			p.fail(key, "say which value it must hold")
		default:
			spec.Guards = append(spec.Guards, Guard{Source: s, Want: require[text]})
		}
	}
}
