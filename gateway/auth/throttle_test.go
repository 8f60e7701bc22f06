package auth_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tollgate/gateway/auth"
	"tollgate/policy/token"
)

// A flood of made-up keys for one handle is refused with 429 after the limit,
// without a look-up, while from the same address a good key, a revoked one and
// a JWT are answered as always, remembered or not.
func TestAFloodOfMadeUpKeys(t *testing.T) {
	r := newRig(t)
	good, revoked, cold, coldRevoked := r.add(), r.add(), r.add(), r.add()
	jwt, coldJWT := r.grant(good, ""), r.grant(cold, "")
	for _, m := range []made{revoked, coldRevoked} {
		_, err := r.store.RevokeToken(t.Context(), act, m.Handle)
		r.ok(err)
	}
	r.settle(good.key)
	r.settle(jwt)
	r.settle(revoked.key)
	victim, err := r.minter.NewHandle()
	r.ok(err)
	reasons := map[token.Reason]int{}
	loads := r.loads(func() {
		for range 500 {
			_, reason := r.verify(r.madeUp(victim))
			reasons[reason]++
		}
	})
	if reasons[token.TokenInvalid] != failures || reasons[token.AuthThrottled] != 500-failures || loads != failures {
		t.Errorf("%v with %d look-ups; want %d refused as unknown and the rest throttled without a look-up", reasons, loads, failures)
	}
	r.want(good.key, token.Allowed)
	r.want(jwt, token.Allowed)
	r.want(revoked.key, token.TokenRevoked)
	r.want(cold.key, token.Allowed)
	r.want(coldJWT, token.Allowed)
	r.want(coldRevoked.key, token.TokenRevoked)
	if _, reason := r.verifier.Verify(presented(r.madeUp(victim)), ptr(sourceOf("192.0.2.99")), r.time()); reason != token.TokenInvalid {
		t.Errorf("the same handle from another address: %v", reason)
	}
	r.pass(2 * window)
	r.want(r.madeUp(victim), token.TokenInvalid)
}

func ptr[T any](v T) *T { return &v }

// A flood that makes up a new handle each time meets the wider limit of its
// source. It spares what memory knows: keys that are remembered, and new
// secrets of a token that is; JWTs always, since their signature recognises
// them. Another source is not touched.
func TestAFloodOfMadeUpHandles(t *testing.T) {
	r := newRig(t)
	good, rotated := r.add(), r.add()
	coldJWT := r.grant(r.add(), "")
	r.settle(good.key)
	r.settle(r.grant(rotated, "")) // its live record is in memory, its key is not
	reasons := map[token.Reason]int{}
	loads := r.loads(func() {
		for range 15 * failures {
			_, reason := r.verify(r.madeUp())
			reasons[reason]++
		}
	})
	if loads != 10*failures || reasons[token.AuthThrottled] != 5*failures {
		t.Errorf("%d look-ups, %v; want %d look-ups", loads, reasons, 10*failures)
	}
	r.want(good.key, token.Allowed)
	r.want(rotated.key, token.Allowed)
	r.want(coldJWT, token.Allowed)
	if _, reason := r.verifier.Verify(presented(r.madeUp()), ptr(sourceOf("192.0.2.99")), r.time()); reason != token.TokenInvalid {
		t.Errorf("from another address: %v", reason)
	}
	// An IPv6 source is its /64.
	for range 11 * failures {
		six := sourceOf(fmt.Sprintf("2001:db8:1:2::%x", r.now.Add(1)&0xffff))
		r.verifier.Verify(presented(r.madeUp()), &six, r.time())
	}
	for addr, want := range map[string]token.Reason{"2001:db8:1:2:ffff::1": token.AuthThrottled, "2001:db8:1:3::1": token.TokenInvalid} {
		if _, reason := r.verifier.Verify(presented(r.madeUp()), ptr(sourceOf(addr)), r.time()); reason != want {
			t.Errorf("from %s: %v, want %v", addr, reason, want)
		}
	}
}

// Malformed credentials and bad signatures are counted under no name, and
// recognised ones are never counted, whatever is wrong with them.
func TestWhatCountsAsAFailedAttempt(t *testing.T) {
	f := func(name string, counted bool, secret func(*rig) []byte) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := secret(r)
			var last token.Reason
			for range failures + 1 {
				_, last = r.verify(s)
			}
			if (last == token.AuthThrottled) != counted {
				t.Errorf("after %d times: %v", failures+1, last)
			}
		})
	}
	f("malformed", true, func(*rig) []byte { return []byte("tg_live_nonsense") })
	f("a failed checksum", true, func(r *rig) []byte {
		k := r.madeUp()
		k[len(k)-1] ^= 1
		return k
	})
	f("unknown", true, func(r *rig) []byte { return r.madeUp() })
	f("a failed signature", true, func(r *rig) []byte {
		return forge(token.SigningKey{Alg: token.HS256, Secret: edKey.Ed}, hsHeader, "{}")
	})
	f("revoked", false, func(r *rig) []byte {
		m := r.add()
		_, err := r.store.RevokeToken(t.Context(), act, m.Handle)
		r.ok(err)
		return m.key
	})
	f("expired", false, func(r *rig) []byte {
		m := r.add(func(t *token.Token) { t.ExpiresAt = token.At(r.time().Add(time.Second)) })
		r.pass(time.Minute)
		return m.key
	})
	f("an expired JWT", false, func(r *rig) []byte {
		raw := r.grant(r.add(), "")
		r.pass(time.Hour)
		return raw
	})
	f("disabled", false, func(r *rig) []byte { return r.add(func(t *token.Token) { t.Enabled = false }).key })
	f("good", false, func(r *rig) []byte { return r.add().key })
}

// Before the source is known nothing is counted against anyone, what memory
// knows and what a signature vouches for is answered, and look-ups are bounded:
// by the failures of the handle from anywhere, and by the failures of the
// header phase itself.
func TestTheHeaderPhase(t *testing.T) {
	r := newRig(t)
	header := func(secret []byte) token.Reason {
		_, reason := r.verifier.Verify(presented(secret), nil, r.time())
		return reason
	}
	wantHeader := func(secret []byte, want token.Reason) {
		t.Helper()
		if got := header(secret); got != want {
			t.Errorf("in the header phase: %v, want %v", got, want)
		}
	}
	good, attacked := r.add(), r.add()
	jwt := r.grant(r.add(), "")
	wantHeader(good.key, token.Allowed)
	for range 2 * failures {
		wantHeader([]byte("nonsense"), token.TokenInvalid)
	}
	r.want([]byte("nonsense"), token.TokenInvalid) // counted against nobody

	for range failures { // somebody guesses at a handle, from an address
		r.want(r.madeUp(attacked.Handle), token.TokenInvalid)
	}
	if n := r.loads(func() { wantHeader(attacked.key, token.AuthThrottled) }); n != 0 {
		t.Errorf("%d look-ups for a handle that is guessed at", n)
	}
	if _, reason := r.verifier.Verify(presented(attacked.key), ptr(sourceOf("192.0.2.99")), r.time()); reason != token.Allowed {
		t.Errorf("its owner, once the address is known: %v", reason)
	}
	r.settleFrom(attacked.key, sourceOf("192.0.2.99"))
	wantHeader(attacked.key, token.Allowed)

	loads := r.loads(func() {
		for range 12 * failures {
			header(r.madeUp())
		}
	})
	if loads != 10*failures {
		t.Errorf("%d look-ups for made-up keys, want %d", loads, 10*failures)
	}
	wantHeader(r.madeUp(), token.AuthThrottled)
	wantHeader(r.add().key, token.AuthThrottled) // not here: the handler will ask
	wantHeader(good.key, token.Allowed)
	wantHeader(jwt, token.Allowed)
	r.pass(2 * window)
	wantHeader(r.add().key, token.Allowed)
}

// settleFrom is settle from another source.
func (r *rig) settleFrom(secret []byte, from token.Source) {
	r.t.Helper()
	mine := r.source
	r.source = from
	r.settle(secret)
	r.source = mine
}

// The limit holds for whatever times failures come at: as many as it are let
// through, no more in a window, and after two windows of peace all is forgotten.
func TestThrottleProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 50).Draw(t, "failures")
		throttle, err := auth.NewThrottle(limit, window)
		if err != nil {
			t.Fatal(err)
		}
		now := token.Instant(1_700_000_000_000_000)
		src, name := sourceOf("203.0.113.7"), []byte("handle")
		var counted []token.Instant
		for range rapid.IntRange(1, 300).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(window/10)).Draw(t, "wait")))
			recent, near := 0, 0
			for _, at := range counted {
				if at > now.Add(-window) {
					recent++
				}
				if at > now.Add(-2*window) {
					near++
				}
			}
			refused := throttle.Refuses(src, name, true, now)
			if refused && near < limit {
				t.Fatalf("refused after %d failures in two windows, the limit is %d", near, limit)
			}
			if !refused && recent >= 2*limit {
				t.Fatalf("let through after %d failures in a window, the limit is %d", recent, limit)
			}
			if !refused {
				throttle.Count(src, name, now)
				counted = append(counted, now)
			}
		}
		if throttle.Refuses(src, name, true, now.Add(2*window)) {
			t.Fatal("refused after two windows of peace")
		}
	})
}

// A limit that is reached at once refuses at once, however full the table is,
// and a clock that was set back does not lift it.
func TestThrottleKeepsWhoItRefuses(t *testing.T) {
	throttle, err := auth.NewThrottle(failures, window)
	if err != nil {
		t.Fatal(err)
	}
	now := token.At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
	src, name := sourceOf("203.0.113.7"), []byte("handle")
	for range failures {
		if throttle.Refuses(src, name, true, now) {
			t.Fatal("refused before the limit")
		}
		throttle.Count(src, name, now)
	}
	for i := range 200_000 { // others come and go
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		throttle.Count(token.Source{Addr: a}, []byte("other"), now)
	}
	if !throttle.Refuses(src, name, true, now) {
		t.Error("a flood from elsewhere made the throttle forget")
	}
	if !throttle.Refuses(src, name, true, now.Add(-time.Hour)) {
		t.Error("a clock that was set back lifts the limit")
	}
	// Where the client's address could not be told, the peer's is counted.
	peer := token.Source{Peer: netip.MustParseAddr("203.0.113.7"), Unknown: true}
	if !throttle.Refuses(peer, name, true, now) {
		t.Error("a source of unknown address goes free")
	}
}

// Settings out of range are refused.
func TestNewThrottleRefuses(t *testing.T) {
	for _, c := range []struct {
		failures int
		window   time.Duration
	}{{0, window}, {-1, window}, {2_000_000, window}, {20, 0}, {20, time.Millisecond}, {20, 48 * time.Hour}} {
		if _, err := auth.NewThrottle(c.failures, c.window); err == nil {
			t.Errorf("NewThrottle(%d, %v) succeeds", c.failures, c.window)
		}
	}
}
