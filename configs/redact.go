package configs

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

// hidden stands for a secret that is there.
const hidden = "(hidden)"

// Redacted is the configuration in force as YAML text, in the order of the
// keys: what was written, what the environment changed, and every default. A
// secret is shown as (hidden), one that is not given as "".
func (c *Config) Redacted() []byte {
	out, err := yaml.Dump(redacted(reflect.ValueOf(c).Elem()))
	if err != nil {
		panic("BUG: a tree of plain nodes can be written: " + err.Error())
	}
	return out
}

// redacted turns a value into the node that it would be read from.
func redacted(v reflect.Value) *yaml.Node {
	switch own := v.Interface().(type) {
	case Secret:
		if own.Given() {
			return textNode(hidden)
		}
		return textNode("")
	case Header:
		return own.redacted()
	case time.Duration:
		return textNode(durationText(own))
	case fmt.Stringer: // a size, a store, an address range
		return textNode(own.String())
	case UpstreamChoice:
		if own.Name != "" {
			return textNode(own.Name)
		}
	case Facts:
		if own.None {
			return textNode("none")
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		return redacted(v.Elem())
	case reflect.Struct:
		return redactedStruct(v)
	case reflect.Map:
		return redactedMap(v)
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, redacted(v.Index(i)))
		}
		return n
	case reflect.String:
		return textNode(v.String())
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v.Interface())}
	}
}

// redactedStruct leaves out what is nil: it was not given and has no form that
// says so.
func redactedStruct(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields(v.Type()) {
		member := v.Field(f.index)
		if member.Kind() == reflect.Pointer && member.IsNil() || member.Type() == reflect.TypeFor[Facts]() && member.IsZero() {
			continue
		}
		n.Content = append(n.Content, textNode(f.name), redacted(member))
	}
	return n
}

func redactedMap(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	names := v.MapKeys()
	slices.SortFunc(names, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	for _, name := range names {
		n.Content = append(n.Content, textNode(name.String()), redacted(v.MapIndex(name)))
	}
	return n
}

// redacted says where a header's value comes from, never what it is.
func (h Header) redacted() *yaml.Node {
	switch {
	case h.File != "":
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode("file"), textNode(string(h.File))}}
	case h.Env != "":
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode("env"), textNode(h.Env)}}
	}
	return textNode(hidden)
}

// textNode is text, quoted where YAML would take it for something else.
func textNode(s string) *yaml.Node {
	var n yaml.Node
	n.SetString(s)
	return &n
}
