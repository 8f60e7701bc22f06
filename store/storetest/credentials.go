package storetest

import (
	"slices"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

var credentialTests = []test{
	{"RotatingKeepsTheOldSecretForItsGrace", rotatingKeepsTheOld},
	{"ASecondRotationEndsTheOldestAtOnce", aSecondRotation},
	{"WithoutGraceTheOldSecretEndsAtOnce", withoutGrace},
	{"GraceIsBounded", graceIsBounded},
	{"RotatingMakesAKindThatWasNotThere", rotatingMakesAKind},
	{"KindsRotateApart", kindsRotateApart},
}

func rotatingKeepsTheOld(h *house) {
	t := h.addToken()
	old := t.Credentials[0].Digest
	next := h.key()
	r, err := h.RotateCredential(ctx, act(""), t.Handle, next, time.Hour)
	h.ok(err)
	if r.Credential.Generation != 2 || r.Credential.Digest != next.Digest || r.Token.Version != 2 || len(r.Token.Credentials) != 2 {
		h.t.Errorf("rotated to %+v", r)
	}
	if in := r.PreviousEndsAt.Time().Sub(r.Credential.CreatedAt.Time()); in != time.Hour {
		h.t.Errorf("the previous one ends in %v", in)
	}
	p, err := h.LoadCredential(ctx, token.KindKey, &old)
	h.ok(err)
	if p.Generation != 1 || p.EndsAt != r.PreviousEndsAt || p.Standing(h.clock.instant()) != token.Allowed {
		h.t.Errorf("within the grace: %+v", p)
	}
	h.clock.advance(time.Hour)
	if p, err = h.LoadCredential(ctx, token.KindKey, &old); err != nil || p.Standing(h.clock.instant()) != token.TokenExpired {
		h.t.Errorf("after the grace: %+v, %v; want it found, and expired", p, err)
	}
	if p, err = h.LoadCredential(ctx, token.KindKey, &next.Digest); err != nil || p.Generation != 2 || p.EndsAt != 0 {
		h.t.Errorf("the new one: %+v, %v", p, err)
	}
	if found := h.find(t.Handle); found.Version != 2 || len(found.Credentials) != 2 {
		h.t.Errorf("found at version %d with %+v", found.Version, found.Credentials)
	}
}

func (h *house) ends(handle token.Handle, kind token.Kind) (ends []token.Instant) {
	for _, c := range h.find(handle).Credentials {
		if c.Kind == kind {
			ends = append(ends, c.EndsAt)
		}
	}
	return ends
}

func aSecondRotation(h *house) {
	t := h.addToken()
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), store.MaxGrace)))
	r, err := h.RotateCredential(ctx, act(""), t.Handle, h.key(), time.Hour)
	h.ok(err)
	if ends, want := h.ends(t.Handle, token.KindKey), []token.Instant{r.Credential.CreatedAt, r.PreviousEndsAt, 0}; !slices.Equal(ends, want) {
		h.t.Errorf("generations end at %v, want %v", ends, want)
	}
	// What has ended by itself stays ended when it did.
	h.clock.advance(2 * time.Hour)
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)))
	if ends := h.ends(t.Handle, token.KindKey); ends[0] != r.Credential.CreatedAt || ends[1] != r.PreviousEndsAt {
		h.t.Errorf("a later rotation moved the ends of %v", ends)
	}
}

func withoutGrace(h *house) {
	t := h.addToken()
	old := t.Credentials[0].Digest
	r, err := h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)
	h.ok(err)
	p, err := h.LoadCredential(ctx, token.KindKey, &old)
	h.ok(err)
	if r.PreviousEndsAt != r.Credential.CreatedAt || p.Standing(h.clock.instant()) != token.TokenExpired {
		h.t.Errorf("it ends at %d, now %d", p.EndsAt, h.clock.instant())
	}
}

func graceIsBounded(h *house) {
	t := h.addToken()
	for _, grace := range []time.Duration{-1, store.MaxGrace + 1} {
		h.wrong(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), grace)), "grace")
	}
	h.wrong(second(h.RotateCredential(ctx, act(""), t.Handle, token.Credential{Kind: token.KindJWT, Digest: h.digest()}, 0)), "credentials")
}

func rotatingMakesAKind(h *house) {
	t := h.addToken()
	r, err := h.RotateCredential(ctx, act(""), t.Handle, h.client(), time.Hour)
	h.ok(err)
	if r.Credential.Generation != 1 || r.PreviousEndsAt != 0 || len(r.Token.ClientID) != 32 {
		h.t.Errorf("the first client secret: %+v", r)
	}
	again, err := h.RotateCredential(ctx, act(""), t.Handle, h.client(), time.Hour)
	h.ok(err)
	if again.Token.ClientID != r.Token.ClientID || h.find(t.Handle).ClientID != r.Token.ClientID {
		h.t.Error("the client id changed with the secret")
	}
	if _, _, err := h.LoadClient(ctx, r.Token.ClientID); err != nil {
		h.t.Error(err)
	}
}

func kindsRotateApart(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client(), h.signing()) })
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.client(), time.Hour)))
	if ends := append(h.ends(t.Handle, token.KindKey), h.ends(t.Handle, token.KindSigning)...); !slices.Equal(ends, []token.Instant{0, 0}) {
		h.t.Errorf("rotating the client secret ended others: %v", ends)
	}
}
