package store

import (
	"context"
	"database/sql"
	"sync"
)

// prepared keeps the few statements that a load is made of, because parsing
// them is a third of the work (measured: 105 µs a load became 74). Only texts
// that never vary belong here.
type prepared struct {
	mu     sync.RWMutex
	made   map[string]*sql.Stmt
	wanted map[string]bool // to be made when whoever asked holds no connection
}

// often runs a text that is used often, inside tx, prepared when it has been
// seen before.
//
// It does not prepare here: that takes a connection, and tx holds one already.
// As many callers at once as the pool has connections would wait for each other
// without end.
func (s *Store) often(ctx context.Context, tx *sql.Tx, text string, args ...any) (*sql.Rows, error) {
	s.prepared.mu.RLock()
	stmt := s.prepared.made[text]
	s.prepared.mu.RUnlock()
	if stmt != nil {
		return tx.StmtContext(ctx, stmt).QueryContext(ctx, args...)
	}
	s.prepared.mu.Lock()
	if s.prepared.wanted == nil {
		s.prepared.made, s.prepared.wanted = make(map[string]*sql.Stmt), make(map[string]bool)
	}
	if s.prepared.made[text] == nil {
		s.prepared.wanted[text] = true
	}
	s.prepared.mu.Unlock()
	return tx.QueryContext(ctx, text, args...)
}

// prepareWanted prepares what often asked for. The caller holds no connection.
// A text that cannot be prepared stays wanted, and is run as it is meanwhile.
func (s *Store) prepareWanted(ctx context.Context) {
	for {
		text, any := s.prepared.next()
		if !any {
			return
		}
		stmt, err := s.engine.Reader.PrepareContext(ctx, text)
		if err != nil {
			s.prepared.mu.Lock()
			s.prepared.wanted[text] = true
			s.prepared.mu.Unlock()
			return
		}
		s.prepared.keep(text, stmt)
	}
}

// keep keeps a statement, unless somebody has made it meanwhile.
func (p *prepared) keep(text string, stmt *sql.Stmt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made[text] != nil {
		stmt.Close()
		return
	}
	p.made[text] = stmt
}

// next takes a text off the wanted ones: one caller prepares it.
func (p *prepared) next() (text string, any bool) {
	p.mu.RLock()
	n := len(p.wanted)
	p.mu.RUnlock()
	if n == 0 {
		return "", false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for text := range p.wanted {
		delete(p.wanted, text)
		if p.made[text] == nil {
			return text, true
		}
	}
	return "", false
}
