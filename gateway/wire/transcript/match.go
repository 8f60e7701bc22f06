package transcript

import (
	"fmt"
	"regexp"
	"strings"
)

// shapes are what the placeholders of an answer stand for.
var shapes = map[string]string{
	"any":      `[^"\x00-\x1f]+`,
	"jwt":      `[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`,
	"key":      `tg_(?:live|test)_[0-9A-Za-z]{46}`,
	"signing":  `sig_(?:live|test)_[0-9A-Za-z]{46}`,
	"access":   `tgo_[0-9A-Za-z]{46}`,
	"refresh":  `tgr_[0-9A-Za-z]{46}`,
	"handle":   `tok_[0-9A-Za-z]{12}`,
	"int":      `[0-9]+`,
	"time":     `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`,
	"datetime": `[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}`,
	"lf":       `\n`,
}

// Match compares an answer with the one that is expected, and adds to the values
// what a placeholder with a name saw, as {{jwt:name}}. get gives the values of a
// header.
func (e *Exchange) Match(v *Values, status int, get func(name string) []string, body []byte) error {
	if status != e.Want.Status {
		return fmt.Errorf("%s: %s: status %d, want %d; body %s", e.Place, e.Name, status, e.Want.Status, body)
	}
	for _, h := range e.Want.Headers {
		values := get(h.Name)
		if h.Absent && len(values) == 0 {
			continue
		}
		if h.Absent || len(values) != 1 {
			return fmt.Errorf("%s: %s: the header %s is %q", e.Place, e.Name, h.Name, values)
		}
		if err := v.match(h.Value, values[0], true); err != nil {
			return fmt.Errorf("%s: %s: the header %s %w", e.Place, e.Name, h.Name, err)
		}
	}
	if e.Want.Pieces == nil {
		if err := v.match(e.Want.Body, string(body), true); err != nil {
			return fmt.Errorf("%s: %s: the body %w", e.Place, e.Name, err)
		}
	}
	for _, piece := range e.Want.Pieces {
		if err := v.match(piece, string(body), false); err != nil {
			return fmt.Errorf("%s: %s: the body %w", e.Place, e.Name, err)
		}
	}
	return nil
}

// match compares a text with a pattern: all of it, or that it stands in it.
func (v *Values) match(pattern, text string, all bool) error {
	expression, names, err := v.expression(pattern)
	if err != nil {
		return err
	}
	if all {
		expression = `\A` + expression + `\z`
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return err
	}
	found := compiled.FindStringSubmatch(text)
	if found == nil {
		return fmt.Errorf("is\n%s\nwant\n%s", text, pattern)
	}
	for i, name := range names {
		v.Named[name] = found[i+1]
	}
	return nil
}

// expression turns a pattern into a regular expression and the names of its
// groups.
func (v *Values) expression(pattern string) (expression string, names []string, err error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(pattern, "{{")
		out.WriteString(regexp.QuoteMeta(before))
		if !found {
			return out.String(), names, nil
		}
		inner, rest, closed := strings.Cut(after, "}}")
		if !closed {
			return "", nil, fmt.Errorf("{{%s is not closed", after)
		}
		shape, name, keep := strings.Cut(inner, ":")
		switch known, is := shapes[shape]; {
		case is && keep:
			out.WriteString("(" + known + ")")
			names = append(names, name)
		case is:
			out.WriteString(known)
		default:
			value, err := v.value(inner)
			if err != nil {
				return "", nil, err
			}
			out.WriteString(regexp.QuoteMeta(value))
		}
		pattern = rest
	}
}
