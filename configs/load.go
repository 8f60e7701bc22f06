package configs

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Load reads the file at path onto the defaults, puts the TOLLGATE_ variables
// of environ (as os.Environ gives them) over it, reads the secret files and
// the catalogue that it names, and checks the whole. With an empty path there
// is no file, and relative paths are relative to the working directory.
//
// Either the Config is whole and checked and there are no problems, or it is
// nil and the problems are all that is wrong, in the order of the file.
func Load(path string, environ []string) (*Config, []Problem) {
	r := newReader(reflect.TypeFor[Config](), path, filepath.Dir(path))
	if path == "" {
		r.file, r.dir = "(no file)", ""
	}
	r.environ = environment(environ)
	c := Default()
	if path != "" {
		r.readFile(path, reflect.ValueOf(&c).Elem())
	}
	if !r.broken[""] {
		r.override(&c)
		r.readSecrets(&c)
		r.check(&c)
	}
	if len(r.problems) > 0 {
		return nil, sorted(r.problems)
	}
	return &c, nil
}

// readFile reads a YAML file onto v.
func (r *reader) readFile(path string, v reflect.Value) {
	data, err := readBounded(path)
	if err != nil {
		r.fail("", "%v", err)
		return
	}
	r.readYAML(data, v)
}

// readYAML reads YAML text, which must be one document that holds a mapping, or
// nothing at all, onto v.
func (r *reader) readYAML(data []byte, v reflect.Value) {
	if !r.isText(data) {
		return
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		panic("BUG: a loader without options cannot fail: " + err.Error())
	}
	var document, second yaml.Node
	if err := loader.Load(&document); errors.Is(err, io.EOF) {
		return
	} else if err != nil {
		r.syntax(data, err)
		return
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		root = &yaml.Node{Kind: yaml.MappingNode, Line: root.Line, Column: root.Column}
	}
	r.read("", root, v)
	if err := loader.Load(&second); err == nil {
		r.failAt(origin{line: second.Line, column: second.Column}, "", "a second document begins here; write one document, without ---")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(data, err)
	}
}

// isText refuses what is no UTF-8 text at the place where it ceases to be.
// A byte order mark may stand at the very beginning.
func (r *reader) isText(data []byte) bool {
	at := origin{line: 1, column: 1}
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			r.failAt(at, "", "byte 0x%02X is no UTF-8; save the file as UTF-8", data[i])
			return false
		case c == '\n':
			at = origin{line: at.line + 1}
		case c < ' ' && c != '\t' && c != '\r', c == 0x7F, c == 0xFEFF && i > 0, c == 0x85, c == 0x2028, c == 0x2029:
			r.failAt(at, "", "an invisible character, U+%04X, stands here; take it out", c)
			return false
		}
		at.column++
		i += size
	}
	return true
}

// syntax reports what the YAML reader could not read. It stops at the first
// mistake, so there is one such problem only.
func (r *reader) syntax(data []byte, err error) {
	at := origin{line: 1, column: 1}
	message := "it cannot be read"
	var one *yaml.LoadError
	if errors.As(err, &one) {
		message = one.Message
		if one.Mark.Line > 0 {
			at = origin{line: one.Mark.Line, column: max(one.Mark.Column, 1)}
		}
	}
	if tabbed(data, at.line) {
		r.failAt(at, "", "a tab stands in the indentation; indent with spaces")
		return
	}
	if strings.Contains(message, "anchor") {
		// The message names it, and it may be a secret that begins with *.
		r.failAt(at, "", aliasMessage)
		return
	}
	r.failAt(at, "", "this is no YAML (%s); look at the indentation, quotes and brackets here and just before", message)
}

// tabbed reports whether a line's indentation holds a tab.
func tabbed(data []byte, line int) bool {
	for range line - 1 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	text, _, _ := bytes.Cut(data, []byte("\n"))
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	return bytes.ContainsRune(indent, '\t')
}
