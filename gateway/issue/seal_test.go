package issue_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

var masterRaw = []byte("0123456789ABCDEFthe-master-key!\n") // 32 bytes that end in a newline

// The three spellings of one master key are one key, with a final newline or
// without.
func TestParseMasterKey(t *testing.T) {
	first, err := issue.ParseMasterKey(masterRaw)
	if err != nil {
		t.Fatal(err)
	}
	place := issue.Place{Purpose: "test", Owner: "tok_0123456789ab", Generation: 1}
	sealed, err := first.Seal(rand.Reader, place, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		string(masterRaw), hex.EncodeToString(masterRaw), hex.EncodeToString(masterRaw) + "\n", strings.ToUpper(hex.EncodeToString(masterRaw)),
		hex.EncodeToString(masterRaw) + "\r\n", base64.StdEncoding.EncodeToString(masterRaw), base64.StdEncoding.EncodeToString(masterRaw) + "\n",
	} {
		k, err := issue.ParseMasterKey([]byte(file))
		if err != nil {
			t.Errorf("a key of %d bytes: %v", len(file), err)
			continue
		}
		if got, err := k.Open(place, sealed); err != nil || string(got) != "secret" {
			t.Errorf("a key of %d bytes is another key: %v", len(file), err)
		}
	}
}

// Anything else is refused with what would do, and neither an error nor a
// printed key tells anything of it.
func TestMasterKeyIsNeverTold(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(masterRaw)
	for name, file := range map[string]string{
		"empty": "", "31 bytes": string(masterRaw[:31]), "33 bytes": string(masterRaw) + "x", "a newline too many": hex.EncodeToString(masterRaw) + "\n\n",
		"a space before": " " + text, "63 hex characters": hex.EncodeToString(masterRaw)[:63], "64 of which one is none": hex.EncodeToString(masterRaw)[:63] + "g",
		"44 of which one is none": text[:43] + "!", "base64url": strings.Repeat("_", 43) + "=", "unpadded": text[:43], "loose bits": text[:42] + "p=",
		"a newline within": text[:20] + "\n" + text[20:43], "44 of 33 bytes": strings.Repeat("A", 44),
	} {
		_, err := issue.ParseMasterKey([]byte(file))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if len(file) > 20 && strings.Contains(err.Error(), file[1:12]) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
	k, err := issue.ParseMasterKey(masterRaw)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "master key" {
			t.Errorf("%s prints %s", verb, got)
		}
		if got := fmt.Sprintf(verb, struct{ K *issue.MasterKey }{k}); strings.Contains(got, "48 49 50") || strings.Contains(got, "0123456789ABC") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// A sealed secret opens in its own place only: not for another token, kind or
// generation, not under another key, and not with any bit changed.
func TestSealIsBoundToItsPlace(t *testing.T) {
	k, err := issue.ParseMasterKey(masterRaw)
	if err != nil {
		t.Fatal(err)
	}
	place := issue.Place{Purpose: "signing_secret", Owner: "tok_0123456789ab", Generation: 1}
	secret := []byte("sig_live_secret")
	sealed, err := k.Seal(rand.Reader, place, secret)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := k.Seal(rand.Reader, place, secret)
	if bytes.Equal(sealed, again) {
		t.Error("sealing twice gives the same bytes: the nonce is not random")
	}
	if got, err := k.Open(place, sealed); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	for _, other := range []issue.Place{
		{Purpose: "signing_secret", Owner: "tok_0123456789ac", Generation: 1}, {Purpose: "signing_secret", Owner: "tok_0123456789ab", Generation: 2},
		{Purpose: "key", Owner: "tok_0123456789ab", Generation: 1}, {Purpose: "signing_secrett", Owner: "ok_0123456789ab", Generation: 1}, {},
	} {
		if got, err := k.Open(other, sealed); err == nil || got != nil {
			t.Errorf("opens as %+v", other)
		}
	}
	stranger, _ := issue.ParseMasterKey(bytes.Repeat([]byte{1}, 32))
	if _, err := stranger.Open(place, sealed); err == nil {
		t.Error("opens under another key")
	}
	for i := range sealed {
		for bit := range 8 {
			spoilt := bytes.Clone(sealed)
			spoilt[i] ^= 1 << bit
			if _, err := k.Open(place, spoilt); err == nil {
				t.Errorf("opens with bit %d of byte %d changed", bit, i)
			}
		}
		if _, err := k.Open(place, sealed[:i]); err == nil {
			t.Errorf("opens when cut to %d bytes", i)
		}
	}
	if _, err := k.Seal(bytes.NewReader(nil), place, secret); err == nil {
		t.Error("seals without a random nonce")
	}
}

// Signing keys come back from their sealed form as they went in, and not as a
// key of another id or algorithm.
func TestSealKey(t *testing.T) {
	m := newMinter(t)
	drawn, err := issue.NewSigningKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if drawn.Alg != token.HS256 || len(drawn.Secret) != 32 || drawn.ID == "" {
		t.Errorf("a new key is %v with %d bytes", drawn, len(drawn.Secret))
	}
	ed := token.SigningKey{ID: "ed1", Alg: token.EdDSA, Ed: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
	for _, k := range []token.SigningKey{drawn, ed} {
		sealed, err := m.SealKey(k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Master.OpenKey(sealed)
		if err != nil || got.ID != k.ID || got.Alg != k.Alg || !bytes.Equal(got.Secret, k.Secret) || !bytes.Equal(got.Ed, k.Ed) {
			t.Errorf("%v comes back as %v, %v", k, got, err)
		}
		for _, spoil := range []func(*token.SealedKey){
			func(s *token.SealedKey) { s.ID = "other" },
			func(s *token.SealedKey) {
				s.Alg = map[token.Algorithm]token.Algorithm{token.HS256: token.EdDSA, token.EdDSA: token.HS256}[s.Alg]
			},
			func(s *token.SealedKey) { s.Sealed = nil },
		} {
			moved := sealed
			spoil(&moved)
			if _, err := m.Master.OpenKey(moved); err == nil {
				t.Errorf("%v opens as %s %s", k, moved.ID, moved.Alg)
			}
		}
	}
	if _, err := (&issue.Minter{Rand: rand.Reader}).SealKey(drawn); err == nil {
		t.Error("a key is sealed without a master key")
	}
	if _, err := issue.NewSigningKey(bytes.NewReader(nil)); err == nil {
		t.Error("a key is drawn without randomness")
	}
}

// Key files are read as operators make them, and refused with what is wrong.
func TestReadSigningKey(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	long := strings.Repeat("s3cr3t--", 4)
	for _, file := range []string{long, long + "\n", long + "\r\n"} {
		if k, err := issue.ReadSigningKey("k1", token.HS256, []byte(file)); err != nil || string(k.Secret) != long {
			t.Errorf("HS256 from %d bytes: %v", len(file), err)
		}
	}
	if k, err := issue.ReadSigningKey("k1", token.EdDSA, pkcs8(ed)); err != nil || !k.Ed.Equal(ed) {
		t.Errorf("EdDSA: %v", err)
	}
	weak, _ := rsa.GenerateKey(rand.Reader, 2048)
	f := func(name string, alg token.Algorithm, file []byte, says string) {
		_, err := issue.ReadSigningKey("k1", alg, file)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "k1") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("a short secret", token.HS256, []byte(long[:31]), "31 bytes")
	f("a short secret and a newline", token.HS256, []byte(long[:31]+"\n"), "31 bytes")
	f("no PEM", token.EdDSA, []byte(long), "PKCS#8")
	f("a public key", token.EdDSA, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), "PKCS#8")
	f("garbage in PEM", token.EdDSA, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), "PKCS#8")
	f("RSA", token.EdDSA, pkcs8(weak), "rsa")
	f("two keys", token.EdDSA, append(pkcs8(ed), pkcs8(ed)...), "one key")
	f("another algorithm", "RS256", pkcs8(weak), "HS256 and EdDSA")
}

// Whatever a key file holds, reading it does not panic, and what is taken for a
// master key is one of the three spellings.
func FuzzKeyFiles(f *testing.F) {
	f.Add(masterRaw)
	f.Add([]byte(hex.EncodeToString(masterRaw) + "\n"))
	f.Add([]byte(base64.StdEncoding.EncodeToString(masterRaw)))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if k, err := issue.ParseMasterKey(file); err == nil {
			if n := len(strings.TrimRight(string(file), "\r\n")); len(file) != 32 && n != 64 && n != 44 {
				t.Errorf("%d bytes are a master key", len(file))
			}
			_, _ = k.Open(issue.Place{}, file)
		}
		if k, err := issue.ReadSigningKey("k", token.HS256, file); err == nil && len(k.Secret) < 32 {
			t.Errorf("an HS256 key of %d bytes", len(k.Secret))
		}
		if k, err := issue.ReadSigningKey("k", token.EdDSA, file); err == nil && len(k.Ed) != ed25519.PrivateKeySize {
			t.Errorf("an EdDSA key of %d bytes", len(k.Ed))
		}
	})
}
