package configs

import (
	"maps"
	"slices"
	"strings"

	"tollgate/policy"
)

// factsKeys lists the keys that say how facts are read; without facts they say
// nothing.
func factsKeys() []string { return []string{"on_missing", "number", "require", "tables"} }

// checkFacts turns a route's preset or facts into Route.Reads.
func (r *routeChecker) checkFacts(key string, rt *Route, variables []string) {
	if rt.OnMissing != "" || r.given(below(key, "on_missing")) {
		r.oneOf(below(key, "on_missing"), rt.OnMissing, "deny", "allow")
	}
	facts := below(key, "facts")
	switch {
	case rt.Preset != "" && r.given(facts):
		r.fail(facts, "the preset says already where the facts are; keep preset or facts")
	case rt.Preset != "":
		r.checkPreset(key, rt, variables)
	case rt.Facts.None:
		r.idle(key, "facts: none reads no fact; take it out")
	case r.given(facts):
		rt.Reads = &policy.FactsText{
			Country: rt.Facts.Country, Operator: rt.Facts.Operator, Method: rt.Facts.Method, Phone: rt.Facts.Phone,
			Require: rt.Require, Tables: rt.Tables, AllowMissing: rt.OnMissing == "allow", Number: rt.Number,
		}
		r.checkSources(key, rt, variables)
	default:
		r.idle(key, "it says how facts are read, and the route reads none; add facts or a preset, or take it out")
	}
}

// idle reports keys that would have no effect.
func (r *routeChecker) idle(key, why string) {
	for _, name := range factsKeys() {
		if at := below(key, name); r.given(at) {
			r.fail(at, "%s", why)
		}
	}
}

// checkPreset takes the preset's facts, with what the route adds to them: more
// required fields, a word on missing facts, phones that are numbers.
func (r *routeChecker) checkPreset(key string, rt *Route, variables []string) {
	at := below(key, "preset")
	p, known := r.presets[rt.Preset]
	if !known {
		r.unknownName(at, "preset", rt.Preset, slices.Sorted(maps.Keys(r.presets)))
		return
	}
	if r.given(below(key, "tables")) {
		r.fail(below(key, "tables"), "the preset brings its own tables, and no source of it would look here; take it out")
	}
	text := p.text()
	for _, source := range slices.Sorted(maps.Keys(rt.Require)) {
		if _, twice := text.Require[source]; twice {
			r.fail(below(below(key, "require"), source), "the preset requires it already; take it out")
			continue
		}
		if text.Require == nil {
			text.Require = make(map[string]string)
		}
		text.Require[source] = rt.Require[source]
	}
	text.Number = text.Number || rt.Number
	if rt.OnMissing != "" {
		text.AllowMissing = rt.OnMissing == "allow"
	}
	rt.Reads = &text
	r.checkSources(key, rt, variables)
}

// checkSources reads the facts and holds each source against what the route's
// path, dialects and headers have.
func (r *routeChecker) checkSources(key string, rt *Route, variables []string) {
	text := rt.Reads
	for _, name := range factsKeys() {
		if r.isBroken(below(key, name)) {
			return // what is left of it would only mislead
		}
	}
	spec, errs := policy.ParseFacts(*text)
	for _, e := range errs {
		if e.Key != "facts" || !r.isBrokenBelow(below(key, "facts")) {
			r.fail(r.factKey(key, e.Key), "%s", e.Message)
		}
	}
	if spec == nil || r.isBroken(below(below(key, "match"), "path")) {
		return
	}
	for kind, texts := range [...][]string{text.Country, text.Operator, text.Method, text.Phone} {
		for i := range texts {
			name := [...]string{"country", "operator", "method", "phone"}[kind]
			r.checkSource(r.factKey(key, item(name, i)), &spec.Sources[kind][i], rt, variables)
		}
	}
	for i := range spec.Guards {
		source := &spec.Guards[i].Source
		r.checkSource(r.factKey(key, "require."+source.Text), source, rt, variables)
	}
}

// checkSource reports a source that finds nothing on this route: a variable that
// its path lacks, signed parameters that it does not take, a header that it
// drops.
func (r *routeChecker) checkSource(key string, s *policy.Source, rt *Route, variables []string) {
	switch s.Origin {
	case policy.FromPath:
		if !slices.Contains(variables, s.Name) {
			r.fail(key, "%s reads {%s}, which match.path does not have; write /{%s} where that segment stands", quote(s.Text), s.Name, s.Name)
		}
	case policy.FromSigned:
		if !slices.Contains(rt.Dialects, "signature") {
			r.fail(key, "%s reads signed parameters, which the route does not take; list signature under dialects", quote(s.Text))
		}
	case policy.FromHeader:
		if strings.Contains(s.Name, "_") && !rt.AllowUnderscores {
			r.fail(key, "%s names a header with _, which is judged here and would not be forwarded; write allow_underscores: true, or - in its place", quote(s.Text))
		}
	}
	for i := range s.Steps {
		if second := s.Steps[i].Second; second != nil {
			r.checkSource(key, second, rt, variables)
		}
	}
}

// factKey is the route's key for what policy calls phone[1], require.SOURCE or
// tables.NAME. What came from a preset is put down to the key preset.
func (r *routeChecker) factKey(key, fact string) string {
	head, rest, _ := strings.Cut(fact, ".")
	at := below(key, "facts") + "." + fact
	switch head {
	case "require", "tables":
		if at = below(key, head); rest != "" {
			at = below(at, rest)
		}
	case "facts":
		at = below(key, head)
	}
	if preset := below(key, "preset"); r.given(preset) && !r.given(at) {
		return preset
	}
	return at
}
