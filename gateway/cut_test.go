package gateway

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Cutting takes the pair and one mark, and leaves every other byte.
func TestCutSignature(t *testing.T) {
	const jws = "signature=eyJh-_0.e30.c2ln"
	f := func(target, want string) {
		t.Helper()
		before := strings.Clone(target)
		got, _ := cutSignature([]byte(target), nil)
		if string(got) != want || target != before {
			t.Errorf("%s became %s, want %s", target, got, want)
		}
	}
	f("/p", "/p")
	f("/p?", "/p?")
	f("/p?"+jws, "/p")
	f("/p?"+jws+"&a=%7e&&b", "/p?a=%7e&&b")
	f("/p?a&"+jws+"&b", "/p?a&b")
	f("/p?a=1&"+jws, "/p?a=1")
	f("/p?&"+jws, "/p?")
	f("/p?"+jws+"&", "/p?")
	f("/p?"+jws+"&"+jws, "/p")
	f("/p?a?"+jws, "/p?a?"+jws)
	f("/p?x"+jws, "/p?x"+jws)
	f("/signature=a.b.c?a", "/signature=a.b.c?a")
	f("/p?signature=", "/p?signature=")
	f("/p?signature=a.b", "/p?signature=a.b")
	f("/p?signature=a..c", "/p?signature=a..c")
	f("/p?signature=a.b.c.d", "/p?signature=a.b.c.d")
	f("/p?signature=a.b.c=", "/p?signature=a.b.c=")
	f("/p?Signature=a.b.c", "/p?Signature=a.b.c")
}

// A pair put anywhere into a query comes out again without a trace.
func TestCutSignatureUndoesAdding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.SliceOfN(rapid.StringMatching(`[a-z%?=;.]{0,6}`), 1, 5).Draw(t, "pairs")
		at := rapid.IntRange(0, len(pairs)).Draw(t, "at")
		all := append(append(append([]string{}, pairs[:at]...), "signature=a.b.c"), pairs[at:]...)
		got, _ := cutSignature([]byte("/p?"+strings.Join(all, "&")), nil)
		if want := "/p?" + strings.Join(pairs, "&"); string(got) != want {
			t.Errorf("%q: %s, want %s", all, got, want)
		}
	})
}

// What is cut is always a signature: the rest of the bytes are there in order.
func FuzzCutSignature(f *testing.F) {
	for _, seed := range []string{"/p?signature=a.b.c", "/p?a&signature=a.b.c&b", "?&&signature=a.b.c&", "/p?signature=a.b.c&signature=d.e.f"} {
		f.Add([]byte(seed))
	}
	var room []byte
	f.Fuzz(func(t *testing.T, target []byte) {
		before := bytes.Clone(target)
		var got []byte
		got, room = cutSignature(target, room)
		if !bytes.Equal(before, target) {
			t.Fatal("the client's bytes were changed")
		}
		again, _ := cutSignature(bytes.Clone(got), nil)
		if !bytes.Equal(again, got) {
			t.Fatalf("%q left something to cut: %q", target, got)
		}
		i := 0
		for _, c := range got {
			for i < len(target) && target[i] != c {
				i++
			}
			if i++; i > len(target) {
				t.Fatalf("%q became %q", target, got)
			}
		}
	})
}

// A JWS that an upstream might read as signed parameters does not get there
// under a name or in a spelling that the cut does not know: it is told apart
// from everything else that a query may hold.
func TestHidesSignature(t *testing.T) {
	const jws = "eyJh-_0.e30.c2ln"
	for _, query := range []string{
		"sign%61ture=" + jws, "%73ignature=" + jws, "Signature=" + jws, "SIGNATURE=" + jws, "signature[]=" + jws, "signature%5B%5D=" + jws, "signature.x=" + jws,
		"+signature=" + jws, "%20signature=" + jws, "signature%00=" + jws,
		";signature=" + jws, "a=1;signature=" + jws, "a=1;sign%61ture=" + jws + "&b", "signature=" + jws + ";b=1", "signature=" + jws + "&b=1;signature=" + jws,
		"signature=eyJh-_0%2Ee30.c2ln", "signature=%65yJh-_0.e30.c2ln", "signature=+" + jws, "signature=" + jws + "%20", "a&b&sIgnature=" + jws + "&c", "signature=" + jws + ";",
	} {
		if !hidesSignature([]byte(query)) {
			t.Errorf("%s would cross", query)
		}
	}
	for _, query := range []string{
		"", "a=1", "signature=" + jws, "a=1&signature=" + jws + "&b=2", "signature=" + jws + "&signature=" + jws, "xsignature=" + jws, "signatures=" + jws, "a=1;b=" + jws,
		"signature=9f86d081", "Signature=9f86d081", "signature[]=a.b", "sign%61ture=", "signature=a.b.c.d", "Signature=a..c", "token=" + jws, "signature=a+b.c.d", "Signature=a.b%20c.d", "a=signature;" + jws,
	} {
		if hidesSignature([]byte(query)) {
			t.Errorf("%s is refused", query)
		}
	}
	if n := testing.AllocsPerRun(100, func() { hidesSignature([]byte("a=1.5&b=%20;c&signature=a.b.c")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
