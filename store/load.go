package store

import (
	"context"
	"database/sql"

	"tollgate/policy/token"
)

// LoadCredential reads who stands behind a secret of the given kind, all of it
// as of one moment. Ended credentials and revoked tokens are found and say so,
// so that the exact reason can be logged; token.ErrNotFound means that there is
// no such secret of that kind. Any other error means that the store could not
// tell.
func (s *Store) LoadCredential(ctx context.Context, kind token.Kind, d *token.Digest) (p *token.Principal, err error) {
	err = s.read(ctx, "load_credential", func(tx *sql.Tx) (err error) {
		if kind == token.KindAccess || kind == token.KindRefresh {
			p, err = s.loadPaired(ctx, tx, kind, d)
			return err
		}
		rows, err := s.query(ctx, tx, credentialText, d[:], kind.String())
		type credential struct {
			of token.Handle
			p  token.Principal
		}
		list, err := collect(rows, err, func(r *sql.Rows, c *credential) error {
			c.p.Kind = kind
			return r.Scan(&c.of, &c.p.Generation, &c.p.EndsAt)
		})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return token.ErrNotFound
		}
		if list[0].p.Live, err = s.loadOne(ctx, tx, list[0].of); err == nil {
			p = &list[0].p
		}
		return err
	})
	return p, err
}

// LoadToken reads the live record of a token; token.ErrNotFound when there is
// none.
func (s *Store) LoadToken(ctx context.Context, h token.Handle) (l *token.Live, err error) {
	err = s.read(ctx, "load_token", func(tx *sql.Tx) (err error) {
		l, err = s.loadOne(ctx, tx, h)
		return err
	})
	return l, err
}

// LoadClient reads the live record of the token with the given client id, and
// its client secrets, newest first, ended ones too; token.ErrNotFound when no
// token has the id.
func (s *Store) LoadClient(ctx context.Context, clientID string) (l *token.Live, secrets []token.Credential, err error) {
	err = s.read(ctx, "load_client", func(tx *sql.Tx) error {
		var h token.Handle
		if err := tx.QueryRowContext(ctx, `SELECT handle FROM tokens WHERE client_id = $1`, clientID).Scan(&h); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT `+credentialColumns+` FROM credentials
			WHERE token = $1 AND kind = $2 ORDER BY generation DESC`, string(h), token.KindClient.String())
		secrets, err = collect(rows, err, func(r *sql.Rows, c *token.Credential) error { return scanCredential(r, c) })
		if err != nil {
			return err
		}
		l, err = s.loadOne(ctx, tx, h)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return l, secrets, nil
}

func (s *Store) loadOne(ctx context.Context, tx *sql.Tx, h token.Handle) (*token.Live, error) {
	all, err := s.loadLives(ctx, tx, []token.Handle{h})
	if err != nil {
		return nil, err
	}
	one := all[h]
	if one == nil {
		return nil, token.ErrNotFound
	}
	if one.broken != nil {
		return nil, one.broken
	}
	return one.record, nil
}

// loadLives reads and compiles the records of tokens and of their parents.
// Handles that do not exist are left out.
func (s *Store) loadLives(ctx context.Context, tx *sql.Tx, handles []token.Handle) (map[token.Handle]*live, error) {
	l := loading{ctx: ctx, tx: tx, store: s, found: make(map[token.Handle]*live, len(handles))}
	if err := l.readTokens(handles); err != nil {
		return nil, err
	}
	// A parent is nobody's child (see checkOwners), so one step reaches all.
	if parents := l.missingParents(); len(parents) > 0 {
		if err := l.readTokens(parents); err != nil {
			return nil, err
		}
	}
	if len(l.found) == 0 {
		return nil, nil
	}
	if err := l.readNumbers(); err != nil {
		return nil, err
	}
	if err := l.readGenerations(); err != nil {
		return nil, err
	}
	if err := l.readFamilies(); err != nil {
		return nil, err
	}
	l.compile()
	return l.found, nil
}
