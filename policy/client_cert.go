package policy

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"tollgate/policy/token"
)

// maxClientCerts is how many client certificates one token may be bound to: one
// for each machine of a merchant, twice while they are renewed.
const maxClientCerts = 10

// clientCerts are the client certificates that a token may be used with. The
// zero value asks for none.
type clientCerts struct {
	asked   bool // false: every request passes
	digests []token.Digest
}

// ParseClientCert reads the SHA-256 of a client certificate's DER, as 64
// hexadecimal characters in either case, with or without the colons and the
// name that openssl prints. The answer is in the canonical form: lower case,
// without colons.
func ParseClientCert(s string) (string, error) {
	if len(s) > 160 {
		return "", errors.New("longer than any fingerprint; write the certificate's SHA-256 as 64 hexadecimal characters")
	}
	text := s
	if name, value, named := strings.Cut(s, "="); named {
		if !strings.EqualFold(strings.TrimSpace(name), "sha256 fingerprint") {
			return "", fmt.Errorf("%q is not the SHA-256 of a certificate; openssl x509 -fingerprint -sha256 prints it", cut(s))
		}
		text = strings.TrimSpace(value)
	}
	plain := strings.ReplaceAll(text, ":", "")
	if strings.Contains(text, ":") && !pairsByColons(text) {
		return "", fmt.Errorf("%q has a colon where none belongs; write one after every two characters, or none", cut(s))
	}
	digest, err := hex.DecodeString(plain)
	switch {
	case err == nil && len(digest) == 20:
		return "", fmt.Errorf("%q is as long as a SHA-1, which is forgeable; openssl x509 -fingerprint -sha256 prints the SHA-256", cut(s))
	case err != nil || len(digest) != len(token.Digest{}):
		return "", fmt.Errorf("%q is not the SHA-256 of a certificate: write 64 hexadecimal characters, as openssl x509 -fingerprint -sha256 prints them", cut(s))
	case token.Digest(digest) == token.Digest{}:
		return "", errors.New("all zeros is the SHA-256 of no certificate")
	}
	return hex.EncodeToString(digest), nil
}

// pairsByColons reports whether every third character is a colon, and no other.
func pairsByColons(s string) bool {
	for i := range len(s) {
		if (s[i] == ':') != (i%3 == 2) {
			return false
		}
	}
	return true
}

// compileClientCerts parses a list; asked without entries lets nobody pass.
func compileClientCerts(list []string, asked bool) (clientCerts, error) {
	c := clientCerts{asked: asked || len(list) > 0}
	for _, text := range list {
		canonical, err := ParseClientCert(text)
		if err != nil {
			return clientCerts{}, err
		}
		raw, err := hex.DecodeString(canonical)
		if err != nil {
			return clientCerts{}, err
		}
		c.digests = append(c.digests, token.Digest(raw))
	}
	return c, nil
}

// contain reports whether the certificate that was shown passes. It compares
// all of them, each in constant time; no certificate, which is the zero digest,
// is none of them.
func (c *clientCerts) contain(shown *token.Digest) bool {
	if !c.asked {
		return true
	}
	found := 0
	for i := range c.digests {
		found |= subtle.ConstantTimeCompare(c.digests[i][:], shown[:])
	}
	return found == 1 && *shown != token.Digest{}
}

// size is the bytes held.
func (c *clientCerts) size() int64 { return int64(len(c.digests)) * int64(len(token.Digest{})) }

// certHint is enough of a certificate's digest to tell it from another.
func certHint(d *token.Digest) string { return hex.EncodeToString(d[:4]) + "…" }
