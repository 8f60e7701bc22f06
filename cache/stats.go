package cache

import (
	"sync/atomic"

	"tollgate/policy/token"
)

// Stats are counts since the cache was built, for metrics.
type Stats struct {
	Hits       uint64 // recalls that were answered
	Misses     uint64 // recalls of what is not there
	Stale      uint64 // recalls of what is there and holds no longer
	Unknown    uint64 // look-ups spared because the digest is known to be unknown
	Remembered uint64 // records handed to ristretto
	Dropped    uint64 // records that ristretto had no room to queue
	Rejected   uint64 // records that it did not let in
	Evicted    uint64 // records that it put out
	Uncovered  uint64 // loads that a change overtook, so that they were not remembered
	Forgotten  uint64 // changes applied
	Bytes      int64  // what the records that are kept cost now
	MaxBytes   int64  // what they may cost
}

// Stats reads all counters, one after the other.
func (c *Cache) Stats() Stats {
	t := &c.tallies
	s := Stats{
		Remembered: t.remembered.Load(), Dropped: t.dropped.Load(), Rejected: t.rejected.Load(),
		Evicted: t.evicted.Load(), Uncovered: t.uncovered.Load(), Forgotten: t.forgotten.Load(),
	}
	for i := range t.recalls {
		r := &t.recalls[i]
		s.Hits += r.hits.Load()
		s.Misses += r.misses.Load()
		s.Stale += r.stale.Load()
		s.Unknown += r.unknown.Load()
	}
	c.setting.RLock()
	defer c.setting.RUnlock()
	if !c.closed.Load() {
		s.MaxBytes = c.records.MaxCost()
		s.Bytes = s.MaxBytes - c.records.RemainingCost()
	}
	return s
}

// tallies are the counters behind Stats. Those of the hot path are spread over
// cache lines by digest, so that cores do not fight for one.
type tallies struct {
	recalls [64]tally

	remembered, dropped, rejected, evicted, uncovered, forgotten atomic.Uint64
}

type tally struct {
	hits, misses, stale, unknown atomic.Uint64
	_                            [32]byte // fills the cache line
}

func (t *tallies) of(d *token.Digest) *tally { return &t.recalls[int(d[8])%len(t.recalls)] }
