package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// crowd is a program: many connections at once, held until standard input ends.
// It is a process of its own because a test may not have so many descriptors
// beside the server's, and its memory must not count.

// crowdOrder is what it is told on its first line of input.
type crowdOrder struct {
	Addr     string
	Conns    int
	Send     string // sent on each; "": nothing
	Then     string // "": nothing; "answer": read one; "end": read until the connection ends
	Patience time.Duration
}

// crowdReport is what it says once every connection is where it should be.
type crowdReport struct {
	Open     int            // connections that were taken
	Failed   map[string]int // why others were not
	Statuses map[int]int    // of answers
	Continue int            // answers that began with 100 Continue
	Ended    int            // connections that the other side ended
	Took     time.Duration  // until the last was there
}

func crowd() {
	in := bufio.NewReader(os.Stdin)
	var order crowdOrder
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &order)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	c := &gathering{order: order, report: crowdReport{Failed: map[string]int{}, Statuses: map[int]int{}}}
	c.gather()
	_ = json.NewEncoder(os.Stdout).Encode(c.report)
	_, _ = io.Copy(io.Discard, in)
}

type gathering struct {
	order  crowdOrder
	mu     sync.Mutex
	report crowdReport
	open   []net.Conn // kept from the garbage collector, which would close them
}

// gather opens the connections, a hundred at a time, and takes each to where it
// should be.
func (c *gathering) gather() {
	began := time.Now()
	var all sync.WaitGroup
	dialing := make(chan struct{}, 100)
	for range c.order.Conns {
		dialing <- struct{}{}
		all.Go(func() {
			conn, err := net.DialTimeout("tcp", c.order.Addr, c.order.Patience)
			<-dialing
			c.note(func(r *crowdReport) {
				if err != nil {
					r.Failed[kindOf(err)]++
					return
				}
				r.Open++
				c.open = append(c.open, conn)
			})
			if err == nil {
				c.lead(conn)
			}
		})
	}
	all.Wait()
	c.report.Took = time.Since(began)
}

func (c *gathering) note(f func(*crowdReport)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.report)
}

// lead sends what is to be sent and reads what is to be read.
func (c *gathering) lead(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(c.order.Patience))
	if _, err := io.WriteString(conn, c.order.Send); err != nil || c.order.Then == "" {
		return
	}
	r := bufio.NewReaderSize(conn, 1<<10)
	if first, _ := r.Peek(len("HTTP/1.1 100")); string(first) == "HTTP/1.1 100" {
		c.note(func(r *crowdReport) { r.Continue++ })
		return
	}
	got, err := readReply(r)
	c.note(func(r *crowdReport) {
		if err == nil {
			r.Statuses[got.status]++
		} else {
			r.Failed[kindOf(err)]++
		}
	})
	if err != nil || c.order.Then != "end" {
		return
	}
	if _, err := r.ReadByte(); err == io.EOF {
		c.note(func(r *crowdReport) { r.Ended++ })
	}
}

// kindOf is an error without what differs between connections.
func kindOf(err error) string {
	if op, ok := err.(*net.OpError); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// gathered is a crowd that stands.
type gathered struct {
	crowdReport
	leave func() // ends it, and waits for its end
}

// gather sends a crowd and waits until it stands.
func gather(t *testing.T, order crowdOrder) *gathered {
	t.Helper()
	cmd := tollgate(t, []string{})
	cmd.Args = []string{"crowd"}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g := &gathered{leave: sync.OnceFunc(func() {
		in.Close()
		_ = cmd.Wait()
	})}
	t.Cleanup(g.leave)
	kill := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	if err := json.NewEncoder(in).Encode(order); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(out).Decode(&g.crowdReport); err != nil {
		t.Fatalf("the crowd does not report: %v", err)
	}
	return g
}
