package configs

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"
)

// same compares configurations: secrets by what they hold, catalogues not at
// all.
var same = cmp.Options{
	cmpopts.IgnoreFields(Config{}, "Catalogue"),
	cmpopts.EquateComparable(netip.Prefix{}),
}

// The annotated file says what holds when it is left out, and nothing else.
func TestSampleEqualsDefaults(t *testing.T) {
	got, problems := Load("tollgate.yaml", nil)
	for _, p := range problems {
		t.Error(p)
	}
	if got == nil {
		t.FailNow()
	}
	want := Default()
	if diff := cmp.Diff(&want, got, same); diff != "" {
		t.Errorf("tollgate.yaml differs from Default (-default +file):\n%s", diff)
	}
}

// Every key that can be set without an example is written out, so that a
// default that changes in the code changes in the file.
func TestSampleSpellsOutEveryDefault(t *testing.T) {
	written := keysOf(t, string(Sample()))
	var missing []string
	eachKey(reflect.TypeFor[Config](), "", func(key string) {
		if !strings.HasPrefix(key, "upstreams") && !strings.HasPrefix(key, "routes") && !strings.Contains(key, "[]") && !written[key] {
			missing = append(missing, key)
		}
	})
	if len(missing) > 0 {
		t.Errorf("tollgate.yaml does not write out %v", missing)
	}
}

// A key that is not in the annotated file, or in its examples, is a key that
// nobody knows of.
func TestSampleMentionsEveryKey(t *testing.T) {
	written := keysOf(t, withExamples(Sample()))
	var missing []string
	eachKey(reflect.TypeFor[Config](), "", func(key string) {
		if !written[key] {
			missing = append(missing, key)
		}
	})
	if len(missing) > 0 {
		t.Errorf("tollgate.yaml does not mention %v", missing)
	}
}

// The examples in the annotated file are the real thing: it loads with all of
// them switched on.
func TestSampleExamplesLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "signing.key"), "0f1e2d3c4b5a69788796a5b4c3d2e1f0-tollgate\n")
	path := filepath.Join(dir, "tollgate.yaml")
	write(t, path, withExamples(Sample()))
	c, problems := Load(path, nil)
	for _, p := range problems {
		t.Error(p)
	}
	if c == nil {
		t.FailNow()
	}
	if len(c.Routes) != 1 || len(c.Upstreams) != 2 || len(c.Tokens.SigningKeys) != 1 {
		t.Errorf("the examples are not all there: %d routes, %d upstreams, %d keys", len(c.Routes), len(c.Upstreams), len(c.Tokens.SigningKeys))
	}
	var want Upstream
	want.setDefaults()
	if got := c.Upstreams["sandbox"]; got.Timeout != want.Timeout || got.MaxConns != want.MaxConns {
		t.Errorf("an upstream's defaults are %+v, want %+v", got, want)
	}
	if got := c.Upstreams["payments"]; got.MaxResponse != want.MaxResponse || got.ConnectTimeout != want.ConnectTimeout ||
		got.Timeout != want.Timeout || got.MaxConns != want.MaxConns || got.Host != want.Host ||
		got.KeepAlive != want.KeepAlive || got.Eject != want.Eject {
		t.Errorf("the example says %+v where the defaults are %+v", got, want)
	}
}

// withExamples takes the # away from the lines that are examples: those on
// which a letter, or two spaces, come after it. An empty list that an example
// fills goes.
func withExamples(sample []byte) string {
	var out []string
	for line := range strings.Lines(string(sample)) {
		rest, commented := strings.CutPrefix(line, "#")
		switch {
		case commented && len(rest) > 1 && (rest[0] != ' ' || rest[1] == ' ') && rest[0] != '\n':
			out = append(out, rest)
		case strings.TrimSpace(line) == "signing_keys: []":
		default:
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// eachKey calls each with every key there is: [] for the elements of a list,
// and .* for the members of a mapping with free names.
func eachKey(t reflect.Type, key string, each func(string)) {
	switch t.Kind() {
	case reflect.Pointer:
		eachKey(t.Elem(), key, each)
	case reflect.Slice:
		eachKey(t.Elem(), key+"[]", each)
	case reflect.Map:
		eachKey(t.Elem(), key+".*", each)
	case reflect.Struct:
		for _, f := range fields(t) {
			at := strings.TrimPrefix(key+"."+f.name, ".")
			each(at)
			eachKey(t.Field(f.index).Type, at, each)
		}
	}
}

// keysOf lists the keys of a YAML text in the form of eachKey, by the type that
// they are read into.
func keysOf(t *testing.T, text string) map[string]bool {
	t.Helper()
	var document yaml.Node
	if err := yaml.Load([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	var walk func(n *yaml.Node, typ reflect.Type, key string)
	walk = func(n *yaml.Node, typ reflect.Type, key string) {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case n.Kind == yaml.SequenceNode && typ.Kind() == reflect.Slice:
			for _, element := range n.Content {
				walk(element, typ.Elem(), key+"[]")
			}
		case n.Kind == yaml.MappingNode && typ.Kind() == reflect.Map:
			for i := 1; i < len(n.Content); i += 2 {
				walk(n.Content[i], typ.Elem(), key+".*")
			}
		case n.Kind == yaml.MappingNode && typ.Kind() == reflect.Struct:
			for i := 0; i < len(n.Content); i += 2 {
				for _, f := range fields(typ) {
					if f.name == n.Content[i].Value {
						at := strings.TrimPrefix(key+"."+f.name, ".")
						keys[at] = true
						walk(n.Content[i+1], typ.Field(f.index).Type, at)
					}
				}
			}
		}
	}
	walk(document.Content[0], reflect.TypeFor[Config](), "")
	return keys
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
