package facts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate/policy/token"
)

// A JSON bomb, small to send and dear to read: nesting, a number or an escape
// that does not end, members without end, alike or not. Of 64 KiB each costs less
// than ten milliseconds, one as large as a body may be costs no more for a byte,
// and what cannot be read in one way only is refused (security.md §5.1, row 28).
func TestJSONBombsAreCheap(t *testing.T) {
	p := program(t, simple)
	members := func(n int, name func(int) string) string {
		var b strings.Builder
		b.WriteString(`{"method":"collect"`)
		for i := range n {
			fmt.Fprintf(&b, `,"%s":0`, name(i))
		}
		return b.String() + "}"
	}
	deep := strings.Repeat("[", 8<<10)
	for _, c := range []struct {
		name, body, want string
	}{
		{"brackets", deep, "body_ambiguous"},
		{"brackets in a member", `{"x":` + deep, "body_ambiguous"},
		{"objects", strings.Repeat(`{"a":`, 4<<10), "body_ambiguous"},
		{"brackets behind one another", "[" + strings.Repeat("[],", 20<<10) + "[]]", ""},
		{"digits", `{"method":"collect","x":` + strings.Repeat("9", 64<<10) + "}", ""},
		{"digits where a fact is", `{"country":` + strings.Repeat("9", 64<<10) + "}", "body_ambiguous"},
		{"an exponent", `{"method":"collect","x":1e` + strings.Repeat("9", 64<<10) + "}", ""},
		{"escapes", `{"method":"collect","x":"` + strings.Repeat(`\u0041`, 10<<10) + `"}`, ""},
		{"members", members(95_000, func(i int) string { return fmt.Sprintf("k%d", i) }), ""},
		{"a member again", members(95_000, func(i int) string { return fmt.Sprintf("k%d", i%94_999) }), "body_ambiguous"},
		{"the same member", members(95_000, func(int) string { return "k" }), "body_ambiguous"},
		{"white space", strings.Repeat(" ", 64<<10), "body_ambiguous"},
	} {
		in := post(t, c.body)
		best := time.Hour // the least of a few: the machine has others to serve
		for range 20 {
			var out token.Facts
			began := time.Now()
			reason := p.Read(in, &out)
			best = min(best, time.Since(began))
			if got := reason.Code(); c.want != "" && got != c.want {
				t.Fatalf("%s: %s, want %s", c.name, got, c.want)
			}
		}
		limit := 10 * time.Millisecond * time.Duration(max(1, len(c.body)>>16))
		if best > limit && !raceDetector {
			t.Errorf("%s: %d bytes take %v", c.name, len(c.body), best)
		}
		t.Logf("%s: %d bytes, %v", c.name, len(c.body), best)
	}
}
