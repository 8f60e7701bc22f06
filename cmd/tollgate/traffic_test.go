package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// traffic is clients that send one good request after the other, each with a
// name of its own, and keep book of what became of it.
type traffic struct {
	gateway string
	key     string
	done    atomic.Bool
	all     sync.WaitGroup

	mu         sync.Mutex
	answered   map[string]int  // status by name
	unanswered map[string]bool // the connection ended before an answer began
	refused    int             // connections that were not taken
}

// drive starts clients; finish ends them.
func drive(gateway, key string, clients int) *traffic {
	t := &traffic{gateway: gateway, key: key, answered: map[string]int{}, unanswered: map[string]bool{}}
	for i := range clients {
		t.all.Go(func() {
			for n := 0; !t.done.Load(); {
				n = t.connection(i, n)
			}
		})
	}
	return t
}

func (t *traffic) finish() {
	t.done.Store(true)
	t.all.Wait()
}

// connection sends requests on one connection until it ends, and gives the
// number of the next.
func (t *traffic) connection(client, n int) int {
	conn, err := net.DialTimeout("tcp", t.gateway, 5*time.Second)
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.refused++; t.refused > 10_000 {
			t.done.Store(true) // it will not come back
		}
		return n
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(conn)
	for !t.done.Load() {
		name := fmt.Sprintf("%d-%d", client, n)
		n++
		raw := pay(t.key, good, "X-Probe: "+name)
		if n%2 == 0 {
			raw = get(t.key, "/v1/payments/1", "X-Probe: "+name)
		}
		_, _ = io.WriteString(conn, raw) // what counts is whether an answer comes
		got, err := readReply(r)
		t.mu.Lock()
		if err != nil {
			t.unanswered[name] = true
		} else {
			t.answered[name] = got.status
		}
		t.mu.Unlock()
		if err != nil || got.last {
			return n
		}
	}
	return n
}

// probes notes the names of the requests that reach an origin, which answers
// each after a while.
type probes struct {
	mu   sync.Mutex
	seen map[string]int
}

func (o *origin) probe(answersAfter func(r *http.Request) <-chan time.Time) *probes {
	p := &probes{seen: map[string]int{}}
	o.does(func(conn net.Conn, r *http.Request) bool {
		p.mu.Lock()
		p.seen[r.Header.Get("X-Probe")]++
		p.mu.Unlock()
		<-answersAfter(r)
		_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		return err == nil
	})
	return p
}
