package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// What one request's scan found is never taken for another's, though they share
// a slot: of many requests at a time, each handler gets its own block's findings
// or has to look itself.
func TestHandoverIsOfThisRequest(t *testing.T) {
	g := newWalker(t).gateway
	var done sync.WaitGroup
	for n := range 8 {
		done.Go(func() {
			var h fasthttp.RequestHeader
			for i := range 500 {
				// The ends are equal, so that all share one slot.
				text := fmt.Sprintf("POST / HTTP/1.1\r\nHost: h%d-%03d\r\nContent-Length: 5\r\nX-Any: 12345678\r\n\r\n", n, i)
				if err := h.Read(bufio.NewReader(bytes.NewReader([]byte(text)))); err != nil {
					t.Error(err)
					return
				}
				first, second := g.acquire(), g.acquire()
				first.header, second.header = &h, &h
				if first.scan(requestLine{method: []byte("POST"), http11: true}) != token.Allowed {
					t.Error("refused")
				}
				g.handover.leave(first)
				if g.handover.take(second) && string(second.head.host) != fmt.Sprintf("h%d-%03d", n, i) {
					t.Errorf("request %d of %d got the findings of %q", i, n, second.head.host)
				}
				if g.handover.take(second) {
					t.Error("taken twice")
				}
				first.release()
				second.release()
			}
		})
	}
	done.Wait()
}

// Another block at the same place, and other settings, are looked at anew.
func TestHandoverIsOfTheseBytes(t *testing.T) {
	g := newWalker(t).gateway
	var h fasthttp.RequestHeader
	read := func(text string) {
		t.Helper()
		if err := h.Read(bufio.NewReader(bytes.NewReader([]byte(text)))); err != nil {
			t.Fatal(err)
		}
	}
	p := g.acquire()
	defer p.release()
	p.header = &h
	read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Any: 12345678\r\n\r\n")
	g.handover.leave(p)
	read("POST / HTTP/1.1\r\nHost: ab\r\nContent-Length: 5\r\nX-Any: 12345678\r\n\r\n")
	if g.handover.take(p) {
		t.Error("the findings of another block were taken")
	}
	g.handover.leave(p)
	other := *p.snapshot
	other.peers = newPeers(Forwarded, nil)
	p.snapshot = &other
	if g.handover.take(p) {
		t.Error("the findings for another forwarding header were taken")
	}
}
