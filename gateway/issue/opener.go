package issue

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"tollgate/policy/token"
)

// TokenFinder reads one token's record, credentials and all, from the primary
// copy. token.ErrNotFound: there is none.
type TokenFinder interface {
	FindToken(ctx context.Context, h token.Handle) (token.Token, error)
}

// Opener opens the signing secrets of tokens, which are kept sealed. All its
// fields must be set; it keeps nothing of what it opened.
type Opener struct {
	Finder TokenFinder
	Master *MasterKey
	Now    func() time.Time
}

// SigningSecrets is LiveSecrets without their ends, for what is signed now and
// not kept.
func (o Opener) SigningSecrets(ctx context.Context, h token.Handle) ([][]byte, error) {
	live, err := o.LiveSecrets(ctx, h)
	if err != nil || len(live) == 0 {
		return nil, err
	}
	secrets := make([][]byte, len(live))
	for i := range live {
		secrets[i] = live[i].Secret
	}
	return secrets, nil
}

// LiveSecrets is the signing secrets of a token that are good now, newest first:
// one, or two while it rotates, of which the older ends with the grace. None is
// nil and no error; nobody's is token.ErrNotFound. The bytes are the caller's, to
// use and to clear.
func (o Opener) LiveSecrets(ctx context.Context, h token.Handle) ([]token.SigningSecret, error) {
	t, err := o.Finder.FindToken(ctx, h)
	if err != nil {
		return nil, err
	}
	now := token.At(o.Now())
	var live []token.Credential
	for _, c := range t.Credentials {
		if c.Kind == token.KindSigning && !c.EndsAt.Reached(now) {
			live = append(live, c)
		}
	}
	if len(live) == 0 {
		return nil, nil
	}
	if o.Master == nil {
		return nil, errors.New("issue: a signing secret is kept sealed, and there is no master key to open it with; set master_key_file")
	}
	slices.SortFunc(live, func(a, b token.Credential) int { return cmp.Compare(b.Generation, a.Generation) })
	secrets := make([]token.SigningSecret, len(live))
	for i, c := range live {
		place := Place{Purpose: c.Kind.String(), Owner: string(h), Generation: c.Generation}
		secrets[i].EndsAt = c.EndsAt
		if secrets[i].Secret, err = o.Master.Open(place, c.Sealed); err != nil {
			return nil, err
		}
	}
	return secrets, nil
}
