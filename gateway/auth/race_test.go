package auth_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/policy/token"
)

// switched is a token that is switched off and on, with what was acknowledged.
// begun counts a change before it is made, done after it was acknowledged; an
// odd count means off.
type switched struct {
	made
	jwt         []byte
	begun, done atomic.Int64
}

// Row 10 of the threat model: a request that starts after a token was disabled,
// its merchant suspended or its signing key removed is refused, in every one of
// more than 100,000 trials under way while it happens, as a key and as a JWT
// minted before; and one that starts after it was enabled again is let in.
func TestAChangeTakesHoldOnTheNextRequest(t *testing.T) {
	r := newRig(t)
	tokens := make([]*switched, 4)
	for i := range tokens {
		m := r.add()
		tokens[i] = &switched{made: m, jwt: r.grant(m, "")}
		r.settle(m.key)
		r.settle(tokens[i].jwt)
	}
	trials := int64(120_000)
	if !raceEnabled {
		trials = 1_000_000
	}
	var count, wrong, off atomic.Int64
	var readers, writers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			for i := n; count.Add(1) <= trials; i++ {
				s := tokens[i%len(tokens)]
				secret := s.key
				if i/len(tokens)%2 == 0 {
					secret = s.jwt
				}
				before := s.done.Load()
				_, reason := r.verify(secret)
				if s.begun.Load() != before {
					continue // a change was under way: either answer is true
				}
				if before%2 == 1 {
					off.Add(1)
				}
				if (reason == token.Allowed) != (before%2 == 0) {
					wrong.Add(1)
				}
				if i%8 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	var changes atomic.Int64
	for n, s := range tokens {
		writers.Go(func() {
			for count.Load() < trials {
				s.begun.Add(1)
				on := s.begun.Load()%2 == 0
				if n%2 == 0 {
					r.change(s.made, func(t *token.Token) { t.Enabled = on })
				} else {
					m, err := r.store.FindMerchant(t.Context(), s.Merchant)
					if err == nil {
						m.Active = on
						_, err = r.store.ChangeMerchant(t.Context(), act, m, m.Version)
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
				s.done.Add(1)
				changes.Add(1)
				for rest := count.Load() + 60; count.Load() < min(rest, trials); { // let it be as it is for a while
					runtime.Gosched()
				}
			}
		})
	}
	readers.Wait()
	writers.Wait()
	t.Logf("%d trials, %d of them while off, %d changes, %d look-ups; %+v", trials, off.Load(), changes.Load(), r.loader.loads.Load(), r.cache.Stats())
	if wrong.Load() != 0 {
		t.Errorf("%d decisions were older than an acknowledged change", wrong.Load())
	}
	if changes.Load() < 10 || off.Load() < trials/100 {
		t.Errorf("only %d changes, %d trials while off: hardly a race", changes.Load(), off.Load())
	}
}

// A JWT of a signing key that was removed is refused from then on, also when
// the key went while it was being verified for the first time.
func TestARemovedSigningKeyStopsAtOnce(t *testing.T) {
	r := newRig(t)
	m := r.add()
	allowed := func(raw []byte) bool { // without a source: nothing is counted
		_, reason := r.verifier.Verify(presented(raw), nil, r.time())
		return reason == token.Allowed
	}
	for range 400 {
		raw := r.grant(m, "") // signed with hmacKey, which is first
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 8 {
					allowed(raw)
				}
			})
		}
		r.ok(r.keys.Swap(edKey))
		first := allowed(raw)
		all.Wait()
		if first || allowed(raw) {
			t.Fatal("a JWT is accepted though its signing key was removed")
		}
		r.ok(r.keys.Swap(hmacKey, edKey))
	}
}
