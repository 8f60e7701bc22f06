package configs

import (
	"fmt"
	"slices"
	"strings"
)

// pattern is a route's path, taken apart.
type pattern struct {
	shape     string   // with the names of variables left out: what two routes collide on
	variables []string // names, in order
}

// What a path may have at the most, in bytes, segments and variables.
const (
	maxPath      = 2048
	maxSegments  = 64
	maxVariables = 16
)

// parsePattern reads a path with {name} for one segment and, at the end,
// {name...} for the rest, in decoded form. The problem says what is wrong and what would do; it
// is "" when nothing is. What two servers could read as different paths cannot
// be routed, so it cannot be written here.
func parsePattern(path string) (p pattern, problem string) {
	if !strings.HasPrefix(path, "/") || len(path) > maxPath {
		return p, quote(path) + " is no path; it begins with /, such as /v1/payments/{id}"
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c <= ' ' || c == 0x7F:
			return p, quote(path) + " holds a space or control character; leave it out"
		case strings.IndexByte(`%\;?#`, c) >= 0:
			return p, quote(path) + " holds " + string(c) + ", which servers read in different ways; leave it out, queries and escapes are no part of a pattern"
		}
	}
	segments := strings.Split(path[1:], "/")
	if len(segments) > maxSegments {
		return p, fmt.Sprintf("it has %d segments; at most %d are routed", len(segments), maxSegments)
	}
	for i, segment := range segments {
		last := i == len(segments)-1
		if problem := p.add(segment, last); problem != "" {
			return p, quote(path) + " " + problem
		}
	}
	return p, ""
}

// add takes in one segment.
func (p *pattern) add(segment string, last bool) (problem string) {
	p.shape += "/"
	name, open := strings.CutPrefix(segment, "{")
	name, shut := strings.CutSuffix(name, "}")
	name, rest := strings.CutSuffix(name, "...")
	switch {
	case segment == "" && !last:
		return "holds //; write one slash"
	case segment == "." || segment == "..":
		return "holds a dot segment; write the path that it leads to"
	case !open && !shut && !strings.ContainsAny(segment, "{}"):
		p.shape += segment
		return ""
	case !open || !shut || strings.ContainsAny(name, "{}"):
		return "has a brace inside a segment; a variable is a whole segment, such as /{id}/"
	case !isVariable(name):
		return "has a variable without a proper name; use letters, digits and _, such as {id}"
	case rest && !last:
		return "has {" + name + "...} before the end; it takes the rest, so it can only come last"
	case slices.Contains(p.variables, name):
		return "has two variables called " + name + "; give each a name of its own"
	}
	if p.variables = append(p.variables, name); len(p.variables) > maxVariables {
		return fmt.Sprintf("has more than %d variables; a longer path needs {name...}", maxVariables)
	}
	p.shape += "{}"
	if rest {
		p.shape += "..."
	}
	return ""
}

// isVariable reports whether s can name a variable.
func isVariable(s string) bool {
	return plainWord(s) && !strings.Contains(s, "-") && (s[0] < '0' || s[0] > '9')
}
