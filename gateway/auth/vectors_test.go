package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/policy/token"
)

// vectors reads a file of Project Wycheproof. Without the folder the test is
// skipped, unless TOLLGATE_TEST_REQUIRE names vectors.
func vectors(t *testing.T, name string, into any) {
	t.Helper()
	root := os.Getenv("TOLLGATE_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	file, err := os.ReadFile(filepath.Join(root, "wycheproof", name))
	if err != nil {
		if strings.Contains(os.Getenv("TOLLGATE_TEST_REQUIRE"), "vectors") {
			t.Fatalf("TOLLGATE_TEST_REQUIRE names vectors, and there are none: %v", err)
		}
		t.Skipf("no test vectors: %v; set TOLLGATE_VECTORS to their folder", err)
	}
	if err := json.Unmarshal(file, into); err != nil {
		t.Fatal(err)
	}
}

// All 401 signed tokens of Wycheproof: no invalid one is accepted, whichever key
// and algorithm it is for, and every valid HS256 one that is spelled as we spell
// verifies.
func TestWycheproofJWS(t *testing.T) {
	var file struct {
		TestGroups []struct {
			Private struct{ Alg, K, Kid string }
			Tests   []struct {
				TcID                 int
				Comment, JWS, Result string
			}
		}
	}
	vectors(t, "json_web_signature_test.json", &file)
	tried, verified := 0, 0
	for _, g := range file.TestGroups {
		key := &verifying{alg: token.HS256, secret: []byte("0123456789abcdef0123456789abcdef")}
		if g.Private.K != "" {
			secret, err := base64.RawURLEncoding.DecodeString(g.Private.K)
			if err != nil {
				t.Fatal(err)
			}
			key.secret = secret
		}
		set := &KeySet{}
		set.ring.Store(&ring{keys: map[string]*verifying{g.Private.Kid: key}})
		for _, v := range g.Tests {
			tried++
			if _, reason := set.verify([]byte(v.JWS)); reason == token.Allowed {
				t.Errorf("%d %s: accepted whole", v.TcID, v.Comment)
			}
			if j, read := readJWS([]byte(v.JWS)); read && v.Result != "valid" && macOf(key.secret, j.signed, j.mac) {
				t.Errorf("%d %s: accepted as signed parameters", v.TcID, v.Comment)
			}
			c, ok := cut([]byte(v.JWS))
			if !ok {
				continue
			}
			header, err := spelling.AppendDecode(nil, c.header)
			signature, err2 := spelling.AppendDecode(nil, c.signature)
			var h struct{ Alg string }
			good := err == nil && err2 == nil && json.Unmarshal(header, &h) == nil && h.Alg == "HS256" && key.signed(c.signed, signature)
			switch {
			case good && v.Result != "valid":
				// A header that we refuse for another reason may be signed well.
				if _, read := readHeader(header); read {
					t.Errorf("%d %s: its signature is accepted", v.TcID, v.Comment)
				}
			case good:
				verified++
			case v.Result == "valid" && g.Private.Alg == "HS256":
				t.Errorf("%d %s: its signature is refused", v.TcID, v.Comment)
			}
		}
	}
	if tried < 400 || verified == 0 {
		t.Errorf("%d vectors tried, %d signatures good", tried, verified)
	}
}

// Ed25519 signatures are accepted exactly where Wycheproof says so: malleable,
// truncated and non-canonical ones are not.
func TestWycheproofEd25519(t *testing.T) {
	var file struct {
		TestGroups []struct {
			PublicKey struct{ PK string }
			Tests     []struct {
				TcID                      int
				Comment, Msg, Sig, Result string
			}
		}
	}
	vectors(t, "ed25519_test.json", &file)
	tried := 0
	for _, g := range file.TestGroups {
		key := &verifying{alg: token.EdDSA, public: ed25519.PublicKey(unhex(t, g.PublicKey.PK))}
		for _, v := range g.Tests {
			tried++
			if got := key.signed(unhex(t, v.Msg), unhex(t, v.Sig)); got != (v.Result == "valid") {
				t.Errorf("%d %s: accepted = %v, want %s", v.TcID, v.Comment, got, v.Result)
			}
		}
	}
	if tried < 150 {
		t.Errorf("only %d vectors", tried)
	}
}

// HMAC-SHA-256 tags are accepted exactly where Wycheproof says so, and only at
// their whole length.
func TestWycheproofHMAC(t *testing.T) {
	var file struct {
		TestGroups []struct {
			TagSize int
			Tests   []struct {
				TcID                           int
				Comment, Key, Msg, Tag, Result string
			}
		}
	}
	vectors(t, "hmac_sha256_test.json", &file)
	tried := 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			tried++
			key := &verifying{alg: token.HS256, secret: unhex(t, v.Key)}
			want := v.Result == "valid" && g.TagSize == 256
			if got := key.signed(unhex(t, v.Msg), unhex(t, v.Tag)); got != want {
				t.Errorf("%d %s: accepted = %v, want %v", v.TcID, v.Comment, got, want)
			}
			want = want && len(key.secret) >= leastSecret
			if got := macOf(key.secret, unhex(t, v.Msg), unhex(t, v.Tag)); got != want {
				t.Errorf("%d %s: taken for signed = %v, want %v", v.TcID, v.Comment, got, want)
			}
		}
	}
	if tried < 150 {
		t.Errorf("only %d vectors", tried)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
