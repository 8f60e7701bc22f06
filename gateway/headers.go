package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// line is one header field as it was sent. Its slices alias the block it was
// read from.
type line struct{ name, value []byte }

// crossing says what becomes of one header field of a client or an upstream.
type crossing uint8

const (
	crosses    crossing = iota
	stays               // belongs to one hop, to us, or claims what only we may say
	credential          // crosses where the route forwards credentials
	naming              // says whose a signature is: crosses where the route reads none
	connection          // stays, and nominates others
	content             // describes the body that was judged: crosses whatever nominates it
	limits              // says what is left of a rate: crosses where we say nothing of ours
)

// The most fields a client's Connection header may nominate. Real ones nominate
// one or two; each costs a comparison for every field.
const maxNominated = 16

// foldedName is as much of a folded name as any rule looks at.
type foldedName [40]byte

// fold writes a field name as the most careless upstream might read it: lower
// case, and everything that is no letter or digit a hyphen. CGI makes X_Name and
// X-Name one variable, and PHP adds X.Name.
func (f *foldedName) fold(name []byte) []byte {
	n := min(len(name), len(f))
	for i, c := range name[:n] {
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		default:
			c = '-'
		}
		f[i] = c
	}
	return f[:n]
}

// outward says what becomes of a client's header field on the way to the
// upstream, by its folded name.
func outward(folded []byte) crossing {
	switch string(folded) {
	case "connection":
		return connection
	case "authorization", "token", "x-api-key", "access-token", "x-signature":
		return credential
	case "x-client-id":
		return naming
	case "content-type", "content-encoding", "content-language", "content-location":
		return content
	case "host", "content-length", "transfer-encoding", // the request is framed anew
		"keep-alive", "te", "trailer", "upgrade", "expect", "http2-settings",
		"x-request-id", "x-client-request-id", // the first is ours, the second what the edge made of the client's
		"forwarded", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "cf-connecting-ip",
		"x-http-method", "x-http-method-override", "x-method-override", "x-rewrite-url",
		"x-client-cert", "client-cert", "client-cert-chain": // RFC 9440 §4: not to be taken from a client
		return stays
	}
	if hasPrefix(folded, "x-tollgate-") || hasPrefix(folded, "x-forwarded-") ||
		hasPrefix(folded, "proxy-") || hasPrefix(folded, "x-original-") {
		return stays
	}
	return crosses
}

// homeward says what becomes of an upstream's header field on the way to the
// client, by its folded name. What an upstream says about its own software, or
// about a way around us, stays; so does what only we may say.
func homeward(folded []byte) crossing {
	switch string(folded) {
	case "connection":
		return connection
	case "content-type", "content-encoding", "content-language", "content-location":
		return content
	case "content-length", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "http2-settings",
		"date", // ours
		"server", "x-powered-by", "alt-svc", "x-request-id":
		return stays
	case "ratelimit", "ratelimit-policy":
		return limits
	}
	if hasPrefix(folded, "x-tollgate-") || hasPrefix(folded, "proxy-") {
		return stays
	}
	return crosses
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// readLines splits a header block, as it came from the wire and ends with an
// empty line, into its fields. ok is false for anything that is not lines of
// "name: value" with CRLF and without controls: a block that was scanned before
// is always ok, and one that is not must not be forwarded.
func readLines(block []byte, into []line) (lines []line, ok bool) {
	lines = into[:0]
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		if end < 1 || block[end-1] != '\r' {
			return lines, false
		}
		text := block[:end-1]
		block = block[end+1:]
		if len(text) == 0 {
			return lines, len(block) == 0
		}
		l, ok := readLine(text)
		if !ok {
			return lines, false
		}
		lines = append(lines, l)
	}
	return lines, true
}

// readLine reads one field without its CRLF. A space before the colon, a folded
// line and a control other than a tab in the value are all refused.
func readLine(text []byte) (l line, ok bool) {
	colon := bytes.IndexByte(text, ':')
	if colon < 1 {
		return l, false
	}
	if !isToken(text[:colon]) {
		return l, false
	}
	l = line{text[:colon], trimSpace(text[colon+1:])}
	return l, isFieldValue(l.value)
}

func isToken[T string | []byte](s T) bool {
	for i := range len(s) {
		if !isTokenChar[s[i]] {
			return false
		}
	}
	return len(s) > 0
}

// isHost reports whether s can be sent as a Host: a name or address with an
// optional port, in visible ASCII without the marks of other parts of a URL.
func isHost(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f, c == '/', c == '@', c == '?', c == '#', c == '\\', c == '%', c == ',':
			return false
		}
	}
	return s != ""
}

// nominate adds the names that a Connection header's value nominates. ok is
// false when they are too many to be meant.
func nominate(value []byte, into [][]byte) (names [][]byte, ok bool) {
	for len(value) > 0 {
		var name []byte
		if comma := bytes.IndexByte(value, ','); comma >= 0 {
			name, value = value[:comma], value[comma+1:]
		} else {
			name, value = value, nil
		}
		if name = trimSpace(name); len(name) == 0 {
			continue
		}
		if len(into) == maxNominated {
			return into, false
		}
		into = append(into, name)
	}
	return into, true
}

func isNominated(name []byte, names [][]byte) bool {
	for _, n := range names {
		if bytes.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// headersOut is what an upstream's configuration sets on every request: the
// lines, ready to send, and the folded names that the client's are dropped for.
type headersOut struct {
	lines []byte
	names [][]byte
}

func (h *headersOut) sets(folded []byte) bool {
	for _, n := range h.names {
		if bytes.Equal(n, folded) {
			return true
		}
	}
	return false
}

// readHeaders prepares the configured headers, in the order of their names, and
// the signer.
func (u *upstream) readHeaders() error {
	names := make([]string, 0, len(u.spec.Headers))
	for name := range u.spec.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []error
	for _, name := range names {
		value := u.spec.Headers[name]
		var room foldedName
		folded := room.fold([]byte(name))
		switch fate := outward(folded); {
		case !isToken(name) || len(name) > len(room):
			all = append(all, fmt.Errorf("headers: %q is no header name of at most %d characters", name, len(room)))
		case !isFieldValue([]byte(value)):
			all = append(all, fmt.Errorf("headers: the value of %s holds a line break or control character", name))
		case fate == stays || fate == connection:
			all = append(all, fmt.Errorf("headers: %s is set by tollgate itself or belongs to the connection; leave it out", name))
		case u.headers.sets(folded):
			all = append(all, fmt.Errorf("headers: %s is given twice in different spellings", name))
		default:
			u.headers.names = append(u.headers.names, bytes.Clone(folded))
			u.headers.lines = appendField(u.headers.lines, name, value)
		}
	}
	if u.spec.SignKey != nil && len(u.spec.SignKey) < minSignKey {
		all = append(all, fmt.Errorf("sign_key_file holds %d bytes; a key has at least %d", len(u.spec.SignKey), minSignKey))
	} else if u.spec.SignKey != nil {
		u.signer = newSigner(u.spec.SignKey)
	}
	return errors.Join(all...)
}

// readHost settles which Host is sent.
func (u *upstream) readHost() error {
	switch u.spec.Host {
	case "", "target":
	case "keep":
		u.keep = true
	default:
		if !isHost(u.spec.Host) {
			return fmt.Errorf("host %q: write keep, target, or a host name with an optional port", u.spec.Host)
		}
		u.host = u.spec.Host
	}
	return nil
}

func appendField[V string | []byte](to []byte, name string, value V) []byte {
	to = append(to, name...)
	to = append(to, ": "...)
	to = append(to, value...)
	return append(to, '\r', '\n')
}
