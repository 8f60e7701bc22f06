package gateway

import (
	"io"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxLogged is how many bytes of lines wait for a slow sink before lines are
// dropped and counted. A request never waits for the log.
const maxLogged = 4 << 20

// lineLog writes whole lines to a sink from one goroutine. What comes in while
// a write is under way goes out with the next, so a slow sink makes larger
// writes, and a stuck one costs maxLogged bytes and no request's time.
type lineLog struct {
	sink    io.Writer
	dropped prometheus.Counter

	mutex   sync.Mutex
	pending []byte
	closed  bool
	wake    chan struct{} // holds one token when there is something to do
	done    chan struct{} // closed when the last line has been written
}

func newLineLog(sink io.Writer, dropped prometheus.Counter) *lineLog {
	l := &lineLog{sink: sink, dropped: dropped, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

// write copies one line. It never blocks but for the copy.
func (l *lineLog) write(line []byte) {
	l.mutex.Lock()
	full := l.closed || len(l.pending)+len(line) > maxLogged
	if !full {
		l.pending = append(l.pending, line...)
	}
	l.mutex.Unlock()
	if full {
		l.dropped.Inc()
		return
	}
	l.nudge()
}

func (l *lineLog) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// close writes what is pending and ends; done is closed when it has.
func (l *lineLog) close() {
	l.mutex.Lock()
	l.closed = true
	l.mutex.Unlock()
	l.nudge()
}

func (l *lineLog) run() {
	defer close(l.done)
	var writing []byte
	for range l.wake {
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
