package token

import "strings"

// Hidden stands where a word is left out that may be a secret.
const Hidden = "(hidden)"

// leastNumber is how many digits in a row may be a phone number or a card's.
const leastNumber = 8

// Redact is text in which what can be told to be a secret or somebody's number
// is hidden: our own secrets by their prefix, JWTs, and all but the last two of
// eight digits or more in a row. What people send in the wrong place is quoted
// back to them in errors, and errors are kept in other people's logs. A password
// looks like any other word: Redact is no leave to quote one.
func Redact(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		n := 0
		for n < len(text) && isWordByte(text[n]) {
			n++
		}
		if n == 0 {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		if word := text[:n]; looksSecret(word) {
			b.WriteString(Hidden)
		} else {
			hideNumbers(&b, word)
		}
		text = text[n:]
	}
	return b.String()
}

// isWordByte reports whether c may stand in a secret of ours or in a JWT.
func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.'
}

// looksSecret reports whether word holds one of our prefixes with something
// behind it, or begins as a JWT does, whose header opens with {".
func looksSecret(word string) bool {
	const least = 12 // behind a prefix
	for _, prefix := range [...]string{
		"tg_live_", "tg_test_", "sec_live_", "sec_test_", "sig_live_", "sig_test_", "tgo_", "tgr_", "tga_", "whk_",
	} {
		if at := strings.Index(word, prefix); at >= 0 && len(word)-at-len(prefix) >= least {
			return true
		}
	}
	return strings.HasPrefix(word, "eyJ") && len(word) >= 40
}

// hideNumbers writes word with its long runs of digits masked.
func hideNumbers(b *strings.Builder, word string) {
	for len(word) > 0 {
		n := 0
		for n < len(word) && word[n] >= '0' && word[n] <= '9' {
			n++
		}
		switch {
		case n == 0:
			b.WriteByte(word[0])
			n = 1
		case n >= leastNumber:
			b.WriteString(MaskPhone(word[:n]))
		default:
			b.WriteString(word[:n])
		}
		word = word[n:]
	}
}
