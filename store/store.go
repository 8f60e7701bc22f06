package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/policy/token"
)

// Store is one opened database. It is safe for concurrent use. Its writes run
// one after the other; its reads wait for nobody.
type Store struct {
	engine   Engine
	opt      Options
	prepared map[string]*sql.Stmt // by text; filled in by New and not changed again

	// turn holds one value while nobody writes. It is held until the listeners
	// have heard, so that they hear of this process's changes in commit order.
	turn    chan struct{}
	closing sync.Once

	replays   replays
	listeners atomic.Pointer[[]func(token.Change)]
	feed      feed
}

// New makes a store of an opened engine: it brings the schema to where
// o.Schema wants it, sees that numbers are as unique as asked, and notes where
// the change log stands. It does not take ownership of the engine's handles
// unless it succeeds.
func New(ctx context.Context, e Engine, o Options) (*Store, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	s := &Store{engine: e, opt: o, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	s.listeners.Store(new([]func(token.Change)))
	if o.Schema == SchemaAny {
		return s, nil
	}
	if err := s.settleSchema(ctx, o.Schema); err != nil {
		return nil, err
	}
	if err := s.settleScope(ctx); err != nil {
		return nil, err
	}
	if err := s.startFeed(ctx); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Close waits for the write that is under way, then closes the database. What
// is asked of it afterwards fails; closing it again does nothing.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		<-s.turn
		err = errors.Join(s.engine.Reader.Close(), s.engine.Writer.Close())
		s.turn <- struct{}{}
	})
	return err
}

// Fresh reports whether this opening created the database: only then may a new
// master key be made for it.
func (s *Store) Fresh() bool { return s.engine.Fresh }

// Ping asks the database a question that it can only answer when it works, and
// sees that it is still the one that was opened.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Head(ctx)
	return err
}

// CheckIntegrity has the database examine itself; it reads all of it.
func (s *Store) CheckIntegrity(ctx context.Context) error {
	if s.engine.Integrity == nil {
		return nil
	}
	return s.engine.Integrity(ctx)
}

// read runs do in a transaction that sees one moment in time.
func (s *Store) read(ctx context.Context, op string, do func(tx *sql.Tx) error) (err error) {
	defer s.observe(op, s.opt.Now(), &err)
	if err := s.check(); err != nil {
		return fmt.Errorf("store: %s: %w", op, err)
	}
	tx, err := s.engine.Reader.BeginTx(ctx, &s.engine.Snapshot)
	if err != nil {
		return fmt.Errorf("store: %s: %w", op, err)
	}
	defer tx.Rollback() //nolint:errcheck // it has only read
	if err := do(tx); err != nil {
		return s.explain(op, err)
	}
	return nil
}

// check asks whether the database is still the one that was opened.
func (s *Store) check() error {
	if s.engine.Check == nil {
		return nil
	}
	return s.engine.Check()
}

// observe is deferred: it reports an operation that began at began.
func (s *Store) observe(op string, began time.Time, err *error) {
	fault := *err
	if refused(fault) || errors.Is(fault, context.Canceled) {
		fault = nil
	}
	s.opt.Observe(op, s.opt.Now().Sub(began), fault)
}

// explain gives a driver's error the name of what was being done, and lets the
// store's own refusals through as they are.
func (s *Store) explain(op string, err error) error {
	if refused(err) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return token.ErrNotFound
	}
	return fmt.Errorf("store: %s: %w", op, err)
}

// refused reports whether err is an answer, rather than a failure to answer.
func refused(err error) bool {
	var word token.Error
	var held *token.HeldError
	var fields token.FieldErrors
	return errors.As(err, &word) || errors.As(err, &held) || errors.As(err, &fields)
}
