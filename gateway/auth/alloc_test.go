package auth_test

import (
	"testing"

	"tollgate/policy/token"
)

// What is remembered costs no allocation of ours: a key and a JWT, from the
// hash to the note of its use; and a revoked key, so that its use in a loop
// costs as little.
func TestVerifyAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := newRig(t)
	m, revoked := r.add(), r.add()
	_, err := r.store.RevokeToken(t.Context(), act, revoked.Handle)
	r.ok(err)
	now := r.time()
	f := func(name string, secret []byte, want token.Reason) {
		t.Helper()
		r.settle(secret)
		p := presented(secret)
		wrong := 0
		n := testing.AllocsPerRun(10_000, func() {
			if _, reason := r.verifier.Verify(p, &r.source, now); reason != want {
				wrong++
			}
		})
		if n != 0 || wrong != 0 {
			t.Errorf("a remembered %s: %v allocations, %d times not %v", name, n, wrong, want)
		}
	}
	f("key", m.key, token.Allowed)
	f("JWT", r.grant(m, "payments:read"), token.Allowed)
	f("revoked key", revoked.key, token.TokenRevoked)
}

// So does a remembered pair, password and set of signed parameters.
func TestVerifyAllocatesNothingForOtherKinds(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := newRig(t)
	m := r.add(r.signing, enhanced)
	plain := r.add(r.signing)
	access, _, _ := r.access(m, true)
	r.person("ama@example.com", "correct horse")
	now := r.time()
	for _, p := range []*token.Presented{pairOf(m.key, access), basicOf("ama@example.com", "correct horse"), signed(r.jws(plain, nil))} {
		r.settleOf(p)
		wrong := 0
		n := testing.AllocsPerRun(10_000, func() {
			if _, reason := r.verifier.Verify(p, &r.source, now); reason != token.Allowed {
				wrong++
			}
		})
		if n != 0 || wrong != 0 {
			t.Errorf("a remembered %v: %v allocations, %d times refused", p.Kind, n, wrong)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	r := newRig(b)
	m := r.add()
	jwt := r.grant(m, "")
	made := r.madeUp()
	now := r.time()
	r.settle(m.key)
	r.settle(jwt)
	run := func(name string, secret []byte, src *token.Source) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := presented(secret)
			for b.Loop() {
				r.verifier.Verify(p, src, now)
			}
		})
	}
	run("key", m.key, &r.source)
	run("jwt", jwt, &r.source)
	run("unknown", made, nil)
	run("badsignature", append(append([]byte(nil), jwt[:len(jwt)-4]...), "AAAA"...), nil)
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			p := presented(m.key)
			for pb.Next() {
				r.verifier.Verify(p, &r.source, now)
			}
		})
	})
	for _, c := range []struct {
		name string
		key  token.SigningKey
		head string
	}{{"newjwt/HS256", hmacKey, hsHeader}, {"newjwt/EdDSA", edKey, edHeader}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			raw := forge(c.key, c.head, r.payload(m, nil))
			for b.Loop() {
				r.cache.Forget(token.Change{Entity: token.EntityOf(ptr(token.DigestOf(raw)))})
				r.verifier.Verify(presented(raw), nil, now)
			}
		})
	}
}
