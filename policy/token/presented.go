package token

import "net/netip"

// Presented is what a dialect read from one request's headers. Its slices
// alias the request: they are borrowed and dead once it is answered. It is
// pooled with its request.
type Presented struct {
	Dialect string // the dialect that read it
	Kind    Kind   // KindKey, KindJWT, KindPassword, KindSigned or KindMAC; KindNone: of no shape we know

	// Secret is exactly the bytes to hash or verify: the key; the JWT; the
	// base64 text of a Basic value (KindPassword), decoded only when it is not
	// remembered; the JWS inside the raw query (KindSigned); the whole
	// X-Signature value (KindMAC).
	Secret []byte
	Access []byte // ACCESS-TOKEN beside a key, as sent; nil: none was sent

	// Of KindMAC only.
	Name []byte // the client id that says whose secret it is
	At   int64  // t: when it was signed, in Unix seconds
	MAC  []byte // v1: 64 lower-case hexadecimal characters, not decoded

	Digest Digest // of Secret; filled in by the verifier
}

// Reset forgets what was presented.
func (p *Presented) Reset() { *p = Presented{} }

// Source is where a request came from, as far as it can be told.
type Source struct {
	Peer    netip.Addr // the other end of the connection, unmapped, no zone
	Addr    netip.Addr // the client: Peer, or the first untrusted hop behind trusted proxies
	Unknown bool       // a hop could not be read: a token with IP ranges is refused

	// ClientCert is the SHA-256 of the DER of the certificate that the client
	// showed in its TLS handshake and a client_ca of ours vouched for. The zero
	// digest: none was shown, or not to us; a token that asks for one is refused.
	ClientCert Digest
}

// Throttle is the address that failed attempts are counted for: the client's,
// an IPv6 one cut to its /64, which is what one customer of a provider has.
func (s Source) Throttle() netip.Addr {
	if !s.Addr.Is6() {
		return s.Addr
	}
	p, err := s.Addr.Prefix(64)
	if err != nil {
		return s.Addr
	}
	return p.Addr()
}

// Refusal is what a dialect needs to word a refusal. The strings may alias the
// request; a dialect copies what it writes.
type Refusal struct {
	Reason    Reason
	RequestID string
	Presented bool   // something was presented (RFC 6750: no error code when not)
	ClientIP  string // for IPNotAllowed: what we saw
	Country   string // for row 13: as sent
	Operator  string // for row 13: as sent
	Method    string // for row 13: as sent
	Phone     string // for row 14: masked to its last two digits
	Allow     string // for MethodNotRouted: the methods the path has
	Detail    string // one sentence that says more than the reason does; "" for the reason's own
	RetryIn   int    // seconds for Retry-After; 0: the reason's own
}

// Visit is one call of an endpoint of our own, such as /api/token: what it may
// know of the caller, and what it says of the outcome for the log and metrics.
type Visit struct {
	Source    Source
	RequestID string
	NowMicros Instant
	Permit    Permit // for what is handed out; nil: no rate applies
	Remaining int    // whoami: how many requests the caller's rates allow at once just now; -1: it has none

	// Filled in by the endpoint.
	Dialect  string
	Reason   Reason // on entry: Allowed, or why the edge already refuses (BodyTooLarge, AuthThrottled …)
	RetryIn  int    // seconds for Retry-After; 0: one
	Handle   Handle
	Merchant string
}

// Presence is what a dialect found when it looked for its credential in a
// request's headers.
type Presence uint8

// Absent: nothing of this dialect. Found: Presented is filled in. Malformed:
// something on the dialect's carrier that it cannot read; Presented carries
// what there was, and the request is refused in the dialect's words. Ambiguous:
// two credentials of this one dialect, and Presented has KindNone.
const (
	Absent Presence = iota
	Found
	Malformed
	Ambiguous
)
