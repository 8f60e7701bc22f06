package main

import (
	"net/netip"
	"strings"
	"testing"

	"tollgate/gateway"
)

// A balancer that nobody told us of makes every client come from its address, so
// that tokens bound to an address refuse everybody or let everybody in: it is
// warned of where anything is bound to addresses, with the line that would mend
// it, and once an hour. What its header says counts for nothing meanwhile.
func TestUnknownBalancerIsWarnedOf(t *testing.T) {
	s := newSite(t, siteConfig)
	seen := gateway.Balancer{Peers: []netip.Addr{netip.MustParseAddr("10.0.0.5")}, Forwards: true}
	if s.house.warnOf(t.Context(), seen) {
		t.Error("warned, though nobody is bound to an address")
	}
	bound := s.token(`"ip_whitelist":["192.0.2.7"]`)
	if got := s.send(look("Authorization: Bearer "+bound.Credentials.Key, "X-Forwarded-For: 192.0.2.7")); got.status != 403 {
		t.Errorf("a stranger's header let it in: %d", got.status)
	}
	if n := s.metric("tollgate_untrusted_forwarded_total"); n != 1 {
		t.Errorf("%v requests with the header were counted, want 1", n)
	}
	const warning = "not trusted sends x-forwarded-for"
	s.eventually("the warning", func() bool { return strings.Contains(s.log.String(), warning) })
	if line := s.log.String(); !strings.Contains(line, `"peers":["127.0.0.1"]`) || !strings.Contains(line, "trusted_proxies: [127.0.0.1/32]") {
		t.Errorf("the warning does not say what was seen and what to write: %s", line)
	}
	for range 3 { // when the third is taken, the second was looked at
		s.house.suspect(seen)
		s.eventually("the report is taken", func() bool { return len(s.house.suspicions) == 0 })
	}
	if n := strings.Count(s.log.String(), warning); n != 1 {
		t.Errorf("warned %d times within the hour", n)
	}
}

// A house that is reached from outside says at its start what ranges of
// addresses are compared with, where a proxy nobody trusts would make that
// wrong, and only there.
func TestStartSaysWhoseAddressIsJudged(t *testing.T) {
	const mark = "IP ranges are compared with the address that connects"
	open := strings.Replace(siteConfig, "listen: 127.0.0.1:0", "listen: 0.0.0.0:0", 1)
	for config, want := range map[string]int{open: 1, siteConfig: 0, open + "trusted_proxies: [10.0.0.0/8]\n": 0} {
		s := newSite(t, siteConfig)
		s.token(`"ip_whitelist":["192.0.2.7"]`)
		s.stop()
		s.write(config)
		s.start()
		if want > 0 {
			s.eventually("the line", func() bool { return strings.Contains(s.log.String(), mark) })
		}
		s.stop() // every worker has ended
		if n := strings.Count(s.log.String(), mark); n != want {
			t.Errorf("said %d times, want %d:\n%s", n, want, config)
		}
	}
}
