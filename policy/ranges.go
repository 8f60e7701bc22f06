package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ParseRange reads one entry of an IP list: an address or a CIDR prefix, v4 or
// v6. It refuses, with a hint, what one reader would take for something else
// than another: leading zeros and other numeric spellings of IPv4, bits below
// the mask, an all-zero address without a mask, IPv4-mapped prefixes, zones. A
// single IPv4-mapped address is taken as the IPv4 address it is. The answer is
// masked; an address becomes a prefix of full length.
func ParseRange(s string) (netip.Prefix, error) {
	if len(s) > 64 {
		return netip.Prefix{}, errors.New("longer than any address; write an address such as 192.0.2.7 or a prefix such as 192.0.2.0/24")
	}
	if strings.Contains(s, "%") {
		return netip.Prefix{}, fmt.Errorf("%q carries a zone, which means nothing to another machine; leave out %q", s, s[strings.Index(s, "%"):])
	}
	if !strings.Contains(s, "/") {
		return parseAddress(s)
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, rangeHint(s, err)
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, mappedHint(s, p)
	}
	if masked := p.Masked(); masked != p {
		return netip.Prefix{}, fmt.Errorf("%q has bits set below its mask; did you mean %s, or the address %s alone?", s, masked, p.Addr())
	}
	return p, nil
}

func parseAddress(s string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, rangeHint(s, err)
	}
	a = a.Unmap()
	if a.IsUnspecified() {
		return netip.Prefix{}, fmt.Errorf("%q without a mask matches no client; for every address write %s/0, or leave the list empty", s, a)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func mappedHint(s string, p netip.Prefix) error {
	if p.Bits() < 96 {
		return fmt.Errorf("%q mixes IPv4 and IPv6; write the IPv4 and the IPv6 ranges as entries of their own", s)
	}
	v4 := netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	return fmt.Errorf("%q is an IPv4 range written as IPv6; write %s", s, v4)
}

// rangeHint turns a parse error into what was wrong and what would do.
func rangeHint(s string, err error) error {
	addr, _, _ := strings.Cut(s, "/")
	switch {
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("%q begins or ends with a space; leave it out", s)
	case leadingZero(addr):
		return fmt.Errorf("%q has a number with a leading zero, which some readers take as octal; write it without", s)
	case strings.ContainsAny(addr, "[]"):
		return fmt.Errorf("%q: leave out the brackets and the port", s)
	case !strings.Contains(addr, ":") && strings.Count(addr, ".") < 3:
		return fmt.Errorf("%q is no IP address: write all four numbers of an IPv4 address, such as 192.0.2.7; names are not looked up", s)
	}
	return fmt.Errorf("%q is no IP address or prefix (%s); write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32", s, plainParseError(err))
}

// leadingZero reports whether a dotted number has a part such as 010.
func leadingZero(addr string) bool {
	if i := strings.LastIndex(addr, ":"); i >= 0 {
		addr = addr[i+1:]
	}
	if !strings.Contains(addr, ".") {
		return false
	}
	for part := range strings.SplitSeq(addr, ".") {
		if len(part) > 1 && part[0] == '0' && allDigits(part) {
			return true
		}
	}
	return false
}

// plainParseError is netip's message without the quoted input before it.
func plainParseError(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "): "); i >= 0 {
		return text[i+3:]
	}
	return text
}
