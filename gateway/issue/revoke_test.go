package issue_test

import (
	"errors"
	"testing"
	"time"

	"tollgate/policy/token"
)

func (o *office) revoke(c client, text string, want token.Reason) {
	o.t.Helper()
	who, got := o.clerk.Revoke(o.t.Context(), o.order(c), []byte(text), []byte("access_token"))
	if got != want || want == token.Allowed && who != (token.Client{Handle: c.Handle, Merchant: c.Merchant}) {
		o.t.Fatalf("%v for %+v, want %v", got, who, want)
	}
}

func (o *office) introspect(c client, text string) token.Introspection {
	o.t.Helper()
	i, who, got := o.clerk.Introspect(o.t.Context(), o.order(c), []byte(text))
	if got != token.Allowed || who.Handle != c.Handle {
		o.t.Fatalf("%v for %+v", got, who)
	}
	return i
}

// Revoke ends what was issued to the caller, at once and no more than that: a
// refresh token with its family, an access token alone, a JWT alone.
func TestRevokeEndsTheCallersOwn(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	one, two := o.authorize(o.orderOf(h), token.Allowed), o.authorize(o.orderOf(h), token.Allowed)
	a, b := o.want(o.order(h.client), token.Allowed), o.want(o.order(h.client), token.Allowed)
	for _, g := range []token.Grant{one, two} {
		o.pair(h, g.AccessToken, token.Allowed)
	}
	o.jwt(a.AccessToken, token.Allowed)
	for range 2 { // a second time nothing is left to end
		o.revoke(h.client, one.AccessToken, token.Allowed)
		o.pair(h, one.AccessToken, token.TokenExpired)
		o.revoke(h.client, a.AccessToken, token.Allowed)
		o.jwt(a.AccessToken, token.TokenRevoked)
	}
	o.jwt(b.AccessToken, token.Allowed)
	o.pair(h, two.AccessToken, token.Allowed)
	o.refresh(o.orderOf(h), one.RefreshToken, token.Allowed)
	o.revoke(h.client, two.RefreshToken, token.Allowed)
	o.pair(h, two.AccessToken, token.TokenRevoked)
	o.refresh(o.orderOf(h), two.RefreshToken, token.InvalidGrant)
}

// For anything else nothing happens, and the answer is the same: another
// client's tokens, also of the same merchant; keys and secrets of the caller's
// own; rubbish. Without a proven client there is no answer at all.
func TestRevokeEndsNothingElse(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	sibling, stranger := o.hold(func(t *token.Token) { t.Merchant = h.Merchant }), o.hold()
	g, j := o.authorize(o.orderOf(h), token.Allowed), o.want(o.order(h.client), token.Allowed)
	before, err := o.store.Head(t.Context())
	o.ok(err)
	for _, c := range []client{sibling.client, stranger.client} {
		for _, text := range []string{g.AccessToken, g.RefreshToken, j.AccessToken, string(h.key), string(h.secret)} {
			o.revoke(c, text, token.Allowed)
		}
	}
	for _, text := range []string{string(h.key), string(h.secret), string(h.Handle), "", "x", "a.b.c", "tgr_", "tgo_", string(make([]byte, 9000))} {
		o.revoke(h.client, text, token.Allowed)
	}
	after, err := o.store.Head(t.Context())
	o.ok(err)
	if after != before {
		t.Errorf("%d changes were made", after-before)
	}
	o.pair(h, g.AccessToken, token.Allowed)
	o.jwt(j.AccessToken, token.Allowed)
	o.keyed(string(h.key), token.Allowed)
	thief := h.client
	thief.secret = sibling.secret
	o.revoke(thief, g.RefreshToken, token.TokenInvalid)
	o.refresh(o.orderOf(h), g.RefreshToken, token.Allowed)
}

// A store that cannot tell is no 200: the caller must not believe that what it
// gave up has ended.
func TestRevokeIsHonestAboutFaults(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	g, j := o.authorize(o.orderOf(h), token.Allowed), o.want(o.order(h.client), token.Allowed)
	o.records.err = errors.New("down")
	for _, text := range []string{g.AccessToken, g.RefreshToken, j.AccessToken} {
		o.revoke(h.client, text, token.CannotDecide)
	}
}

// Introspect tells a client of the same merchant and environment what an access
// or refresh token is worth now.
func TestIntrospectTellsTheOwnMerchant(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	sibling := o.hold(func(t *token.Token) { t.Merchant = h.Merchant })
	order := o.order(h.client)
	order.Scope = []byte("payments:read")
	j := o.want(order, token.Allowed)
	g := o.authorize(o.orderOf(h), token.Allowed)
	for _, c := range []client{h.client, sibling.client} {
		i := o.introspect(c, j.AccessToken)
		id := i.ID
		i.ID = ""
		if want := (token.Introspection{
			Active: true, ClientID: h.ClientID, Subject: h.Handle, TokenType: "Bearer", Scope: "payments:read", Issuer: issuer,
			IssuedAt: token.At(o.now), ExpiresAt: token.At(o.now.Add(10 * time.Minute)),
		}); i != want || id == "" {
			t.Errorf("a JWT: %+v, want %+v", i, want)
		}
		if i := o.introspect(c, g.AccessToken); i != (token.Introspection{
			Active: true, ClientID: h.ClientID, Subject: h.Handle, TokenType: "opaque", ExpiresAt: token.At(o.now.Add(time.Hour)),
		}) {
			t.Errorf("an access token: %+v", i)
		}
		if i := o.introspect(c, g.RefreshToken); !i.Active || i.TokenType != "refresh_token" || i.Subject != h.Handle {
			t.Errorf("a refresh token: %+v", i)
		}
	}
	spent := g
	g = o.refresh(o.orderOf(h), g.RefreshToken, token.Allowed)
	o.revoke(h.client, j.AccessToken, token.Allowed)
	for _, text := range []string{spent.AccessToken, spent.RefreshToken, j.AccessToken} {
		if i := o.introspect(sibling.client, text); i != (token.Introspection{}) {
			t.Errorf("what has ended: %+v", i)
		}
	}
	o.now = o.now.Add(time.Hour)
	if i := o.introspect(sibling.client, g.AccessToken); i.Active {
		t.Error("an access token beyond its end is active")
	}
	o.change(h.Handle, func(t *token.Token) { t.Enabled = false })
	if i := o.introspect(sibling.client, g.RefreshToken); i != (token.Introspection{}) {
		t.Errorf("of a disabled token: %+v", i)
	}
}

// Nothing is told of another merchant's or another environment's tokens, of
// keys and secrets, and of what opens nothing because of enhanced security.
func TestIntrospectTellsNobodyElse(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	stranger := o.hold()
	test := o.hold(func(t *token.Token) { t.Merchant, t.Environment = h.Merchant, token.EnvTest })
	sibling := o.hold(func(t *token.Token) { t.Merchant = h.Merchant })
	g, j := o.authorize(o.orderOf(h), token.Allowed), o.want(o.order(h.client), token.Allowed)
	f := func(c client, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if i := o.introspect(c, text); i != (token.Introspection{}) {
				t.Errorf("%+v is told", i)
			}
		}
	}
	f(stranger.client, g.AccessToken, g.RefreshToken, j.AccessToken)
	f(test.client, g.AccessToken, g.RefreshToken, j.AccessToken)
	f(h.client, string(h.key), string(h.secret), string(h.Handle), h.ClientID, "", "x", "a.b.c", j.AccessToken+"x", string(make([]byte, 9000)))
	plain := o.begin(h)
	o.change(h.Handle, enhanced)
	f(sibling.client, j.AccessToken, plain)
	if i := o.introspect(sibling.client, g.AccessToken); !i.Active {
		t.Error("a pre-authorised access token is not active")
	}
}
