package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"
)

// calm is a sink for a log that never makes whoever writes wait: a pipe that
// nobody reads, or a disk that hangs, must not stop a request, a reload or the
// end of the process. What there is no room for is dropped and counted.
type calm struct {
	sink    io.Writer
	lines   chan []byte // nil: all before it is written
	dropped atomic.Uint64
	written chan struct{}
}

const (
	calmLines    = 4096            // that wait; most are of a few hundred bytes
	calmPatience = 2 * time.Second // for a sink that is slow, at the end
)

func newCalm(sink io.Writer) *calm {
	c := &calm{sink: sink, lines: make(chan []byte, calmLines), written: make(chan struct{})}
	go c.run()
	return c
}

func (c *calm) run() {
	defer close(c.written)
	for line := range c.lines {
		if line == nil {
			return
		}
		if _, err := c.sink.Write(line); err != nil {
			c.dropped.Add(1) // a sink that fails is not told through itself
		}
	}
}

// Write copies a line. It does not fail.
func (c *calm) Write(line []byte) (int, error) {
	select {
	case c.lines <- append([]byte{}, line...):
	default:
		c.dropped.Add(1)
	}
	return len(line), nil
}

// close writes what waits, as far as the sink takes it in time. What is written
// later goes nowhere.
func (c *calm) close() {
	patience := time.NewTimer(calmPatience)
	defer patience.Stop()
	select {
	case c.lines <- nil:
	case <-patience.C:
		return
	}
	select {
	case <-c.written:
	case <-patience.C:
	}
}

// impatient gives up on a writer that does not take a last word in time.
type impatient struct{ io.Writer }

// Write writes, or fails after a while; then the writer may still have p.
func (w impatient) Write(p []byte) (int, error) {
	done := make(chan error, 1)
	text := append([]byte{}, p...)
	go func() {
		_, err := w.Writer.Write(text)
		done <- err
	}()
	patience := time.NewTimer(calmPatience)
	defer patience.Stop()
	select {
	case err := <-done:
		return len(p), err
	case <-patience.C:
		return 0, os.ErrDeadlineExceeded
	}
}
