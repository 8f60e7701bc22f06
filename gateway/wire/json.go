package wire

import (
	"time"
	"unicode/utf8"

	"tollgate/policy/token"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s to b as a JSON string. Letters outside ASCII stay raw
// UTF-8, as the dialects' own documents print them; bytes that are no UTF-8
// become U+FFFD, so that an answer is valid JSON whatever it quotes.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20 || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, "\uFFFD"...)
			} else {
				b = append(b, s[i:i+size]...)
			}
			i += size
		}
	}
	return append(b, '"')
}

// AppendMember appends `,"name":"value"` when value is not empty.
func AppendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return AppendString(b, value)
}

// AppendList appends a JSON array of strings.
func AppendList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, s)
	}
	return append(b, ']')
}

// AppendInstant appends RFC 3339 in UTC with whole seconds, or null for never.
func AppendInstant(b []byte, at token.Instant) []byte {
	if at == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = at.Time().AppendFormat(b, time.RFC3339)
	return append(b, '"')
}
