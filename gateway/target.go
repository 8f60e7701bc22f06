package gateway

import (
	"unicode/utf8"

	"tollgate/policy/token"
)

// target is a request's target taken apart. Path and query are the client's own
// bytes, which is what goes upstream; decoded is what every server that decodes
// percent signs makes of the path, which is what routes are matched against. A
// path that two servers could take apart differently has no target at all.
type target struct {
	raw     []byte // as it was sent, query included
	path    []byte
	query   []byte // without the question mark
	decoded []byte // path itself where it has no percent sign, else a buffer of the passage
}

// judge takes raw apart, or refuses it. room is where a path with percent signs
// is decoded into; it is returned for reuse. judge does not allocate once room
// is large enough.
func (t *target) judge(raw, room []byte) (token.Reason, []byte) {
	*t = target{raw: raw}
	if len(raw) == 0 || raw[0] != '/' {
		return token.MalformedRequest, room // absolute-form, authority-form, the asterisk
	}
	end := len(raw)
	for i, c := range raw {
		if c == '?' {
			end = i
			break
		}
	}
	t.path = raw[:end]
	if end < len(raw) {
		t.query = raw[end+1:]
	}
	escapes, ok := plainPath(t.path)
	if !ok || !plainQuery(t.query) {
		return token.MalformedRequest, room
	}
	t.decoded = t.path
	if escapes {
		room, ok = decode(room[:0], t.path)
		if !ok {
			return token.MalformedRequest, room
		}
		t.decoded = room
	}
	return token.Allowed, room
}

// plainPath reports whether a path is made of the characters that RFC 3986 §3.3
// gives it, without an empty or dot segment and without ";", which some servers
// cut off. An empty last segment is a trailing slash, which is fine. escapes
// says that there are percent signs to look into.
func plainPath(path []byte) (escapes, ok bool) {
	segment := 1 // where the segment under way begins
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			if !isPathChar[path[i]] {
				return false, false
			}
			escapes = escapes || path[i] == '%'
			continue
		}
		s := path[segment:i]
		if len(s) == 0 && i < len(path) || string(s) == "." || string(s) == ".." {
			return false, false
		}
		segment = i + 1
	}
	return escapes, true
}

// plainQuery reports whether a query is made of the characters that RFC 3986
// §3.4 gives it and of whole percent signs. Square brackets pass too, which it
// keeps for IPv6: forms have long named their lists with them, and no reader
// ends a query there. Nothing else in it is judged, and no byte of it is
// changed: signatures are made over it.
func plainQuery(query []byte) bool {
	for i := 0; i < len(query); i++ {
		c := query[i]
		if !isQueryChar[c] {
			return false
		}
		if c == '%' {
			if i+2 >= len(query) || unhex(query[i+1]) > 15 || unhex(query[i+2]) > 15 {
				return false
			}
			i += 2
		}
	}
	return true
}

// decode appends the path with its percent signs taken out to room. It refuses
// broken ones, those that hide what plainPath looks for or what ends a path (a
// slash, a backslash, a dot, a percent sign, ";", "?", "#", a control byte) and
// those that make no UTF-8, overlong dots and slashes among them. What is left
// decodes to one thing only, however often it is decoded.
func decode(room, path []byte) ([]byte, bool) {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) {
				return room, false
			}
			high, low := unhex(path[i+1]), unhex(path[i+2])
			if high > 15 || low > 15 {
				return room, false
			}
			c = high<<4 | low
			if isHidden[c] {
				return room, false
			}
			i += 2
		}
		room = append(room, c)
	}
	return room, utf8.Valid(room)
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// isHidden holds the bytes that a percent sign must not spell.
var isHidden = func() (t [256]bool) {
	t = charTable("/\\.%;?#\x7f")
	for c := range ' ' {
		t[c] = true
	}
	return t
}()

// isPathChar is pchar of RFC 3986 without ";"; isQueryChar is pchar, "/", "?"
// and the brackets.
var (
	isPathChar  = charTable(pathChars)
	isQueryChar = charTable(pathChars + ";/?[]")
)

const pathChars = "%!$&'()*+,=:@-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
