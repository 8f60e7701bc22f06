package gateway

import "math/bits"

// fieldKind is a header that the edge itself has to know, because it frames the
// message, carries a credential, says where the request comes from, or is one
// that two readers read differently where it stands there twice.
type fieldKind uint8

const (
	fieldOther fieldKind = iota
	fieldHost
	fieldContentLength
	fieldTransferEncoding
	fieldTrailer
	fieldExpect
	fieldConnection
	fieldRequestID
	fieldEnvironment
	fieldXForwardedFor
	fieldForwarded

	fieldLastNoted // of those above a value is looked at; those below must only be single
	fieldContentType
	fieldContentEncoding
	fieldContentLocation
	fieldContentRange
	fieldAuthorization
	fieldToken
	fieldAPIKey
	fieldAccessToken
	fieldSignature
	fieldClientID
	fieldIdempotencyKey
	fieldUserAgent
	fieldDate
	fieldFrom
	fieldReferer
	fieldOrigin
	fieldCookie
	fieldRange
	fieldIfRange
	fieldIfModifiedSince
	fieldIfUnmodifiedSince
	fieldMaxForwards
	fieldKinds

	fieldNone fieldKind = 255 // no header at all
)

// fieldNames are the names, in lower case.
var fieldNames = [fieldKinds]string{
	fieldHost: "host", fieldContentLength: "content-length", fieldTransferEncoding: "transfer-encoding", fieldTrailer: "trailer",
	fieldExpect: "expect", fieldConnection: "connection", fieldRequestID: "x-request-id", fieldEnvironment: "x-environment",
	fieldXForwardedFor: "x-forwarded-for", fieldForwarded: "forwarded",
	fieldContentType: "content-type", fieldContentEncoding: "content-encoding", fieldContentLocation: "content-location", fieldContentRange: "content-range",
	fieldAuthorization: "authorization", fieldToken: "token", fieldAPIKey: "x-api-key", fieldAccessToken: "access-token", fieldSignature: "x-signature",
	fieldClientID: "x-client-id", fieldIdempotencyKey: "idempotency-key", fieldUserAgent: "user-agent", fieldDate: "date", fieldFrom: "from",
	fieldReferer: "referer", fieldOrigin: "origin", fieldCookie: "cookie", fieldRange: "range", fieldIfRange: "if-range",
	fieldIfModifiedSince: "if-modified-since", fieldIfUnmodifiedSince: "if-unmodified-since", fieldMaxForwards: "max-forwards",
}

// single reports whether two of the header make a request ambiguous. The
// forwarding headers are lists by nature: what two of them mean is for the walk
// in peer.go to say, and only behind a trusted proxy. Connection is a list too.
// Of two request ids none is passed on.
func (f fieldKind) single() bool {
	return f != fieldXForwardedFor && f != fieldForwarded && f != fieldRequestID && f != fieldConnection
}

// fieldOf finds the header by its name, whatever the case. Length, first and
// last byte leave one candidate or none, so that an ordinary header costs one
// comparison at most. What it finds is a token.
func fieldOf(name []byte) fieldKind {
	if len(name) < 4 || len(name) >= len(fieldSlots) {
		return fieldOther
	}
	f := fieldSlots[len(name)][slotOf(name[0], name[len(name)-1])]
	if f == fieldOther || !equalName(name, fieldNames[f]) {
		return fieldOther
	}
	return f
}

func slotOf(first, last byte) byte { return (first ^ last<<1) & 63 &^ 32 }

// fieldSlots finds the one header of a length whose first and last byte make
// slotOf; two of them would be a fault of this table.
var fieldSlots = func() (t [20][32]fieldKind) {
	for f, name := range fieldNames {
		if name == "" {
			continue
		}
		slot := &t[len(name)][slotOf(name[0], name[len(name)-1])]
		if *slot != fieldOther {
			panic("BUG: gateway: two headers share a slot: " + name)
		}
		*slot = fieldKind(f)
	}
	return t
}()

// equalName compares with a name of letters and hyphens in lower case, of at
// least four bytes, whatever the case of the letters.
func equalName(name []byte, lower string) bool {
	n := len(lower)
	switch {
	case n != len(name):
		return false
	case n < 8:
		return equal4(load4(name), load4(lower)) && equal4(load4(name[n-4:]), load4(lower[n-4:]))
	}
	for i := 0; i+8 < n; i += 8 {
		if !equal8(load8(name[i:]), load8(lower[i:])) {
			return false
		}
	}
	return equal8(load8(name[n-8:]), load8(lower[n-8:]))
}

// equal8 compares bytes of a name. The bit that makes a letter small is set in
// those places only where lower has a letter, which its bit 0x40 tells, so that
// nothing else comes to be equal to a hyphen.
func equal8(name, lower uint64) bool { return name|lower>>1&0x2020202020202020 == lower }

func equal4(name, lower uint32) bool { return name|lower>>1&0x20202020 == lower }

func load4[T string | []byte](b T) uint32 {
	_ = b[3]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func load8[T string | []byte](b T) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// fieldSet remembers which headers were there.
type fieldSet uint64

// add puts f in; false says that it was in already.
func (s *fieldSet) add(f fieldKind) bool {
	before := *s
	*s |= 1 << f
	return before != *s
}

func (s *fieldSet) has(f fieldKind) bool { return *s&(1<<f) != 0 }

// equalFold compares with a lower-case ASCII word, whatever the case of b.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if toLower(c) != lower[i] {
			return false
		}
	}
	return true
}

func toLower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// isTokenChar is tchar of RFC 9110 §5.6.2; isValueChar what may stand in a
// field value: visible ASCII, space, tab, and bytes above ASCII, which are
// opaque. NUL, CR, LF and the other controls are in neither.
var (
	isTokenChar = charTable("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
	isValueChar = valueTable()
)

func charTable(chars string) (t [256]bool) {
	for i := range len(chars) {
		t[chars[i]] = true
	}
	return t
}

func valueTable() (t [256]bool) {
	for c := range 256 {
		t[c] = c == '\t' || c >= 0x20 && c != 0x7f
	}
	return t
}

// valueEnd is where the field value ends that b begins with: the place of its
// CRLF. It is -1 where a byte comes first that may not stand in a value. It
// looks at sixteen bytes at a time, and then at eight.
func valueEnd(b []byte) int {
	i := 0
	for i <= len(b)-16 && controls(load8(b[i:i+8]))|controls(load8(b[i+8:i+16])) == 0 {
		i += 16
	}
	for i <= len(b)-8 {
		odd := controls(load8(b[i : i+8]))
		if odd == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(odd) / 8
		if b[i] == '\r' {
			break
		}
		if !isValueChar[b[i]] {
			return -1
		}
		i++
	}
	for i < len(b) && isValueChar[b[i]] { // at most seven that are left
		i++
	}
	if i+1 >= len(b) || b[i] != '\r' || b[i+1] != '\n' {
		return -1
	}
	return i
}

// colonIn is the place of the first colon; -1 where there is none. It is
// bytes.IndexByte for what is found within a few bytes.
func colonIn(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for i <= len(b)-8 {
		x := load8(b[i:i+8]) ^ ones*':'
		if zero := (x - ones) &^ x & high; zero != 0 { // its lowest mark is right
			return i + bits.TrailingZeros64(zero)/8
		}
		i += 8
	}
	for ; i < len(b); i++ {
		if b[i] == ':' {
			return i
		}
	}
	return -1
}

// controls marks the bytes below 0x20 and equal to 0x7f by their highest bit. It
// marks some others too behind one of those, and a tilde behind 0xff.
func controls(w uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	return ((w - ones*' ') | (w + ones)) &^ w & high
}

// isFieldValue reports whether every byte may stand in a field value.
func isFieldValue(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if controls(load8(b)) != 0 && !areValueChars(b[:8]) {
			return false
		}
	}
	return areValueChars(b)
}

func areValueChars(b []byte) bool {
	for _, c := range b {
		if !isValueChar[c] {
			return false
		}
	}
	return true
}
