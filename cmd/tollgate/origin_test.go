package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// origin is the service behind a site. It reads strictly, keeps what it read
// last, and does what its behave function says.
type origin struct {
	listener net.Listener
	seen     atomic.Int64 // requests whose head was read whole
	accepted atomic.Int64 // connections

	mu     sync.Mutex
	last   *http.Request
	body   []byte
	behave func(conn net.Conn, r *http.Request) (goOn bool) // nil: 200 with a short body
	open   map[net.Conn]bool
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{listener: listener, open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			o.accepted.Add(1)
			all.Go(func() { o.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		o.mu.Lock()
		for conn := range o.open {
			conn.Close()
		}
		o.mu.Unlock()
		all.Wait()
	})
	return o
}

func (o *origin) url() string { return "http://" + o.listener.Addr().String() }

// does sets how requests are answered from now on.
func (o *origin) does(behave func(conn net.Conn, r *http.Request) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.behave = behave
}

func (o *origin) serve(conn net.Conn) {
	o.mu.Lock()
	o.open[conn] = true
	o.mu.Unlock()
	defer func() {
		conn.Close()
		o.mu.Lock()
		delete(o.open, conn)
		o.mu.Unlock()
	}()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		o.seen.Add(1)
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.last, o.body = req, body
		behave := o.behave
		o.mu.Unlock()
		if behave != nil {
			if !behave(conn, req) {
				return
			}
			continue
		}
		const answer = `{"status":"PENDING"}`
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer); err != nil {
			return
		}
	}
}

// received is the last request, and its body.
func (o *origin) received() (*http.Request, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last, strings.Clone(string(o.body))
}
