package gateway

import (
	"bytes"
	"testing"
)

// A request line that ends in a bare LF, or has more than one empty line before
// it, is told from the bytes themselves, however they are cut into reads.
func TestOpeningIsJudgedOnTheWire(t *testing.T) {
	for text, want := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":         true,
		"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n":     true,
		"GET / HTTP/1.0\r\n\r\n":                    true,
		"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n": false,
		"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n":       false,
		"GET / HTTP/1.1\nHost: a\r\n\r\n":           false,
		"GET / HTTP/1.0\r\n\n":                      false,
		"\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n":   true, // a line of CR; fasthttp refuses it
	} {
		for cut := range len(text) {
			var o opening
			o.watch([]byte(text[:cut]))
			o.watch([]byte(text[cut:]))
			if !o.done || o.plain() != want {
				t.Fatalf("%q cut at %d: plain %v, want %v", text, cut, o.plain(), want)
			}
		}
	}
}

// Requests that come in one read, or in reads that end anywhere, are each judged
// from their own first byte on.
func TestOpeningFollowsPipelinedRequests(t *testing.T) {
	type part struct {
		text        string
		block, body int
		plain       bool
	}
	parts := []part{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", len("Host: a\r\n\r\n"), 0, true},
		{"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n\n\nGET /\n\r\n", len("Content-Length: 10\r\n\r\n"), 10, true},
		{"\r\nGET / HTTP/1.0\r\n\r\n", 0, 0, true},
		{"GET / HTTP/1.1\nHost: a\r\n\r\n", len("Host: a\r\n\r\n"), 0, false},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", len("Host: a\r\n\r\n"), 0, true},
	}
	for step := 1; step < 90; step++ {
		var wire []byte
		for _, p := range parts {
			wire = append(wire, p.text...)
		}
		var o opening
		got, ended := 0, 0
		for i, p := range parts {
			ended += len(p.text)
			for got < ended { // a reader asks for more only while the request is not whole
				n := min(step, len(wire)-got)
				o.watch(wire[got : got+n])
				got += n
			}
			if o.lost || o.plain() != p.plain {
				t.Fatalf("in steps of %d, request %d is plain %v (lost %v), want %v", step, i, o.plain(), o.lost, p.plain)
			}
			o.next(p.block, p.body)
		}
	}
}

// A watch that was told lengths which cannot be does not guess: no request
// passes from there on.
func TestOpeningThatIsLostRefuses(t *testing.T) {
	for _, lengths := range [][2]int{{1000, 0}, {11, 1000}} {
		var o opening
		o.watch([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		o.next(lengths[0], lengths[1])
		o.watch([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		if o.plain() {
			t.Errorf("told %v, it goes on", lengths)
		}
	}
}

// However bytes are cut into reads, the verdict is that of the whole.
func FuzzOpening(f *testing.F) {
	f.Add([]byte("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), uint8(3))
	f.Add([]byte("\n\r\r\nGET\n\n"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		var whole, parts opening
		whole.watch(text)
		for rest := text; len(rest) > 0; {
			n := min(int(step)%7+1, len(rest))
			parts.watch(rest[:n])
			rest = rest[n:]
		}
		if whole.done != parts.done || whole.done && (whole.bad != parts.bad || whole.line != parts.line) {
			t.Fatalf("%q: whole %+v, in parts %+v", text, whole, parts)
		}
		if !whole.done {
			return
		}
		// The slow reading: lines end at LF, the first that holds anything is it.
		bad, blank, at := false, 0, 0
		for {
			n := bytes.IndexByte(text[at:], '\n')
			line := text[at : at+n]
			at += n + 1
			bad = bad || !bytes.HasSuffix(line, []byte("\r"))
			if len(bytes.TrimSuffix(line, []byte("\r"))) > 0 {
				break
			}
			blank++
		}
		bad = bad || blank > maxBlankLines || text[at] == '\n'
		if whole.bad != bad || whole.line != at {
			t.Fatalf("%q: bad %v at %d, want %v at %d", text, whole.bad, whole.line, bad, at)
		}
	})
}
