package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

func streams(r *route) { r.stream = true }

// TestStreamPassesAtOnce guarantees that on a streaming route each part reaches
// the client before the upstream has written the next.
func TestStreamPassesAtOnce(t *testing.T) {
	more := make(chan struct{})
	o := newOrigin(t, func(c net.Conn, _ *bufio.Reader, _ query) {
		io.WriteString(c, head200+"Transfer-Encoding: chunked\r\n\r\n")
		for i := range 3 {
			fmt.Fprintf(c, "7\r\nevent %d\r\n", i)
			<-more
		}
		io.WriteString(c, "0\r\n\r\n")
	})
	f := newFront(t, []string{o.url}, onRoute(streams))
	c := f.client(t)
	for range 2 {
		io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		for line := ""; line != "\r\n"; {
			line, _ = c.r.ReadString('\n')
		}
		for i := range 3 {
			got := make([]byte, len("7\r\nevent 0\r\n"))
			if _, err := io.ReadFull(c.r, got); err != nil || string(got) != fmt.Sprintf("7\r\nevent %d\r\n", i) {
				t.Fatalf("part %d: %q, %v", i, got, err)
			}
			more <- struct{}{}
		}
		if end, err := c.r.Peek(5); err != nil || string(end) != "0\r\n\r\n" {
			t.Fatalf("the end is %q, %v", end, err)
		}
		c.r.Discard(5)
		until(t, "the slot is back", func() bool { return len(f.up.slots) == 0 })
	}
	if n := o.dialed(); n != 1 {
		t.Errorf("two whole streams took %d connections; want 1", n)
	}
}

// TestStreamIsBounded guarantees that an answer far beyond the limit passes on a
// streaming route, whole, without being held in memory.
func TestStreamIsBounded(t *testing.T) {
	const size = 256 << 20
	block := []byte(strings.Repeat("0123456789abcdef", 1<<12))
	o := newOrigin(t, func(c net.Conn, _ *bufio.Reader, _ query) {
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head200, size)
		for range size / len(block) {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	f := newFront(t, []string{o.url}, onRoute(streams))
	c := f.client(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for line := ""; line != "\r\n"; {
		line, _ = c.r.ReadString('\n')
	}
	if n, err := io.CopyN(io.Discard, c.r, size); err != nil {
		t.Fatalf("%d bytes, %v; want %d", n, err, size)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes were allocated for a stream of %d", used, size)
	}
}

// TestStreamCut guarantees that an answer which breaks while it is streamed
// never looks whole: the client's connection ends inside the announced body.
// What the upstream had sent is not sent twice and its connection not reused.
func TestStreamCut(t *testing.T) {
	long := strings.Repeat("x", streamFrom)
	f := func(name string, script func(c net.Conn, r *bufio.Reader, q query)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, hostile(script))
			f := newFront(t, []string{o.url}, onRoute(func(r *route) { r.stream, r.timeout = true, 500*time.Millisecond }))
			c := f.client(t)
			g := c.ask("POST", "/pay", "attack", "x")
			if g.err == nil {
				t.Errorf("got a whole answer of %d bytes, status %d; want it cut", len(g.body), g.status)
			}
			if _, err := c.r.ReadByte(); err != io.EOF && !strings.Contains(fmt.Sprint(err), "reset") {
				t.Errorf("the client's connection lives on: %v", err)
			}
			if n := o.executed("attack"); n != 1 {
				t.Errorf("executed %d times; want once", n)
			}
			until(t, "the slot is back", func() bool { return len(f.up.slots) == 0 })
			if all, _ := f.up.idle(); all != 0 {
				t.Error("the broken connection was pooled")
			}
			f.client(t).wantAnswer("POST", "next")
		})
	}
	sized := fmt.Sprintf("%sContent-Length: %d\r\n\r\n", head200, len(long)+100)
	chunked := fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", head200, len(long), long)
	f("length, FIN", saysAndCloses(sized+long))
	f("length, RST", func(c net.Conn, _ *bufio.Reader, _ query) {
		io.WriteString(c, sized+long)
		reset(c)
	})
	f("length, silence", says(sized+long))
	f("chunked, FIN", saysAndCloses(chunked))
	f("chunked, FIN in a chunk", saysAndCloses(chunked+"10\r\nhalf"))
	f("chunked, FIN before the last line", saysAndCloses(chunked+"0\r\n"))
	f("chunked, garbage", says(chunked+"half\r\n"))
	f("chunked, silence", says(chunked))
}

// TestStreamRefusedEarly guarantees that a streaming route answers 502 like any
// other where nothing was streamed yet.
func TestStreamRefusedEarly(t *testing.T) {
	f := func(answer string) {
		t.Helper()
		o := newOrigin(t, saysAndCloses(answer))
		if g := newFront(t, []string{o.url}, onRoute(streams)).client(t).ask("GET", "/", "m", ""); g.status != 502 || g.body != "upstream_failed" {
			t.Errorf("%q got %v; want 502", answer, g)
		}
	}
	f(head200 + "Content-Length: 100\r\n\r\nhalf")
	f(head200 + "\r\nhalf") // until close: a cut one would look whole
	f("HTTP/1.1 101 Switching Protocols\r\n\r\n")
	f("")
}

// TestStreamToOldClient guarantees that an HTTP/1.0 client, which could not tell
// a cut stream from a whole one, gets its answer whole or not at all.
func TestStreamToOldClient(t *testing.T) {
	f := func(answer string, status int, body string) {
		t.Helper()
		o := newOrigin(t, saysAndCloses(answer))
		g := newFront(t, []string{o.url}, onRoute(streams)).client(t).raw("GET", "GET / HTTP/1.0\r\nHost: a\r\n\r\n")
		if g.status != status || g.body != body || g.err != nil {
			t.Errorf("%q got %v; want %d %q", answer, g, status, body)
		}
	}
	f(head200+"Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n", 200, "whole")
	f(head200+"Transfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n", 502, "upstream_failed")
}

// TestStreamClientGone guarantees that a client which leaves in the middle of a
// stream frees the slot, and that the unread rest reaches nobody.
func TestStreamClientGone(t *testing.T) {
	o := newOrigin(t, hostile(func(c net.Conn, _ *bufio.Reader, _ query) {
		io.WriteString(c, head200+"Transfer-Encoding: chunked\r\n\r\n")
		part := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
		for {
			if _, err := io.WriteString(c, part); err != nil {
				return
			}
		}
	}))
	f := newFront(t, []string{o.url}, onRoute(streams))
	c := f.client(t)
	io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: a\r\nX-Mark: attack\r\n\r\n")
	if _, err := c.r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	reset(c.conn)
	until(t, "the slot is back", func() bool { return len(f.up.slots) == 0 && f.up.open.Load() == 0 })
	f.client(t).wantAnswer("POST", "next")
}

// TestAnnouncedLengthAllocatesNothing guarantees that memory follows what has
// come, not what was announced: many connections that announce the limit and
// send a byte cost little.
func TestAnnouncedLengthAllocatesNothing(t *testing.T) {
	const many = 100
	release, waiting := make(chan struct{}), make(chan struct{}, many)
	o := newOrigin(t, func(c net.Conn, _ *bufio.Reader, _ query) {
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\nx", head200, defaultMaxResponse)
		waiting <- struct{}{}
		<-release
		c.Close()
	})
	f := newFront(t, []string{o.url})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	answers := make(chan got, many)
	for range many {
		c := f.client(t)
		go func() { answers <- c.ask("GET", "/", "m", "") }()
	}
	for range many {
		<-waiting
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 32<<20 {
		t.Errorf("%d bytes are held for %d answers of one byte each", used, many)
	}
	close(release)
	for range many {
		if g := <-answers; g.status != 502 {
			t.Errorf("a cut answer got %v; want 502", g)
		}
	}
}

// TestLargeAnswer guarantees that an answer of exactly the limit passes, framed
// either way, and one byte more does not.
func TestLargeAnswer(t *testing.T) {
	const limit = 1 << 20
	full := strings.Repeat("x", limit)
	f := func(name, answer string, status int) {
		t.Helper()
		o := newOrigin(t, says(answer))
		g := newFront(t, []string{o.url}, withSpec(func(s *UpstreamSpec) { s.MaxResponse = limit })).client(t).ask("GET", "/", "m", "")
		if g.status != status || g.err != nil || status == 200 && g.body != full {
			t.Errorf("%s got %d and %d bytes (%v); want %d", name, g.status, len(g.body), g.err, status)
		}
	}
	f("length at the limit", fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head200, limit, full), 200)
	f("length above", fmt.Sprintf("%sContent-Length: %d\r\n\r\n%sx", head200, limit+1, full), 502)
	f("chunked at the limit", fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\n\r\n", head200, limit, full), 200)
	f("chunked above", fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%sx\r\n0\r\n\r\n", head200, limit+1, full), 502)
}
