package auth_test

import (
	"testing"
	"time"

	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

// access begins a family of the token with a pair in the clear.
func (r *rig) access(m made, preauthorised bool) (access, refresh []byte, f token.Family) {
	r.t.Helper()
	access, keptAccess, err := r.minter.Mint(issue.Wanted{Kind: token.KindAccess, Handle: m.Handle, Generation: 1})
	r.ok(err)
	refresh, keptRefresh, err := r.minter.Mint(issue.Wanted{Kind: token.KindRefresh, Handle: m.Handle, Generation: 1})
	r.ok(err)
	f, err = r.store.BeginFamily(r.t.Context(), act, token.Family{
		Token: m.Handle, Generation: 1, EndsAt: token.At(r.time().Add(24 * time.Hour)),
	}, token.Pair{
		Access: keptAccess.Digest, Refresh: keptRefresh.Digest, Preauthorised: preauthorised, AccessEndsAt: token.At(r.time().Add(time.Hour)),
	})
	r.ok(err)
	return access, refresh, f
}

func pairOf(key, access []byte) *token.Presented {
	return &token.Presented{Dialect: "apikey", Kind: token.KindKey, Secret: key, Access: access}
}

// wantOf verifies and compares the reason.
func (r *rig) wantOf(p *token.Presented, want token.Reason) *token.Principal {
	r.t.Helper()
	q, got := r.verifier.Verify(p, &r.source, r.time())
	if got != want {
		r.t.Fatalf("reason %v, want %v", got, want)
	}
	return q
}

// settleOf is settle for any kind.
func (r *rig) settleOf(p *token.Presented) {
	r.t.Helper()
	for range 100_000 {
		old := r.cache.Stats()
		r.verifier.Verify(p, &r.source, r.time())
		if now := r.cache.Stats(); now.Hits == old.Hits+1 && now.Misses == old.Misses && now.Stale == old.Stale {
			return
		}
	}
	r.t.Fatal("it is never recalled")
}

func enhanced(t *token.Token) { t.Enhanced = true }

// With enhanced security off the key alone suffices, and an access token beside
// it must be good and of the same token. With it on the key needs one that is
// pre-authorised. The switch holds from the next request, both ways.
func TestAPairNeedsBothHalves(t *testing.T) {
	r := newRig(t)
	m, other := r.add(), r.add()
	plain, refresh, _ := r.access(m, false)
	opened, _, _ := r.access(m, true)
	foreign, _, _ := r.access(other, true)
	r.want(m.key, token.Allowed)
	for range 2 { // from the store and from memory
		r.wantOf(pairOf(m.key, plain), token.Allowed)
		r.wantOf(pairOf(m.key, foreign), token.TokenInvalid)
		r.wantOf(pairOf(m.key, refresh), token.TokenInvalid)
		r.wantOf(pairOf(m.key, m.key), token.TokenInvalid)
		r.wantOf(pairOf(plain, m.key), token.TokenInvalid)
		r.wantOf(pairOf(r.madeUp(), plain), token.TokenInvalid)
	}
	r.settleOf(pairOf(m.key, plain))
	r.change(m, enhanced)
	r.want(m.key, token.AccessTokenRequired)
	for range 2 {
		r.wantOf(pairOf(m.key, plain), token.AccessTokenRequired)
		q := r.wantOf(pairOf(m.key, opened), token.Allowed)
		if q.Kind != token.KindKey || q.Live.Handle != m.Handle || q.Generation != 1 {
			t.Errorf("the pair's principal is %+v", q)
		}
		r.wantOf(pairOf(m.key, foreign), token.TokenInvalid)
	}
	_, err := r.store.Preauthorise(t.Context(), act, m.Handle, token.DigestOf(plain))
	r.ok(err)
	r.wantOf(pairOf(m.key, plain), token.Allowed)
	r.change(m, func(t *token.Token) { t.Enhanced = false })
	r.want(m.key, token.Allowed)
	r.wantOf(pairOf(m.key, opened), token.Allowed)
}

// With enhanced security on, no way round the corner: the key as another
// dialect, a JWT that is out, the access token by itself, signatures.
func TestEnhancedSecurityHoldsForEveryKind(t *testing.T) {
	r := newRig(t)
	m := r.add(r.signing)
	jwt := r.grant(m, "")
	jws := r.jws(m, nil)
	access, _, _ := r.access(m, true)
	r.change(m, enhanced)
	for range 2 {
		r.want(m.key, token.AccessTokenRequired)
		r.want(jwt, token.AccessTokenRequired)
		r.wantOf(signed(jws), token.AccessTokenRequired)
		p, _ := r.mac(m, "POST", "/pay", "{}")
		r.wantOf(p, token.AccessTokenRequired)
		for _, kind := range []token.Kind{token.KindAccess, token.KindKey, token.KindJWT} {
			r.wantOf(&token.Presented{Dialect: "payment", Kind: kind, Secret: access}, token.TokenInvalid)
		}
	}
}

// A remembered pair ends at once with whatever it hangs on: its token, key,
// access token, family, merchant, a renewal, the client secret it was made
// under, and its own time.
func TestARememberedPairEndsAtOnce(t *testing.T) {
	f := func(name string, want token.Reason, end func(r *rig, m made, access, refresh []byte, family string)) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			m := r.add()
			access, refresh, family := r.access(m, true)
			r.settleOf(pairOf(m.key, access))
			r.wantOf(pairOf(m.key, access), token.Allowed)
			end(r, m, access, refresh, family.ID)
			r.wantOf(pairOf(m.key, access), want)
		})
	}
	f("token revoked", token.TokenRevoked, func(r *rig, m made, _, _ []byte, _ string) {
		_, err := r.store.RevokeToken(r.t.Context(), act, m.Handle)
		r.ok(err)
	})
	f("family ended", token.TokenRevoked, func(r *rig, m made, _, _ []byte, family string) {
		_, err := r.store.EndFamily(r.t.Context(), act, m.Handle, family)
		r.ok(err)
	})
	f("access token ended", token.TokenExpired, func(r *rig, m made, access, _ []byte, _ string) {
		r.ok(r.store.EndAccess(r.t.Context(), act, m.Handle, token.DigestOf(access)))
	})
	f("renewed", token.TokenExpired, func(r *rig, m made, _, refresh []byte, _ string) { r.renew(m, refresh) })
	f("expired", token.TokenExpired, func(r *rig, _ made, _, _ []byte, _ string) { r.pass(time.Hour) })
	f("key rotated", token.TokenExpired, func(r *rig, m made, _, _ []byte, _ string) { r.rotate(m, token.KindKey, 0) })
	f("key rotated with a grace", token.TokenExpired, func(r *rig, m made, access, _ []byte, _ string) {
		r.rotate(m, token.KindKey, time.Minute)
		r.settleOf(pairOf(m.key, access))
		r.pass(time.Minute)
	})
	f("client secret rotated", token.TokenRevoked, func(r *rig, m made, _, _ []byte, _ string) { r.rotate(m, token.KindClient, 0) })
	f("client secret rotated with a grace", token.TokenExpired, func(r *rig, m made, access, _ []byte, _ string) {
		r.rotate(m, token.KindClient, time.Minute)
		r.settleOf(pairOf(m.key, access))
		r.wantOf(pairOf(m.key, access), token.Allowed)
		r.pass(time.Minute)
	})
	f("merchant suspended", token.MerchantSuspended, func(r *rig, m made, _, _ []byte, _ string) {
		shop, err := r.store.FindMerchant(r.t.Context(), m.Merchant)
		r.ok(err)
		shop.Active = false
		_, err = r.store.ChangeMerchant(r.t.Context(), act, shop, 0)
		r.ok(err)
	})
}

func (r *rig) renew(m made, refresh []byte) (token.RenewalResult, []byte) {
	r.t.Helper()
	access, keptAccess, err := r.minter.Mint(issue.Wanted{Kind: token.KindAccess, Handle: m.Handle, Generation: 1})
	r.ok(err)
	_, keptRefresh, err := r.minter.Mint(issue.Wanted{Kind: token.KindRefresh, Handle: m.Handle, Generation: 1})
	r.ok(err)
	_, result, err := r.store.Renew(r.t.Context(), act, m.Handle, true, token.Renewal{
		Spent: token.DigestOf(refresh), Generation: 1, Grace: 10 * time.Second, Idle: time.Hour,
		Next: token.Pair{Access: keptAccess.Digest, Refresh: keptRefresh.Digest, AccessEndsAt: token.At(r.time().Add(time.Hour))},
	})
	r.ok(err)
	return result, access
}

func (r *rig) rotate(m made, kind token.Kind, grace time.Duration) []byte {
	r.t.Helper()
	secret, kept, err := r.minter.Mint(issue.Wanted{Kind: kind, Environment: token.EnvLive, Handle: m.Handle, Generation: 2})
	r.ok(err)
	_, err = r.store.RotateCredential(r.t.Context(), act, m.Handle, kept, grace)
	r.ok(err)
	return secret
}

// The first use of an access token is noted before the pair is let through, so
// that the renewal it came of cannot be repeated; a pair that was not used
// leaves it repeatable.
func TestAUsedPairIsNoUnusedSuccessor(t *testing.T) {
	for used, want := range map[bool]token.RenewalResult{false: token.Retried, true: token.RenewalReused} {
		r := newRig(t)
		m := r.add()
		_, refresh, _ := r.access(m, true)
		result, access := r.renew(m, refresh)
		if result != token.Renewed {
			t.Fatal(result)
		}
		if used {
			r.wantOf(pairOf(m.key, access), token.Allowed)
		}
		if result, _ = r.renew(m, refresh); result != want {
			t.Errorf("used %v: %v, want %v", used, result, want)
		}
	}
}

// Two halves that are recognised and do not belong together, or have ended, are
// never counted and never throttled; a made-up half is, under the key that is
// guessed for.
func TestAWrongPairIsNoGuess(t *testing.T) {
	r := newRig(t)
	m, other := r.add(), r.add()
	foreign, _, _ := r.access(other, true)
	spent, refresh, _ := r.access(m, true)
	r.renew(m, refresh)
	for range 3 * failures {
		r.wantOf(pairOf(m.key, foreign), token.TokenInvalid)
		r.wantOf(pairOf(m.key, spent), token.TokenExpired)
	}
	good, _, _ := r.access(m, true)
	for i := range failures + 1 {
		guess, _, err := r.minter.Mint(issue.Wanted{Kind: token.KindAccess, Handle: m.Handle, Generation: 1})
		r.ok(err)
		want := token.TokenInvalid
		if i == failures {
			want = token.AuthThrottled
		}
		r.wantOf(pairOf(m.key, guess), want)
	}
	r.want(m.key, token.Allowed) // memory proves it
	o, _, _ := r.access(other, true)
	r.wantOf(pairOf(other.key, o), token.Allowed)
	r.source = sourceOf("203.0.113.8")
	r.wantOf(pairOf(m.key, good), token.Allowed)
}

// Explain judges a pair as traffic does, and leaves no trace.
func TestExamineTellsAPair(t *testing.T) {
	r := newRig(t)
	m, other := r.add(enhanced), r.add()
	opened, refresh, _ := r.access(m, true)
	plain, _, _ := r.access(m, false)
	foreign, _, _ := r.access(other, true)
	f := func(p *token.Presented, want token.Reason) {
		t.Helper()
		if _, got := r.verifier.Examine(p, r.time()); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	f(pairOf(m.key, opened), token.Allowed)
	f(pairOf(m.key, plain), token.AccessTokenRequired)
	f(pairOf(m.key, foreign), token.TokenInvalid)
	f(pairOf(m.key, refresh), token.TokenInvalid)
	f(&token.Presented{Kind: token.KindAccess, Secret: opened}, token.TokenInvalid)
	if s := r.cache.Stats(); s.Remembered != 0 {
		t.Errorf("%d records were remembered", s.Remembered)
	}
	r.ok(r.uses.Flush(t.Context()))
	if len(r.used) != 0 {
		t.Error("a use was noted")
	}
	if result, _ := r.renew(m, refresh); result != token.Renewed {
		t.Error(result)
	}
}
