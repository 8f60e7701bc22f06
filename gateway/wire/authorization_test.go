package wire

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// A credential is read only where one reader alone can be right: the scheme in
// any case, one space, and nothing after it but token68.
func TestCredentialsAreReadOneWayOnly(t *testing.T) {
	f := func(value, want string, found bool) {
		t.Helper()
		rest, ok := Credentials([]byte(value), "Bearer")
		if string(rest) != want || ok != found {
			t.Errorf("Credentials(%q) = %q, %v; want %q, %v", value, rest, ok, want, found)
		}
	}
	f("Bearer abc", "abc", true)
	f("bearer abc", "abc", true)
	f("BEARER abc==", "abc==", true)
	f("Bearer  abc", "", true)
	f("Bearer\tabc", "", false)
	f("Bearer", "", true)
	f("Bearer ", "", true)
	f("Bearer ==", "", true)
	f("Bearer a b", "", true)
	f("Bearer a,b", "", true)
	f("Bearer abc ", "", true)
	f("Bearer \x00", "", true)
	f("Bearerabc", "", false)
	f("Basic abc", "", false)
	f("Be\x01rer abc", "", false)
	f("", "", false)
	f("[earer abc", "", false) // '[' and '{' differ by the case bit alone
}

// The pair of a Basic value is what domain.md §8 computed, and a value that a
// lenient decoder would take is refused: the sample of seed 5 among them.
func TestBasicIsStrict(t *testing.T) {
	f := func(value, id, secret string) {
		t.Helper()
		gotID, gotSecret, _, ok := Basic([]byte(value), nil)
		if ok != (id != "") || string(gotID) != id || string(gotSecret) != secret {
			t.Errorf("Basic(%q) = %q, %q, %v; want %q, %q", value, gotID, gotSecret, ok, id, secret)
		}
	}
	f("Basic eW91cl9rZXk6eW91cl9zZWNyZXQ=", "your_key", "your_secret")
	f("basic cmFuZG9tQGRvbWFpbi5jb206am9objEyMw==", "random@domain.com", "john123")
	f("Basic i0yOWYwLTRjMWMtOGE2ZC0bGl2ZV9JlYzU4NiwY2MyMDk0ZjZhMzQkaWdpdGFscGF5ZTY3OTg3Njo1OW=", "", "")
	encode := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	f(encode("a:b:c"), "a", "b:c")
	f(encode(":secret"), "", "")
	f(encode("id:"), "", "")
	f(encode("nocolon"), "", "")
	f(encode("id:se\ncret"), "", "")
	f(encode("id:se\x00cret"), "", "")
	f("Basic eW91cl9rZXk6eW91cl9zZWNyZXR=", "", "") // trailing bits set: a second spelling
	f("Basic eW91cl9rZXk6eW91cl9zZWNyZXQ", "", "")  // padding missing
	f("Basic "+strings.Repeat("QUFB", 400), "", "")
	f("Bearer eW91cl9rZXk6eW91cl9zZWNyZXQ=", "", "")
}

// Only three non-empty base64url parts are taken for a JWT.
func TestCompactJWSShape(t *testing.T) {
	for value, want := range map[string]bool{
		"a.b.c": true, "a.b": false, "a.b.c.d": false, "a..c": false, ".b.c": false, "a.b.": false,
		"a.b.c=": false, "a.b.c\n": false, "a.b+.c": false, "": false, "..": false,
	} {
		if got := IsCompactJWS([]byte(value)); got != want {
			t.Errorf("IsCompactJWS(%q) = %v", value, got)
		}
	}
}

// Whatever Basic accepts has exactly one spelling: encoding its answer again
// gives the bytes that were sent.
func FuzzBasic(f *testing.F) {
	f.Add([]byte("Basic eW91cl9rZXk6eW91cl9zZWNyZXQ="))
	f.Add([]byte("basic OjphYTo6"))
	f.Add([]byte("Basic i0yOWYwLTRjMWMtOGE2ZC0bGl2ZV9JlYzU4NiwY2MyMDk0ZjZhMzQkaWdpdGFscGF5ZTY3OTg3Njo1OW="))
	f.Fuzz(func(t *testing.T, value []byte) {
		id, secret, _, ok := Basic(value, nil)
		if !ok {
			return
		}
		pair := append(append(bytes.Clone(id), ':'), secret...)
		if again := base64.StdEncoding.EncodeToString(pair); again != string(value[len("Basic "):]) {
			t.Fatalf("%q reads as %q, which is spelled %q", value, pair, again)
		}
	})
}
