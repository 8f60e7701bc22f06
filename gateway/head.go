package gateway

import (
	"bytes"

	"tollgate/policy/token"
)

// head is what the scan of a request's header block found. Its slices alias the
// block.
type head struct {
	bodyLength int64 // Content-Length; 0 when none is announced
	chunked    bool  // Transfer-Encoding: chunked
	expects    bool  // Expect: 100-continue

	host            []byte // Host as it was sent
	clientRequestID []byte // X-Request-Id as sent, where it may be passed on: 1 to 64 token characters
	environment     []byte // X-Environment as sent

	forwarded      []byte // the configured forwarding header
	forwardedTimes int    // how often it stands there; exactly one occurrence counts
}

// announcesBody reports whether bytes of a body are to follow the block.
func (h *head) announcesBody() bool { return h.chunked || h.bodyLength > 0 }

const maxHeaderLines = 128 // a block of more is refused; real clients send about twenty

// requestLine is the part of a request that stands before its header block.
type requestLine struct {
	method []byte
	http11 bool // else HTTP/1.0; any other version was refused before
}

// scan reads the whole block, byte by byte, before anything else looks at it,
// and refuses what two readers could read differently (RFC 9112 §2.2, §5, §6):
// a line that does not end in CRLF, a folded line, a name that is no token, a
// control byte, two of a header that must be one, two framings, a body where
// there is none to be. fasthttp has parsed the block by then, and is lenient in
// each of these. scan does not allocate.
func (h *head) scan(block []byte, line requestLine, forwarded ForwardedHeader) token.Reason {
	*h = head{}
	var seen fieldSet
	var worst token.Reason // 411 and 417 wait for the end: malformed goes first
	for lines := 0; len(block) > 0; lines++ {
		if block[0] == '\r' {
			if len(block) != 2 || block[1] != '\n' {
				return token.MalformedRequest // something follows the end
			}
			break
		}
		if lines == maxHeaderLines {
			return token.HeadersTooLarge
		}
		f, colon, end := scanLine(block)
		if f == fieldNone || end+2 >= len(block) {
			return token.MalformedRequest // the block ends in an empty line
		}
		value := block[colon+1 : end]
		block = block[end+2:]
		if f == fieldOther {
			continue
		}
		if again := !seen.add(f); again && f.single() {
			return token.MalformedRequest
		} else if again && f == fieldRequestID {
			h.clientRequestID = nil
			continue
		}
		if f > fieldLastNoted {
			continue
		}
		value = trimSpace(value)
		h.noteForwarded(f, value, forwarded)
		switch r := h.field(f, value, line); r {
		case token.Allowed:
		case token.ExpectationFailed:
			worst = r
		default:
			return r
		}
	}
	if r := h.framing(&seen, line); r != token.Allowed {
		return r
	}
	return worst
}

// scanLine takes one line apart and tells whose it is, where its colon is, and
// where the value behind that ends, the spaces around it included; fieldNone
// where it is not `token ":" OWS value OWS CRLF`.
func scanLine(block []byte) (f fieldKind, colon, end int) {
	colon = colonIn(block)
	if colon < 1 {
		return fieldNone, 0, 0
	}
	length := valueEnd(block[colon+1:])
	if f = fieldOf(block[:colon]); length < 0 || f == fieldOther && !isToken(block[:colon]) {
		return fieldNone, 0, 0
	}
	return f, colon, colon + 1 + length
}

// cutLine takes the first line off a block that was scanned: the name, the
// value without the spaces around it, and the rest. A nil name is the end.
func cutLine(block []byte) (name, value, rest []byte) {
	f, colon, end := scanLine(block)
	if f == fieldNone {
		return nil, nil, nil
	}
	return block[:colon], trimSpace(block[colon+1 : end]), block[end+2:]
}

// field judges one header by itself and notes what it says.
func (h *head) field(f fieldKind, value []byte, line requestLine) token.Reason {
	switch f {
	case fieldHost:
		if !validHost(value) {
			return token.MalformedRequest
		}
		h.host = value
	case fieldContentLength:
		n, ok := parseLength(value)
		if !ok {
			return token.MalformedRequest
		}
		h.bodyLength = n
	case fieldTransferEncoding:
		// RFC 9112 §6.1: a coding other than chunked cannot be delimited, and
		// HTTP/1.0 has none at all.
		if !equalFold(value, "chunked") || !line.http11 {
			return token.MalformedRequest
		}
		h.chunked = true
	case fieldTrailer:
		return token.MalformedRequest // fasthttp would let a trailer pass for a header
	case fieldExpect:
		if !equalFold(value, "100-continue") {
			return token.ExpectationFailed
		}
		h.expects = line.http11
	case fieldConnection:
		if !isTokenList(value) {
			return token.MalformedRequest
		}
	case fieldRequestID:
		if validRequestID(value) {
			h.clientRequestID = value
		}
	case fieldEnvironment:
		h.environment = value
	}
	return token.Allowed
}

func (h *head) noteForwarded(f fieldKind, value []byte, configured ForwardedHeader) {
	if f == fieldXForwardedFor && configured == XForwardedFor || f == fieldForwarded && configured == Forwarded {
		h.forwarded = value
		h.forwardedTimes++
	}
}

// framing judges what only the whole block can tell.
func (h *head) framing(seen *fieldSet, line requestLine) token.Reason {
	switch {
	case line.http11 && !seen.has(fieldHost):
		return token.MalformedRequest
	case h.chunked && seen.has(fieldContentLength):
		return token.MalformedRequest // the classic of request smuggling
	case h.announcesBody() && bodiless(line.method):
		return token.MalformedRequest
	}
	return token.Allowed
}

// isTokenList reports whether a value is tokens with commas between, of which
// there may be too many, empty ones among them.
func isTokenList(value []byte) bool {
	commas := 0
	for len(value) > 0 {
		n := 0
		for n < len(value) && isTokenChar[value[n]] {
			n++
		}
		value = trimSpace(value[n:])
		if len(value) == 0 {
			break
		}
		if commas++; value[0] != ',' || commas >= maxNominated {
			return false
		}
		value = trimSpace(value[1:])
	}
	return true
}

func bodiless(method []byte) bool { return string(method) == "GET" || string(method) == "HEAD" }

// parseLength reads a Content-Length: one to 18 digits, without a leading zero
// unless it is the only one. Lists, signs and spaces are no length.
func parseLength(value []byte) (int64, bool) {
	if len(value) == 0 || len(value) > 18 || len(value) > 1 && value[0] == '0' {
		return 0, false
	}
	n := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

const maxHost = 255

// validHost reports whether value is a host and an optional port, without user
// information and without anything that a URL parser could take for more.
func validHost(value []byte) bool {
	if len(value) == 0 || len(value) > maxHost {
		return false
	}
	if value[0] == '[' {
		name, port := splitPort(value)
		if len(name) == 0 || bytes.IndexByte(name, '%') >= 0 {
			return false
		}
		_, ok := parseAddr(name[1 : len(name)-1])
		return ok && validPort(port)
	}
	for i, c := range value {
		if !isHostChar[c] {
			return i > 0 && c == ':' && validPort(value[i:])
		}
	}
	return true
}

// validPort reports whether port, colon included, is nothing, a colon alone or a
// number that a port can have.
func validPort(port []byte) bool {
	number := 0
	for i, c := range port {
		if i == 0 {
			continue // the colon
		}
		if c < '0' || c > '9' {
			return false
		}
		number = number*10 + int(c-'0')
	}
	return len(port) <= len(":65535") && number <= 65535
}

// isHostChar is what names of hosts are made of, in the network's DNS and in
// containers'.
var isHostChar = charTable("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

// splitPort cuts ":port" off a host, colon included in the port. An IPv6
// address keeps its brackets.
func splitPort(value []byte) (name, port []byte) {
	if len(value) > 0 && value[0] == '[' {
		for i, c := range value {
			if c == ']' {
				if i+1 < len(value) && value[i+1] != ':' {
					return nil, nil
				}
				return value[:i+1], value[i+1:]
			}
		}
		return nil, nil
	}
	for i, c := range value {
		if c == ':' {
			return value[:i], value[i:]
		}
	}
	return value, nil
}

const maxClientRequestID = 64

func validRequestID(value []byte) bool { return len(value) <= maxClientRequestID && isToken(value) }
