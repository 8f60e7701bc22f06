package gateway

import (
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// suspected is a look-out and what it reported.
func suspected(trusted ...string) (s *suspects, p *passage, reports *[]Balancer) {
	reports = new([]Balancer)
	s = &suspects{untrusted: prometheus.NewCounter(prometheus.CounterOpts{Name: "n"}), report: func(b Balancer) { *reports = append(*reports, b) }}
	p = &passage{now: time.Unix(1700000000, 0), snapshot: &snapshot{peers: newPeers(XForwardedFor, prefixes(trusted...))}}
	return s, p, reports
}

func (p *passage) from(peer string, headers int) *passage {
	p.peer, p.head.forwardedTimes = netip.MustParseAddr(peer), headers
	return p
}

// A header from a private peer that nobody trusts is reported once a minute; one
// from the internet, which any client can send, or from a trusted proxy, never.
func TestUntrustedForwardingHeaderIsReported(t *testing.T) {
	s, p, reports := suspected("10.0.0.0/24")
	for _, peer := range []string{"203.0.113.5", "10.0.0.7", "2001:db8::1"} {
		s.see(p.from(peer, 1))
	}
	s.see(p.from("10.1.0.7", 0))
	if len(*reports) != 0 {
		t.Fatalf("reported %v", *reports)
	}
	for range 5 {
		s.see(p.from("10.1.0.7", 1))
	}
	if len(*reports) != 1 || !(*reports)[0].Forwards || (*reports)[0].Peers[0] != netip.MustParseAddr("10.1.0.7") {
		t.Fatalf("reported %v", *reports)
	}
	p.now = p.now.Add(suspectPause)
	for _, peer := range []string{"127.0.0.1", "fd00::1", "100.64.9.9"} {
		s.see(p.from(peer, 2))
	}
	if len(*reports) != 2 {
		t.Errorf("reported %v", *reports)
	}
}

// First requests that all come from a few private addresses look like a balancer
// that passes bytes on; a fifth address, or one of the internet, is a client.
func TestFewPrivatePeersAreReported(t *testing.T) {
	f := func(name string, want int, peers ...string) {
		t.Helper()
		s, p, reports := suspected("10.9.0.0/16")
		for i := range 3 * firstLook {
			s.see(p.from(peers[i%len(peers)], 0))
		}
		if len(*reports) != want {
			t.Errorf("%s: reported %v", name, *reports)
		}
	}
	f("one", 1, "10.0.0.1")
	f("four", 1, "10.0.0.1", "10.0.0.2", "192.168.0.1", "fd00::1")
	f("five", 0, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5")
	f("one of the internet", 0, "10.0.0.1", "203.0.113.5")
	f("a trusted one", 0, "10.9.0.1")
}

// Looking out costs a request nothing that has to be collected.
func TestLookingOutAllocatesNothing(t *testing.T) {
	s, p, _ := suspected()
	s.see(p.from("203.0.113.5", 1))
	if n := testing.AllocsPerRun(200, func() { s.see(p) }); n != 0 && !underRace {
		t.Errorf("%v allocations", n)
	}
}
