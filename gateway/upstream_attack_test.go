package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// hostile answers the mark "attack" with script and everybody else honestly.
func hostile(script func(c net.Conn, r *bufio.Reader, q query)) func(net.Conn, *bufio.Reader, query) {
	return func(c net.Conn, r *bufio.Reader, q query) {
		if q.mark() == "attack" {
			script(c, r, q)
			return
		}
		honest(c, r, q)
	}
}

// says writes text and leaves the connection open.
func says(text string) func(net.Conn, *bufio.Reader, query) {
	return func(c net.Conn, _ *bufio.Reader, _ query) { io.WriteString(c, text) }
}

// saysAndCloses writes text and ends the connection.
func saysAndCloses(text string) func(net.Conn, *bufio.Reader, query) {
	return func(c net.Conn, _ *bufio.Reader, _ query) {
		io.WriteString(c, text)
		c.Close()
	}
}

const head200 = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

// TestHostileAnswer guarantees, for each way in which an upstream can answer
// wrongly: the client gets 502 or 504 and never a 200 or a part of the answer,
// the origin executed the request exactly once whatever the method, and the
// clients that come next get their own answers and not one foreign byte.
func TestHostileAnswer(t *testing.T) {
	f := func(name string, want int, script func(net.Conn, *bufio.Reader, query)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
				o := newOrigin(t, hostile(script))
				f := newFront(t, []string{o.url})
				a, b := f.client(t), f.client(t)
				a.wantAnswer("POST", "before")
				if g := a.ask(method, "/pay", "attack", body(method)); g.status != want || strings.Contains(g.body, "half") {
					t.Errorf("%s got %v; want %d", method, g, want)
				}
				if n := o.executed("attack"); n != 1 {
					t.Errorf("%s was executed %d times; want once", method, n)
				}
				if r := f.lastRecord(); !r.sent || r.attempts != 1 {
					t.Errorf("%s was recorded as sent %v in %d attempts; want true in 1", method, r.sent, r.attempts)
				}
				for i := range 4 {
					a.wantAnswer("POST", fmt.Sprintf("a%d", i))
					b.wantAnswer("GET", fmt.Sprintf("b%d", i))
				}
			}
		})
	}
	f("closed without an answer", 502, saysAndCloses(""))
	f("reset without an answer", 502, func(c net.Conn, _ *bufio.Reader, _ query) { reset(c) })
	f("status line cut", 502, saysAndCloses("HTTP/1.1 20"))
	f("head cut", 502, saysAndCloses(head200+"Content-Le"))
	f("head cut and left open by garbage", 502, says("HTTP/1.1 200 OK\nhalf\n\n"))
	f("body cut", 502, saysAndCloses(head200+"Content-Length: 100\r\n\r\nhalf"))
	f("body reset", 502, func(c net.Conn, _ *bufio.Reader, _ query) {
		io.WriteString(c, head200+"Content-Length: 100\r\n\r\nhalf")
		reset(c)
	})
	f("chunked cut in data", 502, saysAndCloses(head200+"Transfer-Encoding: chunked\r\n\r\n10\r\nhalf"))
	f("chunked cut after a chunk", 502, saysAndCloses(head200+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"))
	f("chunked cut before the last line", 502, saysAndCloses(head200+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"))
	f("chunk size with a sign", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\n+4\r\nhalf\r\n0\r\n\r\n"))
	f("chunk size with a space", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\n4 \r\nhalf\r\n0\r\n\r\n"))
	f("chunk size beyond counting", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhalf"))
	f("chunk longer than announced", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\n2\r\nhalf\r\n0\r\n\r\n"))
	f("chunk lines without CR", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\n4\nhalf\n0\n\n"))
	f("chunk extension without end", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\n4;"+strings.Repeat("x", 5000)))
	f("trailer that is no header", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nHTTP/1.1 200 OK\r\n\r\n"))
	f("no framing at all", 502, saysAndCloses(head200+"\r\nhalf"))
	f("no framing from HTTP/1.0", 502, saysAndCloses("HTTP/1.0 200 OK\r\n\r\nhalf"))
	f("garbage", 502, says("\x16\x03\x01 half"))
	f("garbage line", 502, says("half\r\n\r\n"))
	f("another protocol's greeting", 502, says("SSH-2.0-OpenSSH_9.2\r\n"))
	f("empty line first", 502, says("\r\n"+head200+"Content-Length: 4\r\n\r\nhalf"))
	f("HTTP/2 preface", 502, says("HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nhalf"))
	f("status 000", 502, says("HTTP/1.1 000 OK\r\nContent-Length: 4\r\n\r\nhalf"))
	f("status 600", 502, says("HTTP/1.1 600 OK\r\nContent-Length: 4\r\n\r\nhalf"))
	f("status of four digits", 502, says("HTTP/1.1 2000 OK\r\nContent-Length: 4\r\n\r\nhalf"))
	f("status 101", 502, says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: half\r\nConnection: Upgrade\r\n\r\nhalf"))
	f("status 199", 502, says("HTTP/1.1 199 Odd\r\n\r\n"+head200+"Content-Length: 4\r\n\r\nhalf"))
	f("flood of 1xx", 502, says(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </half>\r\n\r\n", 6)))
	f("Content-Length 4e12", 502, says(head200+"Content-Length: 4000000000000\r\n\r\nhalf"))
	f("Content-Length 1e18", 502, says(head200+"Content-Length: 999999999999999999\r\n\r\nhalf"))
	f("Content-Length 2^64+4", 502, says(head200+"Content-Length: 18446744073709551620\r\n\r\nhalf"))
	f("Content-Length twice", 502, says(head200+"Content-Length: 4\r\nContent-Length: 4\r\n\r\nhalf"))
	f("Content-Length in two ways", 502, says(head200+"Content-Length: 4\r\nContent-Length: 2\r\n\r\nhalf"))
	f("Content-Length list", 502, says(head200+"Content-Length: 4, 4\r\n\r\nhalf"))
	f("Content-Length with a sign", 502, says(head200+"Content-Length: +4\r\n\r\nhalf"))
	f("Content-Length in hex", 502, says(head200+"Content-Length: 0x4\r\n\r\nhalf"))
	f("Content-Length empty", 502, says(head200+"Content-Length:\r\n\r\nhalf"))
	f("Content-Length and chunked", 502, says(head200+"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n"))
	f("chunked from HTTP/1.0", 502, says("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n"))
	f("chunked twice", 502, says(head200+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n"))
	f("gzip then chunked", 502, says(head200+"Transfer-Encoding: gzip, chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n"))
	f("unknown coding", 502, says(head200+"Transfer-Encoding: xchunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n"))
	f("space before the colon", 502, says(head200+"Content-Length : 4\r\n\r\nhalf"))
	f("folded line", 502, says(head200+"X-A: b\r\n half\r\nContent-Length: 4\r\n\r\nhalf"))
	f("line without a colon", 502, says(head200+"half\r\nContent-Length: 4\r\n\r\nhalf"))
	f("control in a value", 502, says(head200+"X-A: b\x00half\r\nContent-Length: 4\r\n\r\nhalf"))
	f("CR in a value", 502, says(head200+"X-A: b\rX-B: half\r\nContent-Length: 4\r\n\r\nhalf"))
	f("header bomb, one line", 502, says(head200+"X-A: "+strings.Repeat("x", 1<<20)))
	f("header bomb, many lines", 502, says(head200+strings.Repeat("X-A: b\r\n", 1<<17)))
	f("header bomb, many short lines", 502, says(head200+strings.Repeat("a:\r\n", 300)+"Content-Length: 4\r\n\r\nhalf"))
	f("trailer bomb", 502, says(head200+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"+strings.Repeat("X-A: b\r\n", 1<<17)))
	f("larger than the limit, announced", 502, says(head200+fmt.Sprintf("Content-Length: %d\r\n\r\nhalf", defaultMaxResponse+1)))
	f("larger than the limit, chunked", 502, func(c net.Conn, _ *bufio.Reader, _ query) {
		io.WriteString(c, head200+"Transfer-Encoding: chunked\r\n\r\n")
		chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
		for range defaultMaxResponse/0x10000 + 1 {
			if _, err := io.WriteString(c, chunk); err != nil {
				return
			}
		}
	})
}

func body(method string) string {
	if method == "GET" {
		return ""
	}
	return `{"amount":1}`
}

// TestSlowAnswer guarantees that an upstream that hangs, or lets its answer
// drip, costs the route's timeout and no more: 504, executed once, nothing of
// the answer delivered, the connection not used again.
func TestSlowAnswer(t *testing.T) {
	f := func(name string, script func(c net.Conn, ended <-chan struct{})) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			defer close(ended)
			o := newOrigin(t, hostile(func(c net.Conn, _ *bufio.Reader, _ query) { script(c, ended) }))
			f := newFront(t, []string{o.url}, onRoute(func(r *route) { r.timeout = 300 * time.Millisecond }))
			c := f.client(t)
			began := time.Now()
			if g := c.ask("POST", "/pay", "attack", "x"); g.status != 504 || g.body != "upstream_timeout" {
				t.Errorf("got %v; want 504", g)
			}
			if took := time.Since(began); took < 300*time.Millisecond || took > 5*time.Second {
				t.Errorf("took %v; want the route's 300ms", took)
			}
			if n := o.executed("attack"); n != 1 {
				t.Errorf("executed %d times; want once", n)
			}
			c.wantAnswer("POST", "next")
		})
	}
	drip := func(c net.Conn, ended <-chan struct{}, text string) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range len(text) {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
		}
	}
	f("silence", func(_ net.Conn, ended <-chan struct{}) { <-ended })
	f("head drips", func(c net.Conn, ended <-chan struct{}) {
		drip(c, ended, head200+"X-Filler: "+strings.Repeat("x", 1000))
	})
	f("body drips", func(c net.Conn, ended <-chan struct{}) {
		drip(c, ended, head200+"Content-Length: 1000\r\n\r\n"+strings.Repeat("x", 1000))
	})
	f("chunks drip", func(c net.Conn, ended <-chan struct{}) {
		drip(c, ended, head200+"Transfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\nx\r\n", 1000))
	})
	f("body stops", func(c net.Conn, ended <-chan struct{}) {
		io.WriteString(c, head200+"Content-Length: 1000\r\n\r\nhalf")
		<-ended
	})
}
