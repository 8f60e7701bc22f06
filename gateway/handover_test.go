package gateway

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"
)

// What one request's scan found is taken once, and neither for another block nor
// for other settings: a request must not be judged by what the one before it on
// its connection held.
func TestFindingIsOfThisRequest(t *testing.T) {
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
	read("POST / HTTP/1.1\r\nHost: abc\r\nContent-Length: 5\r\n\r\n")
	var f finding
	if f.take(p) {
		t.Error("nothing was taken for a finding")
	}
	p.head.bodyLength = 5
	f.keep(p)
	p.head = head{}
	if !f.take(p) || p.head.bodyLength != 5 || f.take(p) {
		t.Error("a finding is not taken, or twice")
	}
	f.keep(p)
	read("POST / HTTP/1.1\r\nHost: ab\r\nContent-Length: 5\r\n\r\n")
	if f.take(p) {
		t.Error("the findings of another block were taken")
	}
	f.keep(p)
	other := *p.snapshot
	other.peers = newPeers(Forwarded, nil)
	p.snapshot = &other
	if f.take(p) {
		t.Error("the findings for another forwarding header were taken")
	}
}
