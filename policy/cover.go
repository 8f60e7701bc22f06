package policy

import "net/netip"

// CoversRanges reports whether every address of the ranges inner is in one of
// outer, also where it takes several of those to cover one of these. IPv4 and
// IPv6 have nothing in common. What cannot be read is covered by nothing and
// covers nothing.
func CoversRanges(outer, inner []string) bool {
	var held []netip.Prefix
	for _, text := range outer {
		if p, err := ParseRange(text); err == nil {
			held = append(held, p)
		}
	}
	for _, text := range inner {
		if p, err := ParseRange(text); err != nil || !covered(held, p) {
			return false
		}
	}
	return true
}

// covered reports whether p is covered by what is held: by one prefix, or both
// of its halves are. Each step down looks only at the prefixes inside of p.
func covered(held []netip.Prefix, p netip.Prefix) bool {
	var inside []netip.Prefix
	for _, h := range held {
		switch {
		case !h.Overlaps(p):
		case h.Bits() <= p.Bits():
			return true
		default:
			inside = append(inside, h)
		}
	}
	if len(inside) < 2 { // less than half of p at the most
		return false
	}
	low, high := halves(p)
	return covered(inside, low) && covered(inside, high)
}

// halves are the two prefixes that p consists of; p has more than one address.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits() + 1
	raw := p.Addr().AsSlice()
	raw[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	addr, _ := netip.AddrFromSlice(raw) // as long as it was
	return netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(addr, bits)
}
