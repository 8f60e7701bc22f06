package facts

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A member that an object has twice is found at any distance, in small objects
// and large ones, and in large ones inside large ones.
func TestDuplicateNamesAreFoundInObjectsOfAnySize(t *testing.T) {
	p := program(t, simple)
	object := func(n int, extra string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"name number %d":%d,`, i, i)
		}
		return "{" + b.String() + extra + "}"
	}
	for _, n := range []int{0, 1, fewNames - 1, fewNames, fewNames + 1, 200, 5000} {
		if got := read(t, p, post(t, object(n, `"last":1`))); got != "method=collect" {
			t.Errorf("%d different names: %s", n, got)
		}
		for _, i := range []int{0, n / 2, n - 1} {
			if i < 0 || i >= n {
				continue
			}
			if got := read(t, p, post(t, object(n, fmt.Sprintf(`"name number %d":1`, i)))); got != "body_ambiguous" {
				t.Errorf("%d names and number %d again: %s", n, i, got)
			}
			if got := read(t, p, post(t, object(n, fmt.Sprintf(`"\u006eame number %d":1`, i)))); got != "body_ambiguous" {
				t.Errorf("%d names and number %d again, escaped: %s", n, i, got)
			}
		}
	}
	nested := object(50, `"a":`+object(50, `"b":`+object(50, `"c":1`)+`,"x":1`)+`,"y":1`)
	if got := read(t, p, post(t, nested)); got != "method=collect" {
		t.Errorf("the same names on three levels: %s", got)
	}
	late := object(50, `"a":`+object(50, `"b":1`)+`,"name number 3":1`)
	if got := read(t, p, post(t, late)); got != "body_ambiguous" {
		t.Errorf("a name again behind a large member: %s", got)
	}
	inner := object(50, `"a":`+object(50, `"name number 3":1`)+`,"y":1`)
	if got := read(t, p, post(t, inner)); got != "body_ambiguous" {
		t.Errorf("a name twice in an inner object: %s", got)
	}
}

// Two names have the same signature when they are equal, and short ones only
// then.
func TestSignatures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 0, 7).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "b")
		if equal := string(a) == string(b); equal != (signature(a) == signature(b)) && len(b) < 8 {
			t.Errorf("%q and %q: signatures %x and %x", a, b, signature(a), signature(b))
		}
	})
}

// Names made to look alike cost no more than others: with every signature equal
// the work still grows with the length of the body. The count of comparisons is
// bounded by construction; this test would not end in reasonable time if it
// were not.
func TestNamesThatCollideAreHarmless(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"first":0`)
	for i := range 50_000 { // the same eight bytes at both ends, and one length
		fmt.Fprintf(&b, `,"aaaaaaaa%08daaaaaaaa":0`, i)
	}
	b.WriteString("}")
	p := program(t, simple)
	if got := read(t, p, post(t, b.String())); got != "method=collect" {
		t.Errorf("50,000 names alike: %s", got)
	}
}

// A name folds to a policy field exactly when encoding/json, which compares
// under Unicode simple folding, would take it for one.
func TestFoldsToAgreesWithEncodingJSON(t *testing.T) {
	f := func(name, want string, folds bool) {
		t.Helper()
		if got := foldsTo([]byte(name), want); got != folds || got != strings.EqualFold(name, want) {
			t.Errorf("%q for %q: %v, want %v", name, want, got, folds)
		}
	}
	f("Phone", "phone", true)
	f("PHONE", "phone", true)
	f("phone", "phone", true)
	f("phones", "phone", false)
	f("phon", "phone", false)
	f("", "phone", false)
	f("mſiſdn", "msisdn", true)
	f("\u212aey", "key", true)
	f("ΣΊΣΥΦΟΣ", "σίσυφος", true)
	f("phonе", "phone", false) // a Cyrillic letter folds to no Latin one
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[pPhHoOnNeEſKkKsS_ıİi]{0,6}`).Draw(t, "name")
		want := rapid.StringMatching(`[phonekſsi_]{0,6}`).Draw(t, "want")
		if foldsTo([]byte(name), want) != strings.EqualFold(name, want) {
			t.Errorf("%q and %q", name, want)
		}
	})
}
