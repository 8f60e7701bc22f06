//go:build linux && !race

package main

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// faultConfig has every dialect, and deadlines that a fault a second can reach.
const faultConfig = everyWay + `
  - {match: {path: /alone, methods: [GET]}, upstream: alone, dialects: [payment], facts: none}
  - match: {path: /v1/payments, methods: [POST]}
    upstream: origin
    dialects: [payment, oauth]
    facts: {country: [json:/country], operator: [json:/operator], method: [json:/method], phone: [json:/customer/phone]}
tokens: {access_ttl: 24h, opaque_ttl: 24h}
limits: {max_conns: 2000, max_body: 64KiB, read_header_timeout: 2s, read_body_timeout: 1s, write_timeout: 1s, idle_timeout: 5s}
`

// faultSite is the gateway before a faulty origin, and who may pass.
func faultSite(t *testing.T) (*gate, *faultyOrigin, *holder) {
	t.Helper()
	o := newFaultyOrigin(t)
	const spec = "targets: [ORIGIN], timeout: 1s, connect_timeout: 500ms"
	config := strings.Replace(faultConfig, "{targets: [ORIGIN]}", "{"+spec+"}\n  alone: {"+spec+", keep_alive: false}", 1)
	config = strings.Replace(config, "admin: {", "admin: {pprof: true, ", 1)
	g := launch(t, config, "http://"+o.address)
	return g, o, (&site{client: g.client}).holder(0)
}

// Load, and every second a fault of the upstream and one of a client: nobody is
// answered twice, wrongly, or not at all; the log, the metrics and the clients
// agree on every answer; nothing is carried out twice; and at the end there is
// no panic and not one goroutine, connection or descriptor more than at the
// beginning, nor memory that grows.
func TestSoakAFaultASecond(t *testing.T) {
	length, long := soak(t, 20*time.Second)
	g, o, h := faultSite(t)
	m := newMix(h, g.token(composed).Credentials.Key)
	l := newLedger()
	baseline := g.settled()
	done := after(length)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { l.drives(plainly(g.gateway), done, m.client(i)) })
	}
	memory := g.injure(o, m, done)
	all.Wait()
	g.within(30*time.Second, "the end of what the load left behind", func() bool {
		return g.goroutines() <= baseline.goroutines+2 && g.descriptors() <= baseline.descriptors+4
	})
	now := g.settled()
	t.Logf("%d goroutines and %d descriptors before, %d and %d after", baseline.goroutines, baseline.descriptors, now.goroutines, now.descriptors)
	g.alive()
	if n := g.metric("tollgate_panics_total") + g.metric("tollgate_access_log_dropped_total"); n != 0 {
		t.Errorf("%v panics and dropped lines", n)
	}
	l.balance(t, g, o)
	if !long && len(o.suffered) < 12 || long && len(o.suffered) != len(originFaults) {
		t.Errorf("only these faults came about: %v", o.suffered)
	}
	grown := median(memory[len(memory)*3/4:]) - median(memory[len(memory)/4:len(memory)/2])
	t.Logf("memory: %.1f MiB in the second quarter, %+.1f MiB in the last (%.1f MiB an hour)", float64(median(memory[len(memory)/4:len(memory)/2]))/mib,
		float64(grown)/mib, float64(grown)/mib*float64(2*time.Hour)/float64(length))
	if grown > 24*mib {
		t.Errorf("memory grew by %.1f MiB in half of %v", float64(grown)/mib, length)
	}
}

// resources are what must be back when all is over.
type resources struct{ goroutines, descriptors int }

func (g *gate) settled() resources { return resources{g.goroutines(), g.descriptors()} }

func median(list []int) int {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// injure commits a fault of each side every second until done, and gives the
// memory that the process had at each.
func (g *gate) injure(o *faultyOrigin, m *mix, done <-chan struct{}) (memory []int) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for n := 0; ; n++ {
		select {
		case <-done:
			return memory
		case <-second.C:
		}
		g.alive()
		o.do(originFaults[n%len(originFaults)])
		for i := range 5 {
			all.Go(func() { g.misbehave(n, m.payment(fmt.Sprintf("faulty-%d-%d", n, i))) })
		}
		memory = append(memory, g.memory("VmRSS"))
	}
}

// clientFaults are what a client can do wrong with a request that would be
// right.
var clientFaults = []func(conn net.Conn, raw string){
	func(conn net.Conn, raw string) { half(conn, raw, 40); drain(conn) },         // half a head, and silence
	func(conn net.Conn, raw string) { half(conn, raw, 40); reset(conn) },         // half a head, and gone
	func(conn net.Conn, raw string) { half(conn, raw, len(raw)-5); drain(conn) }, // half a body, and silence
	func(conn net.Conn, raw string) { half(conn, raw, len(raw)-5); reset(conn) }, // half a body, and gone
	func(conn net.Conn, raw string) { half(conn, raw, len(raw)); reset(conn) },   // gone before the answer
	func(conn net.Conn, raw string) { half(conn, raw, len(raw)); conn.Close() },  // the same, politely
	func(conn net.Conn, raw string) { drip(conn, raw) },                          // byte by byte
	func(conn net.Conn, raw string) {
		half(conn, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)
		drain(conn)
	}, // TLS to a plain port
	func(conn net.Conn, raw string) { drain(conn) },                                                          // silence
	func(conn net.Conn, raw string) { half(conn, strings.Repeat(get("x", "/none"), 20), 2000); reset(conn) }, // many at once, and gone
	func(conn net.Conn, raw string) {
		half(conn, raw, len(raw))
		half(conn, "GARBAGE\r\n\r\n", 11)
		drain(conn)
	}, // a good one, and no request behind it
	func(conn net.Conn, raw string) { half(conn, raw, len(raw)); closeWrite(conn); drain(conn) }, // half closed
}

func half(conn net.Conn, raw string, n int) { _, _ = io.WriteString(conn, raw[:min(n, len(raw))]) }

func drain(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func closeWrite(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// drip sends a byte now and then until it is cut off.
func drip(conn net.Conn, raw string) {
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for i := range raw {
		if _, err := io.WriteString(conn, raw[i:i+1]); err != nil {
			return
		}
		<-pace.C
	}
}

// misbehave is one faulty connection. The gateway ends it, sooner or later.
func (g *gate) misbehave(n int, raw string) {
	conn, err := net.DialTimeout("tcp", g.gateway, 5*time.Second)
	if err != nil {
		g.t.Errorf("a faulty client cannot connect: %v", err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	began := time.Now()
	clientFaults[n%len(clientFaults)](conn, raw)
	if took := time.Since(began); took > 15*time.Second {
		g.t.Errorf("faulty client %d was left alone for %v", n%len(clientFaults), took)
	}
}
