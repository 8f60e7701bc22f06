package gateway

import (
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/policy/token"
)

func prefixes(list ...string) (all []netip.Prefix) {
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// told writes a source down: the address, with a question mark where it is not
// certain.
func told(s token.Source) string {
	if s.Unknown {
		return s.Addr.String() + "?"
	}
	return s.Addr.String()
}

var ownProxies = prefixes("10.0.0.0/8", "192.168.1.0/24", "192.168.1.128/25", "2001:db8:f::/48", "::ffff:172.16.0.0/108")

// The client is the first hop from the right that is not a proxy of ours, and
// only what a proxy of ours says is looked at.
func TestClientBehindProxies(t *testing.T) {
	for _, c := range []struct {
		header     ForwardedHeader
		peer, line string
		times      int
		want       string
	}{
		{XForwardedFor, "203.0.113.5", "1.2.3.4", 1, "203.0.113.5"}, // a stranger's word counts for nothing
		{XForwardedFor, "10.0.0.1", "", 0, "10.0.0.1"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4", 1, "1.2.3.4"},
		{XForwardedFor, "10.0.0.1", "6.6.6.6, 1.2.3.4", 1, "1.2.3.4"}, // the left-most is the client's own invention
		{XForwardedFor, "10.0.0.1", "6.6.6.6,1.2.3.4 , 10.9.9.9,192.168.1.200", 1, "1.2.3.4"},
		{XForwardedFor, "10.0.0.1", "10.0.0.3, 10.0.0.2", 1, "10.0.0.3"}, // all ours: the left-most
		{XForwardedFor, "172.16.3.3", "1.2.3.4", 1, "1.2.3.4"},           // trusted by a mapped prefix
		{XForwardedFor, "172.32.0.1", "1.2.3.4", 1, "172.32.0.1"},
		{XForwardedFor, "192.168.2.1", "1.2.3.4", 1, "192.168.2.1"},
		{XForwardedFor, "2001:db8:f::1", "2001:db8::7", 1, "2001:db8::7"},
		{XForwardedFor, "10.0.0.1", "::ffff:1.2.3.4", 1, "1.2.3.4"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4:5678", 1, "1.2.3.4"},
		{XForwardedFor, "10.0.0.1", "[2001:db8::7]:5678", 1, "2001:db8::7"},
		{XForwardedFor, "10.0.0.1", "[2001:db8::7]", 1, "2001:db8::7"},
		{XForwardedFor, "10.0.0.1", "fe80::1%eth0", 1, "fe80::1"},

		{XForwardedFor, "10.0.0.1", "1.2.3.4", 2, "10.0.0.1?"}, // twice: whose is which?
		{XForwardedFor, "203.0.113.5", "1.2.3.4", 2, "203.0.113.5"},
		{XForwardedFor, "10.0.0.1", "", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "unknown", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4, unknown", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4, unknown, 10.0.0.2", 1, "10.0.0.2?"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4,", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4,,10.0.0.2", 1, "10.0.0.2?"},
		{XForwardedFor, "10.0.0.1", "1.2.3", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "01.2.3.4", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "0x1.2.3.4", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4:", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "1.2.3.4:x", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "[1.2.3.4]", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "[::1", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "0.0.0.0", 1, "10.0.0.1?"},
		{XForwardedFor, "10.0.0.1", "::", 1, "10.0.0.1?"},

		{NoForwarded, "10.0.0.1", "1.2.3.4", 0, "10.0.0.1"},

		{Forwarded, "10.0.0.1", "for=1.2.3.4", 1, "1.2.3.4"},
		{Forwarded, "10.0.0.1", `For="[2001:db8::7]:47011";proto=https;by=203.0.113.43`, 1, "2001:db8::7"},
		{Forwarded, "10.0.0.1", "for=6.6.6.6, for=1.2.3.4;proto=http, for=10.0.0.2", 1, "1.2.3.4"},
		{Forwarded, "10.0.0.1", "for=10.0.0.3,for=10.0.0.2", 1, "10.0.0.3"},
		{Forwarded, "10.0.0.1", "for=unknown, for=1.2.3.4", 1, "1.2.3.4"},
		{Forwarded, "203.0.113.5", "for=1.2.3.4", 1, "203.0.113.5"},
		{Forwarded, "10.0.0.1", "for=_hidden", 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "for=1.2.3.4, for=unknown", 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "proto=https", 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "", 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "for=1.2.3.4;for=5.6.7.8", 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "for=2001:db8::7", 1, "10.0.0.1?"}, // needs brackets and quotes
		{Forwarded, "10.0.0.1", `for="1.2.3.4`, 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", `for=9.9.9.9;by=", for=1.2.3.4`, 1, "10.0.0.1?"},         // a quotation that swallows the proxy's word
		{Forwarded, "10.0.0.1", `for=9.9.9.9;by=", for="[2001:db8::7]"`, 1, "10.0.0.1?"}, // and one that the proxy's own closes
		{Forwarded, "10.0.0.1", `for="1.2.3.4\", for=5.6.7.8"`, 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "for =1.2.3.4", 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "for=1.2.3.4,", 1, "10.0.0.1?"},
		{Forwarded, "10.0.0.1", "for=1.2.3.4 for=5.6.7.8", 1, "10.0.0.1?"},
	} {
		p := newPeers(c.header, ownProxies)
		h := head{forwarded: []byte(c.line), forwardedTimes: c.times}
		if got := told(p.source(netip.MustParseAddr(c.peer), &h)); got != c.want {
			t.Errorf("%d %s says %q: %s, want %s", c.header, c.peer, c.line, got, c.want)
		}
	}
}

// A peer that is no TCP connection matches no range, and an unmapped one is
// what it is.
func TestPeerOfConnection(t *testing.T) {
	if a := peerOf(&net.UnixAddr{Name: "@x"}); a.IsValid() {
		t.Errorf("a socket file has address %v", a)
	}
	if a := peerOf(&net.TCPAddr{IP: net.ParseIP("::ffff:1.2.3.4"), Port: 1}); a.String() != "1.2.3.4" {
		t.Errorf("mapped peer is %v", a)
	}
	if a := peerOf(&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}); a.String() != "fe80::1" {
		t.Errorf("zoned peer is %v", a)
	}
	if s := newPeers(XForwardedFor, ownProxies).source(netip.Addr{}, &head{}); !s.Unknown {
		t.Error("a peer without an address is known")
	}
}

// Telling the client behind a proxy allocates nothing.
func TestSourceAllocatesNothing(t *testing.T) {
	p := newPeers(XForwardedFor, ownProxies)
	peer := netip.MustParseAddr("10.0.0.1")
	h := head{forwarded: []byte("6.6.6.6, 2001:db8::7, 10.2.2.2"), forwardedTimes: 1}
	if n := testing.AllocsPerRun(200, func() {
		if p.source(peer, &h).Unknown {
			t.Fatal("unknown")
		}
	}); n != 0 && !underRace {
		t.Errorf("%v allocations", n)
	}
}

// The trusted ranges answer as the prefixes they were made of, overlapping ones
// too.
func FuzzTrusts(f *testing.F) {
	f.Add([]byte{10, 1, 2, 3}, []byte{10, 0, 0, 0}, uint8(8), []byte{10, 1, 0, 0}, uint8(16))
	f.Add([]byte{192, 0, 2, 1}, []byte{192, 0, 2, 0}, uint8(24), []byte{0, 0, 0, 0}, uint8(0))
	f.Fuzz(func(t *testing.T, a, p1 []byte, n1 uint8, p2 []byte, n2 uint8) {
		addr, ok := netip.AddrFromSlice(a)
		first, ok1 := netip.AddrFromSlice(p1)
		second, ok2 := netip.AddrFromSlice(p2)
		if !ok || !ok1 || !ok2 || first.Is4In6() || second.Is4In6() {
			return
		}
		addr = addr.Unmap()
		list := []netip.Prefix{netip.PrefixFrom(first, int(n1)%(first.BitLen()+1)), netip.PrefixFrom(second, int(n2)%(second.BitLen()+1))}
		want := slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
		if got := newPeers(XForwardedFor, list).trusts(addr); got != want {
			t.Fatalf("%v in %v: %v", addr, list, got)
		}
	})
}

func sameAsNetip(t *testing.T, text string) {
	t.Helper()
	want, err := netip.ParseAddr(text)
	want = want.Unmap().WithZone("")
	got, ok := parseAddr([]byte(text))
	if ok != (err == nil) || ok && got != want {
		t.Fatalf("%q: %v %v, netip says %v %v", text, got, ok, want, err)
	}
}

// Addresses are read as netip reads them.
func FuzzParseAddr(f *testing.F) {
	for _, seed := range []string{"1.2.3.4", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "fe80::1%eth0",
		"1.2.3.4%x", "%", "1:2:3:4:5:6:7::", "::1:2:3:4:5:6:7:8", "01.2.3.4", "1.2.3.256", "00001::", ":1", "1:", "1::2::3", "::1.2.3.4%z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { sameAsNetip(t, text) })
}

// Whatever stands in X-Forwarded-For: the walk ends at an address that stands
// there or at the peer, a stranger's left part never changes the answer, and
// what it calls certain is the right-most address that is not ours.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"1.2.3.4", "6.6.6.6, 1.2.3.4, 10.0.0.2", "unknown", ",", "[::1]:80", "10.0.0.1,10.0.0.2", "1.2.3.4:80", ", ,", "fe80::1%a"} {
		f.Add(seed, "9.9.9.9")
	}
	p := newPeers(XForwardedFor, ownProxies)
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, list, invented string) {
		s := p.source(peer, &head{forwarded: []byte(list), forwardedTimes: 1})
		if !s.Addr.IsValid() {
			t.Fatalf("%q tells no address", list)
		}
		hops := strings.Split(list, ",")
		want, unknown := peer, false
		for i := len(hops) - 1; i >= 0; i-- {
			hop, ok := parseHop([]byte(strings.Trim(hops[i], " \t")))
			if unknown = !ok; unknown {
				break
			}
			if want = hop; !p.trusts(hop) {
				break
			}
		}
		if s.Unknown != unknown || s.Addr != want {
			t.Fatalf("%q tells %s, want %v (unknown %v)", list, told(s), want, unknown)
		}
		if !s.Unknown && !p.trusts(s.Addr) {
			longer := p.source(peer, &head{forwarded: []byte(invented + "," + list), forwardedTimes: 1})
			if longer != s {
				t.Fatalf("%q in front of %q changes %s to %s", invented, list, told(s), told(longer))
			}
		}
	})
}

// Whatever stands in Forwarded, a client cannot speak for the proxy: its part
// in front of a well-formed one changes nothing but whether it can be read.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"for=6.6.6.6", `for="[::1]:80"`, `by="`, `for=9.9.9.9;by="`, `x="\`, "for=unknown;proto=http", `a=",",b="`} {
		f.Add(seed)
	}
	p := newPeers(Forwarded, ownProxies)
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, invented string) {
		for _, proxy := range []string{"for=1.2.3.4", `for="1.2.3.4:5";proto=https`} {
			s := p.source(peer, &head{forwarded: []byte(invented + ", " + proxy), forwardedTimes: 1})
			if !s.Unknown && s.Addr.String() != "1.2.3.4" {
				t.Fatalf("%q in front of %q makes the client %s", invented, proxy, told(s))
			}
		}
	})
}

// The 344 spellings that others collected are read as netip reads them.
func TestAddressVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(vectors(t), "ip", "ips.json"))
	if err != nil {
		t.Fatal(err)
	}
	var lists map[string][]string
	if err := json.Unmarshal(data, &lists); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, list := range lists {
		for _, text := range list {
			sameAsNetip(t, text)
			n++
		}
	}
	if n < 300 {
		t.Errorf("only %d spellings", n)
	}
}

// vectors is the folder of test vectors that others wrote.
func vectors(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TOLLGATE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	if _, err := os.Stat(dir); err != nil {
		if strings.Contains(os.Getenv("TOLLGATE_TEST_REQUIRE"), "vectors") {
			t.Fatalf("TOLLGATE_TEST_REQUIRE names vectors, and there are none: %v", err)
		}
		t.Skipf("no test vectors at %s (set TOLLGATE_VECTORS)", dir)
	}
	return dir
}
