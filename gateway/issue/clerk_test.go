package issue_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

// A renewal gives a fresh pair and ends the old access token. The spent token
// may come again within the grace while nobody used its successor; after that it
// is re-use: the whole family ends, access tokens too, it is audited, and the
// answer is that of an unknown token (security.md §5.1 row 13).
func TestRefreshRotation(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	first := o.authorize(o.orderOf(h), token.Allowed)
	o.pair(h, first.AccessToken, token.Allowed)
	second := o.refresh(o.orderOf(h), first.RefreshToken, token.Allowed)
	o.pair(h, first.AccessToken, token.TokenExpired)

	o.now = o.now.Add(9 * time.Second) // the answer was lost
	third := o.refresh(o.orderOf(h), first.RefreshToken, token.Allowed)
	o.pair(h, second.AccessToken, token.TokenExpired)
	o.pair(h, third.AccessToken, token.Allowed)
	if n := o.audited("refresh_reuse"); n != 0 {
		t.Fatalf("a retry is audited as re-use %d times", n)
	}
	o.refresh(o.orderOf(h), first.RefreshToken, token.InvalidGrant) // the successor was used
	o.pair(h, third.AccessToken, token.TokenRevoked)
	o.refresh(o.orderOf(h), third.RefreshToken, token.InvalidGrant)
	if n := o.audited("refresh_reuse"); n != 1 {
		t.Errorf("re-use was audited %d times", n)
	}

	late := o.authorize(o.orderOf(h), token.Allowed)
	last := o.refresh(o.orderOf(h), late.RefreshToken, token.Allowed)
	o.now = o.now.Add(10 * time.Second)
	o.refresh(o.orderOf(h), late.RefreshToken, token.InvalidGrant) // the grace is over
	o.refresh(o.orderOf(h), last.RefreshToken, token.InvalidGrant)
	if n := o.audited("refresh_reuse"); n != 2 {
		t.Errorf("re-use was audited %d times", n)
	}
}

// With the grace off a spent token is re-use at once.
func TestNoGraceMeansNone(t *testing.T) {
	o := newOffice(t, func(c *issue.ClerkOptions) { c.Grace = -1 })
	h := o.hold()
	first := o.authorize(o.orderOf(h), token.Allowed)
	second := o.refresh(o.orderOf(h), first.RefreshToken, token.Allowed)
	o.refresh(o.orderOf(h), first.RefreshToken, token.InvalidGrant)
	o.pair(h, second.AccessToken, token.TokenRevoked)
}

// Of 50 uses of one refresh token at a time one pair is left alive, never two
// (row 14); with the grace off none is, for all but one were re-use.
func TestParallelRenewalsLeaveOnePair(t *testing.T) {
	for _, grace := range []time.Duration{0, -1} {
		o := newOffice(t, func(c *issue.ClerkOptions) { c.Grace = grace })
		h := o.hold()
		first := o.authorize(o.orderOf(h), token.Allowed)
		var mu sync.Mutex
		var grants []token.Grant
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				order := o.orderOf(h)
				order.Refresh = []byte(first.RefreshToken)
				renew := o.clerk.Refresh
				if i%2 == 1 {
					renew = o.clerk.Exchange
				}
				g, reason := renew(t.Context(), order)
				mu.Lock()
				defer mu.Unlock()
				switch reason {
				case token.Allowed:
					grants = append(grants, g)
				case token.InvalidGrant:
				default:
					t.Error(reason)
				}
			})
		}
		all.Wait()
		alive := 0
		for _, g := range grants {
			p := &token.Presented{Kind: token.KindKey, Secret: h.key, Access: []byte(g.AccessToken)}
			if strings.Contains(g.AccessToken, ".") {
				p = &token.Presented{Kind: token.KindJWT, Secret: []byte(g.AccessToken)}
			}
			if _, reason := o.verifier.Examine(p, o.now); reason == token.Allowed {
				alive++
			}
		}
		want := 1
		if grace < 0 {
			want = 0
		}
		if alive != want || len(grants) == 0 {
			t.Errorf("grace %v: of %d pairs %d are alive, want %d", grace, len(grants), alive, want)
		}
	}
}

// With wrong client credentials, or another token's right ones, nothing is
// revoked, spent or told, whatever token comes with them.
func TestOnlyTheOwnClientSpends(t *testing.T) {
	o := newOffice(t)
	h, other := o.hold(), o.hold()
	first := o.authorize(o.orderOf(h), token.Allowed)
	second := o.refresh(o.orderOf(h), first.RefreshToken, token.Allowed)
	o.pair(h, second.AccessToken, token.Allowed)
	for _, text := range []string{first.RefreshToken, second.RefreshToken} {
		wrong := o.orderOf(h)
		wrong.ClientSecret = other.secret
		o.refresh(wrong, text, token.TokenInvalid)
		o.renew(wrong, text, token.TokenInvalid)
		o.refresh(o.orderOf(other), text, token.InvalidGrant)
		o.renew(o.order(other.client), text, token.InvalidGrant)
	}
	o.pair(h, second.AccessToken, token.Allowed)
	if o.audited("refresh_reuse") != 0 {
		t.Error("somebody else's try is audited as re-use")
	}
	o.refresh(o.orderOf(h), second.RefreshToken, token.Allowed)
}

// A secret of one kind is no refresh token, and a refresh token opens nothing
// (row 15).
func TestARefreshTokenIsNothingElse(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	g := o.authorize(o.orderOf(h), token.Allowed)
	j := o.renew(o.order(h.client), g.RefreshToken, token.Allowed)
	for _, text := range []string{g.AccessToken, j.AccessToken, string(h.key), string(h.secret), "", "tgr_", "x"} {
		o.refresh(o.orderOf(h), text, token.InvalidGrant)
		o.renew(o.order(h.client), text, token.InvalidGrant)
	}
	for _, kind := range []token.Kind{token.KindKey, token.KindJWT, token.KindAccess, token.KindRefresh, token.KindSigned} {
		o.judged(&token.Presented{Kind: kind, Secret: []byte(j.RefreshToken)}, token.TokenInvalid)
	}
	o.pair(h, j.RefreshToken, token.TokenInvalid)
}

// A JWT that came of a family says so and dies with it; a renewal ends the one
// before by its id, though its exp is far away.
func TestAJWTDiesWithItsFamily(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	g := o.authorize(o.orderOf(h), token.Allowed)
	one := o.renew(o.order(h.client), g.RefreshToken, token.Allowed)
	o.jwt(one.AccessToken, token.Allowed)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(one.AccessToken, ".")[1])
	o.ok(err)
	if !strings.Contains(string(payload), `,"fam":"fam_`) || one.RefreshToken == "" {
		t.Errorf("claims %s, refresh token %q", payload, one.RefreshToken)
	}
	o.pair(h, g.AccessToken, token.TokenExpired)
	two := o.renew(o.order(h.client), one.RefreshToken, token.Allowed)
	o.jwt(one.AccessToken, token.TokenRevoked)
	o.jwt(two.AccessToken, token.Allowed)
	plain := o.want(o.order(h.client), token.Allowed)
	if _, reason := o.clerk.Revoke(t.Context(), o.order(h.client), []byte(two.RefreshToken), nil); reason != token.Allowed {
		t.Fatal(reason)
	}
	o.jwt(two.AccessToken, token.TokenRevoked)
	o.jwt(plain.AccessToken, token.Allowed)
}

// What is promised is what there is: an access token ends no later than its
// token, its client secret and its family.
func TestAGrantEndsWithWhatItHangsOn(t *testing.T) {
	o := newOffice(t)
	ends := func(g token.Grant, want time.Duration) {
		t.Helper()
		if got := g.ExpiresAt.Sub(o.now); got != want {
			t.Errorf("it lives %v, want %v", got, want)
		}
	}
	h := o.hold(func(t *token.Token) { t.ExpiresAt = token.At(noon.Add(20 * time.Minute)) })
	g := o.authorize(o.orderOf(h), token.Allowed)
	ends(g, 20*time.Minute)
	ends(o.refresh(o.orderOf(h), g.RefreshToken, token.Allowed), 20*time.Minute)
	h = o.hold()
	g = o.authorize(o.orderOf(h), token.Allowed)
	ends(g, time.Hour)
	_, kept, err := o.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: h.Handle, Generation: 2})
	o.ok(err)
	_, err = o.store.RotateCredential(t.Context(), act, h.Handle, kept, 5*time.Minute)
	o.ok(err)
	ends(o.refresh(o.orderOf(h), g.RefreshToken, token.Allowed), 5*time.Minute)
	short := newOffice(t, func(c *issue.ClerkOptions) { c.Absolute, c.Idle = 2*time.Minute, time.Minute })
	k := short.hold()
	o.now = short.now
	g = short.authorize(short.orderOf(k), token.Allowed)
	ends(g, 2*time.Minute)
	j := short.renew(short.order(k.client), g.RefreshToken, token.Allowed)
	ends(j, 2*time.Minute)
	short.now = short.now.Add(time.Minute)
	short.refresh(short.orderOf(k), j.RefreshToken, token.InvalidGrant) // idle
	short.jwt(j.AccessToken, token.TokenRevoked)
}

// A token has ten live families; one more ends the oldest, and its access
// tokens with it.
func TestTheEleventhFamilyEndsTheFirst(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	var grants []token.Grant
	for range token.MaxFamilies + 1 {
		grants = append(grants, o.authorize(o.orderOf(h), token.Allowed))
	}
	o.pair(h, grants[0].AccessToken, token.TokenRevoked)
	o.refresh(o.orderOf(h), grants[0].RefreshToken, token.InvalidGrant)
	for _, g := range grants[1:] {
		o.pair(h, g.AccessToken, token.Allowed)
	}
}

// With enhanced security on, only these two endpoints take the key: a pair made
// here opens it, an access token that is brought becomes pre-authorised and is
// echoed with its own end, and everything else is refused.
func TestEnhancedSecurityIsOpenedHereOnly(t *testing.T) {
	o := newOffice(t)
	h, other := o.hold(), o.hold()
	plain := o.begin(h)
	foreign := o.begin(other)
	o.change(h.Handle, enhanced)
	o.pair(h, plain, token.AccessTokenRequired)
	order := o.orderOf(h)
	order.Access = []byte(foreign)
	o.authorize(order, token.TokenInvalid)
	order.Access = h.key
	o.authorize(order, token.TokenInvalid)
	order.Access = []byte(plain)
	g := o.authorize(order, token.Allowed)
	if g.AccessToken != plain || g.RefreshToken != "" || !g.ExpiresAt.Equal(o.now.Add(30*time.Minute)) || g.Handle != h.Handle {
		t.Errorf("the answer is %+v", g)
	}
	o.pair(h, plain, token.Allowed)
	made := o.authorize(o.orderOf(h), token.Allowed)
	o.pair(h, made.AccessToken, token.Allowed)
	o.pair(h, o.refresh(o.orderOf(h), made.RefreshToken, token.Allowed).AccessToken, token.Allowed)

	o.want(o.order(h.client), token.UnauthorizedClient)
	o.renew(o.order(h.client), made.RefreshToken, token.UnauthorizedClient)
	if _, reason := o.clerk.Revoke(t.Context(), o.order(h.client), []byte(made.RefreshToken), nil); reason != token.UnauthorizedClient {
		t.Errorf("revoke: %v", reason)
	}
	if _, _, reason := o.clerk.Introspect(t.Context(), o.order(h.client), []byte(made.AccessToken)); reason != token.UnauthorizedClient {
		t.Errorf("introspect: %v", reason)
	}
	o.keyed(string(h.key), token.AccessTokenRequired)
}

// begin gives the token a pair that is not pre-authorised, as generate does, and
// answers with its access token.
func (o *office) begin(h holder) string {
	o.t.Helper()
	text, access, err := o.minter.Mint(issue.Wanted{Kind: token.KindAccess, Handle: h.Handle, Generation: 1})
	o.ok(err)
	_, refresh, err := o.minter.Mint(issue.Wanted{Kind: token.KindRefresh, Handle: h.Handle, Generation: 1})
	o.ok(err)
	_, err = o.store.BeginFamily(o.t.Context(), act, token.Family{Token: h.Handle, Generation: 1, EndsAt: token.At(o.now.Add(time.Hour))},
		token.Pair{Access: access.Digest, Refresh: refresh.Digest, AccessEndsAt: token.At(o.now.Add(30 * time.Minute))})
	o.ok(err)
	return string(text)
}

// Key and client credentials must be of one token. Two that are right and do
// not belong together are nobody's guess; a wrong one of either is.
func TestKeyAndClientAreOfOneToken(t *testing.T) {
	o := newOffice(t)
	h, other := o.hold(), o.hold()
	mixed := o.orderOf(h)
	mixed.Key = other.key
	for range 3 * failures {
		o.authorize(mixed, token.TokenInvalid)
	}
	o.authorize(o.orderOf(h), token.Allowed)
	for _, key := range [][]byte{nil, {}, []byte("tg_live_x"), h.secret, []byte("x")} {
		bad := o.orderOf(h)
		bad.Key = key
		o.authorize(bad, token.TokenInvalid)
	}
	for i := range failures + 1 {
		bad := o.orderOf(h)
		bad.ClientSecret = other.secret
		want := token.TokenInvalid
		if i == failures {
			want = token.AuthThrottled
		}
		o.authorize(bad, want)
	}
	o.authorize(o.orderOf(h), token.Allowed) // memory proves it
}

// Rows 5 and 8 hold here too, and say no more than that.
func TestTheClerkHoldsTheRows(t *testing.T) {
	o := newOffice(t)
	away := o.hold(func(t *token.Token) { t.Bounds.IPRanges = []string{"198.51.100.0/24"} })
	o.authorize(o.orderOf(away), token.IPNotAllowed)
	o.refresh(o.orderOf(away), "x", token.IPNotAllowed)
	h := o.hold()
	g := o.authorize(o.orderOf(h), token.Allowed)
	o.change(h.Handle, func(t *token.Token) { t.Enabled = false })
	o.authorize(o.orderOf(h), token.TokenDisabled)
	o.refresh(o.orderOf(h), g.RefreshToken, token.TokenDisabled)
	o.renew(o.order(h.client), g.RefreshToken, token.TokenDisabled)
	o.change(h.Handle, func(t *token.Token) { t.Enabled = true })
	o.refresh(o.orderOf(h), g.RefreshToken, token.Allowed)
}

// A store that cannot tell is no verdict; what it does not know, or not any
// more, is one.
func TestTheClerkIsHonestAboutFaults(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	g := o.authorize(o.orderOf(h), token.Allowed)
	access := o.orderOf(h)
	access.Access = []byte(g.AccessToken)
	for err, want := range map[error][3]token.Reason{
		errors.New("down"): {token.CannotDecide, token.CannotDecide, token.CannotDecide},
		token.ErrNotFound:  {token.TokenInvalid, token.TokenInvalid, token.InvalidGrant},
		token.ErrRevoked:   {token.TokenInvalid, token.TokenInvalid, token.InvalidGrant},
		token.ErrStale:     {token.TokenInvalid, token.TokenInvalid, token.InvalidGrant},
	} {
		o.records.err = err
		o.authorize(o.orderOf(h), want[0])
		o.authorize(access, want[1])
		o.refresh(o.orderOf(h), g.RefreshToken, want[2])
		o.renew(o.order(h.client), g.RefreshToken, want[2])
	}
	o.records.err = nil
	o.pair(h, g.AccessToken, token.Allowed)
}

// A renewal may narrow the scope and never widen it; a refusal for it spends
// nothing.
func TestARenewalNarrows(t *testing.T) {
	o := newOffice(t)
	h := o.hold()
	g := o.authorize(o.orderOf(h), token.Allowed)
	order := o.order(h.client)
	order.Scope = []byte("payments:read admin")
	o.renew(order, g.RefreshToken, token.InvalidScope)
	order.Scope = []byte("payments:read")
	if got := o.renew(order, g.RefreshToken, token.Allowed); got.Scope != "payments:read" {
		t.Errorf("scope %q", got.Scope)
	}
}
