package gateway

import (
	"bytes"
	"net/netip"
)

// parseAddr reads an IP address as netip.ParseAddr does, without allocating (a
// client behind a trusted proxy costs one such reading per request). An
// IPv4-mapped address is unmapped and a zone is dropped: neither means anything
// to a range.
func parseAddr(b []byte) (netip.Addr, bool) {
	if bytes.IndexByte(b, ':') < 0 {
		v4, ok := parseV4(b)
		return netip.AddrFrom4(v4), ok
	}
	if i := bytes.IndexByte(b, '%'); i >= 0 {
		if i == len(b)-1 {
			return netip.Addr{}, false
		}
		b = b[:i]
	}
	v6, ok := parseV6(b)
	return netip.AddrFrom16(v6).Unmap(), ok
}

// parseV4 reads four decimal numbers from 0 to 255 without leading zeros.
func parseV4(b []byte) (out [4]byte, ok bool) {
	part, digits, value := 0, 0, 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i] >= '0' && b[i] <= '9' {
			if digits > 0 && value == 0 {
				return out, false
			}
			value = value*10 + int(b[i]-'0')
			digits++
			if value > 255 {
				return out, false
			}
			continue
		}
		if digits == 0 || part > 3 || i < len(b) && (b[i] != '.' || part == 3) {
			return out, false
		}
		out[part] = byte(value)
		part, digits, value = part+1, 0, 0
	}
	return out, part == 4
}

// parseV6 reads RFC 4291 §2.2: eight groups of one to four hex digits, one run
// of which may be "::", the last two of which may be an IPv4 address.
func parseV6(b []byte) (out [16]byte, ok bool) {
	at, gap := 0, -1
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, b = 0, b[2:]
	}
	for len(b) > 0 {
		if at == 16 {
			return out, false
		}
		n, value := 0, 0
		for n < len(b) && n < 5 && unhex(b[n]) <= 15 {
			value = value<<4 | int(unhex(b[n]))
			n++
		}
		if n < len(b) && b[n] == '.' {
			v4, ok := parseV4(b)
			if !ok || at > 12 || at != 12 && gap < 0 {
				return out, false
			}
			copy(out[at:], v4[:])
			at, b = at+4, nil
			break
		}
		if n == 0 || n > 4 {
			return out, false
		}
		out[at], out[at+1] = byte(value>>8), byte(value)
		at += 2
		if b = b[n:]; len(b) == 0 {
			break
		}
		if b[0] != ':' || len(b) == 1 {
			return out, false
		}
		if b = b[1:]; b[0] == ':' {
			if gap >= 0 {
				return out, false
			}
			gap, b = at, b[1:]
		}
	}
	if gap < 0 {
		return out, at == 16
	}
	if at == 16 {
		return out, false // "::" stands for at least one group
	}
	moved := at - gap
	copy(out[16-moved:], out[gap:at])
	clear(out[gap : 16-moved])
	return out, true
}
