package store

import (
	"context"
	"database/sql"

	"tollgate/policy/token"
)

// Meta reads a small fact about the installation that SetMeta wrote, such as
// the sealed word by which a master key is recognised; token.ErrNotFound when
// there is none of the name.
func (s *Store) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = s.read(ctx, "meta", func(tx *sql.Tx) (err error) {
		value, err = meta(ctx, tx, name)
		return err
	})
	return value, err
}

// SetMeta writes a fact about the installation, over what it was. The value is
// not told to the audit log.
func (s *Store) SetMeta(ctx context.Context, act token.Act, name string, value []byte) error {
	return s.write(ctx, "set_meta", act, func(w *writing) error {
		if err := w.setMeta(name, value); err != nil {
			return err
		}
		return w.record(entry{action: w.named("meta.set"), target: token.AuditTarget{Kind: "meta", ID: name}})
	})
}

func meta(ctx context.Context, tx *sql.Tx, name string) (value []byte, err error) {
	err = tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	return value, err
}

func (w *writing) setMeta(name string, value []byte) error {
	return w.exec(`INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

// HasSealed reports whether anything in the database is sealed under a master
// key: then a missing key must not be replaced by a new one.
func (s *Store) HasSealed(ctx context.Context) (sealed bool, err error) {
	err = s.read(ctx, "has_sealed", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM signing_keys)
			OR EXISTS (SELECT 1 FROM credentials WHERE sealed IS NOT NULL)`).Scan(&sealed)
	})
	return sealed, err
}

// SigningKeys lists the JWT signing keys the store keeps, newest first, sealed.
func (s *Store) SigningKeys(ctx context.Context) (list []token.SealedKey, err error) {
	err = s.read(ctx, "signing_keys", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, alg, sealed, created_at FROM signing_keys ORDER BY added DESC`)
		list, err = collect(rows, err, func(r *sql.Rows, k *token.SealedKey) error {
			return r.Scan(&k.ID, &k.Alg, &k.Sealed, &k.CreatedAt)
		})
		return err
	})
	return list, err
}

// AddSigningKey keeps a sealed JWT signing key; token.ErrExists when its ID is
// taken. It is a change of everything, because any JWT may be signed with it.
func (s *Store) AddSigningKey(ctx context.Context, act token.Act, k token.SealedKey) error {
	var f fields
	f.name("id", k.ID)
	if k.Alg != token.HS256 && k.Alg != token.EdDSA {
		f.add("alg", "must be HS256 or EdDSA")
	}
	if len(k.Sealed) == 0 {
		f.add("sealed", "must hold the sealed key")
	}
	if err := f.err(); err != nil {
		return err
	}
	return s.write(ctx, "add_signing_key", act, func(w *writing) error {
		added, err := w.change(token.EntityAll, "", false)
		if err != nil {
			return err
		}
		err = w.exec(`INSERT INTO signing_keys (id, alg, sealed, added, created_at) VALUES ($1, $2, $3, $4, $5)`,
			k.ID, string(k.Alg), k.Sealed, added, int64(w.now))
		if err != nil {
			return err
		}
		return w.record(entry{action: w.named("signing_key.create"),
			target: token.AuditTarget{Kind: "signing_key", ID: k.ID}, after: object{"alg": string(k.Alg)}})
	})
}
