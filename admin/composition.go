package admin

import (
	"tollgate/policy"
	"tollgate/policy/token"
)

// known is a composition in the ids the catalogue has for it now. A word that
// was unknown when it was stored may have become an alias since; a patch that
// names what it stands for must still find it.
func (s *service) known(c token.Composition) token.Composition {
	b := token.Bounds{Composition: cloneComposition(c)}
	if _, bad := s.normalise(&b); len(bad) > 0 {
		return c
	}
	return b.Composition
}

// canonicalKeys rewrites the keys of a composition patch to the ids that the
// record has them under, so that {"MLI": null} and {"CI": {"OM": null}} remove
// what they name. Operators the catalogue does not know are kept as they are written. Two
// spellings of one key are a fault: which of them held would be chance.
func canonicalKeys(c *policy.Catalogue, f *faults, patch any) any {
	countries, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := make(map[string]any, len(countries))
	for _, code := range sortedKeys(countries) {
		country, known := c.Country([]byte(code))
		if !known {
			country = upperASCII(code)
		}
		if _, twice := out[country]; twice {
			f.add("composition."+clip(code), "this country stands here twice, in two spellings")
			continue
		}
		out[country] = canonicalOperators(c, f, country, countries[code])
	}
	return out
}

func canonicalOperators(c *policy.Catalogue, f *faults, country string, patch any) any {
	operators, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := make(map[string]any, len(operators))
	for _, code := range sortedKeys(operators) {
		operator, known := c.Operator(country, []byte(code))
		if !known {
			operator = code
		}
		if _, twice := out[operator]; twice {
			f.add("composition."+country+"."+clip(code), "this operator stands here twice, in two spellings")
			continue
		}
		out[operator] = operators[code]
	}
	return out
}

// prune takes out of a merged composition every operator without methods and
// every country without operators: removing the last entry of a level removes
// the level. A country that the patch itself brings in empty is a fault.
func prune(f *faults, before compositionPatch, merged token.Composition) {
	for _, country := range sortedKeys(merged) {
		if _, had := before[country]; !had && len(merged[country]) == 0 {
			f.add("composition."+clip(country), "a country needs at least one operator with at least one method")
		}
	}
	policy.Prune(merged)
}
