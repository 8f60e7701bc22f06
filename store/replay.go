package store

import (
	"context"
	"fmt"
	"sync"

	"tollgate/policy/token"
)

// replays are presentations that wait to be written. All that wait are written
// by one transaction, because a signed request must not cost a disk's flush of
// its own when many come at once.
type replays struct {
	mu      sync.Mutex
	waiting []*presentation
}

// presentation is one call of Record. What it came to is set before done is
// closed.
type presentation struct {
	digest token.Digest
	until  token.Instant
	done   chan struct{}
	fresh  bool
	err    error
}

// enter queues p and reports whether nobody is on the way for those that wait.
func (r *replays) enter(p *presentation) (alone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, p)
	return len(r.waiting) == 1
}

// take empties the queue. Who comes next is alone.
func (r *replays) take() []*presentation {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.waiting
	r.waiting = nil
	return list
}

// Record notes that something which counts once only, by its digest, has been
// presented, and reports whether this was the first time. The answer is exact
// among all callers and processes and survives a restart: of any number of
// calls with one digest a single one is told fresh. until is when whoever
// presents it is refused anyway, so that it need not be remembered any longer.
//
// An error means that nobody can tell; it may have been noted all the same, and
// would then not be fresh again.
func (s *Store) Record(ctx context.Context, d token.Digest, until token.Instant) (fresh bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("store: replay: %w", err)
	}
	p := &presentation{digest: d, until: until, done: make(chan struct{})}
	if s.replays.enter(p) {
		go s.recordWaiting()
	}
	select {
	case <-p.done:
		return p.fresh, p.err
	case <-ctx.Done():
		return false, fmt.Errorf("store: replay: %w", ctx.Err())
	}
}

// recordWaiting writes all that wait once it is its turn. It belongs to no
// caller, so that one who leaves takes nobody along.
func (s *Store) recordWaiting() {
	ctx, cancel := context.WithTimeout(context.Background(), s.opt.WriteTimeout)
	defer cancel()
	var list []*presentation
	err := s.transact(ctx, "replay", func(w *writing) error {
		list = s.replays.take()
		for _, p := range list {
			if err := w.present(p); err != nil {
				return err
			}
		}
		return nil
	})
	if list == nil { // it was never its turn
		list = s.replays.take()
	}
	for _, p := range list {
		p.fresh, p.err = p.fresh && err == nil, err
		close(p.done)
	}
}

func (w *writing) present(p *presentation) error {
	r, err := w.tx.ExecContext(w.ctx, `INSERT INTO replays (digest, ends_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`,
		p.digest[:], int64(p.until))
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	p.fresh = n > 0
	return err
}
