package main

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a sink that takes nothing until it is let go.
type stuck struct {
	lines
	free chan struct{}
}

// Write waits.
func (s *stuck) Write(p []byte) (int, error) {
	<-s.free
	return s.lines.Write(p)
}

// A sink that hangs makes nobody wait who writes to the log: what there is no
// room for is dropped and counted, what there is room for comes later, whole and
// in order, and the end waits for a while only.
func TestAStuckSinkStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &stuck{free: make(chan struct{})}
		c := newCalm(sink)
		line := []byte("line\n")
		for range calmLines + 10 {
			if n, err := c.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
			copy(line, "line\n") // the writer's own again
		}
		synctest.Wait()
		if n := c.dropped.Load(); n < 9 || n > 10 {
			t.Errorf("%d were dropped", n)
		}
		began := time.Now()
		c.close()
		if waited := time.Since(began); waited != calmPatience {
			t.Errorf("the end waited for %v", waited)
		}
		if _, err := (impatient{sink}).Write(line); err != os.ErrDeadlineExceeded {
			t.Errorf("the last word: %v", err)
		}
		close(sink.free)
		synctest.Wait()
		if n := strings.Count(sink.String(), "line\n"); n < calmLines {
			t.Errorf("%d lines came", n)
		}
		c.lines <- nil
	})
}

// What was written before the end is there at the end.
func TestTheLastLinesAreWritten(t *testing.T) {
	sink := &lines{}
	c := newCalm(sink)
	for range 100 {
		c.Write([]byte("line\n"))
	}
	c.close()
	if n := strings.Count(sink.String(), "line\n"); n != 100 {
		t.Errorf("%d of 100", n)
	}
	c.Write([]byte("late\n"))
	if strings.Contains(sink.String(), "late") {
		t.Error("a line came after the end")
	}
}
