package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a JSON body of an endpoint may nest.
const maxDepth = 16

// ReadObject reads a JSON object strictly: a body that two readers could take
// differently is refused. Those are a member name twice, also when only the
// case differs, bytes that are no UTF-8, lone surrogates, and anything after
// the object. Values are string, json.Number, bool, nil, []any and
// map[string]any.
func ReadObject(body []byte) (o map[string]any, ok bool) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	value, ok := readValue(d, 0)
	if !ok {
		return nil, false
	}
	o, ok = value.(map[string]any)
	return o, ok
}

// readValue reads what is known to be one whole, well-formed value.
func readValue(d *json.Decoder, depth int) (value any, ok bool) {
	if depth > maxDepth {
		return nil, false
	}
	next, err := d.Token()
	if err != nil {
		return nil, false
	}
	switch t := next.(type) {
	case json.Delim:
		if t == '[' {
			return readList(d, depth)
		}
		return readMembers(d, depth)
	case string:
		return t, whole(t)
	}
	return next, true
}

func readList(d *json.Decoder, depth int) (list []any, ok bool) {
	list = []any{}
	for d.More() {
		value, ok := readValue(d, depth+1)
		if !ok {
			return nil, false
		}
		list = append(list, value)
	}
	_, err := d.Token()
	return list, err == nil
}

func readMembers(d *json.Decoder, depth int) (members map[string]any, ok bool) {
	members = map[string]any{}
	folded := map[string]bool{}
	for d.More() {
		next, err := d.Token()
		name, is := next.(string)
		if err != nil || !is || !whole(name) {
			return nil, false
		}
		fold := strings.ToLower(strings.ToUpper(name))
		if folded[fold] {
			return nil, false
		}
		folded[fold] = true
		if members[name], ok = readValue(d, depth+1); !ok {
			return nil, false
		}
	}
	_, err := d.Token()
	return members, err == nil
}

// whole reports whether a decoded string is what its writer meant: the library
// puts U+FFFD where it found half of a surrogate pair.
func whole(s string) bool { return !strings.ContainsRune(s, utf8.RuneError) }
