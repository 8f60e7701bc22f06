package auth

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"tollgate/policy/token"
)

// counters is a fixed table of sliding-window counters. A key has four places
// where it may stand; when all are taken the smallest count gives way, so that
// those who were refused stay refused.
type counters struct {
	seed   maphash.Seed
	window int64 // microseconds
	rows   []row
}

type row struct {
	mu     sync.Mutex
	places [4]counter
}

// counter counts in windows of fixed edges and weighs the last one by how much
// of it a window that ends now still covers.
type counter struct {
	key    uint64
	index  int64 // of the window that current counts
	now    uint32
	before uint32 // in the window before
}

func newCounters(window time.Duration, rows int) *counters {
	return &counters{seed: maphash.MakeSeed(), window: window.Microseconds(), rows: make([]row, rows)}
}

// count is how many were added under key in the window that ends at now.
func (c *counters) count(key uint64, now token.Instant) int {
	r := &c.rows[key/2%uint64(len(c.rows))]
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.places {
		if r.places[i].key == key {
			return r.places[i].at(c.window, now)
		}
	}
	return 0
}

// add counts one under key.
func (c *counters) add(key uint64, now token.Instant) {
	r := &c.rows[key/2%uint64(len(c.rows))]
	r.mu.Lock()
	defer r.mu.Unlock()
	least, fewest := 0, math.MaxInt
	for i := range r.places {
		p := &r.places[i]
		if p.key == key {
			p.add(c.window, now)
			return
		}
		if n := p.at(c.window, now); n < fewest {
			least, fewest = i, n
		}
	}
	r.places[least] = counter{key: key}
	r.places[least].add(c.window, now)
}

// at is the count at now, rounded up, so that a limit that was reached holds
// until a whole failure has aged out of it.
func (c *counter) at(window int64, now token.Instant) int {
	index, into := int64(now)/window, int64(now)%window
	switch {
	case index <= c.index: // also a clock that was set back
		into = min(into, window)
		return int(c.now) + weigh(c.before, window-into, window)
	case index == c.index+1:
		return weigh(c.now, window-into, window)
	}
	return 0
}

func (c *counter) add(window int64, now token.Instant) {
	switch index := int64(now) / window; {
	case index == c.index+1:
		c.index, c.before, c.now = index, c.now, 0
	case index > c.index:
		c.index, c.before, c.now = index, 0, 0
	}
	if c.now < math.MaxUint32 {
		c.now++
	}
}

// weigh is n times part/whole, rounded up.
func weigh(n uint32, part, whole int64) int {
	return int((int64(n)*part + whole - 1) / whole)
}
