package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/gateway"
)

// scripted is a client without a socket: it says its bytes in pieces, then that
// it is done, and keeps what it is told.
type scripted struct {
	text  []byte
	split uint64 // two bits a read: 1, 3, 16 or all bytes that are left
	heard bytes.Buffer
	ended chan struct{}
	once  sync.Once
}

func (c *scripted) Read(p []byte) (int, error) {
	if len(c.text) == 0 {
		return 0, io.EOF
	}
	n := min(len(p), [...]int{len(c.text), 1, 3, 16}[c.split&3], len(c.text))
	c.split = c.split>>2 | c.split<<62
	copy(p, c.text[:n])
	c.text = c.text[n:]
	return n, nil
}

func (c *scripted) Write(p []byte) (int, error) { return c.heard.Write(p) }

func (c *scripted) Close() error {
	c.once.Do(func() { close(c.ended) })
	return nil
}

func (c *scripted) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (c *scripted) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }

func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// handed is a listener of the connections that it is handed.
type handed struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func (l *handed) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *handed) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

func (l *handed) Addr() net.Addr { return &net.TCPAddr{} }

// listen gives the gateway a second listener, in memory.
func (r *trial) listen(t testing.TB) *handed {
	l := &handed{conns: make(chan net.Conn), ended: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- r.gateway.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l
}

// Whatever bytes a client sends, with a good key among them, and however they
// are cut: what the upstream receives is a sequence of strict requests of ours,
// each is answered to this client and in order, nothing follows a refusal that
// ends the connection, and nothing panics.
func FuzzWholeFront(f *testing.F) {
	r := newTrial(f, func(p *gateway.Plan) { p.Quiet = true })
	l := r.listen(f)
	for i, a := range hostileCorpus(f) {
		if text := a.with(r.auth); len(text) < 4096 {
			f.Add([]byte(text), uint64(i)*0x9e3779b97f4a7c15)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, split uint64) {
		r.judge.news()
		c := &scripted{text: bytes.Clone(text), split: split, ended: make(chan struct{})}
		l.conns <- c
		<-c.ended
		first, seen, faults := r.judge.news()
		if len(faults) > 0 {
			t.Fatalf("%q reached the upstream as no strict request of ours: %q", text, faults)
		}
		heard := c.heard.String()
		answers := strings.Split(heard, "\r\nX-Origin: ")[1:]
		if len(answers) != len(seen) {
			t.Fatalf("hidden: %q reached the upstream as %q, and was answered from it %d times", text, seen, len(answers))
		}
		for i, a := range answers {
			if told, _, _ := strings.Cut(a, "\r\n"); told != fmt.Sprintf("%d %s", first+i, seen[i]) {
				t.Fatalf("%q: answer %d is that to %q, not to %q", text, i, told, seen[i])
			}
		}
		for code := range final {
			if _, rest, found := strings.Cut(heard, `"code":"`+code+`"`); found && strings.Contains(rest, "\r\n\r\n") {
				t.Fatalf("%q: an answer behind one that ends the connection: %q", text, heard)
			}
		}
		if strings.Contains(r.words.String(), "panic") {
			t.Fatalf("%q: %s", text, r.words.String())
		}
	})
}
