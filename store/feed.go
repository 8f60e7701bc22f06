package store

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"tollgate/policy/token"
)

// feed remembers which changes the listeners have heard of, and when the log
// was last read to its end.
type feed struct {
	polling sync.Mutex // one reading of the log at a time

	mu        sync.Mutex
	at        place                   // everything up to here has been told
	own       map[int64]token.Instant // this process's own changes beyond it, told already
	confirmed time.Time
}

// place is one row of the change log: its number, and its time to tell a log
// with another history apart. A time of zero is not compared.
type place struct {
	seq  int64
	time token.Instant
}

// ownMax bounds what feed.own keeps when nobody reads the log. Forgetting means
// that a change is told twice, which costs a load and nothing else.
const ownMax = 4096

// OnChange adds a listener. It is called with each change of this process after
// the commit was tried and before the write returns, in commit order; it is
// also called when the outcome of the commit is not known. While Follow runs it
// is called, from another goroutine, with the changes of other processes, in
// their order. A change may be told twice, and EntityAll stands for any number
// of them. The listener must be quick and must not write to the store.
func (s *Store) OnChange(listener func(token.Change)) {
	for {
		old := s.listeners.Load()
		grown := append(append([]func(token.Change){}, *old...), listener)
		if s.listeners.CompareAndSwap(old, &grown) {
			return
		}
	}
}

// Confirmed is when the change log was last read to its end, taken before that
// reading began: records older than it may have been overtaken. It carries the
// monotonic clock when Options.Now does.
func (s *Store) Confirmed() time.Time {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.feed.confirmed
}

// Applied is the number up to which every change has reached the listeners.
func (s *Store) Applied() int64 {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.feed.at.seq
}

// announce tells the listeners of this process's own changes. committed is
// false when that is not known: the changes are then left for Follow to tell
// again, should they have happened.
func (s *Store) announce(changes []token.Change, committed bool) {
	for _, c := range changes {
		s.tell(c)
	}
	if committed {
		s.feed.keep(changes)
	}
}

func (s *Store) tell(c token.Change) {
	for _, listener := range *s.listeners.Load() {
		listener(c)
	}
}

// keep notes own changes as told, and moves on over those that follow directly.
func (f *feed) keep(changes []token.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.own == nil || len(f.own) > ownMax {
		f.own = make(map[int64]token.Instant)
	}
	for _, c := range changes {
		if c.Sequence > f.at.seq {
			f.own[c.Sequence] = c.At
		}
	}
	for {
		at, told := f.own[f.at.seq+1]
		if !told {
			return
		}
		delete(f.own, f.at.seq+1)
		f.at = place{f.at.seq + 1, at}
	}
}

// knows reports whether the listeners have been told of a change.
func (f *feed) knows(seq int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, told := f.own[seq]
	return told || seq <= f.at.seq
}

// pass moves on to p, which has been told.
func (f *feed) pass(p place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.own, p.seq)
	if p.seq > f.at.seq {
		f.at = p
	}
}

// restart moves to p, wherever that is, and forgets what was told.
func (f *feed) restart(p place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.own = p, nil
}

func (f *feed) here() place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *feed) confirm(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.confirmed = t
}

// startFeed notes where the log stands. Everything after that is told.
func (s *Store) startFeed(ctx context.Context) error {
	began := s.opt.Now()
	return s.read(ctx, "head", func(tx *sql.Tx) error {
		p, err := headPlace(ctx, tx)
		if err == nil {
			s.feed.restart(p)
			s.feed.confirm(began)
		}
		return err
	})
}

// headPlace reads the head of the log and the time of its row.
func headPlace(ctx context.Context, tx *sql.Tx) (p place, err error) {
	err = tx.QueryRowContext(ctx, `SELECT h.seq, COALESCE(c.at, 0)
		FROM change_head h LEFT JOIN changes c ON c.seq = h.seq WHERE h.id = 1`).Scan(&p.seq, &p.time)
	return p, err
}
