//go:build linux && !race

package main

import (
	"bufio"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// logConfig has an upstream that is not there: each request to it is a word of
// the gateway's own log too.
const logConfig = siteConfig + `  - {match: {path: "/v1/gone/{id}", methods: [GET]}, upstream: gone, dialects: [payment], facts: none}
log: {level: debug}
`

// Whoever should read the log does not: the pipe is full, and no request, no
// call of the admin API and no reload waits for it. What is lost is counted, and
// the process still ends when it is told to.
func TestSoakALogThatNobodyReads(t *testing.T) {
	reads, writes, err := os.Pipe() // of 64 KiB
	if err != nil {
		t.Fatal(err)
	}
	defer reads.Close()
	reader := bufio.NewReader(reads)
	config := strings.Replace(logConfig, "upstreams:\n", "upstreams:\n  gone: {targets: [\"http://127.0.0.1:1\"], eject: {failures: 0}}\n", 1)
	g := launchInto(t, configFile(t, config, newOrigin(t).url()), writes, func() string {
		line, _ := reader.ReadString('\n') // and not much more, ever
		return line
	})
	g.addMerchant("Boutique")
	key := g.token(composed).Credentials.Key
	var slowest time.Duration
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := g.dial()
			for n := range 1500 {
				began := time.Now()
				got, err := c.asks(get(key, []string{"/v1/payments/1", "/v1/gone/1"}[n%2]))
				if err != nil || got.status != []int{200, 503}[n%2] {
					t.Errorf("request %d: %d %s %v", n, got.status, got.body, err)
					return
				}
				if got.last {
					c = g.dial()
				}
				mu.Lock()
				slowest = max(slowest, time.Since(began))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	g.token(composed)
	g.signal(syscall.SIGHUP)
	g.eventually("the reload", func() bool { return g.metric("tollgate_config_reloads_total", "applied") == 1 })
	dropped := g.metric("tollgate_access_log_dropped_total")
	t.Logf("the slowest of 12000 requests took %v; %v lines of the access log were dropped, %v others", slowest, dropped, g.metric("tollgate_log_dropped_total"))
	if dropped == 0 {
		t.Error("no dropped line is counted: the test proves nothing")
	}
	began := time.Now()
	g.signal(syscall.SIGTERM)
	if err := g.wait(15 * time.Second); err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("it ended with %v, though lines of its log are lost", err)
	}
	t.Logf("ended after %v", time.Since(began))
}
