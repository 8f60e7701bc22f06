package webhook

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestOnlyPublicAddressesAreCalled: every range that is no public server's is
// refused at both its ends, in IPv4, mapped, and wrapped in the ways that carry
// an IPv4 address to somebody else; what borders on them is allowed.
func TestOnlyPublicAddressesAreCalled(t *testing.T) {
	for name, list := range map[string][]string{
		"unspecified":   {"0.0.0.0", "0.255.255.255", "::"},
		"private":       {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"},
		"unique local":  {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"carrier NAT":   {"100.64.0.0", "100.127.255.255"},
		"loopback":      {"127.0.0.1", "127.255.255.255", "::1"},
		"link-local":    {"169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::1", "febf:ffff::1"},
		"site-local":    {"fec0::1"},
		"protocol":      {"192.0.0.0", "192.0.0.170", "192.0.0.255", "192.88.99.1"},
		"documentation": {"192.0.2.1", "198.51.100.7", "203.0.113.255", "2001:db8::1", "2001:db8:ffff::", "3fff::1", "3fff:fff::1"},
		"benchmarks":    {"198.18.0.0", "198.19.255.255", "2001:2::1"},
		"multicast":     {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
		"reserved":      {"240.0.0.1", "255.255.255.255", "5f00::1", "4000::", "100::1"},
		"mapped":        {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0"},
		"compatible":    {"::127.0.0.1", "::8.8.8.8"},
		"translated":    {"::ffff:0:8.8.8.8"},
		"NAT64":         {"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"},
		"6to4":          {"2002:7f00:1::", "2002:a00:1::1", "2002:808:808::"},
		"Teredo":        {"2001::1", "2001:0:7f00:1::", "2001:1ff:ffff::1"},
		"with a zone":   {"2606:4700::1%eth0", "fe80::1%lo"},
	} {
		for _, text := range list {
			if public(netip.MustParseAddr(text)) {
				t.Errorf("%s: %s is taken for a public address", name, text)
			}
		}
	}
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
		"2001:200::1", "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00:1450::1", "2003::1", "3ffe::1", "::ffff:8.8.8.8",
	} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is refused", text)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address at all is taken for a public one")
	}
}

// TestNoSpellingChangesTheJudgement: an IPv4 address and the same one mapped
// into IPv6 are judged alike, and the standard library's own idea of what is
// private, loopback, link-local, multicast or unspecified is always refused.
func TestNoSpellingChangesTheJudgement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ipv4")
		a := netip.AddrFrom4([4]byte(raw))
		if public(a) != public(netip.AddrFrom16(a.As16())) {
			t.Fatalf("%v and its mapped form are judged apart", a)
		}
		six := netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ipv6")))
		for _, a := range []netip.Addr{a, six} {
			if public(a) && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || !a.IsGlobalUnicast()) {
				t.Fatalf("%v is taken for a public address", a)
			}
		}
	})
}

// TestNetworksLiftTheRuleForThemselvesAlone: an operator's network is allowed,
// mapped or not, and nothing beside it; a zone is never.
func TestNetworksLiftTheRuleForThemselvesAlone(t *testing.T) {
	r := Rules{Networks: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("fe80::/10")}}
	for text, want := range map[string]bool{
		"10.20.0.1": true, "::ffff:10.20.0.1": true, "10.21.0.0": false, "10.19.255.255": false, "127.0.0.1": false,
		"64:ff9b::808:808": true, "64:ff9b:1::1": false, "fe80::1": true, "fe80::1%eth0": false, "8.8.8.8": true,
	} {
		if got := r.allow(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: allowed %v, want %v", text, got, want)
		}
	}
	if r.allow(netip.Addr{}) {
		t.Error("no address at all is allowed")
	}
}

// TestURLsAreHeldToTheRules: https, a host, no user, no fragment, no address
// that is not public, in whatever spelling; plain http only when the operator
// says so.
func TestURLsAreHeldToTheRules(t *testing.T) {
	strict, lax := Rules{}, Rules{HTTP: true, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	f := func(text string, inStrict, inLax bool) {
		t.Helper()
		if err := strict.Check(text); (err == nil) != inStrict {
			t.Errorf("%s: %v", text, err)
		}
		if err := lax.Check(text); (err == nil) != inLax {
			t.Errorf("%s with http and loopback allowed: %v", text, err)
		}
	}
	f("https://example.com/hook", true, true)
	f("https://example.com", true, true)
	f("https://example.com:8443/hook?a=b", true, true)
	f("HTTPS://EXAMPLE.COM/", true, true)
	f("https://8.8.8.8/", true, true)
	f("https://[2606:4700::1111]/", true, true)
	f("http://example.com/hook", false, true)
	f("http://127.0.0.1:9000/hook", false, true)
	f("https://127.0.0.1/", false, true)
	for _, text := range []string{
		"", "example.com", "//example.com/", "https://", "https:///hook", "https://:443/", "ftp://example.com/", "file:///etc/passwd",
		"javascript:alert(1)", "gopher://example.com/", "unix:/run/x", "https:example.com",
		"https://user@example.com/", "https://user:secret@example.com/", "https://example.com/#x", "https://example.com/#",
		"https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[::]/", "https://0.0.0.0/",
		"https://[::ffff:8.8.8.8]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://[64:ff9b::808:808]/",
		"https://exa mple.com/", "https://example.com/\r\nX-Evil: 1", "https://exämple.com/", "https://example.com:/", "https://example.com:0/",
		"https://example.com/" + string(make([]byte, 300)),
	} {
		f(text, false, false)
	}
}
