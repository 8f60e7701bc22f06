package auth_test

import (
	"fmt"
	"testing"

	"tollgate/policy/token"
)

// A stranger who knows a merchant's handle cannot lock the merchant out by
// guessing at it: not from one address, not from many, not from a /64 of IPv6
// for each guess, however many guesses fill the tables. The merchant's own key is
// taken from its own address although it has to be looked up, and what memory
// knows is taken from the stranger's address too.
func TestNoStrangerLocksAMerchantOut(t *testing.T) {
	r := newRig(t)
	own := r.source
	for name, addressOf := range map[string]func(i int) string{
		"one address":    func(int) string { return "198.51.100.1" },
		"many addresses": func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250, 1+i%250) },
		"many networks":  func(i int) string { return fmt.Sprintf("2001:db8:%x:%x::1", i>>8, i&0xff) },
	} {
		cold, warm := r.add(), r.add()
		r.settle(warm.key)
		for i := range 40 * failures {
			r.source = sourceOf(addressOf(i))
			r.verify(r.madeUp(cold.Handle))
			r.verify(r.madeUp(warm.Handle))
		}
		r.want(warm.key, token.Allowed) // from where the stranger is
		r.source = own
		if _, reason := r.verify(cold.key); reason != token.Allowed {
			t.Errorf("%s: the merchant's own key is answered %v", name, reason)
		}
	}
}

// Behind one address with a merchant, a stranger who guesses at the merchant's
// handle can keep a key from being looked up that nobody remembers, since the two
// cannot be told apart; for no longer than the window, and never one that is
// remembered. This is what is left of the attack.
func TestStrangerBehindTheSameAddress(t *testing.T) {
	r := newRig(t)
	cold, warm := r.add(), r.add()
	r.settle(warm.key)
	for range 40 * failures {
		r.verify(r.madeUp(cold.Handle))
		r.verify(r.madeUp(warm.Handle))
	}
	r.want(warm.key, token.Allowed)
	r.want(cold.key, token.AuthThrottled)
	r.pass(2 * window)
	r.want(cold.key, token.Allowed)
}
