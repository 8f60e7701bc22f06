package cache

import (
	"sync/atomic"
	"time"

	"tollgate/policy/token"
)

// unknowns is the memory of digests that the store does not know: a fixed table
// of slots, each holding the last digest that fell on it. A flood of made-up
// secrets overwrites other made-up secrets here and can push out nothing that
// is known, which lives elsewhere.
type unknowns struct {
	slots []atomic.Pointer[unknown]
	mask  uint64
	ttl   time.Duration
}

// unknown is one digest that was asked for and not found. It is immutable.
type unknown struct {
	digest    token.Digest
	kind      token.Kind
	additions uint64 // read before the store was asked
	since     token.Instant
}

func newUnknowns(count int, ttl time.Duration) unknowns {
	size := 1
	for size < count {
		size <<= 1
	}
	return unknowns{slots: make([]atomic.Pointer[unknown], size), mask: uint64(size - 1), ttl: ttl}
}

// RecallUnknown reports that the store was asked for this digest as this kind
// of secret within the last few seconds, did not know it, and that no
// credential has come into being since.
func (c *Cache) RecallUnknown(kind token.Kind, d *token.Digest, now token.Instant) bool {
	u := c.unknown.slots[key(d)&c.unknown.mask].Load()
	// A clock that was set back must not stretch the time: before since is
	// outside of it too.
	if u == nil || u.digest != *d || u.kind != kind || now < u.since || now >= u.since.Add(c.unknown.ttl) ||
		u.additions != c.generations.additions.Load() {
		return false
	}
	c.tallies.of(d).unknown.Add(1)
	return true
}

// RememberUnknown keeps that the store does not know d as a secret of this
// kind. s was taken before the store was asked, and the store did answer:
// never call it on an error.
func (c *Cache) RememberUnknown(kind token.Kind, d *token.Digest, s token.Stamp, now token.Instant) {
	if s.Additions != c.generations.additions.Load() {
		return
	}
	c.unknown.slots[key(d)&c.unknown.mask].Store(&unknown{digest: *d, kind: kind, additions: s.Additions, since: now})
}
