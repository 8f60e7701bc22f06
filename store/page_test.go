package store

import (
	"errors"
	"testing"

	"tollgate/policy/token"
)

// Cursors come back from strangers: whatever is in one, it is read or refused,
// and what is read is what was written.
func FuzzCursor(f *testing.F) {
	f.Add("tokens", cursor{seq: 7}.encode("tokens"))
	f.Add("numbers", cursor{9223372036854775807, "+2250707070707"}.encode("numbers"))
	f.Add("tokens", cursor{seq: 7}.encode("audit"))
	f.Add("tokens", "dG9rZW5zOjdlMTo")
	f.Add("", "OjE6")
	f.Fuzz(func(t *testing.T, list, text string) {
		q, err := newPage(list, token.Page{Cursor: text})
		if err != nil {
			var wrong token.FieldErrors
			if !errors.As(err, &wrong) || wrong[0].Field != "cursor" {
				t.Fatalf("%q is refused with %v", text, err)
			}
			return
		}
		if text == "" {
			return
		}
		if q.from.seq < 1 {
			t.Fatalf("%q begins at %d", text, q.from.seq)
		}
		again, err := newPage(list, token.Page{Cursor: q.from.encode(list)})
		if err != nil || again.from != q.from {
			t.Fatalf("%q: %+v came back as %+v, %v", text, q.from, again, err)
		}
	})
}
