//go:build linux && !race

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// reloadConfig is served over TLS.
const reloadConfig = siteConfig + "tls: {cert: front.crt, key: front.key}\n"

// otherConfig differs in what a server is made with, in its routes, and in what
// the upstream is sent.
const otherConfig = siteConfig + `  - {match: {path: /v1/more, methods: [GET]}, upstream: origin, dialects: [payment], facts: none}
tls: {cert: front.crt, key: front.key}
limits: {max_header: 32KiB, idle_timeout: 30s, read_header_timeout: 4s}
tokens: {issuer: other}
`

// Certificate and configuration are replaced a hundred times under load over
// TLS, on connections that are kept and on new ones: not one request fails, and
// what was put in force is what is shown.
func TestSoakAHundredReloads(t *testing.T) {
	o := newFaultyOrigin(t) // and nothing is wrong with it
	authority := newCA(t)
	file := configFile(t, reloadConfig, "http://"+o.address)
	dir := filepath.Dir(file)
	pairs := []tls.Certificate{authority.issue(dir, "a"), authority.issue(dir, "b")}
	configs := []string{reloadConfig, otherConfig}
	for i := range configs {
		configs[i] = strings.ReplaceAll(configs[i], "ORIGIN", "http://"+o.address)
	}
	put := func(i int) {
		replace(t, filepath.Join(dir, "front.key"), filepath.Join(dir, string("ab"[i])+".key"))
		replace(t, filepath.Join(dir, "front.crt"), filepath.Join(dir, string("ab"[i])+".crt"))
		write(t, file, configs[i])
	}
	put(0)
	g := launchFile(t, file)
	g.addMerchant("Boutique")
	key := g.token(composed).Credentials.Key
	trusting := authority.trusts()
	dial := func() (net.Conn, error) {
		return tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", g.gateway, trusting)
	}
	l, done := newLedger(), make(chan struct{})
	var all sync.WaitGroup
	for i := range 8 {
		end := []string{}
		if i%2 == 0 {
			end = []string{"Connection: close"} // a new connection for each
		}
		all.Go(func() { l.drives(dial, done, steady(i, key, end...)) })
	}
	for n := 1; n <= 100; n++ {
		put(n % 2)
		g.signal(syscall.SIGHUP)
		g.eventually("the reload", func() bool { return g.metric("tollgate_config_reloads_total", `"applied"`) >= float64(n) })
		if got := shown(t, g.gateway, "", trusting); got != serialOf(pairs[n%2]) {
			t.Fatalf("after reload %d the other certificate is shown", n)
		}
	}
	close(done)
	all.Wait()
	if n := g.metric("tollgate_config_reloads_total", `"refused"`); n != 0 {
		t.Errorf("%v reloads were refused: %s", n, tail(t, g.log))
	}
	if len(l.answers) < 500 {
		t.Errorf("there were only %d answers: the test proves nothing", len(l.answers))
	}
	l.balance(t, g, o)
	g.alive()
}

// replace puts a file in another's place at once.
func replace(t *testing.T, path, by string) {
	t.Helper()
	text, err := os.ReadFile(by)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".new", string(text))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// steady gives good payments and look-ups, which have to succeed.
func steady(client int, key string, headers ...string) func() *asked {
	n := 0
	return func() *asked {
		n++
		name := fmt.Sprintf("%d-%d", client, n)
		with := append([]string{"X-Probe: " + name}, headers...)
		raw := pay(key, good, with...)
		if n%2 == 0 {
			raw = get(key, "/v1/payments/1", with...)
		}
		return &asked{"steady", name, raw, []int{200}, true}
	}
}

// The process is told to end under load: whoever was let in is answered, whoever
// comes later is refused a connection, nothing lies between, and it ends with 0
// within fifteen seconds.
func TestSoakEndsUnderLoad(t *testing.T) {
	_, long := soak(t, 0)
	clients := 16
	if long {
		clients = 40 // of 125 requests a second
	}
	o := newFaultyOrigin(t)
	g := launch(t, siteConfig, "http://"+o.address)
	key := g.token(composed).Credentials.Key
	l := newLedger()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { l.drives(plainly(g.gateway), after(time.Minute), steady(i, key)) })
	}
	g.eventually("load", func() bool { return int(g.metric("tollgate_requests_total")) > 50*clients })
	began := time.Now()
	g.signal(syscall.SIGTERM)
	err := g.wait(15 * time.Second)
	t.Logf("it ended after %v: %v", time.Since(began), err)
	if err != nil {
		t.Errorf("it ended with %v: %s", err, tail(t, g.log))
	}
	all.Wait()
	events := g.events()
	t.Logf("%d answers, %d lines, %d connections refused", len(l.answers), len(events), len(l.refused))
	for _, err := range l.refused {
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) { // reset: it was half open when the listener closed
			t.Errorf("a connection failed otherwise: %v", err)
		}
	}
	if len(l.refused) != clients {
		t.Errorf("%d of %d clients were refused at last", len(l.refused), clients)
	}
	if len(events) != len(l.answers) {
		t.Errorf("the log has %d requests, clients have %d answers", len(events), len(l.answers))
	}
	l.fine(t)
	l.onceAtMost(t, o)
}

// A second SIGTERM ends at once, whatever is under way.
func TestSoakSecondSignalEndsAtOnce(t *testing.T) {
	origin := newOrigin(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	origin.does(func(net.Conn, *http.Request) bool { <-release; return false })
	g := launch(t, siteConfig, origin.url())
	key := g.token(composed).Credentials.Key
	go exchange(g.gateway, pay(key, good)) //nolint:errcheck // it is never answered
	g.eventually("the request's arrival", func() bool { return origin.seen.Load() == 1 })
	g.signal(syscall.SIGTERM)
	g.eventually("the drain", func() bool { return strings.Contains(head(t, g.log), `"draining"`) })
	began := time.Now()
	g.signal(syscall.SIGTERM)
	if err := g.wait(5 * time.Second); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it ended after %v", took)
	}
}
