package issue_test

import (
	"encoding/hex"
	"testing"

	"tollgate/policy/token"
)

// Stolen credentials of a token that is bound to a client certificate fetch
// nothing without it: every way to be issued something, and to manage what was
// issued, judges the certificate where it judges the address. Who holds the
// right one is served.
func TestNothingIsIssuedWithoutTheClientCertificate(t *testing.T) {
	mine, other := token.DigestOf([]byte("mine")), token.DigestOf([]byte("other"))
	bound := func(t *token.Token) { t.Bounds.ClientCerts = []string{hex.EncodeToString(mine[:])} }
	for name, shown := range map[string]token.Digest{"none": {}, "another": other, "the right one": mine} {
		t.Run(name, func(t *testing.T) {
			want := token.ClientCertNotAllowed
			if shown == mine {
				want = token.Allowed
			}
			o := newOffice(t)
			h := o.hold(bound, manager)
			show := func(order *token.Order, shown token.Digest) *token.Order {
				order.Source.ClientCert = shown
				return order
			}
			first := o.authorize(show(o.orderOf(h), mine), token.Allowed)
			f := func(what string, got token.Reason) {
				t.Helper()
				if got != want {
					t.Errorf("%s: %v, want %v", what, got, want)
				}
			}
			exchanged, got := o.clerk.Exchange(t.Context(), show(o.order(h.client), shown))
			f("exchange", got)
			_, got = o.clerk.Authorize(t.Context(), show(o.orderOf(h), shown))
			f("authorize", got)
			preauthorise := show(o.orderOf(h), shown)
			preauthorise.Access = []byte(first.AccessToken)
			_, got = o.clerk.Authorize(t.Context(), preauthorise)
			f("preauthorise", got)
			refresh := show(o.orderOf(h), shown)
			refresh.Refresh = []byte(first.RefreshToken)
			second, got := o.clerk.Refresh(t.Context(), refresh)
			f("refresh", got)
			renew := show(o.order(h.client), shown)
			if renew.Refresh = []byte(first.RefreshToken); got == token.Allowed {
				renew.Refresh = []byte(second.RefreshToken)
			}
			_, got = o.clerk.Exchange(t.Context(), renew)
			f("the refresh_token grant", got)
			told, _, got := o.clerk.Introspect(t.Context(), show(o.order(h.client), shown), []byte(exchanged.AccessToken))
			if f("introspect", got); told.Active != (want == token.Allowed) {
				t.Errorf("introspect tells %+v", told)
			}
			_, got = o.clerk.Revoke(t.Context(), show(o.order(h.client), shown), []byte(first.RefreshToken), nil)
			f("revoke", got)
			o.manages(h, shown, f)
		})
	}
}

// manages makes every call of the service dialect with a certificate.
func (o *office) manages(h holder, shown token.Digest, f func(string, token.Reason)) {
	o.t.Helper()
	ask := func(key []byte) *token.Call {
		call := o.call(key)
		call.Source.ClientCert = shown
		return call
	}
	child, got := o.nursery.Create(o.t.Context(), ask(h.key), &token.ChildOrder{Merchant: h.Merchant, Methods: []string{"GET"}})
	f("create", got)
	_, got = o.nursery.List(o.t.Context(), ask(h.key))
	f("list", got)
	if child.Handle != "" {
		f("delete", o.nursery.Delete(o.t.Context(), ask(h.key), []byte(child.Handle)))
	} else {
		f("delete", o.nursery.Delete(o.t.Context(), ask(h.key), []byte(h.Handle)))
	}
}
