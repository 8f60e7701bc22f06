package gateway

import (
	"bytes"
	"net"
	"net/netip"
	"slices"

	"tollgate/policy/token"
)

// peers tells a client's address (policies.md §4). It is immutable.
type peers struct {
	header  ForwardedHeader
	trusted []span // sorted, apart from one another
}

// span is an inclusive range of addresses of one family.
type span struct{ first, last netip.Addr }

func newPeers(header ForwardedHeader, trusted []netip.Prefix) *peers {
	p := &peers{header: header}
	for _, prefix := range trusted {
		if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		prefix = prefix.Masked()
		p.trusted = append(p.trusted, span{prefix.Addr(), lastOf(prefix)})
	}
	slices.SortFunc(p.trusted, func(a, b span) int { return a.first.Compare(b.first) })
	p.trusted = joinSpans(p.trusted)
	return p
}

// joinSpans joins what overlaps, so that a look-up has to see one span only.
func joinSpans(sorted []span) []span {
	joined := sorted[:0]
	for _, s := range sorted {
		if n := len(joined); n > 0 && s.first.BitLen() == joined[n-1].last.BitLen() && s.first.Compare(joined[n-1].last) <= 0 {
			if joined[n-1].last.Less(s.last) {
				joined[n-1].last = s.last
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// trusts reports whether a is one of our own proxies.
func (p *peers) trusts(a netip.Addr) bool {
	low, high := 0, len(p.trusted)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if p.trusted[middle].first.Compare(a) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low > 0 && a.BitLen() == p.trusted[low-1].last.BitLen() && a.Compare(p.trusted[low-1].last) <= 0
}

// peerOf is the other end of a connection: unmapped, without a zone. It is not
// valid for what is no TCP connection; such a peer matches no range.
func peerOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

// source tells where a request comes from: the peer, or, behind trusted
// proxies, the first hop from the right that is not one of them. Where a
// trusted proxy told nothing it is the proxy; where all hops are trusted, the
// left-most. A hop that cannot be read, or the header twice, leaves the source
// unknown at the last address that could be told.
func (p *peers) source(peer netip.Addr, h *head) token.Source {
	s := token.Source{Peer: peer, Addr: peer}
	if !peer.IsValid() {
		s.Unknown = true
		return s
	}
	if h.forwardedTimes == 0 || !p.trusts(peer) {
		return s
	}
	if h.forwardedTimes > 1 {
		s.Unknown = true
		return s
	}
	if p.header == Forwarded {
		p.walkForwarded(&s, h.forwarded)
	} else {
		p.walkList(&s, h.forwarded)
	}
	return s
}

// walkList walks X-Forwarded-For: addresses with a comma between, each proxy's
// word appended on the right.
func (p *peers) walkList(s *token.Source, list []byte) {
	for {
		at := bytes.LastIndexByte(list, ',')
		hop, ok := parseHop(trimSpace(list[at+1:]))
		if !ok {
			s.Unknown = true
			return
		}
		s.Addr = hop
		if at < 0 || !p.trusts(hop) {
			return
		}
		list = list[:at]
	}
}

// parseHop reads one hop: an address, bare or with a port, IPv6 in brackets
// where it has one. "unknown", made-up names and the unspecified address cannot
// be read.
func parseHop(b []byte) (netip.Addr, bool) {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !isPort(b[end+1:]) || bytes.IndexByte(b[:end], ':') < 0 {
			return netip.Addr{}, false
		}
		a, ok := parseAddr(b[1:end])
		return a, ok && !a.IsUnspecified()
	}
	if at := bytes.IndexByte(b, ':'); at >= 0 && bytes.IndexByte(b[at+1:], ':') < 0 {
		if at+1 == len(b) || !isPort(b[at:]) {
			return netip.Addr{}, false
		}
		b = b[:at]
	}
	a, ok := parseAddr(b)
	return a, ok && !a.IsUnspecified()
}

// isPort reports whether b is ":" and one to five digits, or nothing.
func isPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ':' || len(b) < 2 || len(b) > 6 {
		return false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
