package cache

import (
	"testing"
	"time"

	"tollgate/policy/token"
)

// A digest that the store did not know stays unknown for five seconds at most,
// as that kind of secret only, until a credential comes into being anywhere.
func TestUnknownDigests(t *testing.T) {
	const at = token.Instant(1_000_000_000)
	d := token.DigestOf([]byte("made up"))
	f := func(name string, then func(*Cache), kind token.Kind, after time.Duration, want bool) {
		t.Run(name, func(t *testing.T) {
			c := newShelf(t)
			c.RememberUnknown(token.KindKey, &d, c.Stamp(&d), at)
			then(c)
			if got := c.RecallUnknown(kind, &d, at.Add(after)); got != want {
				t.Errorf("RecallUnknown = %v, want %v", got, want)
			}
		})
	}
	nothing := func(*Cache) {}
	f("at once", nothing, token.KindKey, 0, true)
	f("just before the end", nothing, token.KindKey, longestUnknown-time.Microsecond, true)
	f("at the end", nothing, token.KindKey, longestUnknown, false)
	f("by a clock that was set back", nothing, token.KindKey, -time.Hour, false)
	f("as another kind", nothing, token.KindClient, 0, false)
	f("after an addition", func(c *Cache) {
		c.Forget(token.Change{Entity: token.Entity{Kind: token.EntityToken, ID: "tok_new"}, Added: true})
	}, token.KindKey, 0, false)
	f("after a restore", func(c *Cache) { c.ForgetAll() }, token.KindKey, 0, false)
	f("after a change that added nothing", func(c *Cache) { c.Forget(change(token.EntityToken, "tok_a")) }, token.KindKey, 0, true)
}

// A credential that came into being while the store was being asked is not
// taken for unknown afterwards.
func TestAnAdditionDuringTheLookUp(t *testing.T) {
	c := newShelf(t)
	d := token.DigestOf([]byte("key"))
	s := c.Stamp(&d)
	c.Forget(token.Change{Entity: token.Entity{Kind: token.EntityToken, ID: "tok_new"}, Added: true})
	c.RememberUnknown(token.KindKey, &d, s, 1)
	if c.RecallUnknown(token.KindKey, &d, 1) {
		t.Error("a key is unknown though it may have been added after the store was asked")
	}
}

// A flood of made-up digests takes a fixed room and pushes out nothing that is
// known.
func TestAFloodOfUnknownDigests(t *testing.T) {
	c := newShelf(t)
	good := token.DigestOf([]byte("good key"))
	c.Remember(&good, c.Stamp(&good), keyFor(record("tok_a", "mer_a", nil)))
	c.records.Wait()
	before := c.Stats().Bytes
	s := c.Stamp(nil)
	for i := range 100_000 {
		d := token.DigestOf([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		c.RememberUnknown(token.KindKey, &d, s, 1)
	}
	kept := 0
	for i := range 100_000 {
		d := token.DigestOf([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		if c.RecallUnknown(token.KindKey, &d, 1) {
			kept++
		}
	}
	if kept == 0 || kept > 1<<10 {
		t.Errorf("%d unknown digests are kept; there is room for %d", kept, 1<<10)
	}
	if p, ok := c.Recall(&good, 1); p == nil || !ok {
		t.Error("a flood of made-up digests pushed out a good key")
	}
	if c.Stats().Bytes != before {
		t.Error("unknown digests take the room of known ones")
	}
}
