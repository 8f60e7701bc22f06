package auth_test

import (
	"context"
	"runtime"
	"testing"

	"tollgate/policy/token"
)

// gate makes loads wait between what they read and their answer.
type gate struct {
	reading chan struct{} // one for each load that has read
	answer  chan struct{} // closed to let loads answer
}

func (r *rig) gate() *gate {
	g := &gate{reading: make(chan struct{}, 1000), answer: make(chan struct{})}
	hook := func(context.Context) error {
		g.reading <- struct{}{}
		<-g.answer
		return nil
	}
	r.loader.hook.Store(&hook)
	return g
}

// A request that begins after a change was acknowledged does not join a load
// that read before it: a revoked key is refused while an older load of it is
// still on its way, and the older load leaves nothing behind.
func TestALateJoinerDoesNotInheritAnOlderLoad(t *testing.T) {
	for _, kind := range []string{"key", "jwt"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			m := r.add()
			secret := m.key
			if kind == "jwt" {
				secret = r.grant(m, "")
				r.cache.ForgetAll()
			}
			g := r.gate()
			early := make(chan token.Reason)
			go func() {
				_, reason := r.verify(secret)
				early <- reason
			}()
			<-g.reading // it has read the token as it was
			_, err := r.store.RevokeToken(t.Context(), act, m.Handle)
			r.ok(err)
			late := make(chan token.Reason)
			go func() {
				_, reason := r.verify(secret)
				late <- reason
			}()
			own := false
			for range 1_000_000 { // a load of its own, unless it joined the older one
				if own = len(g.reading) > 0; own {
					break
				}
				runtime.Gosched()
			}
			close(g.answer)
			if !own {
				t.Error("a request joined a load that began before the change it came after")
			}
			if reason := <-late; reason != token.TokenRevoked {
				t.Errorf("after the revocation: %v", reason)
			}
			<-early // it began before the revocation was acknowledged: either answer is true
			for range 100 {
				r.want(secret, token.TokenRevoked)
				runtime.Gosched()
			}
		})
	}
}
