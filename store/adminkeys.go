package store

import (
	"context"
	"database/sql"

	"tollgate/policy/token"
)

const adminKeyColumns = `id, name, role, COALESCE(merchant, ''), digest, hint, created_at, last_used_at, ended_at`

func scanAdminKey(r scanner, k *token.AdminKey, lead ...any) error {
	var digest []byte
	err := r.Scan(append(lead, &k.ID, &k.Name, &k.Role, &k.Merchant, &digest, &k.Hint, &k.CreatedAt, &k.LastUsedAt, &k.EndedAt)...)
	copy(k.Digest[:], digest)
	return err
}

// AddAdminKey adds an admin API key. Its ID may be empty: the store mints one.
// A key of the role merchant names its merchant, and no other does.
func (s *Store) AddAdminKey(ctx context.Context, act token.Act, k token.AdminKey) (token.AdminKey, error) {
	if err := checkAdminKey(&k); err != nil {
		return token.AdminKey{}, err
	}
	err := s.write(ctx, "add_admin_key", act, func(w *writing) (err error) {
		if k.ID == "" {
			if k.ID, err = mintID(s.opt.Rand, "key_"); err != nil {
				return err
			}
		}
		k.CreatedAt, k.LastUsedAt, k.EndedAt = w.now, 0, 0
		added, err := w.change(token.EntityAdminKey, k.ID, true)
		if err != nil {
			return err
		}
		err = w.exec(`INSERT INTO admin_keys (id, name, role, merchant, digest, hint, added, created_at, last_used_at, ended_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)`,
			k.ID, k.Name, string(k.Role), nullable(k.Merchant), k.Digest[:], k.Hint, added, int64(w.now))
		if s.engine.Classify(err) == FaultReference {
			return token.FieldErrors{{Field: "merchant_id", Message: "there is no such merchant"}}
		}
		if err != nil {
			return err
		}
		return w.record(entry{action: w.named("admin_key.create"), target: keyTarget(k.ID), merchant: k.Merchant,
			after: tellAdminKey(&k)})
	})
	return kept(k, err)
}

// FindAdminKeyByDigest reads the living admin key of a digest. One that has
// ended is token.ErrNotFound like one that never was.
func (s *Store) FindAdminKeyByDigest(ctx context.Context, d *token.Digest) (k token.AdminKey, err error) {
	err = s.read(ctx, "find_admin_key", func(tx *sql.Tx) error {
		return scanAdminKey(tx.QueryRowContext(ctx,
			`SELECT `+adminKeyColumns+` FROM admin_keys WHERE digest = $1 AND ended_at = 0`, d[:]), &k)
	})
	return kept(k, err)
}

// ListAdminKeys lists admin keys, newest first, and the cursor of the next page.
func (s *Store) ListAdminKeys(ctx context.Context, f token.AdminKeyFilter) (list []token.AdminKey, next string, err error) {
	q, err := newPage("admin_keys", f.Page)
	if err != nil {
		return nil, "", err
	}
	if !f.Ended {
		q.and("ended_at = 0")
	}
	q.below("added")
	var places []int64
	err = s.read(ctx, "list_admin_keys", func(tx *sql.Tx) error {
		rows, err := q.query(ctx, tx, `SELECT added, `+adminKeyColumns+` FROM admin_keys`)
		list, err = collect(rows, err, func(r *sql.Rows, k *token.AdminKey) error {
			places = append(places, 0)
			return scanAdminKey(r, k, &places[len(places)-1])
		})
		return err
	})
	list, next = cutAt(q, list, places)
	return list, next, err
}

// EndAdminKey ends an admin key and answers with it. Ending an ended one
// changes nothing and answers the same.
func (s *Store) EndAdminKey(ctx context.Context, act token.Act, id string) (k token.AdminKey, err error) {
	err = s.write(ctx, "end_admin_key", act, func(w *writing) error {
		err := scanAdminKey(w.row(`SELECT `+adminKeyColumns+` FROM admin_keys WHERE id = $1`, id), &k)
		if err != nil {
			return err
		}
		if k.EndedAt != 0 {
			return errUnchanged
		}
		before := tellAdminKey(&k)
		k.EndedAt = w.now
		if _, err := w.change(token.EntityAdminKey, id, false); err != nil {
			return err
		}
		if err := w.affect(`UPDATE admin_keys SET ended_at = $2 WHERE id = $1`, id, int64(w.now)); err != nil {
			return err
		}
		was, is := differences(before, tellAdminKey(&k))
		return w.record(entry{action: w.named("admin_key.end"), target: keyTarget(id), merchant: k.Merchant,
			before: was, after: is})
	})
	return kept(k, err)
}

func checkAdminKey(k *token.AdminKey) error {
	var f fields
	f.text("id", k.ID, nameMax)
	f.name("name", k.Name)
	f.text("hint", k.Hint, nameMax)
	if _, ok := token.ParseRole(string(k.Role)); !ok {
		f.add("role", "must be admin, operator, auditor or merchant")
	}
	if (k.Role == token.RoleMerchant) != (k.Merchant != "") {
		f.add("merchant_id", "is given for the role merchant, and for no other")
	}
	if k.Digest == (token.Digest{}) {
		f.add("digest", "is missing")
	}
	return f.err()
}
