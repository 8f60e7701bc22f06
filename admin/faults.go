package admin

import (
	"slices"
	"strings"

	"tollgate/policy/token"
)

// faults collects everything that is wrong with one request, so that one answer
// names it all. A place in the body whose shape is wrong is named once and not
// judged further: what stood there was never read.
type faults struct {
	list   token.FieldErrors
	unread []string
}

// add notes one bad field.
func (f *faults) add(field, message string) {
	if slices.ContainsFunc(f.unread, func(u string) bool { return within(field, u) || within(u, field) }) {
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

// misshapen notes a place that could not be read.
func (f *faults) misshapen(field, message string) {
	f.list = append(f.list, token.FieldError{Field: field, Message: message})
	f.unread = append(f.unread, field)
}

// clone is a copy to add to while the original stays: a change that is tried
// again begins with the faults of its body alone.
func (f *faults) clone() faults {
	return faults{list: slices.Clone(f.list), unread: slices.Clone(f.unread)}
}

// problem is the 422, or nil when nothing is wrong.
func (f *faults) problem() error {
	if len(f.list) == 0 {
		return nil
	}
	return refuseFields(f.list)
}

// within reports whether a field is at a place of the body or below it, as
// phones[1].number is within phones[1].
func within(field, place string) bool {
	rest, ok := strings.CutPrefix(field, place)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
