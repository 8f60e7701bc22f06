package wire

import "encoding/base64"

// Credentials takes an Authorization value apart: scheme word, exactly one
// space, and the rest without any further space (RFC 9110 §11.4, token68). The
// scheme is compared without regard to case. found says that the value speaks
// of this scheme at all; rest is nil when what follows it is malformed. Both
// alias the value.
func Credentials(value []byte, scheme string) (rest []byte, found bool) {
	if len(value) < len(scheme) || !equalFold(value[:len(scheme)], scheme) {
		return nil, false
	}
	after := value[len(scheme):]
	if len(after) == 0 {
		return nil, true
	}
	if after[0] != ' ' {
		return nil, false // another word that only begins like this one
	}
	after = after[1:]
	if len(after) == 0 || !isToken68(after) {
		return nil, true
	}
	return after, true
}

// Basic reads "id:secret" out of an RFC 7617 Basic value into buf and returns
// both halves, which alias it. Base64 is read strictly: an alphabet, padding or
// trailing bits that another reader could take otherwise are malformed, and so
// are an empty half and control characters. buf is returned for reuse.
func Basic(value, buf []byte) (id, secret, out []byte, ok bool) {
	rest, found := Credentials(value, "Basic")
	if !found || rest == nil || len(rest) > maxBasic {
		return nil, nil, buf, false
	}
	n := base64.StdEncoding.DecodedLen(len(rest))
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	n, err := base64.StdEncoding.Strict().Decode(buf, rest)
	if err != nil {
		return nil, nil, buf, false
	}
	pair := buf[:n]
	at := -1
	for i, c := range pair {
		if c < 0x20 || c == 0x7f {
			return nil, nil, buf, false
		}
		if c == ':' && at < 0 {
			at = i
		}
	}
	if at <= 0 || at == len(pair)-1 {
		return nil, nil, buf, false
	}
	return pair[:at], pair[at+1:], buf, true
}

// maxBasic bounds a Basic value; ids and secrets of ours need 120 characters.
const maxBasic = 1024

// IsCompactJWS reports whether b has the shape of a signed JWT: three
// base64url parts with a dot between. Nothing is decoded.
func IsCompactJWS(b []byte) bool {
	dots, run := 0, 0
	for _, c := range b {
		switch {
		case c == '.':
			if run == 0 || dots == 2 {
				return false
			}
			dots, run = dots+1, 0
		case isBase64URL(c):
			run++
		default:
			return false
		}
	}
	return dots == 2 && run > 0
}

func isBase64URL(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// isToken68 is RFC 9110's token68: what a bearer token or base64 may consist of.
func isToken68(b []byte) bool {
	end := len(b)
	for end > 0 && b[end-1] == '=' {
		end--
	}
	if end == 0 {
		return false
	}
	for _, c := range b[:end] {
		if !isBase64URL(c) && c != '.' && c != '~' && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

func equalFold(b []byte, word string) bool {
	for i := range b {
		x, y := b[i], word[i]
		if x|0x20 != y|0x20 || (x != y && (x|0x20 < 'a' || x|0x20 > 'z')) {
			return false
		}
	}
	return true
}
