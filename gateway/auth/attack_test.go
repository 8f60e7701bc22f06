package auth_test

import (
	"strconv"
	"testing"

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
