package configs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"
)

const maxSigningKeys = 16

func (r *reader) checkTokens(t *Tokens) {
	r.span("tokens.access_ttl", t.AccessTTL, time.Second, day)
	if t.AccessTTL >= time.Second && t.AccessTTL%time.Second != 0 {
		r.fail("tokens.access_ttl", "%s is no whole number of seconds, which is what JWTs count in; write %s", durationText(t.AccessTTL), durationText(t.AccessTTL.Truncate(time.Second)))
	}
	r.span("tokens.opaque_ttl", t.OpaqueTTL, time.Second, day)
	r.span("tokens.refresh.grace", t.Refresh.Grace, 0, 5*time.Minute)
	r.span("tokens.refresh.absolute", t.Refresh.Absolute, time.Minute, 366*day)
	r.span("tokens.refresh.idle", t.Refresh.Idle, time.Minute, max(time.Minute, t.Refresh.Absolute))
	if len(t.Issuer) > 255 || !visible(t.Issuer) {
		r.fail("tokens.issuer", "%s is no issuer; write a name or a URL in visible ASCII, without #", quote(t.Issuer))
	}
	if len(t.SigningKeys) > maxSigningKeys {
		r.fail("tokens.signing_keys", "there are %d; %d are enough for any rotation, take out those that no token in use was signed by", len(t.SigningKeys), maxSigningKeys)
	}
	first := make(map[string]int)
	for i := range t.SigningKeys {
		id := t.SigningKeys[i].ID
		key := below(item("tokens.signing_keys", i), "id")
		other, twice := first[id]
		switch {
		case id == "":
			r.fail(key, "it is missing; write one of up to 64 letters, digits, _ and -, such as k1")
		case !plainWord(id):
			r.fail(key, "%s is no key id; use up to 64 letters, digits, _ and -, such as k1", quote(id))
		case twice:
			r.fail(key, "%s is the id of signing_keys[%d] already; tokens name their key by it, give each its own", quote(id), other)
		}
		first[id] = i
	}
}

// readSigningKey reads a key from its file and proves that it can sign with
// its algorithm.
func (r *reader) readSigningKey(key string, k *SigningKey) {
	alg, file := below(key, "alg"), below(key, "secret_file")
	if k.Alg == "" {
		r.fail(alg, "it is missing; write HS256 or EdDSA")
	} else {
		r.oneOf(alg, k.Alg, "HS256", "EdDSA")
	}
	if k.SecretFile == "" {
		r.fail(file, "it is missing; name the file that holds the key")
		return
	}
	if k.Secret = r.secretFile(file, k.SecretFile); !k.Secret.Given() || r.isBroken(alg) {
		return
	}
	switch k.Alg {
	case "HS256":
		if bytes.HasPrefix(k.Secret.Reveal(), []byte("-----BEGIN")) {
			r.fail(file, "%s holds a PEM block, whose text is no secret for HS256; write alg: EdDSA, or name a file of random bytes", quote(string(k.SecretFile)))
		}
		r.checkStrong(file, k.Secret)
	case "EdDSA":
		if err := checkEd25519(k.Secret.Reveal()); err != nil {
			r.fail(file, "%s %v; openssl genpkey -algorithm ed25519 makes one", quote(string(k.SecretFile)), err)
		}
	}
}

// checkEd25519 says what keeps text from being one PKCS#8 PEM block with an
// Ed25519 private key; nil when nothing does.
func checkEd25519(text []byte) error {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return errors.New("holds no PEM block")
	case block.Type != "PRIVATE KEY":
		return errors.New("holds a PEM block that is not a PKCS#8 PRIVATE KEY")
	case len(bytes.TrimSpace(rest)) > 0:
		return errors.New("holds more than one PEM block")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return errors.New("holds a PRIVATE KEY that cannot be read")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	switch {
	case !ok:
		return errors.New("holds a private key of another kind than Ed25519")
	case WellKnown(private.Seed()):
		return errors.New("holds the private key of a standard's example, or one that was not drawn at random")
	}
	return nil
}
