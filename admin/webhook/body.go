package webhook

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy/token"
)

// member is one member of an event's object, as JSON text.
type member struct {
	name  string
	value jsontext.Value
}

// leading are the members that come first in every event.
var leading = [...]string{"id", "event", "created_at"}

// writer writes the bodies of events.
type writer struct{ secret *regexp.Regexp }

// newWriter makes the writer. Its pattern is the published one without its word
// boundaries: here a match too many costs nothing.
func newWriter() writer {
	return writer{regexp.MustCompile(strings.TrimSuffix(strings.TrimPrefix(token.Pattern, `\b`), `\b`))}
}

// write gives the body of an event in its format, and its media type. Nothing
// that looks like one of our secrets gets out, wherever it came from: a name
// that somebody pasted a key into is told without the key.
func (w writer) write(h *token.Hook) (body []byte, mediaType string, err error) {
	members, err := readMembers(h.Payload)
	if err != nil {
		return nil, "", failUnreadable
	}
	members = order(h, members)
	for i := range members {
		members[i].name = w.hide(members[i].name)
		members[i].value = jsontext.Value(w.hide(string(members[i].value)))
	}
	if h.Format == "multiple" {
		return lines(members), "application/x-ndjson", nil
	}
	return object(members), "application/json", nil
}

func (w writer) hide(text string) string { return w.secret.ReplaceAllLiteralString(text, "[removed]") }

// readMembers takes an object apart. The values are brought into the one
// canonical spelling, in which no escape hides a letter.
func readMembers(payload []byte) ([]member, error) {
	text := jsontext.Value(bytes.Clone(payload))
	if err := text.Canonicalize(); err != nil {
		return nil, err
	}
	var list []member
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if start, err := d.ReadToken(); err != nil || start.Kind() != '{' {
		return nil, failUnreadable
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = bytes.Clone(value)
		list = append(list, m)
	}
	return list, nil
}

// order puts what every event has first.
func order(h *token.Hook, members []member) []member {
	list := []member{
		{leading[0], quote(h.ID)}, {leading[1], quote(h.Event)},
		{leading[2], quote(h.CreatedAt.Time().Format(time.RFC3339Nano))},
	}
	for _, m := range members {
		if i := slices.Index(leading[:], m.name); i >= 0 {
			list[i].value = m.value
			continue
		}
		list = append(list, m)
	}
	return list
}

func quote(text string) jsontext.Value {
	value, err := json.Marshal(text, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic("BUG: webhook: a string is no JSON: " + err.Error())
	}
	return value
}

// object is all members as one object on one line.
func object(members []member) []byte {
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(m.name)...), ':'), m.value...)
	}
	return append(out, '}', '\n')
}

// lines is one object of one member a line.
func lines(members []member) []byte {
	var out []byte
	for _, m := range members {
		out = append(append(append(append(out, '{'), quote(m.name)...), ':'), m.value...)
		out = append(out, '}', '\n')
	}
	return out
}
