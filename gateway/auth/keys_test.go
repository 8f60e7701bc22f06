package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tollgate/gateway/auth"
	"tollgate/policy/token"
)

// The published document holds the public half of every EdDSA key and nothing
// of any other: no HMAC secret, no private half.
func TestJWKS(t *testing.T) {
	ed2 := token.SigningKey{ID: "ed2", Alg: token.EdDSA, Ed: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}
	set, err := auth.NewKeySet(nil, hmacKey, edKey, ed2)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"keys":[` +
		`{"kty":"OKP","crv":"Ed25519","x":"` + part(string(edKey.Ed.Public().(ed25519.PublicKey))) + `","use":"sig","alg":"EdDSA","kid":"ed1"},` +
		`{"kty":"OKP","crv":"Ed25519","x":"` + part(string(ed2.Ed.Public().(ed25519.PublicKey))) + `","use":"sig","alg":"EdDSA","kid":"ed2"}]}`
	if got := string(set.JWKS()); got != want {
		t.Errorf("JWKS = %s\nwant   %s", got, want)
	}
	for name, secret := range map[string][]byte{"HMAC": hmacKey.Secret, "seed": edKey.Ed.Seed()} {
		if bytes.Contains(set.JWKS(), secret) || strings.Contains(string(set.JWKS()), part(string(secret))) {
			t.Errorf("the %s secret is published", name)
		}
	}
	if !set.Publishes() {
		t.Error("nothing is said to be published")
	}
	if err := set.Swap(hmacKey); err != nil {
		t.Fatal(err)
	}
	if got := string(set.JWKS()); got != `{"keys":[]}` || set.Publishes() || !json.Valid(set.JWKS()) {
		t.Errorf("JWKS without public keys = %s, publishes = %v", got, set.Publishes())
	}
}

// Keys that are too weak, ambiguous or of no algorithm are refused by id, and
// neither the error nor a printed key tells anything of the secret.
func TestKeySetRefuses(t *testing.T) {
	secret := []byte("this-is-the-secret-in-the-key-ok")
	f := func(name string, keys ...token.SigningKey) {
		_, err := auth.NewKeySet(nil, keys...)
		if err == nil {
			t.Errorf("%s: accepted", name)
			return
		}
		if strings.Contains(err.Error(), "this-is") {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
	hs := func(id string, s []byte) token.SigningKey {
		return token.SigningKey{ID: id, Alg: token.HS256, Secret: s}
	}
	f("none")
	f("a short secret", hs("k1", secret[:31]))
	f("no secret", hs("k1", nil))
	f("no id", hs("", secret))
	f("an id with a dot", hs("k.1", secret))
	f("a long id", hs(strings.Repeat("k", 65), secret))
	f("one id twice", hs("k1", secret), hs("k1", bytes.Repeat([]byte("x"), 32)))
	f("no algorithm", token.SigningKey{ID: "k1", Secret: secret})
	f("none", token.SigningKey{ID: "k1", Alg: "none", Secret: secret})
	f("EdDSA with a secret", token.SigningKey{ID: "k1", Alg: token.EdDSA, Secret: secret})
	f("EdDSA with a seed for a key", token.SigningKey{ID: "k1", Alg: token.EdDSA, Ed: secret})
	f("HS256 with both", token.SigningKey{ID: "k1", Alg: token.HS256, Secret: secret, Ed: edKey.Ed})
	if printed := fmt.Sprintf("%v %+v %#v %s", hs("k1", secret), hs("k1", secret), hs("k1", secret), hs("k1", secret)); strings.Contains(printed, "this-is") {
		t.Errorf("a key prints as %s", printed)
	}
}
