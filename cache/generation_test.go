package cache

import (
	"errors"
	"testing"

	"tollgate/policy/token"
)

// shelf is a cache and what settles it: ristretto sets in the background.
func newShelf(t *testing.T) *Cache {
	t.Helper()
	c, err := New(Options{MaxBytes: 4 << 20, UnknownMax: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func record(handle, merchant string, parent *token.Live) *token.Live {
	return &token.Live{Handle: token.Handle(handle), Merchant: merchant, Enabled: true, MerchantActive: true, Parent: parent}
}

func keyFor(live *token.Live) *token.Principal {
	return &token.Principal{Live: live, Kind: token.KindKey, Generation: 1}
}

func change(kind token.EntityKind, id string) token.Change {
	return token.Change{Entity: token.Entity{Kind: kind, ID: id}}
}

// A remembered key is recalled until one of the things it was built from
// changes: its token, its merchant, its parent, its parent's merchant, its own
// digest, or everything. A change of anything else leaves it.
func TestAChangeForgetsWhatItConcerns(t *testing.T) {
	parent := record("tok_parent", "mer_parent", nil)
	live := record("tok_child", "mer_child", parent)
	d := token.DigestOf([]byte("key"))
	other := token.DigestOf([]byte("other key"))
	f := func(name string, ch token.Change, kept bool) {
		t.Run(name, func(t *testing.T) {
			c := newShelf(t)
			if !c.Remember(&d, c.Stamp(&d), keyFor(live)) {
				t.Fatal("not remembered though nothing changed")
			}
			c.records.Wait()
			if p, ok := c.Recall(&d, 1); !ok || p.Live != live {
				t.Fatal("not recalled though nothing changed")
			}
			if c.RecallLive("tok_child", nil) != live {
				t.Fatal("the live record is not recalled by its handle")
			}
			c.Forget(ch)
			if p, ok := c.Recall(&d, 1); ok != kept || (p != nil) != kept {
				t.Errorf("recalled = %v after the change, want %v", ok, kept)
			}
		})
	}
	f("token", change(token.EntityToken, "tok_child"), false)
	f("merchant", change(token.EntityMerchant, "mer_child"), false)
	f("parent", change(token.EntityToken, "tok_parent"), false)
	f("parent's merchant", change(token.EntityMerchant, "mer_parent"), false)
	f("its digest", token.Change{Entity: token.EntityOf(&d)}, false)
	f("everything", change(token.EntityAll, ""), false)
	f("another digest", token.Change{Entity: token.EntityOf(&other)}, true)
	f("another token", change(token.EntityToken, "tok_other"), true)
	f("another merchant", change(token.EntityMerchant, "mer_other"), true)
	f("a user of the token's name", change(token.EntityUser, "tok_child"), true)
	f("a digest that is none", change(token.EntityCredential, "tok_child"), true)
}

// What a load brings is judged by when it began: a change in between is never
// lost, whichever way the load learnt its owner.
func TestALoadThatAChangeOvertook(t *testing.T) {
	d := token.DigestOf([]byte("key"))
	before, after := record("tok_a", "mer_a", nil), record("tok_a", "mer_a", nil)

	t.Run("Remember refuses when the owner was not marked", func(t *testing.T) {
		c := newShelf(t)
		s := c.Stamp(&d)
		c.Forget(change(token.EntityToken, "tok_a")) // after the load read, before it came back
		if c.Remember(&d, s, keyFor(before)) {
			t.Error("a record that a change overtook is remembered")
		}
	})
	t.Run("Remember under marks holds for nothing", func(t *testing.T) {
		c := newShelf(t)
		s := c.restamp(&d, &entry{live: before})
		c.Forget(change(token.EntityToken, "tok_a"))
		c.Remember(&d, s, keyFor(before))
		c.records.Wait()
		if p, _ := c.Recall(&d, 1); p != nil {
			t.Error("a record is recalled that was loaded before the change")
		}
	})
	t.Run("Find loads again and judges the second", func(t *testing.T) {
		c := newShelf(t)
		loads := 0
		p, err := c.Find(&d, c.Stamp(&d), func() (*token.Principal, error) {
			if loads++; loads == 1 {
				c.Forget(change(token.EntityToken, "tok_a"))
				return keyFor(before), nil
			}
			return keyFor(after), nil
		})
		if err != nil || p.Live != after || loads != 2 {
			t.Fatalf("loads = %d, err = %v, the second record is judged: %v", loads, err, p.Live == after)
		}
		c.records.Wait()
		if p, ok := c.Recall(&d, 1); !ok || p.Live != after {
			t.Error("the second record is not recalled")
		}
	})
	t.Run("Find whose second load is overtaken too", func(t *testing.T) {
		c := newShelf(t)
		loads := 0
		_, _ = c.Find(&d, c.Stamp(&d), func() (*token.Principal, error) {
			loads++
			c.Forget(change(token.EntityToken, "tok_a"))
			return keyFor(before), nil
		})
		c.records.Wait()
		if p, _ := c.Recall(&d, 1); p != nil || loads != 2 {
			t.Errorf("recalled %v after %d loads that were both overtaken", p != nil, loads)
		}
	})
	t.Run("Find whose owner turns out to be another", func(t *testing.T) {
		c := newShelf(t)
		loads := 0
		_, _ = c.Find(&d, c.Stamp(&d), func() (*token.Principal, error) {
			loads++
			c.Forget(change(token.EntityToken, "tok_b"))
			if loads == 1 {
				return keyFor(before), nil
			}
			return keyFor(record("tok_b", "mer_b", nil)), nil
		})
		c.records.Wait()
		if p, _ := c.Recall(&d, 1); p != nil {
			t.Error("a record is recalled whose owner was learnt after its change")
		}
	})
	t.Run("an error of the second load is the answer", func(t *testing.T) {
		c := newShelf(t)
		loads, down := 0, errors.New("down")
		p, err := c.Find(&d, c.Stamp(&d), func() (*token.Principal, error) {
			if loads++; loads == 1 {
				c.ForgetAll()
				return keyFor(before), nil
			}
			return nil, down
		})
		if p != nil || !errors.Is(err, down) {
			t.Errorf("Find = %v, %v; want the error: the first record may be stale", p, err)
		}
	})
}

// A JWT that is built on a recalled record holds only as long as the record
// does, even when a change counts up between recalling and remembering.
func TestAJWTInheritsTheMarksOfItsRecord(t *testing.T) {
	d := token.DigestOf([]byte("jwt"))
	live := record("tok_a", "mer_a", nil)
	jwt := &token.Principal{Live: live, Kind: token.KindJWT, Generation: 1}
	f := func(name string, between func(*Cache), recalled bool) {
		t.Run(name, func(t *testing.T) {
			c := newShelf(t)
			if _, _, err := c.FindLive("tok_a", c.Stamp(nil), func() (*token.Live, error) { return live, nil }); err != nil {
				t.Fatal(err)
			}
			c.records.Wait()
			// Half of a change: counted, its stripe still to come, and the
			// stamp taken in between. Reading the stripe again later, under a
			// count that has not moved since, would make a stale record hold.
			c.generations.changes.Add(1)
			s := c.Stamp(&d)
			if c.RecallLive("tok_a", &s) != live {
				t.Fatal("the live record is not recalled")
			}
			between(c)
			c.Remember(&d, s, jwt)
			c.records.Wait()
			if p, _ := c.Recall(&d, 1); (p != nil) != recalled {
				t.Errorf("recalled = %v, want %v", p != nil, recalled)
			}
		})
	}
	f("nothing changed", func(*Cache) {}, true)
	f("the token's stripe was bumped", func(c *Cache) {
		c.generations.stripes[c.generations.stripe(token.EntityToken, "tok_a")].Add(1)
	}, false)
	f("this JWT was revoked", func(c *Cache) { c.Forget(token.Change{Entity: token.EntityOf(&d)}) }, false)
	f("a signing key was removed", func(c *Cache) { c.ForgetAll() }, false)
	f("another token changed", func(c *Cache) { c.Forget(change(token.EntityToken, "tok_b")) }, true)
}

// A JWT whose live record was loaded afresh is remembered at its first use, and
// not under the counters of that load alone but under its own stamp too.
func TestFindLiveAnswersWithAStampThatCovers(t *testing.T) {
	d := token.DigestOf([]byte("jwt"))
	live := record("tok_a", "mer_a", record("tok_p", "mer_p", nil))
	c := newShelf(t)
	s := c.Stamp(&d)
	c.Forget(change(token.EntityToken, "tok_other")) // so that a late mark would not do
	_, under, err := c.FindLive("tok_a", s, func() (*token.Live, error) { return live, nil })
	if err != nil {
		t.Fatal(err)
	}
	if !c.Remember(&d, under, &token.Principal{Live: live, Kind: token.KindJWT}) {
		t.Fatal("a JWT on a record just loaded is not remembered")
	}
	c.records.Wait()
	if p, ok := c.Recall(&d, 1); !ok || p.Live != live {
		t.Error("a JWT is not recalled at its second use")
	}

	s = c.Stamp(&d)
	c.ForgetAll() // a signing key goes after the signature was verified under s
	_, under, _ = c.FindLive("tok_a", s, func() (*token.Live, error) { return live, nil })
	c.Remember(&d, under, &token.Principal{Live: live, Kind: token.KindJWT})
	c.records.Wait()
	if p, _ := c.Recall(&d, 1); p != nil {
		t.Error("a JWT is recalled that was verified with a key that is gone")
	}
}

// A record of more owners than there is room for is judged and not remembered.
func TestARecordOfTooManyOwnersIsNotRemembered(t *testing.T) {
	c := newShelf(t)
	var live *token.Live
	for i := range token.MaxMarks {
		live = record("tok_"+string(rune('a'+i)), "mer_"+string(rune('a'+i)), live)
	}
	d := token.DigestOf([]byte("deep"))
	p, err := c.Find(&d, c.Stamp(&d), func() (*token.Principal, error) { return keyFor(live), nil })
	if err != nil || p.Live != live {
		t.Fatalf("Find = %v, %v", p, err)
	}
	c.records.Wait()
	if p, _ := c.Recall(&d, 1); p != nil {
		t.Error("recalled though not all of its owners are marked")
	}
}
