package facts

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// shape is what a string has besides plain ASCII.
type shape uint8

const (
	escaped shape = 1 << iota
	nonASCII
)

// plain marks the bytes that a JSON string can hold as they are.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// unplain marks, of eight bytes in memory order, the first that is not plain by
// the lowest bit that is set; 0 when all are. Bits above that one say nothing: a
// subtraction may have borrowed through them.
func unplain(x uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote := x ^ '"'*ones
	slash := x ^ '\\'*ones
	return (x | (x - ' '*ones) | (quote - ones) | (slash - ones)) & tops
}

// skipPlain is the place of the next byte from at on that is not plain.
func skipPlain(text []byte, at int) int {
	for len(text)-at >= 8 {
		mark := unplain(binary.LittleEndian.Uint64(text[at:]))
		if mark != 0 {
			return at + bits.TrailingZeros64(mark)/8
		}
		at += 8
	}
	for at < len(text) && plain[text[at]] {
		at++
	}
	return at
}

// str reads a string from its opening quote to its closing one.
func (s *scanner) str() (sh shape, ok bool) {
	text, at := s.text, s.at+1
	for {
		if at = skipPlain(text, at); at == len(text) {
			return 0, s.fail(faultSyntax)
		}
		switch c := text[at]; {
		case c == '"':
			s.at = at + 1
			return sh, true
		case c == '\\':
			sh |= escaped
			size, f := escape(text[at:])
			if size == 0 {
				return 0, s.fail(f)
			}
			at += size
		case c < ' ':
			return 0, s.fail(faultSyntax)
		default:
			sh |= nonASCII
			r, size := utf8.DecodeRune(text[at:])
			if r == utf8.RuneError && size == 1 {
				return 0, s.fail(faultUTF8)
			}
			at += size
		}
	}
}

// escape is how many bytes the escape at the front of text has, both halves of
// a surrogate pair together; 0 for one that is wrong.
func escape(text []byte) (size int, f fault) {
	if len(text) < 2 {
		return 0, faultSyntax
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
		unit, ok := hex4(text)
		switch {
		case !ok:
			return 0, faultSyntax
		case unit < 0xd800 || unit > 0xdfff:
			return 6, ""
		case unit > 0xdbff:
			return 0, faultSurrogate
		}
		if low, ok := hex4(text[6:]); !ok || low < 0xdc00 || low > 0xdfff {
			return 0, faultSurrogate
		}
		return 12, ""
	}
	return 0, faultSyntax
}

// hex4 reads \uXXXX.
func hex4(text []byte) (unit rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		d := unhex(c)
		if d < 0 {
			return 0, false
		}
		unit = unit<<4 | rune(d)
	}
	return unit, true
}

// unhex is the value of a hexadecimal digit, or negative.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// unescape appends what a string means to dst. The string has been read by str
// and so has no wrong escape.
func unescape(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch c = text[i+1]; c {
		case 'u':
			r, _ := hex4(text[i:])
			i += 6
			if 0xd800 <= r && r <= 0xdbff {
				low, _ := hex4(text[i:])
				i += 6
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
			}
			dst = utf8.AppendRune(dst, r)
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		dst = append(dst, c)
		i += 2
	}
	return dst
}

// maxDigits is how many digits a phone that is a JSON number may have. All of
// them survive in a float64, which is what many readers make of a number.
const maxDigits = 15

// numberValue reads a number. Where a phone may be one, a plain integer of at
// most maxDigits digits is taken as its digits.
func (s *scanner) numberValue(n *node, found *uint32) bool {
	from := s.at
	integer, ok := s.number()
	if !ok || n == nil {
		return ok
	}
	if !n.number || !integer || s.at-from > maxDigits {
		return s.fail(faultType)
	}
	return s.take(n, s.text[from:s.at], found)
}

// number reads a number; integer says that it is digits alone.
func (s *scanner) number() (integer, ok bool) {
	integer = true
	if s.text[s.at] == '-' {
		integer = false
		s.at++
	}
	switch first := s.peek(); {
	case first == '0':
		s.at++
	case !s.digits():
		return false, s.fail(faultSyntax)
	}
	if s.peek() == '.' {
		integer = false
		s.at++
		if !s.digits() {
			return false, s.fail(faultSyntax)
		}
	}
	if s.peek()|0x20 == 'e' {
		integer = false
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return false, s.fail(faultSyntax)
		}
	}
	return integer, true
}

func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// digits reads digits, at least one.
func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}
