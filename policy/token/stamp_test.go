package token

import "testing"

// Joining keeps what is older on either side, and forgets no mark that fits.
func TestJoinKeepsTheOlder(t *testing.T) {
	a := Stamp{Changes: 5, Additions: 2, Epoch: 9, Marks: [MaxMarks]Mark{{1, 10}, {2, 20}}, Marked: 2}
	b := Stamp{Changes: 4, Additions: 3, Epoch: 8, Marks: [MaxMarks]Mark{{2, 19}, {3, 30}}, Marked: 2}
	want := Stamp{Changes: 4, Additions: 2, Epoch: 8, Marks: [MaxMarks]Mark{{1, 10}, {2, 19}, {3, 30}}, Marked: 3}
	if got := a.Join(b); got != want {
		t.Errorf("Join = %+v, want %+v", got, want)
	}
	if a.Marked != 2 || a.Marks[1].Value != 20 {
		t.Error("Join wrote to its receiver")
	}
	full := Stamp{Marked: MaxMarks}
	for i := range full.Marks {
		full.Marks[i] = Mark{Stripe: uint32(i + 100)}
	}
	if got := full.Join(b); got.Marked != MaxMarks || got.Marks != full.Marks {
		t.Error("a mark that finds no room changed the others")
	}
}

// A digest's entity is written in a form that a change log can keep.
func TestEntityOf(t *testing.T) {
	d := Digest{0: 0xab, 31: 0x01}
	e := EntityOf(&d)
	if e.Kind != EntityCredential || len(e.ID) != 64 || e.ID[:2] != "ab" || e.ID[62:] != "01" {
		t.Errorf("EntityOf = %+v", e)
	}
}
