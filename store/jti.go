package store

import (
	"context"
	"database/sql"

	"tollgate/policy/token"
)

// RevokeJTI ends one JWT before its exp. Its entity in the change log is the
// credential "jti:<jti>"; one that comes with the digest of its text is told by
// token.EntityOf as well. Revoking it twice changes nothing.
func (s *Store) RevokeJTI(ctx context.Context, act token.Act, r token.RevokedJTI) error {
	var f fields
	f.name("jti", r.JTI)
	if r.EndsAt <= 0 {
		f.add("ends_at", "must be the exp of the JWT")
	}
	if err := f.err(); err != nil {
		return err
	}
	return s.write(ctx, "revoke_jti", act, func(w *writing) error {
		t, err := findToken(w.ctx, w.tx, r.Token)
		if err != nil {
			return err
		}
		var known bool
		if err := w.row(`SELECT EXISTS (SELECT 1 FROM revoked_jtis WHERE jti = $1)`, r.JTI).Scan(&known); err != nil {
			return err
		}
		if known {
			return errUnchanged
		}
		if err := w.revokeJTI(r); err != nil {
			return err
		}
		return w.record(entry{action: w.named("jwt.revoke"), target: tokenTarget(t.Handle), merchant: t.Merchant,
			after: object{"jti": r.JTI, "ends_at": tellInstant(r.EndsAt)}})
	})
}

// revokeJTI writes the row and the changes of a JWT that ends.
func (w *writing) revokeJTI(r token.RevokedJTI) error {
	err := w.exec(`INSERT INTO revoked_jtis (jti, token, digest, ends_at, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (jti) DO NOTHING`, r.JTI, string(r.Token), r.Digest[:], int64(r.EndsAt), int64(w.now))
	if err != nil {
		return err
	}
	if _, err := w.change(token.EntityCredential, "jti:"+r.JTI, false); err != nil {
		return err
	}
	if r.Digest == (token.Digest{}) {
		return nil
	}
	of := token.EntityOf(&r.Digest)
	_, err = w.change(of.Kind, of.ID, false)
	return err
}

// RevokedJTIs lists the JWTs that were revoked and have not reached their exp.
func (s *Store) RevokedJTIs(ctx context.Context) (list []token.RevokedJTI, err error) {
	now := token.At(s.opt.Now())
	err = s.read(ctx, "revoked_jtis", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT jti, token, digest, ends_at FROM revoked_jtis WHERE ends_at > $1 ORDER BY ends_at, jti`, int64(now))
		list, err = collect(rows, err, func(r *sql.Rows, j *token.RevokedJTI) error {
			var digest []byte
			err := r.Scan(&j.JTI, &j.Token, &digest, &j.EndsAt)
			copy(j.Digest[:], digest)
			return err
		})
		return err
	})
	return list, err
}
