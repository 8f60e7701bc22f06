package admin

import (
	"sync"
	"time"
)

// budgetKeys bounds how many keys one budget keeps apart; beyond it, new keys
// share one allowance, so that a flood of sources costs no memory.
const budgetKeys = 65536

// budget allows each key a number of events in a window of time. The windows
// are fixed, not sliding: they begin with a key's first event.
type budget struct {
	limit  int
	window time.Duration
	now    func() time.Time

	mu    sync.Mutex
	spent map[string]spending
	swept time.Time // when windows that ended were last thrown out
}

type spending struct {
	count int
	ends  time.Time
}

func newBudget(limit int, window time.Duration, now func() time.Time) *budget {
	return &budget{limit: limit, window: window, now: now, spent: map[string]spending{}}
}

// exhausted reports whether nothing is left for key, and for how long.
func (b *budget) exhausted(key string) (bool, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	s := b.current(key, now)
	return s.count >= b.limit, s.ends.Sub(now)
}

// count notes one event of key, whether or not anything was left.
func (b *budget) count(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spend(key, b.now())
}

// take notes one event of key if something is left. Who finds afterwards that
// the event did not count gives it back.
func (b *budget) take(key string) (ok bool, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if s := b.current(key, now); s.count >= b.limit {
		return false, s.ends.Sub(now)
	}
	b.spend(key, now)
	return true, 0
}

// giveBack undoes one take.
func (b *budget) giveBack(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key = b.fold(key)
	if s, ok := b.spent[key]; ok && s.count > 0 {
		s.count--
		b.spent[key] = s
	}
}

func (b *budget) current(key string, now time.Time) spending {
	s, ok := b.spent[b.fold(key)]
	if !ok || !now.Before(s.ends) {
		return spending{}
	}
	return s
}

func (b *budget) spend(key string, now time.Time) {
	if len(b.spent) >= budgetKeys && now.Sub(b.swept) >= time.Second {
		b.sweep(now)
	}
	key = b.fold(key)
	s := b.current(key, now)
	if s.count == 0 {
		s.ends = now.Add(b.window)
	}
	s.count++
	b.spent[key] = s
}

// fold is the key's own name while there is room for it, and the shared one
// afterwards.
func (b *budget) fold(key string) string {
	if _, ok := b.spent[key]; ok || len(b.spent) < budgetKeys {
		return key
	}
	return ""
}

// sweep throws out what has ended; at most once a second, for it reads all.
func (b *budget) sweep(now time.Time) {
	b.swept = now
	for key, s := range b.spent {
		if !now.Before(s.ends) {
			delete(b.spent, key)
		}
	}
}
