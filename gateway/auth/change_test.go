package auth_test

import (
	"runtime"
	"testing"
	"time"

	"tollgate/gateway/auth"
	"tollgate/policy/token"
)

// When the issuer changes, JWTs of the old one are refused by the next request,
// those that were seen before too, and come back with it.
func TestAnotherIssuerEndsOldJWTs(t *testing.T) {
	r := newRig(t)
	m := r.add()
	raw := r.grant(m, "")
	r.settle(raw)
	r.verifier.Expect("https://other.example")
	r.want(raw, token.TokenInvalid)
	r.verifier.Expect(issuer)
	r.want(raw, token.Allowed)
}

// An issuer that is dropped while a JWT of it is being verified does not live on
// in memory: it is read after the stamp, and told of after it is in force.
func TestAnIssuerDroppedBetweenStampAndClaims(t *testing.T) {
	r := newRig(t)
	m := r.add()
	told := func() {}
	var err error
	r.keys, err = auth.NewKeySet(func() { r.cache.ForgetAll(); told() }, hmacKey, edKey)
	r.ok(err)
	swap := func() {}
	memory := &hooked{r.cache, func() { swap() }}
	r.verifier, err = auth.New(auth.Options{Memory: memory, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle})
	r.ok(err)
	r.settle(r.grant(m, "")) // its live record is in memory
	raw := r.grant(m, "")
	try := func() {
		for range 1000 {
			r.verifier.Verify(presented(raw), nil, r.time())
			runtime.Gosched()
		}
	}
	told = func() { swap = func() {}; try() }
	swap = func() { r.verifier.Expect("https://other.example") }
	try()
	r.want(raw, token.TokenInvalid)
}

// Other settings of the throttle hold at once and count anew; settings that
// make no sense change nothing.
func TestThrottleChanges(t *testing.T) {
	throttle, err := auth.NewThrottle(2, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	now := token.At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
	src, name := sourceOf("203.0.113.7"), []byte("handle")
	f := func(allowed int) {
		t.Helper()
		for i := range allowed {
			if throttle.Refuses(src, name, true, now) {
				t.Fatalf("refused after %d failures, want %d", i, allowed)
			}
			throttle.Count(src, name, now)
		}
		if !throttle.Refuses(src, name, true, now) {
			t.Errorf("not refused after %d failures", allowed)
		}
	}
	f(2)
	if err := throttle.Change(5, time.Minute); err != nil {
		t.Fatal(err)
	}
	f(5)
	if err := throttle.Change(0, time.Minute); err == nil {
		t.Error("no failures at all are taken for a limit")
	}
	if !throttle.Refuses(src, name, true, now) {
		t.Error("a refused change made the throttle forget")
	}
}
