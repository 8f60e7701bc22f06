package wire

import "bytes"

// Fields are the named values of one request body, each name once. Its slices
// are its own or alias the body, and are dead with it.
type Fields struct{ list []field }

type field struct{ name, value []byte }

// maxFields bounds the fields of one body; real ones have about four.
const maxFields = 64

// Value is the value of a field; nil when there is none, or an empty one, which
// RFC 6749 §3.2 counts as none.
func (f *Fields) Value(name string) []byte {
	for i := range f.list {
		if string(f.list[i].name) == name && len(f.list[i].value) > 0 {
			return f.list[i].value
		}
	}
	return nil
}

// add takes one more field. ok is false for a name that is there already, for
// one too many, and for control characters, which nothing of ours contains.
func (f *Fields) add(name, value []byte) (ok bool) {
	if len(f.list) == maxFields || !printable(name) || !printable(value) {
		return false
	}
	for i := range f.list {
		if bytes.Equal(f.list[i].name, name) {
			return false
		}
	}
	f.list = append(f.list, field{name, value})
	return true
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// ReadFields reads a body by what it is, whatever its Content-Type says: the
// document of seed 3 has its clients send JSON that curl labels a form. What
// begins with a brace is JSON, what begins with two hyphens is multipart, and
// anything else is a form.
func ReadFields(body []byte) (f Fields, ok bool) {
	switch trimmed := bytes.TrimLeft(body, " \t\r\n"); {
	case len(trimmed) > 0 && trimmed[0] == '{':
		return readJSONFields(body)
	case bytes.HasPrefix(body, []byte("--")):
		return readMultipart(body)
	}
	return ReadForm(body)
}

// readJSONFields takes the strings of a JSON object. Members that are no
// strings are none of ours and are left out; one that should be a string is
// then missing.
func readJSONFields(body []byte) (f Fields, ok bool) {
	o, ok := ReadObject(body)
	if !ok || len(o) > maxFields {
		return Fields{}, false
	}
	for name, value := range o {
		if text, is := value.(string); is && !f.add([]byte(name), []byte(text)) {
			return Fields{}, false
		}
	}
	return f, true
}
