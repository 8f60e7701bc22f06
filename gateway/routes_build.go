package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pattern is one path pattern taken apart.
type pattern struct {
	text     string
	segments []patternSegment
}

type patternSegment struct {
	kind uint64 // kindLiteral, kindParam, kindRest
	text string // the literal, or the name in the braces
}

// parsePattern reads "/v1/payments/{id}" or "/files/{path...}". A literal is
// compared with the decoded path, so it is written decoded.
func parsePattern(text string) (pattern, error) {
	if !strings.HasPrefix(text, "/") {
		return pattern{}, fmt.Errorf("path %q does not begin with a slash", text)
	}
	parts := strings.Split(text[1:], "/")
	if len(parts) > maxSegments {
		return pattern{}, fmt.Errorf("path %q has more than %d segments", text, maxSegments)
	}
	p := pattern{text: text}
	names := map[string]bool{}
	for i, part := range parts {
		s, err := parseSegment(part, i == len(parts)-1)
		if err != nil {
			return pattern{}, fmt.Errorf("path %q: %w", text, err)
		}
		if s.kind != kindLiteral {
			if names[s.text] {
				return pattern{}, fmt.Errorf("path %q names {%s} twice", text, s.text)
			}
			names[s.text] = true
		}
		p.segments = append(p.segments, s)
	}
	if len(names) > maxParams {
		return pattern{}, fmt.Errorf("path %q has more than %d names", text, maxParams)
	}
	return p, nil
}

func parseSegment(part string, last bool) (patternSegment, error) {
	if !strings.HasPrefix(part, "{") {
		if part == "" && !last {
			return patternSegment{}, errors.New("two slashes in a row; no request has that")
		}
		if part == "." || part == ".." || strings.ContainsAny(part, "{}\\;?#%") {
			return patternSegment{}, fmt.Errorf("%q cannot stand in a path; write it decoded, with {name} as a whole segment", part)
		}
		return patternSegment{kindLiteral, part}, nil
	}
	name, closed := strings.CutSuffix(part[1:], "}")
	kind := uint64(kindParam)
	if rest, isRest := strings.CutSuffix(name, "..."); isRest {
		if !last {
			return patternSegment{}, fmt.Errorf("%s is not the last segment", part)
		}
		name, kind = rest, kindRest
	}
	if !closed || !isName(name) {
		return patternSegment{}, fmt.Errorf("%q is no {name} or {name...}; a name has letters, digits and _ only", part)
	}
	return patternSegment{kind, name}, nil
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		if !isTokenChar[c] || c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// placement is a compiled route and where it belongs.
type placement struct {
	host    string // canonical; "" for every host
	pattern pattern
	methods []method
	route   *route
}

// newTable builds the table of routes and own endpoints. Each host that a route
// names has a tree of its own, which also holds the routes of every host: the
// most specific path wins over both, and for one and the same pattern the
// host's own routes alone count.
func newTable(placements []placement, own []*ownEndpoint) (*table, error) {
	t := &table{hosts: map[string]*node{}, every: &node{}}
	for _, p := range placements {
		if p.host != "" && t.hosts[p.host] == nil {
			t.hosts[p.host] = &node{}
		}
	}
	for _, p := range placements {
		trees := []*node{t.hosts[p.host]}
		if p.host == "" {
			trees = append(t.trees(), t.every)
		}
		for _, tree := range trees {
			if err := tree.place(p); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range own {
		for _, tree := range append(t.trees(), t.every) {
			pat, err := parsePattern(e.path)
			if err != nil {
				return nil, err
			}
			l := tree.leafAt(pat)
			*l = leaf{pattern: e.path, own: e}
			if e.route != nil {
				*l = leaf{pattern: e.path, allow: "GET, HEAD"}
				l.methods[methodGet] = e.route
			}
		}
	}
	return t, nil
}

func (t *table) trees() []*node {
	trees := make([]*node, 0, len(t.hosts)+1)
	for _, n := range t.hosts {
		trees = append(trees, n)
	}
	return trees
}

// place puts one route into a tree.
func (n *node) place(p placement) error {
	l := n.leafAt(p.pattern)
	switch {
	case l.pattern == "" || l.host == "" && p.host != "":
		*l = leaf{pattern: p.pattern.text, host: p.host} // new, or a host's own over every host's
	case l.host != "" && p.host == "":
		return nil
	}
	for _, m := range p.methods {
		if l.methods[m] != nil {
			return fmt.Errorf("two routes take %s %s%s", m, p.host, p.pattern.text)
		}
		l.methods[m] = p.route
	}
	l.allow = allowed(l)
	return nil
}

// leafAt finds or makes the leaf of a pattern. Names do not tell patterns
// apart: /{a} and /{b} are one.
func (n *node) leafAt(p pattern) *leaf {
	for _, s := range p.segments {
		switch s.kind {
		case kindRest:
			if n.rest == nil {
				n.rest = &leaf{}
			}
			return n.rest
		case kindParam:
			if n.param == nil {
				n.param = &node{}
			}
			n = n.param
		default:
			n = n.literalChild(s.text)
		}
	}
	if n.leaf == nil {
		n.leaf = &leaf{}
	}
	return n.leaf
}

func (n *node) literalChild(text string) *node {
	if child := n.literals[text]; child != nil {
		return child
	}
	if n.literals == nil {
		n.literals, n.folded = map[string]*node{}, map[string][]*node{}
	}
	child := &node{}
	n.literals[text] = child
	folded := lowerASCII(text)
	n.folded[folded] = append(n.folded[folded], child)
	return child
}

// allowed is what Allow says of a leaf: its methods, and HEAD with GET.
func allowed(l *leaf) string {
	var names []string
	for m, r := range l.methods {
		if r != nil || method(m) == methodHead && l.methods[methodGet] != nil {
			names = append(names, method(m).String())
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// lowerASCII folds as the look-up does: ASCII letters only.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = toLower(c)
	}
	return string(b)
}
