package admin

import (
	"strings"

	"tollgate/policy/token"
)

// faults collects everything that is wrong with one request, so that one answer
// names it all. A member whose shape is wrong is named once and not judged
// further: it was never read.
type faults struct {
	list   token.FieldErrors
	unread map[string]bool
}

// add notes one bad field.
func (f *faults) add(field, message string) {
	if f.unread[top(field)] {
		return
	}
	f.list = append(f.list, token.FieldError{Field: field, Message: message})
}

// addAll notes what another room found.
func (f *faults) addAll(bad token.FieldErrors) {
	for _, e := range bad {
		f.add(e.Field, e.Message)
	}
}

// misshapen notes a member that could not be read.
func (f *faults) misshapen(field, message string) {
	f.list = append(f.list, token.FieldError{Field: field, Message: message})
	if f.unread == nil {
		f.unread = map[string]bool{}
	}
	f.unread[top(field)] = true
}

// problem is the 422, or nil when nothing is wrong.
func (f *faults) problem() error {
	if len(f.list) == 0 {
		return nil
	}
	return refuseFields(f.list)
}

// top is the member of the body that a field is in: phones for phones[1].number.
func top(field string) string {
	if i := strings.IndexAny(field, ".["); i >= 0 {
		return field[:i]
	}
	return field
}
