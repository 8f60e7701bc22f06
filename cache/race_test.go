package cache

import (
	"testing"

	"tollgate/policy/token"
)

// hammered is how many look-ups the race makes. The race detector slows it down
// by a factor of ten or more, and still sees more than a million.
func hammered() int64 {
	if raceEnabled {
		return 1_200_000
	}
	return 3_000_000
}

// A decision never uses a record that is older than a change which was
// acknowledged before the decision began: tokens, merchants, parents and
// everything at once change while keys and JWTs are looked up.
func TestNoDecisionIsOlderThanAnAcknowledgedChange(t *testing.T) {
	w := newWorld(t)
	stale := w.hammer(hammered())
	t.Logf("%d look-ups, %d hits, %d loads, %d changes, %d stale; %+v",
		w.lookups.Load(), w.hits.Load(), w.loads.Load(), w.changes.Load(), stale, w.cache.Stats())
	if stale != 0 {
		t.Errorf("%d of %d decisions used a record older than an acknowledged change", stale, w.lookups.Load())
	}
	if n := w.lookups.Load(); n < 1_000_000 {
		t.Errorf("only %d look-ups: the race proves less than it says", n)
	}
	if w.hits.Load() < w.lookups.Load()/4 || w.changes.Load() < 1000 {
		t.Errorf("%d hits and %d changes: the memory was hardly raced against", w.hits.Load(), w.changes.Load())
	}
}

// blindRecall is Recall with its generation check taken out: everything else,
// the digest compared in full included, is the same.
func blindRecall(c *Cache) func(*token.Digest) *token.Principal {
	return func(d *token.Digest) *token.Principal {
		e, found := c.records.Get(key(d))
		if !found || e.form != formPrincipal || e.digest != *d {
			return nil
		}
		return e.principal
	}
}

// The race above fails when the generation check is taken out: were it blind,
// it would prove nothing.
func TestTheRaceSeesAMissingGenerationCheck(t *testing.T) {
	w := newWorld(t)
	w.recall = blindRecall(w.cache)
	stale := w.hammer(60_000)
	t.Logf("without the check: %d of %d decisions stale", stale, w.lookups.Load())
	if stale == 0 {
		t.Error("no stale decision without the generation check: the race cannot see what it is for")
	}
}

// The race fails as well when the counters are read after the load in place of
// before it, which is the mistake that a cache-aside design makes.
func TestTheRaceSeesAStampTakenAfterTheLoad(t *testing.T) {
	w := newWorld(t)
	w.stamp = func(d *token.Digest, loaded func()) token.Stamp {
		loaded()
		return w.cache.Stamp(d)
	}
	stale := w.hammer(400_000)
	t.Logf("with a late stamp: %d of %d decisions stale", stale, w.lookups.Load())
	if stale == 0 {
		t.Error("no stale decision with a late stamp: the race cannot see what it is for")
	}
}
