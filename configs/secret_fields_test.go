package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// secretName is what a field that holds a secret may be called.
var secretName = regexp.MustCompile(`(?i)secret|password|credential|private|key`)

// public are fields with such a name that hold no secret: names, and paths of
// files.
var public = map[string]bool{"SigningKeys": true}

// No field of the configuration can be forgotten: every Secret there is, in
// whatever depth, is filled, and the configuration printed in every form has
// none of it; and a field whose name tells of a secret is a Secret, or the name
// of a file that holds one.
func TestNoFormOfTheConfigurationTellsASecret(t *testing.T) {
	var c Config
	filled := plant(t, reflect.ValueOf(&c).Elem(), "", map[reflect.Type]int{})
	if filled < 5 {
		t.Fatalf("only %d secrets were found", filled)
	}
	t.Logf("%d secrets", filled)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		mustNotTell(t, "the configuration with "+verb, fmt.Sprintf(verb, c))
		mustNotTell(t, "its pointer with "+verb, fmt.Sprintf(verb, &c))
	}
	if text, err := json.Marshal(planted(c)); err == nil {
		mustNotTell(t, "JSON", string(text))
	}
	if text, err := yaml.Dump(planted(c)); err == nil {
		mustNotTell(t, "YAML", string(text))
	}
	text := string(c.Redacted())
	mustNotTell(t, "the dump", text)
	if !strings.Contains(text, hidden) {
		t.Errorf("the dump has nothing hidden:\n%s", text)
	}
}

// planted leaves out what can be no JSON.
func planted(c Config) Config {
	c.Catalogue = nil
	return c
}

// plant puts a secret wherever one can be, making an element of every pointer,
// list and map on the way, and counts them.
func plant(t *testing.T, v reflect.Value, path string, within map[reflect.Type]int) (n int) {
	if v.Type() == reflect.TypeFor[Secret]() {
		v.Set(reflect.ValueOf(NewSecret([]byte(canary))))
		return 1
	}
	if !strings.HasPrefix(v.Type().PkgPath(), "tollgate/configs") && v.Type().PkgPath() != "" || within[v.Type()] > 2 {
		return 0 // none of ours
	}
	within[v.Type()]++
	defer func() { within[v.Type()]-- }()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			n += plant(t, v.Field(i), path+"."+f.Name, within)
			if secretName.MatchString(f.Name) && !public[f.Name] && !safe(f.Type) {
				t.Errorf("%s%s is called like a secret and is a %s; make it a Secret or a File", path, "."+f.Name, f.Type)
			}
		}
	case reflect.Pointer:
		if element := reflect.New(v.Type().Elem()); v.IsNil() && strings.HasPrefix(v.Type().Elem().PkgPath(), "tollgate/configs") {
			if made := plant(t, element.Elem(), path, within); made > 0 {
				v.Set(element)
				n += made
			}
		}
	case reflect.Slice:
		element := reflect.New(v.Type().Elem()).Elem()
		if made := plant(t, element, path+"[]", within); made > 0 {
			v.Set(reflect.Append(v, element))
			n += made
		}
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		if made := plant(t, element, path+"{}", within); made > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf("a").Convert(v.Type().Key()), element)
			n += made
		}
	}
	return n
}

// safe reports whether a type cannot hold a secret in the open.
func safe(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[Secret](), reflect.TypeFor[File](), reflect.TypeFor[bool]():
		return true
	}
	return false
}
