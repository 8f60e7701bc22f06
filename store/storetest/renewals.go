package storetest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"tollgate/policy/token"
)

var renewalTests = []test{
	{"RenewingEndsThePairBefore", renewingEnds},
	{"ALostAnswerIsRepeatedWithinTheGrace", aLostAnswer},
	{"PastTheGraceASpentTokenEndsTheFamily", pastTheGrace},
	{"WithoutGraceASpentTokenEndsTheFamily", withoutAGrace},
	{"OnceTheSuccessorIsUsedASpentTokenEndsTheFamily", successorUsed},
	{"AnOlderSpentTokenEndsTheFamily", anOlderOne},
	{"APairThatARetryReplacedIsReUse", aReplacedPair},
	{"ReUseIsAuditedAndToldOnce", reuseIsAudited},
	{"WithWrongClientCredentialsNothingHappens", wrongCredentials},
	{"AForeignRefreshTokenIsUnknown", aForeignToken},
	{"AnIdleFamilyEnds", anIdleFamily},
	{"ARevokedTokenRenewsNothing", aRevokedToken},
	{"AReplacedJWTIsRevoked", aReplacedJWT},
	{"ARefusedRenewalChangesNothing", aRefusedRenewal},
	{"TheGraceSurvivesAReopening", graceAcrossReopen},
}

// grace and idle are the renewals' settings in these tests.
const (
	grace = 10 * time.Second
	idle  = 30 * day
)

func (h *house) renewal(spent token.Digest) token.Renewal {
	return token.Renewal{Spent: spent, Next: h.pair(), Generation: 1, Grace: grace, Idle: idle}
}

// renew renews with right credentials of the first client secret.
func (h *house) renew(handle token.Handle, spent token.Digest) (token.Pair, token.RenewalResult) {
	h.t.Helper()
	r := h.renewal(spent)
	_, result, err := h.Renew(ctx, act(""), handle, true, r)
	h.ok(err)
	return r.Next, result
}

// renews is renew, with the result it must have.
func (h *house) renews(handle token.Handle, spent token.Digest, want token.RenewalResult) token.Pair {
	h.t.Helper()
	p, result := h.renew(handle, spent)
	if result != want {
		h.t.Fatalf("the renewal is %v, want %v", result, want)
	}
	return p
}

func renewingEnds(h *house) {
	t := h.clientToken()
	f, p := h.begin(t.Handle)
	h.clock.advance(time.Minute)
	h.heard.take()
	before := h.traces()
	r := h.renewal(p.Refresh)
	renewed, result, err := h.Renew(ctx, act(""), t.Handle, true, r)
	h.ok(err)
	if result != token.Renewed || renewed.ID != f.ID || renewed.LastUsedAt <= f.LastUsedAt || renewed.EndsAt != f.EndsAt {
		h.t.Errorf("%v: %+v", result, renewed)
	}
	if after := h.traces(); after.audit != before.audit || after.head != before.head+1 {
		h.t.Errorf("a renewal left %+v after %+v", after, before)
	}
	if heard := h.heard.take(); len(heard) != 1 || !heard[0].Added || heard[0].Entity.ID != string(t.Handle) {
		h.t.Errorf("heard %+v", heard)
	}
	h.stands(token.TokenExpired, p.Access)
	h.stands(token.Allowed, r.Next.Access)
	spent, err := h.LoadCredential(ctx, token.KindRefresh, &p.Refresh)
	if err != nil || spent.Standing(h.clock.instant()) != token.TokenExpired {
		h.t.Errorf("the spent refresh token: %+v, %v", spent, err)
	}
	h.renews(t.Handle, r.Next.Refresh, token.Renewed)
}

func aLostAnswer(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	lost := h.renews(t.Handle, p.Refresh, token.Renewed)
	h.clock.advance(grace - time.Second)
	again := h.renews(t.Handle, p.Refresh, token.Retried)
	h.stands(token.TokenExpired, p.Access, lost.Access)
	h.stands(token.Allowed, again.Access)
	h.renews(t.Handle, again.Refresh, token.Renewed)
}

// over sees that the family with these access tokens has ended, and only now.
func (h *house) over(handle token.Handle, access ...token.Digest) {
	h.t.Helper()
	for _, d := range access {
		if got := h.access(d); got == token.Allowed {
			h.t.Error("an access token of the ended family stands")
		}
	}
	l, err := h.LoadToken(ctx, handle)
	if err != nil || len(l.Families) != 0 {
		h.t.Errorf("families %v, %v", l.Families, err)
	}
}

func pastTheGrace(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	next := h.renews(t.Handle, p.Refresh, token.Renewed)
	h.stands(token.Allowed, next.Access)
	h.clock.advance(grace)
	h.renews(t.Handle, p.Refresh, token.RenewalReused)
	h.over(t.Handle, p.Access, next.Access)
	h.renews(t.Handle, next.Refresh, token.RenewalEnded)
}

// The window counts from the first spending: repeating does not prolong it.
func withoutAGrace(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	h.renews(t.Handle, p.Refresh, token.Renewed)
	r := h.renewal(p.Refresh)
	r.Grace = 0
	if _, result, err := h.Renew(ctx, act(""), t.Handle, true, r); err != nil || result != token.RenewalReused {
		h.t.Errorf("%v, %v", result, err)
	}
	h.over(t.Handle, r.Next.Access)

	_, p = h.begin(t.Handle)
	h.renews(t.Handle, p.Refresh, token.Renewed)
	h.clock.advance(6 * time.Second)
	h.renews(t.Handle, p.Refresh, token.Retried)
	h.clock.advance(6 * time.Second)
	h.renews(t.Handle, p.Refresh, token.RenewalReused)
}

func successorUsed(h *house) {
	t := h.clientToken()
	// Its access token was used.
	_, p := h.begin(t.Handle)
	next := h.renews(t.Handle, p.Refresh, token.Renewed)
	before := h.traces()
	h.ok(h.MarkAccessUsed(ctx, next.Access))
	h.ok(h.MarkAccessUsed(ctx, next.Access))
	h.ok(h.MarkAccessUsed(ctx, h.digest()))
	if h.traces() != before {
		h.t.Error("a use made an audit or a change row")
	}
	h.stands(token.Allowed, next.Access)
	h.renews(t.Handle, p.Refresh, token.RenewalReused)
	h.over(t.Handle, next.Access)
	// Its refresh token was used.
	_, p = h.begin(t.Handle)
	next = h.renews(t.Handle, p.Refresh, token.Renewed)
	last := h.renews(t.Handle, next.Refresh, token.Renewed)
	h.renews(t.Handle, p.Refresh, token.RenewalReused)
	h.over(t.Handle, next.Access, last.Access)
}

func anOlderOne(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	second := h.renews(t.Handle, p.Refresh, token.Renewed)
	third := h.renews(t.Handle, second.Refresh, token.Renewed)
	fourth := h.renews(t.Handle, third.Refresh, token.Renewed)
	h.renews(t.Handle, second.Refresh, token.RenewalReused)
	h.over(t.Handle, fourth.Access)
}

// A thief repeats a renewal within its grace: the pair it replaces is the
// owner's, whose next renewal shows that there are two.
func aReplacedPair(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	owners := h.renews(t.Handle, p.Refresh, token.Renewed)
	thiefs := h.renews(t.Handle, p.Refresh, token.Retried)
	h.renews(t.Handle, owners.Refresh, token.RenewalReused)
	h.over(t.Handle, thiefs.Access, owners.Access)
}

func reuseIsAudited(h *house) {
	t := h.clientToken(func(t *token.Token) { t.Webhook.URL = "https://shop.example/hook" })
	f, p := h.begin(t.Handle)
	h.renews(t.Handle, p.Refresh, token.Renewed)
	h.clock.advance(grace)
	h.renews(t.Handle, p.Refresh, token.RenewalReused)
	h.renews(t.Handle, p.Refresh, token.RenewalEnded)
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Action: "refresh_reuse"})
	h.ok(err)
	if len(rows) != 1 || rows[0].Target.ID != string(t.Handle) || rows[0].Merchant != t.Merchant || rows[0].IP != "192.0.2.7" ||
		!strings.Contains(string(rows[0].After), f.ID) {
		h.t.Errorf("audited %+v", rows)
	}
	var told []string
	for _, hook := range h.due() {
		if hook.Event == "refresh.reuse" {
			told = append(told, string(hook.Token))
		}
	}
	if !slices.Equal(told, []string{string(t.Handle)}) {
		h.t.Errorf("told %v", told)
	}
	h.ok(second(h.VerifyAudit(ctx)))
}

func wrongCredentials(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	next := h.renews(t.Handle, p.Refresh, token.Renewed)
	h.clock.advance(time.Hour / 2)
	before := h.traces()
	for _, spent := range []token.Digest{p.Refresh, next.Refresh, h.digest()} {
		r := h.renewal(spent)
		f, result, err := h.Renew(ctx, act(""), t.Handle, false, r)
		if err != nil || result != token.RenewalUnknown || f != (token.Family{}) {
			h.t.Errorf("%v, %+v, %v", result, f, err)
		}
		h.stands(token.TokenInvalid, r.Next.Access)
	}
	if h.traces() != before {
		h.t.Error("something was written")
	}
	h.stands(token.Allowed, next.Access)
	h.renews(t.Handle, next.Refresh, token.Renewed)
}

func aForeignToken(h *house) {
	t := h.clientToken()
	other := h.clientToken(func(o *token.Token) { o.Merchant = t.Merchant })
	_, p := h.begin(t.Handle)
	next := h.renews(t.Handle, p.Refresh, token.Renewed)
	h.clock.advance(grace)
	before := h.traces()
	h.renews(other.Handle, p.Refresh, token.RenewalUnknown)    // spent, but not of this client
	h.renews(other.Handle, next.Refresh, token.RenewalUnknown) // live
	h.renews(t.Handle, h.digest(), token.RenewalUnknown)
	h.renews(t.Handle, next.Access, token.RenewalUnknown) // an access token is no refresh token
	if h.traces() != before {
		h.t.Error("something was written")
	}
	h.stands(token.Allowed, next.Access)
}

func anIdleFamily(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	h.clock.advance(idle - time.Minute)
	p = h.renews(t.Handle, p.Refresh, token.Renewed)
	h.clock.advance(idle - time.Minute)
	p = h.renews(t.Handle, p.Refresh, token.Renewed) // every use counts anew
	h.clock.advance(idle)
	h.renews(t.Handle, p.Refresh, token.RenewalEnded)
	h.over(t.Handle, p.Access)

	// The absolute end holds however often it is renewed.
	_, p = h.begin(t.Handle)
	for range 4 {
		h.clock.advance(20 * day)
		p = h.renews(t.Handle, p.Refresh, token.Renewed)
	}
	h.clock.advance(10 * day)
	h.renews(t.Handle, p.Refresh, token.RenewalEnded)
	h.over(t.Handle, p.Access)
}

func aRevokedToken(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	before := h.traces()
	h.renews(t.Handle, p.Refresh, token.RenewalEnded)
	if h.traces() != before {
		h.t.Error("something was written")
	}
	h.stands(token.TokenRevoked, p.Access)
}

// A JWT is in no row, so the renewal that ends its pair says so.
func aReplacedJWT(h *house) {
	t := h.clientToken()
	jwt := func(jti string) token.Pair {
		return token.Pair{JTI: jti, Refresh: h.digest(), AccessEndsAt: h.clock.instant().Add(10 * time.Minute)}
	}
	first := jwt("1.a")
	f, err := h.BeginFamily(ctx, act(""), token.Family{Token: t.Handle, Generation: 1, EndsAt: h.clock.instant().Add(day)}, first)
	h.ok(err)
	renew := func(spent token.Digest, next token.Pair, want token.RenewalResult) {
		h.t.Helper()
		r := h.renewal(spent)
		r.Next = next
		if _, result, err := h.Renew(ctx, act(""), t.Handle, true, r); err != nil || result != want {
			h.t.Fatalf("%v, %v; want %v", result, err, want)
		}
	}
	h.heard.take()
	lost, again := jwt("1.b"), jwt("1.c")
	renew(first.Refresh, lost, token.Renewed)
	renew(first.Refresh, again, token.Retried)
	h.revoked("1.a", "1.b")
	var told []string
	for _, c := range h.heard.take() {
		if c.Entity.Kind == token.EntityCredential {
			told = append(told, c.Entity.ID)
		}
	}
	if !slices.Equal(told, []string{"jti:1.a", "jti:1.b"}) {
		h.t.Errorf("told of %v", told)
	}
	// One past its exp needs no revoking.
	h.clock.advance(time.Hour)
	renew(again.Refresh, jwt("1.d"), token.Renewed)
	h.revoked()
	// What stands in an ended family is ended by the family.
	h.ok(second(h.EndFamily(ctx, act(""), t.Handle, f.ID)))
	h.revoked()
	p := token.Principal{Kind: token.KindJWT, Generation: 1, Family: f.ID, ID: "1.d"}
	if p.Live, err = h.LoadToken(ctx, t.Handle); err != nil || p.Standing(h.clock.instant()) != token.TokenRevoked {
		h.t.Errorf("a JWT of the ended family: %v, %v", p.Standing(h.clock.instant()), err)
	}
}

func aRefusedRenewal(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	_, other := h.begin(t.Handle)
	before := h.traces()
	r := h.renewal(p.Refresh)
	r.Next.Refresh = other.Refresh // taken: the whole renewal falls
	if _, result, err := h.Renew(ctx, act(""), t.Handle, true, r); !errors.Is(err, token.ErrExists) || result != token.RenewalUnknown {
		h.t.Errorf("%v, %v", result, err)
	}
	if h.traces() != before {
		h.t.Error("half a renewal was written")
	}
	h.stands(token.Allowed, p.Access, other.Access)
	h.renews(t.Handle, p.Refresh, token.Renewed)
}

func graceAcrossReopen(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	lost := h.renews(t.Handle, p.Refresh, token.Renewed)
	h.ok(h.Store.Close())
	h.Store = h.open()
	again := h.renews(t.Handle, p.Refresh, token.Retried)
	h.stands(token.TokenExpired, lost.Access)
	h.stands(token.Allowed, again.Access)
	h.clock.advance(grace)
	h.ok(h.Store.Close())
	h.Store = h.open()
	h.renews(t.Handle, p.Refresh, token.RenewalReused)
	h.over(t.Handle, again.Access)
}
