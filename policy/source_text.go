package policy

import (
	"fmt"
	"strings"
)

// Origin is the part of a request that a source reads.
type Origin uint8

// The origins. FromConst reads nothing: the value stands in the route.
// FromToken is the token's own value, when it has exactly one. FromSigned is the
// payload of a verified ?signature=, beside which nothing unsigned counts.
const (
	FromJSON Origin = iota
	FromForm
	FromQuery
	FromHeader
	FromPath
	FromConst
	FromToken
	FromSigned
)

// Each is the pointer word that stands for every element of an array.
const Each = "*"

// Source is one place where a fact can be, and what is done with the value
// found there.
type Source struct {
	Text   string // as it was written, without the space around it
	Origin Origin
	Name   string // form field, query parameter, header, path variable, or the constant itself
	// Pointer is the way through the JSON of a body, of a form field that holds
	// JSON, or of signed parameters, in unescaped member names; Each stands for all elements.
	Pointer []string
	Steps   []Step
}

// NestedJSON reports whether the source reads JSON that a form field holds.
func (s *Source) NestedJSON() bool { return s.Origin == FromForm && s.Pointer != nil }

// sourceForms is what a source may look like, for messages.
const sourceForms = "json:/pointer, form:name, form:name | json:/pointer, query:name, header:Name, path:{name}, signed:/pointer, const:value or token"

// ParseSource reads the text form of one source: a place, and behind each bar
// a transform, such as "json:/payer/provider | suffix:_ | alpha3". The error
// says what would do.
func ParseSource(text string) (Source, error) {
	parts, err := splitSteps(text)
	if err != nil {
		return Source{}, err
	}
	s, err := parsePlace(parts[0])
	if err != nil {
		return Source{}, err
	}
	s.Text = strings.TrimSpace(text)
	for i, part := range parts[1:] {
		if rest, ok := strings.CutPrefix(part, "json:"); ok {
			if i > 0 || s.Origin != FromForm {
				return Source{}, fmt.Errorf("%q can only stand first, or right behind form:name for a field that holds JSON", part)
			}
			if s.Pointer, err = parsePointer(rest); err != nil {
				return Source{}, err
			}
			continue
		}
		step, err := parseStep(part)
		if err != nil {
			return Source{}, err
		}
		if step.Op == StepConcat {
			if err := pairs(&s, step.Second); err != nil {
				return Source{}, err
			}
		}
		s.Steps = append(s.Steps, step)
	}
	return s, nil
}

// splitSteps cuts at the bars that are not inside parentheses.
func splitSteps(text string) ([]string, error) {
	var parts []string
	depth, from := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return nil, fmt.Errorf("%q has a ) without its (", text)
			}
		case '|':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	if depth > 0 {
		return nil, fmt.Errorf("%q has a ( without its )", text)
	}
	parts = append(parts, strings.TrimSpace(text[from:]))
	for _, part := range parts {
		if part == "" {
			return nil, fmt.Errorf("%q has nothing where a source or a transform should be; write %s", text, sourceForms)
		}
	}
	return parts, nil
}

func parsePlace(text string) (Source, error) {
	if text == "token" {
		return Source{Origin: FromToken}, nil
	}
	kind, name, found := strings.Cut(text, ":")
	if !found {
		return Source{}, fmt.Errorf("%q is no source; write %s", text, sourceForms)
	}
	switch kind {
	case "json":
		pointer, err := parsePointer(name)
		return Source{Origin: FromJSON, Pointer: pointer}, err
	case "signed":
		pointer, err := parsePointer(name)
		return Source{Origin: FromSigned, Pointer: pointer}, err
	case "form":
		return named(FromForm, name, fieldName(name), "form: needs the field's name, without brackets, & or =, such as form:phone")
	case "query":
		return named(FromQuery, name, fieldName(name), "query: needs the parameter's name, without brackets, & or =, such as query:type")
	case "header":
		if credentialHeader(name) {
			return Source{}, fmt.Errorf("header:%s carries a credential, which is never a fact; read another header", name)
		}
		return named(FromHeader, name, headerName(name), "header: needs a header's name, such as header:X-Country")
	case "path":
		inner, open := strings.CutPrefix(name, "{")
		inner, shut := strings.CutSuffix(inner, "}")
		return named(FromPath, inner, open && shut && variableName(inner), "path: needs a variable of the route's path in braces, such as path:{mode}")
	case "const":
		return named(FromConst, name, name != "" && printable(name), "const: needs the value, such as const:collect")
	}
	return Source{}, fmt.Errorf("%q is no source; write %s", text, sourceForms)
}

func named(origin Origin, name string, good bool, otherwise string) (Source, error) {
	if !good {
		return Source{}, fmt.Errorf("%s", otherwise)
	}
	return Source{Origin: origin, Name: name}, nil
}

// fieldName keeps out what form and query readers give a meaning of their own:
// one of them takes a[b] for a member, another for a name.
func fieldName(s string) bool {
	return s != "" && printable(s) && !strings.ContainsAny(s, "[]&=;+%# ")
}

func headerName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !alphanumeric(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// credentialHeader takes _ for -, as many an upstream does.
func credentialHeader(s string) bool {
	s = strings.ReplaceAll(s, "_", "-")
	for _, h := range [...]string{"Authorization", "Proxy-Authorization", "Cookie", "token", "X-API-KEY", "ACCESS-TOKEN", "X-Signature"} {
		if strings.EqualFold(s, h) {
			return true
		}
	}
	return false
}

func variableName(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && s[i] != '_' {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
