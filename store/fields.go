package store

import (
	"strings"
	"unicode/utf8"

	"tollgate/policy/token"
)

// What the store asks of every text, whoever sends it. The admin room says it
// earlier and in more detail; this is the last gate.
const (
	nameMax = 200
	textMax = 4000
)

// plain reports whether both databases can keep s: UTF-8 without NUL.
func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// fields gathers what is wrong.
type fields struct{ wrong token.FieldErrors }

func (f *fields) add(field, message string) {
	f.wrong = append(f.wrong, token.FieldError{Field: field, Message: message})
}

func (f *fields) text(field, value string, most int) {
	switch {
	case !plain(value):
		f.add(field, "must be UTF-8 text without NUL characters")
	case len(value) > most:
		f.add(field, "is longer than the store keeps; shorten it")
	}
}

func (f *fields) name(field, value string) {
	if value == "" {
		f.add(field, "must not be empty")
	}
	f.text(field, value, nameMax)
}

func (f *fields) list(field string, values []string) {
	for _, v := range values {
		f.text(field, v, nameMax)
	}
}

// err is what was gathered, or nil.
func (f *fields) err() error {
	if len(f.wrong) == 0 {
		return nil
	}
	return f.wrong
}

// canonicalPhone reports whether s is a plus and 4 to 15 ASCII digits: the form
// numbers have in the index. Reading what people type is the catalogue's work.
func canonicalPhone(s string) bool {
	if len(s) < 5 || len(s) > 16 || s[0] != '+' {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
