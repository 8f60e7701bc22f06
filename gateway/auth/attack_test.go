package auth_test

import (
	"strconv"
	"testing"
	"time"

	"tollgate/policy/token"
)

// A client id is public: whoever sends wrong MACs under it, from however many
// addresses, is refused himself and keeps nobody else's signed request from
// having its body read.
func TestNobodyLocksAClientOutOfSignedBodies(t *testing.T) {
	r := newRig(t)
	m := r.add(r.signing)
	own := r.source
	for i := range 2 * failures {
		r.source = sourceOf("198.51.100." + strconv.Itoa(1+i%3))
		p, message := r.mac(m, "POST", "/pay", strconv.Itoa(i))
		message.Body = []byte("forged")
		if q, reason := r.verifier.Verify(p, &r.source, r.time()); reason == token.Allowed {
			r.verifier.VerifyBody(q, message, &r.source, r.time())
		}
	}
	for range 100 { // the client's own, its head first as it is judged before a body is read
		p, message := r.mac(m, "POST", "/pay", "{}")
		if _, reason := r.verifier.Verify(p, nil, r.time()); reason != token.Allowed {
			t.Fatalf("the header phase: %v", reason)
		}
		q, reason := r.verifier.Verify(p, &own, r.time())
		if reason != token.Allowed {
			t.Fatalf("the handler: %v", reason)
		}
		if reason = r.verifier.VerifyBody(q, message, &own, r.time()); reason != token.Allowed {
			t.Fatalf("the body: %v", reason)
		}
	}
}

// Parameters that were signed with a secret which has been rotated are worth
// nothing once its grace is over, however long they say they live and however
// well they are remembered.
func TestSignedParametersEndWithTheGraceOfTheirSecret(t *testing.T) {
	r := newRig(t)
	m := r.add(r.signing)
	week := func(_, p map[string]any) { p["exp"] = r.time().Add(7 * 24 * time.Hour).Unix() }
	old := r.jws(m, week)
	r.signs[m.Handle] = r.rotate(m, token.KindSigning, time.Hour)
	now := r.jws(m, week)
	r.settleOf(signed(old))
	r.settleOf(signed(now))
	r.pass(time.Hour - time.Second)
	r.wantOf(signed(old), token.Allowed)
	r.pass(time.Second)
	r.wantOf(signed(now), token.Allowed)
	for range 3 {
		if _, reason := r.verifier.Verify(signed(old), &r.source, r.time()); reason == token.Allowed {
			t.Fatal("accepted after the grace")
		}
		if _, reason := r.verifier.Examine(signed(old), r.time()); reason == token.Allowed {
			t.Fatal("explained as good after the grace")
		}
	}
}
