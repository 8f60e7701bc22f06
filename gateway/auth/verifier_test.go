package auth_test

import (
	"testing"
	"time"

	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

// A key that was issued is recognised, and after its first use from memory.
func TestAKeyIsRecognised(t *testing.T) {
	r := newRig(t)
	m := r.add()
	p := presented(m.key)
	q, reason := r.verifier.Verify(p, &r.source, r.time())
	if reason != token.Allowed || q.Live.Handle != m.Handle || q.Kind != token.KindKey || q.Generation != 1 {
		t.Fatalf("Verify = %+v, %v", q, reason)
	}
	if p.Digest != token.DigestOf(m.key) {
		t.Error("the digest is not filled in")
	}
	r.settle(m.key)
	if n := r.loads(func() { r.want(m.key, token.Allowed) }); n != 0 {
		t.Errorf("a remembered key asked the store %d times", n)
	}
}

// Every way in which a recognised credential stops standing has its own word
// for the log, takes hold on the next request, and comes with its principal.
func TestARecognisedCredentialThatDoesNotStand(t *testing.T) {
	f := func(name string, want token.Reason, change func(*rig, made)) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			m := r.add()
			jwt := r.grant(m, "")
			r.settle(m.key)
			r.settle(jwt)
			change(r, m)
			for _, credential := range [][]byte{m.key, jwt} {
				if p := r.want(credential, want); p == nil || p.Live.Handle != m.Handle {
					t.Errorf("the principal that was refused is %+v", p)
				}
			}
		})
	}
	f("revoked", token.TokenRevoked, func(r *rig, m made) {
		_, err := r.store.RevokeToken(t.Context(), act, m.Handle)
		r.ok(err)
	})
	f("disabled", token.TokenDisabled, func(r *rig, m made) { r.change(m, func(t *token.Token) { t.Enabled = false }) })
	f("expired", token.TokenExpired, func(r *rig, m made) {
		r.change(m, func(t *token.Token) { t.ExpiresAt = token.At(r.time().Add(time.Second)) })
		r.want(m.key, token.Allowed)
		r.pass(time.Second)
	})
	f("merchant suspended", token.MerchantSuspended, func(r *rig, m made) {
		shop, err := r.store.FindMerchant(t.Context(), m.Merchant)
		r.ok(err)
		shop.Active = false
		_, err = r.store.ChangeMerchant(t.Context(), act, shop, shop.Version)
		r.ok(err)
	})
	f("enhanced security", token.AccessTokenRequired, func(r *rig, m made) {
		r.change(m, func(t *token.Token) { t.Enhanced = true })
	})
}

// A rotated key lives to the end of its grace, at the microsecond, and is then
// refused without asking the store again.
func TestARotatedKeyEnds(t *testing.T) {
	r := newRig(t)
	m := r.add()
	r.settle(m.key)
	next, kept, err := r.minter.Mint(issue.Wanted{Kind: token.KindKey, Environment: token.EnvLive, Handle: m.Handle, Generation: 2})
	r.ok(err)
	rotation, err := r.store.RotateCredential(t.Context(), act, m.Handle, kept, time.Hour)
	r.ok(err)
	r.want(next, token.Allowed)
	r.now.Store(int64(rotation.PreviousEndsAt) - 1)
	r.want(m.key, token.Allowed)
	r.settle(m.key)
	r.now.Store(int64(rotation.PreviousEndsAt))
	if n := r.loads(func() { r.want(m.key, token.TokenExpired) }); n != 0 {
		t.Errorf("an ended key that is remembered asked the store %d times", n)
	}
	r.want(next, token.Allowed)
}

// What cannot be a credential of ours is refused before the store is asked.
func TestScreensSpareTheStore(t *testing.T) {
	r := newRig(t)
	m := r.add()
	flipped := append([]byte(nil), m.key...)
	flipped[30] ^= 1
	long := make([]byte, 5000)
	for i := range long {
		long[i] = 'a'
	}
	for name, secret := range map[string][]byte{
		"empty": {}, "one letter": []byte("x"), "a prefix": []byte("tg_live_"), "a mistyped key": flipped,
		"a key and a space": append(append([]byte(nil), m.key...), ' '), "5000 letters": long, "a client secret": m.secret,
	} {
		t.Run(name, func(t *testing.T) {
			if n := r.loads(func() { r.want(secret, token.TokenInvalid) }); n != 0 {
				t.Errorf("the store was asked %d times", n)
			}
		})
	}
	for _, kind := range []token.Kind{token.KindNone, token.KindClient, token.KindSigning, token.KindAccess, token.KindRefresh, token.KindAdmin, 99} {
		p := &token.Presented{Kind: kind, Secret: m.key}
		if _, reason := r.verifier.Verify(p, &r.source, r.time()); reason != token.TokenInvalid {
			t.Errorf("a key presented as %v: %v", kind, reason)
		}
	}
}

// A secret of one kind is unknown as any other: in the store, and in memory.
func TestOneKindIsNotAnother(t *testing.T) {
	r := newRig(t)
	m := r.add()
	jwt := r.grant(m, "")
	r.settle(m.key)
	r.settle(jwt)
	if _, reason := r.verifier.Verify(&token.Presented{Kind: token.KindJWT, Secret: m.key}, &r.source, r.time()); reason != token.TokenInvalid {
		t.Errorf("a key presented as a JWT: %v", reason)
	}
	if _, reason := r.verifier.Verify(&token.Presented{Kind: token.KindKey, Secret: jwt}, &r.source, r.time()); reason != token.TokenInvalid {
		t.Errorf("a JWT presented as a key: %v", reason)
	}
}

// A key that was never issued costs one look-up, and none for as long as it is
// known to be unknown. One that is issued afterwards works at once.
func TestAnUnknownKey(t *testing.T) {
	r := newRig(t)
	h, err := r.minter.NewHandle()
	r.ok(err)
	key, kept, err := r.minter.Mint(issue.Wanted{Kind: token.KindKey, Environment: token.EnvLive, Handle: h, Generation: 1})
	r.ok(err)
	if n := r.loads(func() { r.want(key, token.TokenInvalid) }); n != 1 {
		t.Errorf("the first use asked the store %d times", n)
	}
	if n := r.loads(func() { r.want(key, token.TokenInvalid) }); n != 0 {
		t.Errorf("the second use asked the store %d times", n)
	}
	r.pass(5 * time.Second)
	if n := r.loads(func() { r.want(key, token.TokenInvalid) }); n != 1 {
		t.Errorf("five seconds later it asked the store %d times", n)
	}
	r.add(func(t *token.Token) {
		t.Handle, t.Credentials = h, []token.Credential{kept}
	})
	r.want(key, token.Allowed)
}

// A store that cannot tell is no verdict: 503 and never 401, nothing of it is
// remembered or counted, and what memory holds goes on.
func TestAStoreOutageIsNoVerdict(t *testing.T) {
	r := newRig(t)
	known, fresh, made := r.add(), r.add(), r.madeUp()
	jwt := r.grant(fresh, "")
	r.settle(known.key)
	r.loader.fault.Store(&errDown)
	for range 2 * failures {
		r.want(fresh.key, token.CannotDecide)
		r.want(jwt, token.CannotDecide)
		r.want(made, token.CannotDecide)
		r.want(known.key, token.Allowed)
	}
	r.loader.fault.Store(nil)
	r.want(fresh.key, token.Allowed)
	r.want(jwt, token.Allowed)
	r.want(made, token.TokenInvalid)
}

// Examine answers as Verify does and leaves no trace: no use, no count, nothing
// remembered.
func TestExamineLeavesNoTrace(t *testing.T) {
	r := newRig(t)
	m, revoked := r.add(), r.add()
	jwt := r.grant(m, "payments:read")
	_, err := r.store.RevokeToken(t.Context(), act, revoked.Handle)
	r.ok(err)
	f := func(secret []byte, want token.Reason) {
		t.Helper()
		for range 2 * failures {
			if p, reason := r.verifier.Examine(presented(secret), r.time()); reason != want || (want == token.Allowed && p.Live.Handle != m.Handle) {
				t.Fatalf("Examine = %+v, %v; want %v", p, reason, want)
			}
		}
	}
	before := r.cache.Stats()
	f(m.key, token.Allowed)
	f(jwt, token.Allowed)
	f(revoked.key, token.TokenRevoked)
	f(r.madeUp(m.Handle), token.TokenInvalid)
	f([]byte("nonsense"), token.TokenInvalid)
	f([]byte("a.b.c"), token.TokenInvalid)
	r.loader.fault.Store(&errDown)
	f(m.key, token.CannotDecide)
	r.loader.fault.Store(nil)
	if after := r.cache.Stats(); after.Remembered != before.Remembered {
		t.Errorf("%d records are remembered", after.Remembered-before.Remembered)
	}
	r.ok(r.uses.Flush(t.Context()))
	if len(r.used) != 0 {
		t.Errorf("uses were noted: %v", r.used)
	}
	r.want(r.madeUp(m.Handle), token.TokenInvalid) // not AuthThrottled: nothing was counted
	r.want(m.key, token.Allowed)
}
