package token

import "crypto/sha256"

// Handle is a token's public name, "tok_" and 12 base62 characters. It is safe
// to log, to list and to quote.
type Handle string

// Digest is the SHA-256 of a secret's bytes as they were presented. Secrets are
// stored, cached and compared only in this form.
type Digest [sha256.Size]byte

// DigestOf hashes a secret. It does not keep the bytes.
func DigestOf(secret []byte) Digest { return sha256.Sum256(secret) }

// Kind says what a secret is for. Every look-up carries it, so that a secret of
// one kind is unknown as any other.
type Kind uint8

// The kinds of secret; their prefixes are published (see Parse).
const (
	KindNone     Kind = iota
	KindKey           // tg_live_… or tg_test_…: a token's bearer secret
	KindClient        // sec_live_…: the secret of a token's client credentials
	KindSigning       // sig_live_…: HMAC key, the only secret that is kept, sealed
	KindAccess        // tgo_…: opaque access token
	KindRefresh       // tgr_…: refresh token
	KindAdmin         // tga_…: admin API key
	KindJWT           // a signed access token; never stored
	KindPassword      // e-mail and password of a dashboard user, as Basic carries them
	KindSigned        // signed parameters: a compact JWS under the signing secret; never stored
	KindMAC           // a signed request: an HMAC under the signing secret; never stored
)

var kindNames = [...]string{"none", "key", "client_secret", "signing_secret", "access_token", "refresh_token", "admin_key", "jwt", "password", "signed_parameters", "signed_request"}

// String is the word the admin API uses for the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Environment tells real money from play money.
type Environment uint8

// The environments of a token, and what a route may ask for.
const (
	EnvAny Environment = iota // routes only: both are served
	EnvLive
	EnvTest
)

// String is "live", "test" or "any".
func (e Environment) String() string {
	switch e {
	case EnvLive:
		return "live"
	case EnvTest:
		return "test"
	default:
		return "any"
	}
}

// ParseEnvironment reads "live" or "test"; ok is false for anything else.
func ParseEnvironment(s string) (e Environment, ok bool) {
	switch s {
	case "live":
		return EnvLive, true
	case "test":
		return EnvTest, true
	}
	return EnvAny, false
}

// Mode says whether a refusal is carried out or only counted.
type Mode uint8

// Enforce refuses; Monitor decides, counts and logs would_deny, and lets pass.
// Monitor covers only some rows of the order of checks (see Reason.Monitored).
const (
	Enforce Mode = iota
	Monitor
)

// String is "enforce" or "monitor".
func (m Mode) String() string {
	if m == Monitor {
		return "monitor"
	}
	return "enforce"
}

// ParseMode reads "enforce" or "monitor"; the empty word is enforce.
func ParseMode(s string) (m Mode, ok bool) {
	switch s {
	case "", "enforce":
		return Enforce, true
	case "monitor":
		return Monitor, true
	}
	return Enforce, false
}
