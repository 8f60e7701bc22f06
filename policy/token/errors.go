package token

import "strconv"

// Error is a refusal of the store that its callers match with errors.Is.
type Error string

// Error is the error's own text.
func (e Error) Error() string { return string(e) }

// What a store may refuse. Every other error means that it could not tell.
const (
	ErrNotFound = Error("not found")
	ErrStale    = Error("the record has changed since it was read")
	ErrRevoked  = Error("the token is revoked")
	ErrExists   = Error("it exists already")
	ErrTooMany  = Error("there are as many as there can be")
)

// HeldError says that a phone number belongs to another token.
type HeldError struct {
	Number   string
	Holder   Handle
	Merchant string
}

// Error names the number by its last two digits and does not name the holder:
// that is for callers who may read it.
func (e *HeldError) Error() string {
	return "the number " + MaskPhone(e.Number) + " belongs to another token"
}

// FieldError is one field that an admin must put right.
type FieldError struct {
	Field   string // as the admin API names it, such as composition.CI.ORANGE
	Message string // what was wrong and what would do
}

// Error is the field and the message.
func (e FieldError) Error() string { return e.Field + ": " + e.Message }

// FieldErrors is all that is wrong with one request.
type FieldErrors []FieldError

// Error counts the fields and quotes the first.
func (e FieldErrors) Error() string {
	switch len(e) {
	case 0:
		return "no field is wrong"
	case 1:
		return e[0].Error()
	}
	return e[0].Error() + " (and " + strconv.Itoa(len(e)-1) + " more)"
}

// MaskPhone keeps a number's last two digits and hides the rest: what logs,
// refusals and audit rows show. It keeps a leading plus.
func MaskPhone(number string) string {
	if len(number) < 3 {
		return "**"
	}
	masked := make([]byte, len(number))
	for i := range masked {
		masked[i] = '*'
	}
	if number[0] == '+' {
		masked[0] = '+'
	}
	copy(masked[len(masked)-2:], number[len(number)-2:])
	return string(masked)
}
