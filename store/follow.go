package store

import (
	"context"
	"database/sql"
	"time"

	"tollgate/policy/token"
)

const (
	logBatch    = 1000            // rows of the log read at once
	pollTimeout = 5 * time.Second // a reading that hangs must not look like a quiet log
	trimEvery   = time.Hour
)

// Follow reads the change log every Options.Poll until ctx is done: it tells
// the listeners what other processes changed and keeps Confirmed up to date.
// A reading that fails is observed under "poll", tried again at the next tick,
// and confirms nothing. Now and then it trims the log. Run it once.
func (s *Store) Follow(ctx context.Context) {
	tick := time.NewTicker(s.opt.Poll)
	defer tick.Stop()
	trimmed := s.opt.Now()
	for {
		_ = s.Poll(ctx) // observed, and visible in Confirmed
		if now := s.opt.Now(); now.Sub(trimmed) >= trimEvery {
			_, _ = s.TrimChanges(ctx) // observed; the next hour tries again
			_, _ = s.TrimEnded(ctx)
			trimmed = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Poll reads the change log once, to its end, and tells the listeners what is
// new to them. When the log is not the one that was read before (its head is
// lower, rows were trimmed away unread, a row is another one) it tells them of
// EntityAll.
func (s *Store) Poll(ctx context.Context) (err error) {
	s.feed.polling.Lock()
	defer s.feed.polling.Unlock()
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	for {
		began := s.opt.Now()
		more, err := s.pollOnce(ctx)
		if err != nil {
			return err
		}
		if !more {
			s.feed.confirm(began)
			return nil
		}
	}
}

func (s *Store) pollOnce(ctx context.Context) (more bool, err error) {
	from := s.feed.here()
	var head place
	var rows []token.Change
	err = s.read(ctx, "poll", func(tx *sql.Tx) (err error) {
		if head, err = headPlace(ctx, tx); err != nil {
			return err
		}
		rows, err = changesFrom(ctx, tx, from.seq, logBatch)
		return err
	})
	if err != nil {
		return false, err
	}
	if !continues(from, head, rows) {
		s.tell(token.Change{Sequence: head.seq, Added: true, At: token.At(s.opt.Now())})
		s.feed.restart(head)
		return false, nil
	}
	for _, c := range rows {
		// Listeners hear of it before the place moves on, so that Applied never
		// promises what has not reached them.
		if c.Sequence > from.seq {
			s.hear(c)
		}
	}
	return len(rows) == logBatch, nil
}

func (s *Store) hear(c token.Change) {
	if !s.feed.knows(c.Sequence) {
		s.tell(c)
	}
	s.feed.pass(place{c.Sequence, c.At})
}

// continues reports whether rows, read from the place from on, carry on the log
// that was read up to there.
func continues(from, head place, rows []token.Change) bool {
	if head.seq < from.seq {
		return false
	}
	next := from.seq
	if len(rows) > 0 && rows[0].Sequence == from.seq {
		if from.time != 0 && rows[0].At != from.time {
			return false
		}
	} else if from.seq != 0 && from.time != 0 {
		return false
	} else {
		next++
	}
	for _, c := range rows {
		if c.Sequence != next {
			return false
		}
		next++
	}
	return len(rows) == logBatch || next == head.seq+1
}

// TrimChanges removes change rows older than Options.KeepChanges and reports
// how many. The newest row always stays. A reader who had not seen the removed
// ones finds out and treats everything as changed.
func (s *Store) TrimChanges(ctx context.Context) (removed int64, err error) {
	err = s.transact(ctx, "trim_changes", func(w *writing) error {
		// A prefix goes, never a row from the middle, even where the clock was
		// once set back.
		r, err := w.tx.ExecContext(w.ctx, `DELETE FROM changes WHERE seq < COALESCE(
				(SELECT MIN(seq) FROM changes WHERE at >= $1),
				(SELECT seq FROM change_head WHERE id = 1))`,
			int64(w.now.Add(-s.opt.KeepChanges)))
		if err != nil {
			return err
		}
		removed, err = r.RowsAffected()
		return err
	})
	return removed, err
}

// Head is the number of the newest change.
func (s *Store) Head(ctx context.Context) (seq int64, err error) {
	err = s.read(ctx, "head", func(tx *sql.Tx) error {
		p, err := headPlace(ctx, tx)
		seq = p.seq
		return err
	})
	return seq, err
}

// ChangesAfter lists the changes numbered above seq, oldest first, at most
// limit of them (1 to 1000).
func (s *Store) ChangesAfter(ctx context.Context, seq int64, limit int) (list []token.Change, err error) {
	err = s.read(ctx, "changes", func(tx *sql.Tx) (err error) {
		list, err = changesFrom(ctx, tx, seq+1, min(max(limit, 1), logBatch))
		return err
	})
	return list, err
}

func changesFrom(ctx context.Context, tx *sql.Tx, seq int64, limit int) ([]token.Change, error) {
	rows, err := tx.QueryContext(ctx,
		`SELECT seq, entity, id, added, at FROM changes WHERE seq >= $1 ORDER BY seq LIMIT $2`, seq, limit)
	return collect(rows, err, func(r *sql.Rows, c *token.Change) error {
		var word string
		err := r.Scan(&c.Sequence, &word, &c.Entity.ID, &c.Added, &c.At)
		c.Entity.Kind = entityKind(word)
		return err
	})
}
