package configs

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader walks one YAML tree onto a struct of defaults, keeps where every
// value came from, and gathers what is wrong. Its fail method serves the
// checks that come after the walk as well.
type reader struct {
	file     string            // as problems name it; "" when there is none
	dir      string            // what relative paths are relative to
	root     reflect.Type      // of the whole, to say where a misplaced key belongs
	environ  map[string]string // for overrides and {env: NAME}
	origins  map[string]origin // by key
	set      []string          // keys that a variable set
	broken   map[string]bool   // keys that have a problem already
	above    map[string]bool   // keys above those
	problems []Problem
}

// maxProblems bounds a report, and the time that making it can take.
const maxProblems = 1000

// origin is where a value was written.
type origin struct {
	variable     string // of the environment; "" for the file
	line, column int
}

// newReader reads file onto something of type root. Relative paths in it are
// relative to dir.
func newReader(root reflect.Type, file, dir string) *reader {
	return &reader{
		file:    file,
		dir:     dir,
		root:    root,
		origins: make(map[string]origin),
		broken:  make(map[string]bool),
		above:   make(map[string]bool),
	}
}

// fail records a problem of a key at the place where the key, or else the
// nearest key above it, was written. A key that has a problem already, or
// stands below one, gets no second: the first is likely the cause.
func (r *reader) fail(key, format string, args ...any) {
	if r.isBroken(key) {
		return
	}
	r.failAt(r.origin(key), key, format, args...)
}

func (r *reader) failAt(at origin, key, format string, args ...any) {
	r.broken[key] = true
	for up := parent(key); up != "" && !r.above[up]; up = parent(up) {
		r.above[up] = true
	}
	if r.full() {
		return
	}
	p := Problem{File: r.file, Line: at.line, Column: at.column, Key: shown(key), Message: fmt.Sprintf(format, args...)}
	if at.variable != "" {
		p.File, p.Line, p.Column = at.variable, 0, 0
	}
	r.problems = append(r.problems, p)
	if r.full() {
		p.Key, p.Message = "yaml", fmt.Sprintf("there are %d problems before this place, and what follows was not looked at; put these right first", maxProblems)
		r.problems = append(r.problems, p)
	}
}

// full reports whether there are as many problems as anybody can read.
func (r *reader) full() bool { return len(r.problems) >= maxProblems }

// isBroken reports whether key or a key above it has a problem.
func (r *reader) isBroken(key string) bool {
	for ; ; key = parent(key) {
		if r.broken[key] {
			return true
		}
		if key == "" {
			return false
		}
	}
}

// isBrokenBelow reports whether a key under key has a problem.
func (r *reader) isBrokenBelow(key string) bool { return r.above[key] }

// origin is where key was written. When it was not, it is the first variable
// that sets something below it, or else where the nearest key above it was
// written; the file's first character when nothing of that was.
func (r *reader) origin(key string) origin {
	if !r.given(key) && key != "" {
		for _, name := range r.set {
			if strings.HasPrefix(name, key+".") {
				return r.origins[name]
			}
		}
	}
	for ; ; key = parent(key) {
		if at, ok := r.origins[key]; ok {
			return at
		}
		if key == "" {
			return origin{line: 1, column: 1}
		}
	}
}

// given reports whether the key itself was written anywhere.
func (r *reader) given(key string) bool {
	_, ok := r.origins[key]
	return ok
}

// below is the key of a member of a mapping, at the index of a list.
func below(key, name string) string {
	if key == "" {
		return name
	}
	if plainWord(name) {
		return key + "." + name
	}
	return key + "[" + quote(name) + "]"
}

func item(key string, index int) string { return fmt.Sprintf("%s[%d]", key, index) }

// parent cuts the last part of a key: a.b[2] → a.b → a → "".
func parent(key string) string {
	if strings.HasSuffix(key, `"]`) || strings.HasSuffix(key, `"…]`) {
		if i := strings.Index(key, `["`); i >= 0 {
			return key[:i]
		}
	}
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}

// shown is a key as a problem prints it.
func shown(key string) string {
	if key == "" {
		return "yaml"
	}
	return key
}

// plainWord reports whether a mapping's key can stand in a path as it is.
func plainWord(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if !wordByte(s[i]) {
			return false
		}
	}
	return true
}

func wordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '-'
}

// A nodeReader is a type that more than one kind of YAML value can be written
// as. It reads n into itself.
type nodeReader interface {
	readNode(r *reader, key string, n *yaml.Node)
}

// A defaulter fills itself in before its keys are read over it.
type defaulter interface{ setDefaults() }

// read puts the node n, written under key, into v, which holds the default.
func (r *reader) read(key string, n *yaml.Node, v reflect.Value) {
	r.origins[key] = origin{line: n.Line, column: n.Column}
	if !r.plain(key, n) {
		return
	}
	if d, ok := v.Addr().Interface().(defaulter); ok {
		d.setDefaults()
	}
	if own, ok := v.Addr().Interface().(nodeReader); ok {
		own.readNode(r, key, n)
		return
	}
	switch {
	case isScalar(v):
		r.readScalar(key, n, v)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.read(key, n, v.Elem())
	case v.Kind() == reflect.Struct:
		r.readStruct(key, n, v)
	case v.Kind() == reflect.Slice:
		r.readList(key, n, v)
	case v.Kind() == reflect.Map:
		r.readMap(key, n, v)
	default:
		panic("BUG: configs cannot read a " + v.Type().String())
	}
}

const aliasMessage = "it begins with *, which makes it an alias, and those are not read here; write the value out, in quotes if the * belongs to it"

// plain refuses what makes a value other than it looks: anchors, aliases and
// tags; and a key without a value, which is mostly a slip. None of their names
// is quoted: a secret that begins with *, & or ! is read as one.
func (r *reader) plain(key string, n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(key, aliasMessage)
	case n.Anchor != "":
		r.fail(key, "it begins with &, which makes an anchor, and those are not read here; take that out, or use quotes if the & belongs to the value")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(key, "it begins with !, which makes a tag, and those are not read here; take that out, or use quotes if the ! belongs to the value")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		r.fail(key, "it has no value; write one, or take the key out")
	default:
		return true
	}
	return false
}
