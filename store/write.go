package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tollgate/policy/token"
)

// errUnchanged is how a write says that there is nothing to do: it is rolled
// back and answered as done.
var errUnchanged = errors.New("nothing changes")

// writing is one write: a transaction, the instant all its rows carry, and the
// changes that listeners will hear of.
type writing struct {
	ctx     context.Context
	tx      *sql.Tx
	store   *Store
	act     token.Act
	now     token.Instant
	changes []token.Change
}

// write carries out one administrative act as one transaction.
func (s *Store) write(ctx context.Context, op string, act token.Act, do func(w *writing) error) error {
	if act.Actor.Kind == "" || act.Actor.ID == "" {
		return fmt.Errorf("store: %s: the act does not say who acts, and nothing is written that nobody did", op)
	}
	return s.transact(ctx, op, func(w *writing) error {
		w.act = act
		return do(w)
	})
}

// transact runs do in the one write transaction there is at a time.
//
// Until it has its turn it gives up when ctx is done. From then on the caller
// can no longer stop it: a change that may already be durable must reach the
// listeners, whether or not anyone waits for the answer. They hear of it even
// when the commit failed, because a failed commit may have happened.
func (s *Store) transact(ctx context.Context, op string, do func(w *writing) error) (err error) {
	defer s.observe(op, s.opt.Now(), &err)
	if err := s.begin(ctx); err != nil {
		return fmt.Errorf("store: %s: %w", op, err)
	}
	defer func() { s.turn <- struct{}{} }()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.WriteTimeout)
	defer cancel()
	tx, err := s.engine.Writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: %s: begin: %w", op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing

	w := &writing{ctx: ctx, tx: tx, store: s, now: token.At(s.opt.Now())}
	if s.engine.Lock != "" {
		if err := w.exec(s.engine.Lock); err != nil {
			return fmt.Errorf("store: %s: lock: %w", op, err)
		}
	}
	if err := do(w); err != nil {
		if errors.Is(err, errUnchanged) {
			return nil
		}
		if s.engine.Classify(err) == FaultDuplicate {
			return token.ErrExists
		}
		return s.explain(op, err)
	}
	err = tx.Commit()
	s.announce(w.changes, err == nil)
	if err != nil {
		return fmt.Errorf("store: %s: commit, outcome unknown: %w", op, err)
	}
	return nil
}

// begin waits for the turn to write.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.check(); err != nil {
		s.turn <- struct{}{}
		return err
	}
	return nil
}

func (w *writing) exec(query string, args ...any) error {
	_, err := w.tx.ExecContext(w.ctx, query, args...)
	return err
}

// affect is exec for statements that must hit a row: none is ErrNotFound.
func (w *writing) affect(query string, args ...any) error {
	r, err := w.tx.ExecContext(w.ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return token.ErrNotFound
}

func (w *writing) row(query string, args ...any) *sql.Row {
	return w.tx.QueryRowContext(w.ctx, query, args...)
}

// change appends a row to the change log and gives its number, which is also
// the place of what was added in its list.
func (w *writing) change(kind token.EntityKind, id string, added bool) (int64, error) {
	c := token.Change{Entity: token.Entity{Kind: kind, ID: id}, Added: added, At: w.now}
	err := w.row(`UPDATE change_head SET seq = seq + 1 WHERE id = 1 RETURNING seq`).Scan(&c.Sequence)
	if err != nil {
		return 0, err
	}
	err = w.exec(`INSERT INTO changes (seq, entity, id, added, at) VALUES ($1, $2, $3, $4, $5)`,
		c.Sequence, entityWord(kind), id, added, int64(w.now))
	if err != nil {
		return 0, err
	}
	w.changes = append(w.changes, c)
	return c.Sequence, nil
}
