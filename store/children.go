package store

import "tollgate/policy/token"

// MaxChildren is how many living tokens a token may have made.
const MaxChildren = 1000

// checkOwners sees that the merchant is there, and that a parent may have
// children: it is the same merchant's, of the same environment, not revoked,
// and itself nobody's child.
func (w *writing) checkOwners(t *token.Token) error {
	if _, err := findMerchant(w.ctx, w.tx, t.Merchant); err != nil {
		if w.store.explain("", err) == token.ErrNotFound {
			return token.FieldErrors{{Field: "merchant_id", Message: "there is no such merchant; add it first"}}
		}
		return err
	}
	if t.Parent == "" {
		return nil
	}
	parent, err := findToken(w.ctx, w.tx, t.Parent)
	if err != nil && w.store.explain("", err) != token.ErrNotFound {
		return err
	}
	if err != nil || parent.Merchant != t.Merchant {
		return token.FieldErrors{{Field: "parent_id", Message: "the merchant has no such token"}}
	}
	switch {
	case parent.RevokedAt != 0:
		return token.ErrRevoked
	case parent.Parent != "":
		return token.FieldErrors{{Field: "parent_id", Message: "a token that another token made cannot make tokens"}}
	case parent.Environment != t.Environment:
		return token.FieldErrors{{Field: "environment", Message: "must be the parent's, " + parent.Environment.String()}}
	case parent.Enhanced:
		return token.FieldErrors{{Field: "parent_id", Message: "a token with enhanced security cannot make tokens"}}
	case t.Mode != token.Enforce:
		return token.FieldErrors{{Field: "mode", Message: "a token that another token made is always enforce"}}
	}
	return w.checkRoom(t.Parent)
}

// checkRoom sees that a parent may have one child more. Revoked and expired ones
// do not count.
func (w *writing) checkRoom(parent token.Handle) error {
	var children int
	err := w.row(`SELECT COUNT(*) FROM tokens WHERE parent = $1 AND revoked_at = 0 AND (expires_at = 0 OR expires_at > $2)`,
		string(parent), int64(w.now)).Scan(&children)
	if err == nil && children >= MaxChildren {
		return token.ErrTooMany
	}
	return err
}
