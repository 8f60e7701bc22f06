package wire

import "bytes"

// ReadForm reads an application/x-www-form-urlencoded body. It refuses what RFC
// 6749 §3.2 refuses, a parameter twice, and what two decoders could take
// differently: broken escapes, control characters, a semicolon.
func ReadForm(body []byte) (f Fields, ok bool) {
	if !plainForm(body) {
		return Fields{}, false
	}
	room := make([]byte, 0, len(body)) // never grows: decoding only shortens
	for pair := range bytes.SplitSeq(body, []byte{'&'}) {
		if len(pair) == 0 {
			continue
		}
		var name, value []byte
		name, value, _ = bytes.Cut(pair, []byte{'='})
		room, name = unescape(room, name)
		room, value = unescape(room, value)
		if !f.add(name, value) {
			return Fields{}, false
		}
	}
	return f, true
}

// unescape appends the decoded text to room and gives the piece it became.
func unescape(room, text []byte) (grown, piece []byte) {
	from := len(room)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '+':
			room = append(room, ' ')
		case '%':
			decoded, _ := Unescape(text[i+1:]) // plainForm has seen that it is whole
			room = append(room, decoded)
			i += 2
		default:
			room = append(room, c)
		}
	}
	return room, room[from:len(room):len(room)]
}

// plainForm reports whether every percent escape of body is whole and every
// byte one that a form may contain unescaped.
func plainForm(body []byte) bool {
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '%':
			if _, ok := Unescape(body[i+1:]); !ok {
				return false
			}
			i += 2
		case c <= 0x20 || c >= 0x7f || c == ';' || c == '#':
			return false
		}
	}
	return true
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) (value byte, ok bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// Unescape is the byte that the two hexadecimal digits behind a percent sign
// stand for; ok is false when they are none.
func Unescape(digits []byte) (c byte, ok bool) {
	if len(digits) < 2 {
		return 0, false
	}
	high, ok := unhex(digits[0])
	low, also := unhex(digits[1])
	return high<<4 | low, ok && also
}
