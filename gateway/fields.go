package gateway

// fieldKind is a header that the edge itself has to know, because it frames the
// message, carries a credential or says where the request comes from.
type fieldKind uint8

const (
	fieldOther fieldKind = iota
	fieldHost
	fieldContentLength
	fieldTransferEncoding
	fieldTrailer
	fieldExpect
	fieldContentType
	fieldContentEncoding
	fieldAuthorization
	fieldToken
	fieldAPIKey
	fieldAccessToken
	fieldSignature
	fieldClientID
	fieldEnvironment
	fieldRequestID
	fieldIdempotencyKey
	fieldXForwardedFor
	fieldForwarded
)

// single reports whether two of the header make a request ambiguous. The
// forwarding headers are lists by nature: what two of them mean is for the walk
// in peer.go to say, and only behind a trusted proxy. Of two request ids none
// is passed on.
func (f fieldKind) single() bool {
	return f != fieldXForwardedFor && f != fieldForwarded && f != fieldRequestID
}

// fieldOf finds the header by its name, whatever the case. The length decides
// nearly always, so that an ordinary header costs one comparison or none.
func fieldOf(name []byte) fieldKind {
	switch len(name) {
	case 4:
		return match(name, "host", fieldHost)
	case 5:
		return match(name, "token", fieldToken)
	case 6:
		return match(name, "expect", fieldExpect)
	case 7:
		return match(name, "trailer", fieldTrailer)
	case 9:
		return either(match(name, "forwarded", fieldForwarded), match(name, "x-api-key", fieldAPIKey))
	case 11:
		return either(match(name, "x-signature", fieldSignature), match(name, "x-client-id", fieldClientID))
	case 12:
		return either(match(name, "content-type", fieldContentType),
			either(match(name, "access-token", fieldAccessToken), match(name, "x-request-id", fieldRequestID)))
	case 13:
		return either(match(name, "authorization", fieldAuthorization), match(name, "x-environment", fieldEnvironment))
	case 14:
		return match(name, "content-length", fieldContentLength)
	case 15:
		return either(match(name, "x-forwarded-for", fieldXForwardedFor), match(name, "idempotency-key", fieldIdempotencyKey))
	case 16:
		return match(name, "content-encoding", fieldContentEncoding)
	case 17:
		return match(name, "transfer-encoding", fieldTransferEncoding)
	}
	return fieldOther
}

func match(name []byte, lower string, f fieldKind) fieldKind {
	if equalFold(name, lower) {
		return f
	}
	return fieldOther
}

func either(a, b fieldKind) fieldKind {
	if a != fieldOther {
		return a
	}
	return b
}

// fieldSet remembers which headers were there.
type fieldSet uint32

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
