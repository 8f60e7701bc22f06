package configs

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// minKey is how many bytes a key must have: what HMAC-SHA-256 is worth
// (RFC 7518 §3.2).
const minKey = 32

// wellKnownKey says what is wrong with a key of which WellKnown is true.
const wellKnownKey = "it is an example that anybody could try, or was not drawn at random; make one with openssl rand -hex 32"

// checkStrong refuses a key that is short, well known or no key at all. The
// zero Secret is not given and passes.
func (r *reader) checkStrong(key string, s Secret) {
	b := s.Reveal()
	switch {
	case len(b) == 0:
	case len(b) < minKey:
		r.fail(key, "it has %d bytes; a key needs at least %d, such as openssl rand -hex 32 prints", len(b), minKey)
	case WellKnown(b):
		r.fail(key, "%s", wellKnownKey)
	}
}

// WellKnown reports whether a key is a published one, a placeholder, or of so
// little variety that nobody drew it at random: as it stands, as hexadecimal or
// base64 would write it, or as those would read it. It keeps nothing of it.
func WellKnown(key []byte) bool {
	if known(key) {
		return true
	}
	for _, form := range []string{
		hex.EncodeToString(key), base64.RawStdEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key),
	} {
		if slices.Contains(famous(), strings.ToLower(form)) {
			return true
		}
	}
	text := strings.TrimRight(string(key), "=")
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if plain, err := decode(text); err == nil && len(plain) > 0 && known(plain) {
			return true
		}
	}
	return false
}

// known is WellKnown of a key as it stands.
func known(key []byte) bool {
	text := strings.TrimRight(strings.ToLower(string(key)), "=")
	if slices.Contains(famous(), text) || strings.Contains(runs, text) {
		return true
	}
	letters := strings.Map(func(c rune) rune {
		if strings.ContainsRune("-_ .,!", c) {
			return -1
		}
		return c
	}, text)
	for _, word := range placeholders() {
		if strings.Contains(letters, word) {
			return true
		}
	}
	return variety(key) < 8 || repeats(key) || climbs(key)
}

// variety is how many different bytes there are. Thirty-two random hex digits
// have fewer than eight once in ten million keys.
func variety(b []byte) int {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// repeats reports whether a block of at most half the length, or of 16 bytes, is
// written over and over.
func repeats(b []byte) bool {
	for size := 1; size <= max(16, (len(b)+1)/2) && size < len(b); size++ {
		if bytes.Equal(b[size:], b[:len(b)-size]) {
			return true
		}
	}
	return false
}

// climbs reports whether each byte is as far from the one before as the next
// from it: 00 01 02 …, which manuals of ciphers are full of.
func climbs(b []byte) bool {
	for i := 2; i < len(b); i++ {
		if b[i]-b[i-1] != b[1]-b[0] {
			return false
		}
	}
	return true
}
