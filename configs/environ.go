package configs

import (
	"reflect"
	"strings"
)

// prefix begins every variable that is ours. Others that begin with it are
// left alone: Kubernetes makes TOLLGATE_PORT and its like for a Service of
// that name.
const prefix = "TOLLGATE_"

// environment is what os.Environ says as a map; of two values for one name the
// first counts, as in os.Getenv.
func environment(list []string) map[string]string {
	m := make(map[string]string, len(list))
	for _, entry := range list {
		name, value, found := strings.Cut(entry, "=")
		if _, twice := m[name]; found && !twice {
			m[name] = value
		}
	}
	return m
}

// Variables lists the environment variables that Load understands, in the
// order of the keys.
func Variables() []string {
	var names []string
	eachVariable(reflect.ValueOf(new(Config)).Elem(), "", func(_, name string, _ reflect.Value) {
		names = append(names, name)
	})
	return names
}

// override puts the variables over what the file said. A variable that is set
// to nothing says nothing, too: an empty list, no secret, the empty text.
func (r *reader) override(c *Config) {
	eachVariable(reflect.ValueOf(c).Elem(), "", func(key, name string, v reflect.Value) {
		text, set := r.environ[name]
		if !set {
			return
		}
		delete(r.broken, key) // the file's own value no longer counts, but its problem stays
		r.origins[key] = origin{variable: name}
		r.set = append(r.set, key)
		if v.Kind() != reflect.Slice {
			r.setText(key, text, v)
			return
		}
		words := splitList(text)
		v.SetZero()
		if len(words) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), len(words), len(words)))
		}
		for i, word := range words {
			r.origins[item(key, i)] = origin{variable: name}
			r.setText(item(key, i), word, v.Index(i))
		}
	})
}

// eachVariable calls each for every key under v that a variable can set: words
// and lists of words. Maps, and lists of mappings, are for the file alone.
func eachVariable(v reflect.Value, key string, each func(key, name string, v reflect.Value)) {
	for _, f := range fields(v.Type()) {
		at, member := below(key, f.name), v.Field(f.index)
		switch {
		case isScalar(member), member.Kind() == reflect.Slice && isScalar(reflect.New(member.Type().Elem()).Elem()):
			each(at, prefix+strings.ToUpper(strings.ReplaceAll(at, ".", "_")), member)
		case member.Kind() == reflect.Struct:
			eachVariable(member, at, each)
		}
	}
}

// splitList cuts a comma separated list; spaces around a comma do not count.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	words := strings.Split(text, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}
