package configs

import (
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"time"

	"tollgate/policy"

	"go.yaml.in/yaml/v4"
)

// field is one key of a struct.
type field struct {
	name  string
	index int
}

// fields lists the keys of a struct in the order in which they are declared.
func fields(t reflect.Type) []field {
	list := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			list = append(list, field{name, i})
		}
	}
	return list
}

// readStruct reads a mapping whose keys are known.
func (r *reader) readStruct(key string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		r.fail(key, "it is %s; write a mapping of keys to values", kindOf(n))
		return
	}
	known := fields(v.Type())
	r.eachPair(key, n, func(name *yaml.Node, value *yaml.Node) {
		at := slices.IndexFunc(known, func(f field) bool { return f.name == name.Value })
		if at < 0 {
			if meant := r.unknown(key, name, known); meant != "" && !writes(n, meant) {
				r.broken[below(key, meant)] = true // it is not missing as well
			}
			return
		}
		r.read(below(key, name.Value), value, v.Field(known[at].index))
	})
}

// writes reports whether a mapping has the key.
func writes(n *yaml.Node, key string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// unknown reports a key that means nothing, with the key that was likely meant,
// which it returns; "" when none is close.
func (r *reader) unknown(key string, name *yaml.Node, known []field) (meant string) {
	if r.full() {
		return ""
	}
	names := make([]string, len(known))
	for i := range known {
		names[i] = known[i].name
	}
	meant = nearest(name.Value, names)
	r.failAt(origin{line: name.Line, column: name.Column}, below(key, name.Value), "%s", r.unknownKey(name.Value, meant, names))
	return meant
}

// readList reads a sequence.
func (r *reader) readList(key string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		r.fail(key, "it is %s; write a list, such as [a, b]", kindOf(n))
		return
	}
	v.SetZero() // an empty list is no list
	if len(n.Content) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	}
	for i, element := range n.Content {
		r.read(item(key, i), element, v.Index(i))
	}
}

// readMap reads a mapping whose keys are names that the operator chose.
func (r *reader) readMap(key string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		r.fail(key, "it is %s; write a mapping of names to values", kindOf(n))
		return
	}
	v.SetZero()
	if len(n.Content) > 0 {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Content)/2))
	}
	r.eachPair(key, n, func(name *yaml.Node, value *yaml.Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		r.read(below(key, name.Value), value, element)
		v.SetMapIndex(reflect.ValueOf(name.Value), element)
	})
}

// eachPair calls each for the pairs of a mapping whose keys are plain words
// and stand there once.
func (r *reader) eachPair(key string, n *yaml.Node, each func(name, value *yaml.Node)) {
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		at := origin{line: name.Line, column: name.Column}
		switch {
		case name.Tag == "!!merge" && name.Kind == yaml.ScalarNode:
			r.failAt(at, below(key, "<<"), "merge keys are not read here; write the keys out")
			continue
		case name.Kind != yaml.ScalarNode, name.Anchor != "", name.Style&yaml.TaggedStyle != 0, name.Tag == "!!null":
			r.failAt(at, below(key, "?"), "a key must be a plain word; write key: value")
			continue
		}
		if line, twice := first[name.Value]; twice {
			r.failAt(at, below(key, name.Value), "it is given twice, first in line %d; keep one of the two", line)
			continue
		}
		first[name.Value] = name.Line
		each(name, n.Content[i+1])
	}
}

// isScalar reports whether a value is written as one word.
func isScalar(v reflect.Value) bool {
	switch v.Addr().Interface().(type) {
	case *string, *bool, *int, *Size, *time.Duration, *netip.Prefix, *File, *Secret, *Store:
		return true
	}
	return false
}

// readScalar reads one word, which must be of the kind that YAML takes it for:
// a number in quotes is text.
func (r *reader) readScalar(key string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		r.fail(key, "it is %s; write %s", kindOf(n), wanted(v))
		return
	}
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if kind := v.Kind(); quoted && (kind == reflect.Bool || kind == reflect.Int) {
		r.fail(key, "it is text in quotes; write %s without quotes", wanted(v))
		return
	}
	r.setText(key, n.Value, v)
}

// setText parses a word of the file or of the environment into v.
func (r *reader) setText(key, text string, v reflect.Value) {
	var err error
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *File:
		*p = r.resolve(text)
	case *Secret:
		*p = NewSecret([]byte(text))
	case *Size:
		err = assign(p, text, parseSize)
	case *time.Duration:
		err = assign(p, text, parseDuration)
	case *netip.Prefix:
		err = assign(p, text, policy.ParseRange)
	case *Store:
		err = assign(p, text, parseStore)
		p.Path = string(r.resolve(p.Path))
	case *bool:
		if text != "true" && text != "false" {
			r.fail(key, "%s is neither true nor false; write one of them", quoteWord(text))
			return
		}
		*p = text == "true"
	case *int:
		n, bad := strconv.Atoi(text)
		if bad != nil || strconv.Itoa(n) != text {
			r.fail(key, "%s is no whole number in decimal digits; write one such as 1024", quoteWord(text))
			return
		}
		*p = n
	default:
		panic("BUG: configs knows no text form of a " + v.Type().String())
	}
	if err != nil {
		r.fail(key, "%v", err)
	}
}

func assign[T any](p *T, text string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err == nil {
		*p = value
	}
	return err
}

// wanted says what a scalar is written as.
func wanted(v reflect.Value) string {
	switch v.Addr().Interface().(type) {
	case *bool:
		return "true or false"
	case *int:
		return "a whole number"
	case *Size:
		return "a size such as 1MiB"
	case *time.Duration:
		return "a duration such as 30s"
	case *netip.Prefix:
		return "an address or a range such as 10.0.0.0/8"
	}
	return "one word or text"
}

// kindOf names what a node is.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}
