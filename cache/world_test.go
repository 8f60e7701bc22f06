package cache

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/policy/token"
)

// A world is tokens, their merchants and their parents, each with a version
// that every change counts up, and beside it the version that was acknowledged.
// It is the register that the cache is held against: a decision may be made on
// a newer version than the one acknowledged when it began, never on an older.
type world struct {
	cache  *Cache
	recall func(d *token.Digest) *token.Principal
	stamp  func(d *token.Digest, loaded func()) token.Stamp

	mu        sync.RWMutex // held to write by a commit
	committed versions
	acked     struct {
		tokens    [worldTokens]atomic.Uint64
		merchants [worldMerchants]atomic.Uint64
	}
	writing [worldTokens + worldMerchants]sync.Mutex // one change of an entity at a time

	lookups, hits, loads, changes, stale atomic.Int64
	keys, jwts                           [worldTokens]token.Digest
}

const (
	worldTokens    = 48
	worldMerchants = 6
)

// How a token is looked up.
const (
	asKey form = iota
	asJWT
	asClient
	looks = 3
)

type versions struct {
	tokens    [worldTokens]uint64
	merchants [worldMerchants]uint64
}

// seen is the rules of a record in the world: the versions it was built from.
type seen struct{ token, merchant, parent uint64 }

func (seen) Size() int64 { return 24 }

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := New(Options{MaxBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{cache: c}
	for i := range worldTokens {
		w.keys[i] = token.DigestOf(fmt.Appendf(nil, "key %d", i))
		w.jwts[i] = token.DigestOf(fmt.Appendf(nil, "jwt %d", i))
	}
	w.recall = func(d *token.Digest) *token.Principal {
		p, _ := c.Recall(d, 1)
		return p
	}
	w.stamp = func(d *token.Digest, loaded func()) token.Stamp {
		s := c.Stamp(d)
		loaded()
		return s
	}
	return w
}

func handleOf(i int) token.Handle { return token.Handle(fmt.Sprintf("tok_%012d", i)) }
func merchantOf(i int) string     { return fmt.Sprintf("mer_%012d", i%worldMerchants) }

// parentOf is the token that made token i; the first third has none.
func parentOf(i int) int {
	if i < worldTokens/3 {
		return -1
	}
	return i % (worldTokens / 3)
}

// load reads one consistent state, and takes its time to come back with it.
func (w *world) load(i int) *token.Live {
	w.loads.Add(1)
	w.mu.RLock()
	v := seen{token: w.committed.tokens[i], merchant: w.committed.merchants[i%worldMerchants]}
	parent := parentOf(i)
	if parent >= 0 {
		v.parent = w.committed.tokens[parent]
	}
	w.mu.RUnlock()
	for range rand.IntN(4) {
		runtime.Gosched()
	}
	live := &token.Live{Handle: handleOf(i), Merchant: merchantOf(i), Rules: v}
	if parent >= 0 {
		live.Parent = &token.Live{Handle: handleOf(parent), Merchant: merchantOf(i)}
	}
	return live
}

// change commits, forgets and only then acknowledges.
func (w *world) change(random *rand.Rand) {
	w.changes.Add(1)
	if random.IntN(64) == 0 {
		w.changeAll()
		return
	}
	n := random.IntN(worldTokens + worldMerchants)
	w.writing[n].Lock()
	defer w.writing[n].Unlock()
	if n < worldTokens {
		w.mu.Lock()
		w.committed.tokens[n]++
		v := w.committed.tokens[n]
		w.mu.Unlock()
		w.cache.Forget(token.Change{Entity: token.Entity{Kind: token.EntityToken, ID: string(handleOf(n))}})
		w.acked.tokens[n].Store(v)
		return
	}
	m := n - worldTokens
	w.mu.Lock()
	w.committed.merchants[m]++
	v := w.committed.merchants[m]
	w.mu.Unlock()
	w.cache.Forget(token.Change{Entity: token.Entity{Kind: token.EntityMerchant, ID: merchantOf(m)}})
	w.acked.merchants[m].Store(v)
}

// changeAll is a restored database: every record is another one at once.
func (w *world) changeAll() {
	for i := range w.writing {
		w.writing[i].Lock()
		defer w.writing[i].Unlock()
	}
	w.mu.Lock()
	for i := range w.committed.tokens {
		w.committed.tokens[i]++
	}
	for i := range w.committed.merchants {
		w.committed.merchants[i]++
	}
	now := w.committed
	w.mu.Unlock()
	w.cache.ForgetAll()
	for i := range now.tokens {
		w.acked.tokens[i].Store(now.tokens[i])
	}
	for i := range now.merchants {
		w.acked.merchants[i].Store(now.merchants[i])
	}
}

// look decides once on token i and reports whether the record it used was at
// least as new as what was acknowledged before it began.
func (w *world) look(i int, as form) bool {
	var floor seen
	floor.token = w.acked.tokens[i].Load()
	floor.merchant = w.acked.merchants[i%worldMerchants].Load()
	if parent := parentOf(i); parent >= 0 {
		floor.parent = w.acked.tokens[parent].Load()
	}
	w.lookups.Add(1)
	var live *token.Live
	switch as {
	case asKey:
		live = w.principal(i, &w.keys[i], false).Live
	case asJWT:
		live = w.principal(i, &w.jwts[i], true).Live
	case asClient:
		live = w.client(i)
	}
	got := live.Rules.(seen)
	if got.token < floor.token || got.merchant < floor.merchant || got.parent < floor.parent {
		w.stale.Add(1)
		return false
	}
	return true
}

func (w *world) principal(i int, d *token.Digest, asJWT bool) *token.Principal {
	if p := w.recall(d); p != nil {
		w.hits.Add(1)
		return p
	}
	return w.find(i, d, asJWT)
}

func (w *world) client(i int) *token.Live {
	id := string(handleOf(i))
	live, _ := w.cache.RecallClient(id)
	if live != nil {
		w.hits.Add(1)
		return live
	}
	live, _, _ = w.cache.FindClient(id, w.cache.Stamp(nil), func() (*token.Live, []token.Credential, error) { return w.load(i), nil, nil })
	return live
}

func (w *world) find(i int, d *token.Digest, asJWT bool) *token.Principal {
	if !asJWT {
		var first *token.Principal
		s := w.stamp(d, func() { first = &token.Principal{Live: w.load(i), Kind: token.KindKey} })
		p, _ := w.cache.Find(d, s, func() (*token.Principal, error) {
			if p := first; p != nil {
				first = nil
				return p, nil
			}
			return &token.Principal{Live: w.load(i), Kind: token.KindKey}, nil
		})
		return p
	}
	s := w.stamp(d, func() {})
	live := w.cache.RecallLive(handleOf(i), &s)
	if live == nil {
		live, s, _ = w.cache.FindLive(handleOf(i), s, func() (*token.Live, error) { return w.load(i), nil })
	}
	p := &token.Principal{Live: live, Kind: token.KindJWT}
	w.cache.Remember(d, s, p)
	return p
}

// hammer looks up count times from several sides while changes come in, and
// reports how many decisions used a record older than an acknowledged change.
func (w *world) hammer(count int64) int64 {
	const readers, writers = 6, 2
	var reading, all sync.WaitGroup
	done := make(chan struct{})
	for n := range readers {
		all.Add(1)
		reading.Add(1)
		go func() {
			defer all.Done()
			defer reading.Done()
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range count / readers {
				w.look(random.IntN(worldTokens), form(random.IntN(looks)))
			}
		}()
	}
	for n := range writers {
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewPCG(uint64(n), 2))
			for {
				select {
				case <-done:
					return
				default:
				}
				if w.changes.Load()*16 < w.lookups.Load() { // many hits between two changes
					w.change(random)
				} else {
					runtime.Gosched()
				}
			}
		}()
	}
	reading.Wait()
	close(done)
	all.Wait()
	return w.stale.Load()
}
