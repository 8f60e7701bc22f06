package storetest

import "tollgate/policy/token"

var addressTests = []test{{"BoundAddressesAreTold", boundAddresses}}

// Whether anything is bound to addresses is told, a merchant or a living token
// being enough, and not of a token that was revoked.
func boundAddresses(h *house) {
	expect := func(when string, want bool) {
		h.t.Helper()
		bound, err := h.BindsAddresses(ctx)
		h.ok(err)
		if bound != want {
			h.t.Errorf("%s: %v, want %v", when, bound, want)
		}
	}
	expect("at first", false)
	h.addToken()
	expect("with a token without ranges", false)
	one := h.addToken(func(t *token.Token) {
		t.Bounds.IPRanges, t.Bounds.Restricts.IP = []string{"192.0.2.0/24"}, true
	})
	expect("with a token with ranges", true)
	_, err := h.RevokeToken(ctx, act(""), one.Handle)
	h.ok(err)
	expect("with it revoked", false)
	m, err := h.AddMerchant(ctx, act(""), token.Merchant{Name: "Bound", Active: true, IPRanges: []string{"192.0.2.0/24"}})
	h.ok(err)
	expect("with a merchant with ranges", true)
	m.IPRanges = nil
	_, err = h.ChangeMerchant(ctx, act(""), m, m.Version)
	h.ok(err)
	expect("without them again", false)
	h.addToken(func(t *token.Token) { t.Bounds.Restricts.IP = true })
	expect("with a token that may come from nowhere", true)
	h.ok(h.Store.Close())
	h.Store = h.open()
	expect("after a restart", true)
}
