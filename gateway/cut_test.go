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
