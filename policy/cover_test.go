package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A range is covered by one that holds it, or by several that together do, of
// its own kind of address only.
func TestCoversRanges(t *testing.T) {
	f := func(outer, inner string, want bool) {
		t.Helper()
		if got := CoversRanges(strings.Fields(outer), strings.Fields(inner)); got != want {
			t.Errorf("%s covers %s: %v, want %v", outer, inner, got, want)
		}
	}
	f("192.0.2.0/24", "192.0.2.7", true)
	f("192.0.2.0/24", "192.0.2.0/24", true)
	f("192.0.2.0/24", "192.0.2.0/23", false)
	f("192.0.2.0/25 192.0.2.128/25", "192.0.2.0/24", true)
	f("192.0.2.0/25 192.0.2.128/26 192.0.2.192/26", "192.0.2.0/24", true)
	f("192.0.2.0/25 192.0.2.128/26", "192.0.2.0/24", false)
	f("192.0.2.0/24", "192.0.2.1 198.51.100.1", false)
	f("192.0.2.7", "192.0.2.7/32", true)
	f("0.0.0.0/0", "::/0", false)
	f("::/0", "0.0.0.0/0", false)
	f("::/0", "192.0.2.1", false)
	f("::/1 8000::/1", "::/0", true)
	f("0.0.0.0/0", "::ffff:192.0.2.1", true) // is an IPv4 address
	f("2001:db8::/32", "2001:db8:1::/48 2001:db8::1", true)
	f("2001:db8::/32", "2001:db9::1", false)
	f("", "192.0.2.1", false)
	f("192.0.2.1", "", true)
	f("nonsense", "192.0.2.1", false)
	f("0.0.0.0/0", "nonsense", false)
}

// CoversRanges says what counting addresses says.
func TestCoversRangesIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.Custom(func(t *rapid.T) string {
			bits := rapid.IntRange(24, 32).Draw(t, "bits")
			last := byte(rapid.IntRange(0, 255).Draw(t, "last"))
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), bits).Masked().String()
		})
		outer := rapid.SliceOfN(prefix, 0, 12).Draw(t, "outer")
		inner := prefix.Draw(t, "inner")
		want := true
		for i := range 256 {
			addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			in := func(s string) bool { return netip.MustParsePrefix(s).Contains(addr) }
			if !in(inner) {
				continue
			}
			held := false
			for _, o := range outer {
				held = held || in(o)
			}
			want = want && held
		}
		if got := CoversRanges(outer, []string{inner}); got != want {
			t.Fatal(fmt.Sprint(outer, " covers ", inner, ": ", got))
		}
	})
}
