package configs

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Secret is a value that prints as nothing: with every verb of fmt, as JSON,
// as YAML, as text, in slog and in zap. The bytes sit behind a function, so
// that a printer which walks unexported fields finds an address and no more.
// The zero Secret is "not given".
type Secret struct {
	reveal func() []byte
}

// NewSecret keeps its own copy of b; no bytes make the zero Secret.
func NewSecret(b []byte) Secret {
	if len(b) == 0 {
		return Secret{}
	}
	kept := append([]byte(nil), b...)
	return Secret{reveal: func() []byte { return append([]byte(nil), kept...) }}
}

// Reveal is a copy of the secret's bytes, for the one place that uses them; nil
// when none was given.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// Given reports whether there is a secret.
func (s Secret) Given() bool { return s.reveal != nil }

// Equal compares two secrets in constant time for a given length.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.Reveal(), other.Reveal()) == 1
}

// String is empty.
func (Secret) String() string { return "" }

// GoString is empty: %#v tells no more.
func (Secret) GoString() string { return "" }

// Format writes nothing, whatever the verb.
func (Secret) Format(fmt.State, rune) {}

// MarshalText is empty, for JSON, XML and whatever asks for text.
func (Secret) MarshalText() ([]byte, error) { return []byte{}, nil }

// MarshalYAML is the empty string.
func (Secret) MarshalYAML() (any, error) { return "", nil }

// LogValue is the empty string.
func (Secret) LogValue() slog.Value { return slog.StringValue("") }
