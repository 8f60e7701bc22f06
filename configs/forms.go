package configs

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

// readNode reads the word none or a mapping of facts to their sources.
func (f *Facts) readNode(r *reader, key string, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		r.readStruct(key, n, reflect.ValueOf(f).Elem())
		return
	}
	if f.None = n.Value == "none"; !f.None {
		r.fail(key, "%s is no mapping of facts to sources; write one, or none for a route that moves no money", quote(n.Value))
	}
}

// readNode reads one name, or a mapping of live and test to names.
func (u *UpstreamChoice) readNode(r *reader, key string, n *yaml.Node) {
	switch n.Kind {
	case yaml.ScalarNode:
		u.Name = n.Value
	case yaml.MappingNode:
		r.readStruct(key, n, reflect.ValueOf(u).Elem())
	default:
		r.fail(key, "it is a list; write the name of one upstream, or {live: NAME, test: NAME}")
	}
}

// readNode reads a value, or a mapping that says where the value is. A value
// is never quoted in a problem.
func (h *Header) readNode(r *reader, key string, n *yaml.Node) {
	switch n.Kind {
	case yaml.ScalarNode:
		h.Value = NewSecret([]byte(n.Value))
	case yaml.MappingNode:
		var source struct {
			File File   `yaml:"file"`
			Env  string `yaml:"env"`
		}
		r.readStruct(key, n, reflect.ValueOf(&source).Elem())
		if h.File, h.Env = source.File, source.Env; (h.File == "") == (h.Env == "") && !r.isBrokenBelow(key) {
			r.fail(key, "it must say where the value is in one way; write {file: PATH} or {env: NAME}")
		}
	default:
		r.fail(key, "it is a list; write the value, {file: PATH} or {env: NAME}")
	}
}
