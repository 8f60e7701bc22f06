package token

import "crypto/ed25519"

// Algorithm is a JWS algorithm we sign or verify with; there are no others.
type Algorithm string

// The algorithms.
const (
	HS256 Algorithm = "HS256"
	EdDSA Algorithm = "EdDSA"
)

// SigningKey signs and verifies JWTs. The key decides the algorithm, never the
// header of a token. It prints as its id only.
type SigningKey struct {
	ID     string // kid: 1 to 64 of A-Z a-z 0-9 _ -
	Alg    Algorithm
	Secret []byte             // HS256: at least 32 bytes
	Ed     ed25519.PrivateKey // EdDSA
}

// String is the key's id, so that a key in a log line is harmless.
func (k SigningKey) String() string { return "signing key " + k.ID }

// GoString is String: %#v tells no more.
func (k SigningKey) GoString() string { return k.String() }

// SigningSecret is one live secret that a token's requests are signed with, in
// the clear. Whoever was handed it clears it after use. It prints as nothing.
type SigningSecret struct {
	Secret []byte
	EndsAt Instant // when its rotation's grace ends; 0: lives
}

// String tells nothing of the secret.
func (SigningSecret) String() string { return "signing secret" }

// GoString is String.
func (s SigningSecret) GoString() string { return s.String() }
