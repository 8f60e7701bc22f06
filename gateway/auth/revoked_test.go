package auth_test

import (
	"strconv"
	"testing"
	"time"

	"tollgate/policy/token"
)

func (r *rig) revoke(m made, jwt []byte, digest bool) {
	r.t.Helper()
	q := r.want(jwt, token.Allowed)
	j := token.RevokedJTI{JTI: q.ID, Token: m.Handle, EndsAt: q.EndsAt}
	if digest {
		j.Digest = token.DigestOf(jwt)
	}
	r.ok(r.store.RevokeJTI(r.t.Context(), act, j))
}

// A JWT that was revoked is refused from the next request, by its id alone or
// with its digest, remembered or not; others of its token stay good. It is not
// counted: it was recognised.
func TestARevokedJWTIsRefusedAtOnce(t *testing.T) {
	for _, digest := range []bool{true, false} {
		r := newRig(t)
		m := r.add()
		jwt, other := r.grant(m, ""), r.grant(m, "")
		r.settle(jwt)
		r.revoke(m, jwt, digest)
		for range 3 * failures {
			r.want(jwt, token.TokenRevoked)
		}
		r.want(other, token.Allowed)
		if _, reason := r.verifier.Examine(presented(jwt), r.time()); reason != token.TokenRevoked {
			t.Errorf("examined: %v", reason)
		}
	}
}

// A new process knows what was revoked before it; once a JWT has reached its
// exp nobody keeps it.
func TestRevokedJWTsOutliveARestart(t *testing.T) {
	r := newRig(t)
	m := r.add()
	jwt := r.grant(m, "")
	r.revoke(m, jwt, true)
	id := r.jtiOf(jwt)
	if !r.newRevoked().Has(id) {
		t.Error("forgotten over a restart")
	}
	r.pass(10 * time.Minute)
	if r.newRevoked().Has(id) {
		t.Error("kept beyond its exp")
	}
	r.want(jwt, token.TokenRevoked)
}

// After a gap in the change log the set is loaded again before any JWT is
// judged; where that cannot be done there is no verdict.
func TestAGapInTheLogIsNoAmnesty(t *testing.T) {
	r := newRig(t)
	m := r.add()
	jwt, other := r.grant(m, ""), r.grant(m, "")
	id := r.jtiOf(jwt)
	source := &lists{}
	revoked := r.revokedFrom(source)
	v := r.verifierWith(revoked)
	f := func(jwt []byte, want token.Reason) {
		t.Helper()
		if _, got := v.Verify(presented(jwt), &r.source, r.time()); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	f(jwt, token.Allowed)
	gap := token.Change{Entity: token.Entity{Kind: token.EntityAll}}
	source.ids, source.err = []string{id}, errDown
	revoked.Apply(gap)
	r.cache.Forget(gap)
	for range 2 * failures {
		f(jwt, token.CannotDecide)
	}
	source.err = nil
	f(jwt, token.TokenRevoked)
	f(other, token.Allowed)
	source.err = errDown
	f(other, token.Allowed)
}

// The set lets go of what has ended, and of nothing else.
func TestTheSetOfRevokedJWTsIsSwept(t *testing.T) {
	r := newRig(t)
	revoked := r.newRevoked()
	add := func(id string) {
		revoked.Apply(token.Change{Entity: token.Entity{Kind: token.EntityCredential, ID: "jti:" + id}})
	}
	add("1.old")
	r.pass(26 * time.Hour)
	add("1.new")
	for i := range 3000 {
		add("2." + strconv.Itoa(i))
	}
	if revoked.Has("1.old") || !revoked.Has("1.new") || !revoked.Has("2.2999") {
		t.Error("the wrong ones were let go")
	}
	revoked.Apply(token.Change{Entity: token.Entity{Kind: token.EntityToken, ID: "jti:3.x"}})
	if revoked.Has("3.x") {
		t.Error("a token was taken for a JWT")
	}
}
