package gateway

import (
	"net/netip"

	"tollgate/policy/token"
)

// walkForwarded walks the Forwarded header of RFC 7239. Quoted strings can hide
// commas, so it is read from the left, all of it, and the answer is kept up to
// date on the way: the last hop that is not one of our own proxies, or the
// first hop where all are. A header that is malformed anywhere tells nothing: a
// client that opens a quotation in its part could otherwise swallow the proxy's.
func (p *peers) walkForwarded(s *token.Source, header []byte) {
	var answer netip.Addr
	readable := true
	r := forwardedReader{rest: header}
	for first := true; ; first = false {
		hop, ok, more := r.element()
		if r.broken {
			s.Unknown = true
			return
		}
		if first || !ok || !p.trusts(hop) {
			answer, readable = hop, ok
		}
		if !more {
			break
		}
	}
	if !readable {
		s.Unknown = true
		return
	}
	s.Addr = answer
}

// forwardedReader takes a Forwarded header apart.
type forwardedReader struct {
	rest   []byte
	broken bool
}

// element reads up to the next comma: `name=value` pairs with ";" between. ok
// says that it names its client by a readable address; more, that another
// element follows.
func (r *forwardedReader) element() (hop netip.Addr, ok, more bool) {
	seen := false
	for {
		r.skipSpace()
		name := r.token()
		if len(name) == 0 || len(r.rest) == 0 || r.rest[0] != '=' {
			r.broken = true
			return netip.Addr{}, false, false
		}
		r.rest = r.rest[1:]
		value := r.value()
		if r.broken {
			return netip.Addr{}, false, false
		}
		if equalFold(name, "for") {
			if seen {
				r.broken = true
				return netip.Addr{}, false, false
			}
			seen = true
			hop, ok = parseNode(value)
		}
		r.skipSpace()
		if len(r.rest) == 0 {
			return hop, ok, false
		}
		separator := r.rest[0]
		r.rest = r.rest[1:]
		switch separator {
		case ',':
			return hop, ok, true
		case ';':
		default:
			r.broken = true
			return netip.Addr{}, false, false
		}
	}
}

// parseNode reads a node of RFC 7239 §6, which writes IPv6 in brackets only.
func parseNode(value []byte) (netip.Addr, bool) {
	colons := 0
	for _, c := range value {
		if c == ':' {
			colons++
		}
	}
	if len(value) == 0 || colons > 1 && value[0] != '[' {
		return netip.Addr{}, false
	}
	return parseHop(value)
}

func (r *forwardedReader) token() []byte {
	n := 0
	for n < len(r.rest) && isTokenChar[r.rest[n]] {
		n++
	}
	name := r.rest[:n]
	r.rest = r.rest[n:]
	return name
}

// value reads a token or a quoted string. An escape inside quotes has no
// business in an address, and is malformed here.
func (r *forwardedReader) value() []byte {
	if len(r.rest) == 0 || r.rest[0] != '"' {
		v := r.token()
		r.broken = r.broken || len(v) == 0
		return v
	}
	for i := 1; i < len(r.rest); i++ {
		switch r.rest[i] {
		case '\\':
			r.broken = true
			return nil
		case '"':
			v := r.rest[1:i]
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.broken = true
	return nil
}

func (r *forwardedReader) skipSpace() {
	for len(r.rest) > 0 && (r.rest[0] == ' ' || r.rest[0] == '\t') {
		r.rest = r.rest[1:]
	}
}
