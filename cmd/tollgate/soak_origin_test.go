//go:build linux && !race

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// faultyOrigin answers each request with the name it came under, counts how
// often it carried each out, and does one thing wrong whenever it is told to.
type faultyOrigin struct {
	t       *testing.T
	address string

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
	executed map[string]int
	fault    string
	suffered map[string]int // faults that a request met
	all      sync.WaitGroup
	over     bool
}

// originFaults is what it can do wrong, in turn.
var originFaults = []string{
	"reset before the body", "reset after the request", "half an answer", "a second answer", "a late second answer", "no answer", "garbage",
	"101", "a head without end", "a body to HEAD's length", "1e12 bytes announced", "interim answers without end", "chunks that are none",
	"reset of every connection", "close on accept", "not listening", "end before an answer", "two lengths", "drop by drop", "204 with a body", "408 and gone",
}

func newFaultyOrigin(t *testing.T) *faultyOrigin {
	t.Helper()
	o := &faultyOrigin{t: t, open: map[net.Conn]bool{}, executed: map[string]int{}, suffered: map[string]int{}, address: "127.0.0.1:0"}
	o.listen()
	t.Cleanup(func() {
		o.mu.Lock()
		o.over = true
		o.listener.Close()
		o.mu.Unlock()
		o.resetAll()
		o.all.Wait()
	})
	return o
}

func (o *faultyOrigin) listen() {
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		o.t.Errorf("the origin cannot listen again: %v", err)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		listener.Close()
		return
	}
	o.listener, o.address = listener, listener.Addr().String()
	o.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if o.meets("close on accept") {
				reset(conn)
				continue
			}
			o.all.Go(func() { o.serve(conn) })
		}
	})
}

// do arms a fault for the next request, or commits one that needs none.
func (o *faultyOrigin) do(fault string) {
	switch fault {
	case "reset of every connection":
		o.resetAll()
	case "not listening":
		o.mu.Lock()
		o.listener.Close()
		o.mu.Unlock()
		o.resetAll()
		time.AfterFunc(300*time.Millisecond, o.listen)
	case "close on accept":
		o.arm(fault)
		o.resetAll() // so that somebody has to connect
		return
	default:
		o.arm(fault)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.suffered[fault]++
}

func (o *faultyOrigin) arm(fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault = fault
}

// meets takes an armed fault if it is this one.
func (o *faultyOrigin) meets(fault string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fault != fault {
		return false
	}
	o.fault = ""
	o.suffered[fault]++
	return true
}

// take takes the armed fault, where a request can suffer it. A second answer
// that comes late, when the connection may serve somebody else, cannot be told
// from theirs by anybody: what helps is an upstream without keep-alive, and
// there it is committed.
func (o *faultyOrigin) take(last bool) (fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fault == "close on accept" || o.fault == "a late second answer" && !last {
		return ""
	}
	if fault, o.fault = o.fault, ""; fault != "" {
		o.suffered[fault]++
	}
	return fault
}

func (o *faultyOrigin) resetAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for conn := range o.open {
		reset(conn)
	}
}

// reset ends a connection the hard way.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

func (o *faultyOrigin) serve(conn net.Conn) {
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
		if o.meets("reset before the body") {
			reset(conn)
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		name := req.Header.Get("X-Probe")
		o.mu.Lock()
		o.executed[name]++
		o.mu.Unlock()
		if !o.answer(conn, name, o.take(req.Close)) {
			return
		}
	}
}

// answer answers a request, rightly or not, and reports whether the connection
// goes on.
func (o *faultyOrigin) answer(conn net.Conn, name, fault string) bool {
	body := fmt.Sprintf(`{"name":%q}`, name)
	good := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	say := func(text string) bool { _, err := io.WriteString(conn, text); return err == nil }
	switch fault {
	case "":
		return say(good)
	case "a late second answer":
		say(good)
		time.AfterFunc(2*time.Millisecond, func() { _, _ = io.WriteString(conn, strings.ReplaceAll(good, name, "foreign")) })
		return true
	case "a second answer":
		return say(good + strings.ReplaceAll(good, name, "foreign"))
	case "a body to HEAD's length":
		return say(good + strings.ReplaceAll(body, name, "foreign"))
	case "reset after the request":
		reset(conn)
	case "half an answer":
		say(good[:len(good)-4])
	case "no answer":
		_, _ = io.Copy(io.Discard, conn) // until the gateway has had enough
	case "garbage":
		say("\x00\xff\x16\x03 " + name + "\r\n\r\n")
	case "101":
		say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	case "a head without end":
		for say("HTTP/1.1 200 OK\r\nX-Much: "+strings.Repeat("a", 1000)+"\r\n") && say(strings.Repeat("X-More: b\r\n", 100)) {
		}
	case "1e12 bytes announced":
		say("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" + strings.Repeat("x", 1000))
	case "interim answers without end":
		for say("HTTP/1.1 103 Early Hints\r\n\r\n") {
		}
	case "chunks that are none":
		say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + body + "\r\n0\r\n\r\n")
	case "end before an answer":
	case "two lengths":
		say(strings.Replace(good, "\r\n\r\n", "\r\nContent-Length: 3\r\n\r\n", 1))
	case "drop by drop":
		pace := time.NewTicker(50 * time.Millisecond) // a slow upstream, not a wait
		defer pace.Stop()
		for i := range good {
			if <-pace.C; !say(good[i : i+1]) {
				return false
			}
		}
	case "204 with a body":
		say("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\nforeign")
	case "408 and gone":
		say(good + "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		panic("there is no fault " + fault)
	}
	return false
}
