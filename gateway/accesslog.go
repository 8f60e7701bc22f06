package gateway

import (
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxLogged is how many bytes of lines wait for a slow sink before lines are
// dropped and counted. A request never waits for the log.
const maxLogged = 4 << 20

// A line waits at most this long for others to go out with it: a write for each
// costs a tenth of what a request costs in all.
const gatherLines = 5 * time.Millisecond

// gatherBytes are enough to go out at once.
const gatherBytes = 64 << 10

// lineLog writes whole lines to a sink from one goroutine. What comes in within
// a moment, or while a write is under way, goes out with the next, so a slow
// sink makes larger writes, and a stuck one costs maxLogged bytes and no
// request's time.
type lineLog struct {
	sink    io.Writer
	dropped prometheus.Counter

	mutex   sync.Mutex
	pending []byte
	closed  bool
	wake    chan struct{} // holds one token when there is something to do
	enough  chan struct{} // holds one token when nothing is gained by waiting for more
	done    chan struct{} // closed when the last line has been written
}

func newLineLog(sink io.Writer, dropped prometheus.Counter) *lineLog {
	l := &lineLog{sink: sink, dropped: dropped, wake: make(chan struct{}, 1), enough: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

// write copies one line. It never blocks but for the copy.
func (l *lineLog) write(line []byte) {
	l.mutex.Lock()
	full := l.closed || len(l.pending)+len(line) > maxLogged
	first := len(l.pending) == 0
	if !full {
		l.pending = append(l.pending, line...)
	}
	plenty := len(l.pending) >= gatherBytes
	l.mutex.Unlock()
	if full {
		l.dropped.Inc()
		return
	}
	if first {
		nudge(l.wake)
	}
	if plenty {
		nudge(l.enough)
	}
}

// nudge leaves a token, unless there is one already.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// close writes what is pending and ends; done is closed when it has.
func (l *lineLog) close() {
	l.mutex.Lock()
	l.closed = true
	l.mutex.Unlock()
	nudge(l.wake)
	nudge(l.enough)
}

func (l *lineLog) run() {
	defer close(l.done)
	var writing []byte
	gathering := time.NewTimer(gatherLines)
	defer gathering.Stop()
	for range l.wake {
		gathering.Reset(gatherLines)
		select {
		case <-gathering.C:
		case <-l.enough:
		}
		l.mutex.Lock()
		l.pending, writing = writing[:0], l.pending
		closed := l.closed
		l.mutex.Unlock()
		if len(writing) > 0 {
			if _, err := l.sink.Write(writing); err != nil {
				l.dropped.Inc() // a sink that fails is not told through itself
			}
		}
		if closed {
			return
		}
	}
}
