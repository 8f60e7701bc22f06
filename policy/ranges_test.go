package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRangesAreReadInOneWay(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		p, err := ParseRange(text)
		if err != nil || p.String() != want {
			t.Errorf("ParseRange(%q) = %v, %v; want %s", text, p, err, want)
		}
	}
	f("192.0.2.7", "192.0.2.7/32")
	f("192.0.2.0/24", "192.0.2.0/24")
	f("0.0.0.0/0", "0.0.0.0/0")
	f("0.0.0.0/8", "0.0.0.0/8")
	f("::/0", "::/0")
	f("2001:DB8::7", "2001:db8::7/128")
	f("2001:db8::/32", "2001:db8::/32")
	f("::ffff:192.0.2.7", "192.0.2.7/32")
	f("64:ff9b::c000:207", "64:ff9b::c000:207/128") // NAT64 is no IPv4 address
}

func TestBadRangesAreRefusedWithAHint(t *testing.T) {
	f := func(text string, hints ...string) {
		t.Helper()
		p, err := ParseRange(text)
		if err == nil {
			t.Errorf("ParseRange(%q) = %v; it should be refused", text, p)
			return
		}
		for _, hint := range hints {
			if !strings.Contains(err.Error(), hint) {
				t.Errorf("ParseRange(%q): %v; it should say %q", text, err, hint)
			}
		}
	}
	f("0.0.0.0", "without a mask", "0.0.0.0/0")
	f("::", "without a mask", "::/0")
	f("::ffff:0.0.0.0", "without a mask")
	f("010.0.0.1", "leading zero")
	f("192.168.001.1", "leading zero")
	f("192.168.01.0/24", "leading zero")
	f("::ffff:192.0.02.1", "leading zero")
	f("10.0.0.5/8", "below its mask", "10.0.0.0/8", "10.0.0.5")
	f("2001:db8::1/32", "below its mask", "2001:db8::/32")
	f("::ffff:203.0.113.0/120", "IPv4 range written as IPv6", "203.0.113.0/24")
	f("::ffff:0:0/96", "0.0.0.0/0")
	f("::ffff:0:0/90", "mixes")
	f("fe80::1%eth0", "zone", "%eth0")
	f("fe80::%1/64", "zone")
	f(" 192.0.2.7", "space")
	f("192.0.2.7 ", "space")
	f("10.1", "all four numbers")
	f("2130706433", "all four numbers")
	f("0x7f000001", "all four numbers")
	f("localhost", "names are not looked up")
	f("", "all four numbers")
	f("[::1]:80", "brackets")
	f("192.0.2.7:80", "192.0.2.7")
	f("192.0.2.0/33", "192.0.2.0/24")
	f("192.0.2.0/24/24")
	f("192.0.2.0/+24")
	f("192.0.2.0/024")
	f("192.0.2.0/")
	f("1.2.3.4.5")
	f("*")
	f(strings.Repeat("1", 100), "longer")
}

// FuzzParseRange: what is read is masked, unmapped and without a zone, reads
// back as itself, and what is refused says why.
func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"192.0.2.7", "10.0.0.5/8", "::ffff:203.0.113.0/120", "fe80::1%eth0", "0.0.0.0", "010.1.1.1", "::/0", "[::1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseRange(text)
		if err != nil {
			if err.Error() == "" || p.IsValid() {
				t.Fatalf("%q: %v, %v", text, p, err)
			}
			return
		}
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
			t.Fatalf("%q was kept as %v", text, p)
		}
		if again, err := ParseRange(p.String()); err != nil || again != p {
			t.Fatalf("%q is %v, and that is %v, %v", text, p, again, err)
		}
	})
}

// TestAddressListsMatchAScan: the compiled list says of every address what a
// plain scan of the prefixes says, whatever the number of prefixes.
func TestAddressListsMatchAScan(t *testing.T) {
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.Bool().Draw(t, "v4") {
			return netip.AddrFrom4([4]byte{10, 0, rapid.Byte().Draw(t, "c") & 3, rapid.Byte().Draw(t, "d")})
		}
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: rapid.Byte().Draw(t, "low")}
		return netip.AddrFrom16(b)
	})
	rapid.Check(t, func(t *rapid.T) {
		var list []string
		var scan []netip.Prefix
		for range rapid.IntRange(0, 12).Draw(t, "prefixes") {
			a := address.Draw(t, "of")
			p := netip.PrefixFrom(a, rapid.IntRange(a.BitLen()-8, a.BitLen()).Draw(t, "bits")).Masked()
			list, scan = append(list, p.String()), append(scan, p)
		}
		compiled, err := compileAddresses(list, true)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			a, want := address.Draw(t, "address"), false
			for _, p := range scan {
				want = want || p.Contains(a)
			}
			if got := compiled.contain(a); got != want {
				t.Fatalf("%v in %v: %v, want %v", a, list, got, want)
			}
		}
	})
}

func TestAnAddressListThatIsAskedForAndEmptyLetsNobodyIn(t *testing.T) {
	none, err := compileAddresses(nil, false)
	if err != nil || !none.contain(netip.MustParseAddr("192.0.2.7")) {
		t.Errorf("a list that nobody asked for refused: %v", err)
	}
	empty, err := compileAddresses(nil, true)
	if err != nil || empty.contain(netip.MustParseAddr("192.0.2.7")) || empty.contain(netip.Addr{}) {
		t.Errorf("an emptied list let somebody in: %v", err)
	}
	if _, err := compileAddresses([]string{"10.0.0.5/8"}, false); err == nil {
		t.Error("a range that could not have been kept was compiled")
	}
	many, err := compileAddresses(append(manyRanges(10), "0.0.0.0/0", "::/0"), false)
	if err != nil || many.contain(netip.Addr{}) {
		t.Errorf("no address passed a list: %v", err)
	}
}

// manyRanges is n different prefixes, as text.
func manyRanges(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("10.%d.%d.%d/31", i>>15&255, i>>7&255, i<<1&255)
	}
	return list
}
