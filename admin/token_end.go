package admin

import (
	"context"
	"errors"
	"time"

	"tollgate/policy/token"
)

// graceDefault is how long the secret before a rotation lives on when the
// caller does not say.
const graceDefault = 24 * time.Hour

func (s *service) revokeToken(ctx context.Context, v *visit, in *TokenPath) (*wrappedToken, error) {
	t, err := s.token(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	if t, err = s.store.RevokeToken(ctx, v.act("token.revoke"), t.Handle); err != nil {
		return nil, missing(err, "token")
	}
	out := &wrappedToken{ETag: etag(t.Version)}
	// A revoked token has no numbers left to list.
	out.Body.Token = s.viewWhole(&t, nil)
	return out, nil
}

type rotateOrder struct {
	Credential string  `json:"credential" enum:"key,client_secret,signing_secret"`
	Grace      *string `json:"grace,omitempty" doc:"How long the secret before lives on: 0s to 168h, 24h when left out"`
}

type rotation struct {
	TokenPath
	Body document[rotateOrder]
}

// rotatedSecret is the one answer that shows a new secret, under the name the
// secret had when the token was made.
type rotatedSecret struct {
	ETag string `header:"ETag"`
	Body struct {
		Credential     string     `json:"credential" doc:"Which of the next members has the secret"`
		Key            string     `json:"key,omitempty"`
		ClientID       string     `json:"client_id,omitempty"`
		ClientSecret   string     `json:"client_secret,omitempty"`
		SigningSecret  string     `json:"signing_secret,omitempty"`
		Generation     int        `json:"generation"`
		PreviousEndsAt *time.Time `json:"previous_ends_at" doc:"When the secret before is refused; null when there was none"`
	}
}

func (s *service) rotate(ctx context.Context, v *visit, in *rotation) (*rotatedSecret, error) {
	sent, err := s.forms.rotate.read(in.Body)
	if err != nil {
		return nil, err
	}
	t, err := s.writableToken(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	var order rotateOrder
	sent.as(&order)
	kind, grace := readRotation(&sent.faults, &order)
	if err := sent.faults.problem(); err != nil {
		return nil, err
	}
	secret, r, err := s.renew(ctx, v, renewal{t.Handle, kind, grace})
	if err != nil {
		return nil, missing(err, "token")
	}
	out := &rotatedSecret{ETag: etag(r.Token.Version)}
	out.Body.Credential = kind.String()
	var shown shownSecrets
	shown.show(kind, secret, r.Token.ClientID)
	out.Body.Key, out.Body.ClientID = shown.Key, shown.ClientID
	out.Body.ClientSecret, out.Body.SigningSecret = shown.ClientSecret, shown.SigningSecret
	out.Body.Generation = r.Credential.Generation
	out.Body.PreviousEndsAt = moment(r.PreviousEndsAt)
	return out, nil
}

// renewal is one rotation to carry out.
type renewal struct {
	handle token.Handle
	kind   token.Kind
	grace  time.Duration
}

// renew mints the next generation of a secret and has it kept.
func (s *service) renew(ctx context.Context, v *visit, what renewal) (secret []byte, r token.Rotation, err error) {
	err = s.succeed(ctx, what.handle, what.kind, func(t *token.Token, generation int) error {
		var kept token.Credential
		if secret, kept, err = s.minter.Mint(what.kind, t.Environment, t.Handle, generation); err != nil {
			return mintFault(err)
		}
		r, err = s.store.RotateCredential(ctx, v.act("token.rotate"), t.Handle, kept, what.grace)
		return err
	})
	return secret, r, err
}

// succeed calls do with a token and the number of the next generation of one of
// its secrets. One at a time, and again when another process was faster: a
// signing secret is sealed under its generation, which has to be the one that
// the store gives it.
func (s *service) succeed(ctx context.Context, h token.Handle, k token.Kind, do func(t *token.Token, generation int) error) error {
	s.rotations.Lock()
	defer s.rotations.Unlock()
	for range maxAttempts {
		t, err := s.store.FindToken(ctx, h)
		if err != nil {
			return err
		}
		next := 1
		for _, c := range t.Credentials {
			if c.Kind == k {
				next = max(next, c.Generation+1)
			}
		}
		if err := do(&t, next); !errors.Is(err, token.ErrStale) {
			return err
		}
	}
	return busy()
}

// readRotation reads which secret is renewed and how long the one before lives.
func readRotation(f *faults, order *rotateOrder) (token.Kind, time.Duration) {
	kind := token.KindNone
	for _, k := range []token.Kind{token.KindKey, token.KindClient, token.KindSigning} {
		if order.Credential == k.String() {
			kind = k
		}
	}
	if kind == token.KindNone {
		f.add("credential", "write key, client_secret or signing_secret")
	}
	if order.Grace == nil {
		return kind, graceDefault
	}
	grace, ok := parseSpan(*order.Grace)
	if !ok || grace < 0 || grace > 7*24*time.Hour {
		f.add("grace", "write a duration from 0s to 168h (7 days), such as 24h")
	}
	return kind, grace
}
