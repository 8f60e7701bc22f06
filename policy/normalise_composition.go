package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tollgate/policy/token"
)

// composition resolves the codes of a composition. Levels that are empty are
// errors: Prune removes them where a patch has emptied them on purpose.
func (n *normaliser) composition(in token.Composition) token.Composition {
	if len(in) == 0 {
		return nil
	}
	if len(in) > maxRules {
		n.wrong("composition", "there are %d countries; at most %d can be kept", len(in), maxRules)
		return nil
	}
	out := make(token.Composition, len(in))
	for _, code := range slices.Sorted(maps.Keys(in)) {
		field := "composition." + cut(code)
		at, ok := n.catalogue.place([]byte(code))
		if !ok {
			n.wrong(field, "%q is no country code the catalogue knows; write two letters (ISO 3166-1 alpha-2), such as CI", cut(code))
			continue
		}
		if at.entry == nil {
			n.odd(field, "the catalogue does not know the country %s; it is kept", at.code)
		}
		operators := n.operators(field, at, in[code])
		alpha2 := at.code.String()
		if out[alpha2] == nil {
			out[alpha2] = operators
			continue
		}
		for id, methods := range operators {
			out[alpha2][id] = union(out[alpha2][id], methods)
		}
	}
	return out
}

func (n *normaliser) operators(field string, at place, in map[string][]string) map[string][]string {
	if len(in) == 0 {
		n.wrong(field, "a country needs at least one operator%s", n.suggest(at))
	}
	if len(in) > maxRules {
		n.wrong(field, "there are %d operators; at most %d can be kept", len(in), maxRules)
		return nil
	}
	out := make(map[string][]string, len(in))
	for _, code := range slices.Sorted(maps.Keys(in)) {
		path := field + "." + cut(code)
		if reason := badCode(code); reason != "" {
			n.wrong(path, "the operator code %s; write its id%s", reason, n.suggest(at))
			continue
		}
		id := code
		if at.entry != nil {
			known, ok := at.entry.operator([]byte(code))
			if ok {
				id = known
			} else {
				n.odd(path, "the catalogue does not know the operator %q in %s%s; it is kept as it is written", code, at.code, n.suggest(at))
			}
		}
		out[id] = union(out[id], n.methods(path, in[code]))
	}
	return out
}

func (n *normaliser) methods(field string, in []string) []string {
	known := strings.Join(n.catalogue.methods, ", ")
	if len(in) == 0 {
		n.wrong(field, "an operator needs at least one method; the catalogue knows %s", known)
	}
	if len(in) > maxMethods {
		n.wrong(field, "there are %d methods; at most %d can be kept", len(in), maxMethods)
		return nil
	}
	var out []string
	for i, word := range in {
		path := fmt.Sprintf("%s[%d]", field, i)
		if reason := badCode(word); reason != "" {
			n.wrong(path, "the method %s; the catalogue knows %s", reason, known)
			continue
		}
		id, ok := n.catalogue.Method([]byte(word))
		if !ok {
			id = word
			n.odd(path, "the catalogue does not know the method %q (it knows %s); it is kept as it is written", word, known)
		}
		out = union(out, []string{id})
	}
	return out
}

// suggest lists the operators of a country for a message.
func (n *normaliser) suggest(at place) string {
	if at.entry == nil || len(at.entry.Operators) == 0 {
		return ""
	}
	ids := make([]string, len(at.entry.Operators))
	for i := range ids {
		ids[i] = at.entry.Operators[i].ID
	}
	return " (it knows " + strings.Join(ids, ", ") + ")"
}

func union(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// Prune removes, in place, operators without methods and countries without
// operators: what is left when the last entry of a level is deleted.
func Prune(composition token.Composition) {
	for country, operators := range composition {
		maps.DeleteFunc(operators, func(_ string, methods []string) bool { return len(methods) == 0 })
		if len(operators) == 0 {
			delete(composition, country)
		}
	}
}
