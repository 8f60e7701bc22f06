package webhook

import (
	"net/netip"
	"slices"
)

// reserved are the IPv4 addresses that are no public server's: the IANA
// registry of special-purpose addresses (RFC 6890) without those that are
// globally reachable, and what lies beyond unicast.
var reserved = [...]netip.Prefix{
	v4(0, 0, 0, 0, 8),       // this network, the unspecified address
	v4(10, 0, 0, 0, 8),      // private
	v4(100, 64, 0, 0, 10),   // carrier-grade NAT
	v4(127, 0, 0, 0, 8),     // loopback
	v4(169, 254, 0, 0, 16),  // link-local, and the metadata service of clouds
	v4(172, 16, 0, 0, 12),   // private
	v4(192, 0, 0, 0, 24),    // protocol assignments
	v4(192, 0, 2, 0, 24),    // documentation
	v4(192, 88, 99, 0, 24),  // 6to4 relays
	v4(192, 168, 0, 0, 16),  // private
	v4(198, 18, 0, 0, 15),   // benchmarks
	v4(198, 51, 100, 0, 24), // documentation
	v4(203, 0, 113, 0, 24),  // documentation
	v4(224, 0, 0, 0, 4),     // multicast
	v4(240, 0, 0, 0, 4),     // reserved, and broadcast
}

// unicast is where public IPv6 addresses are. What lies beyond it is refused
// without being listed: loopback, unspecified, IPv4-mapped and -compatible,
// NAT64, unique local, link-local, multicast.
var unicast = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3)

// carved are the parts of unicast that are no public server's.
var carved = [...]netip.Prefix{
	v6(0x2001, 0x0000, 23), // protocol assignments: Teredo, ORCHID, benchmarks
	v6(0x2001, 0x0db8, 32), // documentation
	v6(0x2002, 0x0000, 16), // 6to4, which holds an IPv4 address
	v6(0x3fff, 0x0000, 20), // documentation
}

func v4(a, b, c, d byte, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), bits)
}

func v6(first, second uint16, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{
		byte(first >> 8), byte(first), byte(second >> 8), byte(second),
	}), bits)
}

// public reports whether an address may be some server's on the internet. An
// IPv4-mapped address is judged as the IPv4 address that a dialler makes of it.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	if a.Is4() {
		return !slices.ContainsFunc(reserved[:], within)
	}
	return unicast.Contains(a) && !slices.ContainsFunc(carved[:], within)
}
