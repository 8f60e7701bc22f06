package store

import (
	"testing"

	"tollgate/policy/token"
)

// A log carries on where it was left only when nothing of it is missing and
// nothing of it is another's.
func TestALogContinuesOrItDoesNot(t *testing.T) {
	rows := func(seqs ...int64) (list []token.Change) {
		for _, s := range seqs {
			list = append(list, token.Change{Sequence: s, At: token.Instant(s * 10)})
		}
		return list
	}
	// As many rows as are read at once, with one missing on the way: more may
	// follow, so the head cannot tell.
	var full []int64
	for seq := int64(2); len(full) < logBatch; seq++ {
		if seq != 500 {
			full = append(full, seq)
		}
	}
	for name, c := range map[string]struct {
		from, head place
		rows       []token.Change
		want       bool
	}{
		"nothing ever":               {place{}, place{}, nil, true},
		"the first changes":          {place{}, place{2, 20}, rows(1, 2), true},
		"the first is trimmed":       {place{}, place{3, 30}, rows(2, 3), false},
		"nothing new":                {place{2, 20}, place{2, 20}, rows(2), true},
		"something new":              {place{2, 20}, place{4, 40}, rows(2, 3, 4), true},
		"a lower head":               {place{5, 50}, place{2, 20}, nil, false},
		"an empty log":               {place{5, 50}, place{}, nil, false},
		"the last one trimmed":       {place{2, 20}, place{4, 40}, rows(3, 4), false},
		"trimmed further":            {place{2, 20}, place{6, 60}, rows(5, 6), false},
		"another at the same number": {place{2, 21}, place{4, 40}, rows(2, 3, 4), false},
		"a hole":                     {place{2, 20}, place{5, 50}, rows(2, 3, 5), false},
		"a hole, with more to come":  {place{2, 20}, place{5000, 50000}, rows(full...), false},
		"the end missing":            {place{2, 20}, place{5, 50}, rows(2, 3, 4), false},
		"a time that is not known":   {place{2, 0}, place{3, 30}, rows(2, 3), true},
		"its row not there either":   {place{2, 0}, place{3, 30}, rows(3), true},
		"nothing there at all":       {place{2, 0}, place{2, 0}, nil, true},
		"only others beyond":         {place{2, 0}, place{4, 40}, rows(4), false},
	} {
		if got := continues(c.from, c.head, c.rows); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Own changes that no one reads the log for are not kept for ever.
func TestOwnChangesAreBounded(t *testing.T) {
	var f feed
	f.restart(place{1, 10})
	for seq := int64(3); seq < 3*ownMax; seq++ { // 2 is another's, so nothing moves on
		f.keep([]token.Change{{Sequence: seq, At: token.Instant(seq)}})
		if len(f.own) > ownMax+1 {
			t.Fatalf("%d own changes are kept", len(f.own))
		}
	}
	f.pass(place{2, 20})
	if f.at.seq != 2 || !f.knows(2) || f.knows(3) {
		t.Errorf("at %d, knows 2: %t, knows 3: %t", f.at.seq, f.knows(2), f.knows(3))
	}
}
