package admin

import (
	"context"
	"errors"

	"tollgate/policy/token"
)

type userChange struct {
	UserPath
	Condition
	Body document[userPatch] `contentType:"application/merge-patch+json"`
}

// changeUser applies a merge patch to all of a user but the password.
func (s *service) changeUser(ctx context.Context, v *visit, in *userChange) (*userAnswer, error) {
	sent, err := s.forms.userPatch.read(in.Body)
	if err != nil {
		return nil, err
	}
	match, err := in.parse()
	if err != nil {
		return nil, err
	}
	u, err := s.rewriteUser(ctx, rewriting{v.act("user.change"), in.ID, match}, func(u token.User) (token.User, error) {
		return s.patchUser(ctx, u, sent)
	})
	if err != nil {
		return nil, sameEmail(err)
	}
	return answerUser(&u), nil
}

type passwordChange struct {
	UserPath
	Body document[passwordOrder]
}

// setPassword gives a user another password. What was remembered of the one
// before is forgotten when it answers.
func (s *service) setPassword(ctx context.Context, v *visit, in *passwordChange) (*shownPassword, error) {
	sent, err := s.forms.password.read(in.Body)
	if err != nil {
		return nil, err
	}
	var order passwordOrder
	sent.as(&order)
	before, err := s.store.FindUser(ctx, in.ID)
	if err != nil {
		return nil, missing(err, "user")
	}
	if order.Password != nil {
		checkPassword(&sent.faults, *order.Password, before.Email)
	}
	if err := sent.faults.problem(); err != nil {
		return nil, err
	}
	hash, password, err := s.users.password(ctx, order.Password)
	if err != nil {
		return nil, err
	}
	u, err := s.rewriteUser(ctx, rewriting{v.act("user.password"), in.ID, match{}}, func(u token.User) (token.User, error) {
		u.PasswordHash = hash
		return u, nil
	})
	if err != nil {
		return nil, err
	}
	return showPassword(&u, password), nil
}

// rewriting is which user is to be rewritten, and when.
type rewriting struct {
	act   token.Act
	id    string
	match match
}

// rewriteUser writes a user as rewrite makes it, unless nothing changes. Without
// a condition it is made again on a record that moved meanwhile.
func (s *service) rewriteUser(ctx context.Context, what rewriting, rewrite func(token.User) (token.User, error)) (token.User, error) {
	for range maxAttempts {
		u, err := s.store.FindUser(ctx, what.id)
		if err != nil {
			return token.User{}, missing(err, "user")
		}
		if !what.match.holds(u.Version) {
			return token.User{}, stale()
		}
		after, err := rewrite(u)
		if err != nil || after == u {
			return u, err
		}
		u, err = s.store.ChangeUser(ctx, what.act, after, u.Version)
		if !errors.Is(err, token.ErrStale) || !what.match.any() {
			return u, missing(err, "user")
		}
	}
	return token.User{}, busy()
}

// patchUser is the user as it is after the patch. It may be called again with a
// newer one.
func (s *service) patchUser(ctx context.Context, u token.User, sent *submitted) (token.User, error) {
	f := sent.faults.clone()
	before := userPatch{Email: u.Email, Role: string(u.Role), Enabled: &u.Enabled}
	if u.Merchant != "" {
		before.MerchantID = &u.Merchant
	}
	var p userPatch
	patch(before, sent, &p, &f)
	after := u
	after.Email, after.Role, after.Merchant = readEmail(&f, p.Email), token.Role(p.Role), ""
	if p.MerchantID != nil {
		after.Merchant = *p.MerchantID
	}
	if p.Enabled == nil {
		f.add("enabled", "write true or false")
	} else {
		after.Enabled = *p.Enabled
	}
	if err := s.users.checkPlace(ctx, &after, &f); err != nil {
		return u, err
	}
	return after, f.problem()
}
