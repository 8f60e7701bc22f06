//go:build linux && !race

package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// bodiesConfig has a memory budget that a few bodies fill.
const bodiesConfig = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
limits: {max_conns: 4000, max_body: 4MiB, body_memory: 48MiB, read_body_timeout: 3s}
upstreams:
  origin: {targets: [ORIGIN], max_conns: 2000}
routes:
  - {match: {path: /v1/payments, methods: [POST]}, upstream: origin, dialects: [payment], facts: none}
`

// Clients who may pass send more than memory holds, all at once: a thousand that
// announce 4 MiB and send one byte, and three hundred with a whole MiB before an
// upstream that does not answer. What is beyond the budget is answered 503
// before its body is read, the process stays within it, and afterwards it is
// there for others.
func TestSoakBodiesBeyondTheMemory(t *testing.T) {
	origin := newOrigin(t)
	release := make(chan struct{})
	origin.does(func(conn net.Conn, r *http.Request) bool {
		if r.ContentLength > 1000 {
			<-release
		}
		_, err := conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
		return err == nil
	})
	g := launch(t, bodiesConfig, origin.url())
	key := g.token(composed).Credentials.Key
	g.wantStatus(pay(key, good), 200)

	g.forgetPeak()
	before := g.memory("VmRSS")
	held := gather(t, crowdOrder{Addr: g.gateway, Conns: 1000, Send: announced(key, 4*mib, "X-A: b"), Then: "end", Patience: 20 * time.Second})
	t.Logf("announced: answered %v, ended %d, took %v", held.Statuses, held.Ended, held.Took)
	if held.Statuses[503] < 900 || held.Statuses[503]+held.Statuses[408] != 1000 || held.Ended != 1000 {
		t.Errorf("announced: answered %v, ended %d, failed %v; want 503 but for a few 408", held.Statuses, held.Ended, held.Failed)
	}
	g.atMost("a thousand announcements of 4 MiB", g.memory("VmHWM")-before, (48+64)*mib)
	held.leave()

	g.forgetPeak()
	before = g.memory("VmRSS")
	body := `{"pad":"` + strings.Repeat("x", mib-20) + `"}`
	go func() { // once the budget is all with the upstream
		defer close(release)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(5 * time.Second); origin.seen.Load() < 1+40 && time.Now().Before(deadline); <-tick.C {
		}
	}()
	held = gather(t, crowdOrder{Addr: g.gateway, Conns: 300, Send: pay(key, body), Then: "answer", Patience: 30 * time.Second})
	t.Logf("sent: answered %v, took %v, failed %v", held.Statuses, held.Took, held.Failed)
	if held.Statuses[200] == 0 || held.Statuses[503] == 0 || held.Statuses[200]+held.Statuses[503]+held.Statuses[408] != 300 {
		t.Errorf("sent: answered %v, failed %v; want some 200, and 503", held.Statuses, held.Failed)
	}
	g.atMost("three hundred bodies of 1 MiB", g.memory("VmHWM")-before, (2*48+64)*mib)
	held.leave()
	g.wantStatus(pay(key, good), 200)
	g.alive()
}
