//go:build linux && !race

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// heldConfig lets ten thousand connections stand, and bodies of 4 MiB in.
const heldConfig = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
limits: {max_conns: 12000, max_body: 4MiB, idle_timeout: 1m, read_header_timeout: 30s, read_body_timeout: 3s}
upstreams:
  origin: {targets: [ORIGIN]}
routes:
  - match: {path: /v1/payments, methods: [POST]}
    upstream: origin
    dialects: [payment, oauth]
    facts: none
  - match: {path: "/v1/payments/{id}", methods: [GET]}
    upstream: origin
    dialects: [payment, oauth]
    facts: none
`

// manyFiles skips a test on a machine where a process may not open so many files.
func manyFiles(t *testing.T, least uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	switch {
	case limit.Max >= least:
	case required("files"):
		t.Fatalf("TOLLGATE_TEST_REQUIRE names files, and a process may open %d here, not %d", limit.Max, least)
	default:
		t.Skipf("a process may open %d files here; this test needs %d (ulimit -Hn)", limit.Max, least)
	}
}

// warm sends some requests, so that what every server has once it served is
// there before anything is measured.
func (g *gate) warm(key string) {
	g.t.Helper()
	for range 200 {
		g.wantStatus(get(key, "/v1/payments/1"), 200)
	}
}

// Ten thousand connections that stand idle: silent from their first moment, or
// after one request. They cost at most 150 MiB, others are served meanwhile, and
// the memory is there for the next ten thousand.
func TestSoakTenThousandIdleConnections(t *testing.T) {
	const crowd = 10_000
	manyFiles(t, crowd+2000)
	g := launch(t, heldConfig, newOrigin(t).url())
	key := g.token(composed).Credentials.Key
	g.warm(key)
	before, files := g.memory("VmRSS"), g.descriptors()
	for name, order := range map[string]crowdOrder{
		"silent":            {},
		"after one request": {Send: get(key, "/v1/payments/1"), Then: "answer"},
	} {
		order.Addr, order.Conns, order.Patience = g.gateway, crowd, 50*time.Second
		held := gather(t, order)
		t.Logf("%s: %d stand after %v, answered %v, failed %v", name, held.Open, held.Took, held.Statuses, held.Failed)
		if held.Open != crowd || order.Then != "" && held.Statuses[200] != crowd {
			t.Fatalf("%s: only %d connections stand, answered %v, failed %v", name, held.Open, held.Statuses, held.Failed)
		}
		g.within(5*time.Second, "the acceptance of every connection", func() bool { return g.descriptors() >= crowd })
		g.atMost(name, g.memory("VmRSS")-before, 150*mib)
		g.wantStatus(get(key, "/v1/payments/1"), 200)
		g.wantStatus(pay(key, good), 200)
		held.leave()
		g.within(20*time.Second, "the end of every connection", func() bool { return g.descriptors() < files+20 })
	}
	g.alive()
}

// A thousand strangers announce 4 MiB each and send one byte of it, with and
// without Expect: each is answered and its connection ended, no 100 Continue
// invites the rest, and all of them together cost at most 64 MiB.
func TestSoakThousandStrangersAnnounceFourMiB(t *testing.T) {
	g := launch(t, heldConfig, newOrigin(t).url())
	key := g.token(composed).Credentials.Key
	g.warm(key)
	unknown := composeKey(strings.Repeat("Q7", 20))
	for name, c := range map[string]struct {
		credential, header string
		length             int
		want               []int
	}{
		"nothing presented": {"", "X-A: b", 4 * mib, []int{401}},
		"an unknown key":    {unknown, "X-A: b", 4 * mib, []int{401, 429}},
		"garbage":           {"garbage", "X-A: b", 4 * mib, []int{401, 429}},
		"expecting":         {"", "Expect: 100-continue", 4 * mib, []int{401}},
		"too much":          {key, "Expect: 100-continue", 4*mib + 1, []int{413}},
	} {
		g.forgetPeak()
		before := g.memory("VmRSS")
		raw := announced(c.credential, c.length, c.header)
		if c.header != "X-A: b" {
			raw = strings.TrimSuffix(raw, "{") // it waits to be invited
		}
		held := gather(t, crowdOrder{Addr: g.gateway, Conns: 1000, Send: raw, Then: "end", Patience: 20 * time.Second})
		peak := g.memory("VmHWM") - before
		answered := 0
		for _, status := range c.want {
			answered += held.Statuses[status]
		}
		t.Logf("%s: answered %v, ended %d, took %v", name, held.Statuses, held.Ended, held.Took)
		if answered != 1000 || held.Ended != 1000 || held.Continue != 0 || len(held.Failed) > 0 {
			t.Errorf("%s: answered %v, ended %d, invited %d, failed %v; want 1000 of %v, and ended", name, held.Statuses, held.Ended, held.Continue, held.Failed, c.want)
		}
		g.atMost(name, peak, 64*mib)
		held.leave()
	}
	g.wantStatus(pay(key, good), 200)
	g.alive()
}

// announced is a payment request of which only one byte of the body comes.
func announced(credential string, length int, header string) string {
	head := pay(credential, "", header)
	return strings.Replace(head, "Content-Length: 0\r\n\r\n", fmt.Sprintf("Content-Length: %d\r\n\r\n{", length), 1)
}
