package gateway

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Balancer is what the gateway saw that makes it look as if it stood behind a
// balancer that the configuration does not know: then every client has the
// balancer's address, and tokens are bound to that instead of to theirs.
type Balancer struct {
	Peers    []netip.Addr // private or loopback, not trusted, at most maxSuspects
	Forwards bool         // Peers[0] sent the configured forwarding header; else the first requests came from Peers alone
}

const (
	maxSuspects  = 4           // more addresses than that are clients
	firstLook    = 1000        // requests whose peers are looked at
	suspectPause = time.Minute // at least, between two reports of the header
)

// suspects looks for balancers that nobody told us of.
type suspects struct {
	untrusted prometheus.Counter
	report    func(Balancer) // nil: nobody hears of them
	next      atomic.Int64   // when the header is reported again, in nanoseconds since 1970
	looked    atomic.Bool    // the first look is over
	looking   sync.Mutex
	peers     []netip.Addr
	requests  int
}

// see takes notice of one request, by its peer and whether it brought the
// configured forwarding header from somebody who may not speak for others.
func (s *suspects) see(p *passage) {
	if p.head.forwardedTimes > 0 && !p.snapshot.peers.trusts(p.peer) {
		s.untrusted.Inc()
		if next := s.next.Load(); s.report != nil && isNear(p.peer) && p.now.UnixNano() >= next &&
			s.next.CompareAndSwap(next, p.now.Add(suspectPause).UnixNano()) {
			s.report(Balancer{Peers: []netip.Addr{p.peer}, Forwards: true})
		}
	}
	if s.report != nil && !s.looked.Load() {
		s.look(p)
	}
}

// look gathers the peers of the first requests. A balancer that passes bytes on
// sends no header: all there is to see is that nobody else ever comes.
func (s *suspects) look(p *passage) {
	s.looking.Lock()
	defer s.looking.Unlock()
	if s.looked.Load() {
		return
	}
	if !slices.Contains(s.peers, p.peer) {
		s.peers = append(s.peers, p.peer)
	}
	s.requests++
	switch {
	case len(s.peers) > maxSuspects || !isNear(p.peer) || p.snapshot.peers.trusts(p.peer):
		s.looked.Store(true)
	case s.requests == firstLook:
		s.looked.Store(true)
		s.report(Balancer{Peers: s.peers})
	}
}

// isNear reports whether an address is one that balancers of one's own have:
// private, loopback, link-local, or of the space that carriers and clouds share
// (RFC 6598).
func isNear(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

var shared = netip.MustParsePrefix("100.64.0.0/10")
