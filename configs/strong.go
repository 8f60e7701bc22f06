package configs

import (
	"bytes"
	"slices"
	"strings"
)

// minKey is how many bytes a key must have: what HMAC-SHA-256 is worth
// (RFC 7518 §3.2).
const minKey = 32

// famous lists keys of 32 bytes and more that products ship or their manuals
// print, in lower case. They are the first that anybody tries.
func famous() []string {
	return []string{
		"edd1c9f034335f136f87ad84b625c8f1",
		"4054f7cf07e344346cd3f287985e76a2",
		"352d20ee67be67f6340b4c0605b044b7",
		"reallyreallyreallyreallyverysafe",
		"a-string-secret-at-least-256-bits-long",
		"super-secret-jwt-token-with-at-least-32-characters-long",
		"my-secret-token-to-change-in-production",
		"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
		"aym1sysppbydfgzld3umj1qzkobwvmkoqq-estjqlr_t-1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow",
		"3ek6fd+o0+c7tzbnvfjpmkndi2yaraakzqlk8o2ikoxqu4nf7edah8s3twphwrdwt6r",
	}
}

// placeholders lists words that say "put yours here".
func placeholders() []string {
	return []string{
		"changeme", "changethis", "replaceme", "replacethis", "yoursecret", "yourkey", "256bit", "example",
		"placeholder", "insecure", "supersecret", "mysecret", "topsecret", "password",
	}
}

// runs are what a hand typing along the keyboard or the alphabet makes.
const runs = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz1234567890qwertyuiopasdfghjklzxcvbnm1234567890"

// checkStrong refuses a key that is short, well known or no key at all. The
// zero Secret is not given and passes.
func (r *reader) checkStrong(key string, s Secret) {
	b := s.Reveal()
	switch {
	case len(b) == 0:
	case len(b) < minKey:
		r.fail(key, "it has %d bytes; a key needs at least %d, such as openssl rand -hex 32 prints", len(b), minKey)
	case wellKnown(b):
		r.fail(key, "it is an example that anybody could try; make one with openssl rand -hex 32")
	}
}

// wellKnown reports whether a key is a published one, a placeholder, or of so
// little variety that nobody drew it at random.
func wellKnown(b []byte) bool {
	text := strings.ToLower(string(b))
	if slices.Contains(famous(), text) || strings.Contains(runs, text) {
		return true
	}
	letters := strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || c == ' ' || c == '.' {
			return -1
		}
		return c
	}, text)
	for _, word := range placeholders() {
		if strings.Contains(letters, word) {
			return true
		}
	}
	return variety(b) < 8 || repeats(b)
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

// repeats reports whether a block of at most 16 bytes is written over and over.
func repeats(b []byte) bool {
	for size := 1; size <= 16 && size < len(b); size++ {
		if bytes.Equal(b[size:], b[:len(b)-size]) {
			return true
		}
	}
	return false
}
