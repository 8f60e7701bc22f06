package webhook

import (
	"encoding/binary"
	"io"
	"time"
)

// pause is how long to wait after an event's nth failed attempt: twice as long
// each time up to a longest, and of that a random part of the second half, so
// that events which failed together do not come back together.
func (o *Options) pause(attempt int) time.Duration {
	d := o.First
	for i := 1; i < attempt && d < o.Longest; i++ {
		d *= 2
	}
	d = min(d, o.Longest)
	return d/2 + part(o.Rand, d-d/2)
}

// part is a random duration from 0 to d; all of d when there is no randomness.
func part(random io.Reader, d time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return d
	}
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(d+1))
}
