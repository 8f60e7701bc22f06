package storetest

import (
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
)

var familyTests = []test{
	{"BegunItsAccessTokenStandsAndItsRefreshTokenIsFound", begunItStands},
	{"AnEleventhFamilyEndsTheOldest", theEleventh},
	{"EndingAFamilyEndsWhatWasMintedInIt", endingAFamily},
	{"EndingAnAccessTokenLeavesTheFamily", endingAnAccessToken},
	{"AFamilyIsBegunOnlyUnderAnAcceptedSecret", begunUnderAnEndedSecret},
	{"AnAccessTokenEndsWithItsClientSecret", accessEndsWithItsSecret},
	{"AnAccessTokenEndsNoLaterThanItsFamily", accessEndsWithItsFamily},
	{"PreauthorisingIsForTheWholeFamily", preauthorising},
	{"OnlyOnesOwnLiveAccessTokenIsPreauthorised", preauthorisingOthers},
	{"GenerateEndsAllThatWasMadeBefore", generateEndsAll},
	{"GenerateIsAllOrNothing", generateIsAllOrNothing},
	{"AGenerationThatIsNotTheNextIsStale", notTheNextGeneration},
	{"AFamilyNeedsAnEndAndOneAccessToken", badFamilies},
	{"FamiliesMakeAuditRowsWithoutSecrets", familiesAreAudited},
	{"AnEndedFamilyIsForgottenInTime", endedFamiliesAreTrimmed},
}

const day = 24 * time.Hour

// clientToken adds a token with a key and a client secret.
func (h *house) clientToken(edit ...func(*token.Token)) token.Token {
	h.t.Helper()
	return h.addToken(append([]func(*token.Token){func(t *token.Token) { t.Credentials = append(t.Credentials, h.client()) }}, edit...)...)
}

// pair is a new opaque pair that lives for an hour.
func (h *house) pair() token.Pair {
	return token.Pair{Access: h.digest(), Refresh: h.digest(), AccessEndsAt: h.clock.instant().Add(time.Hour)}
}

// begin begins a family of 90 days.
func (h *house) begin(handle token.Handle) (token.Family, token.Pair) {
	h.t.Helper()
	p := h.pair()
	f, err := h.BeginFamily(ctx, act(""), token.Family{Token: handle, Generation: 1, EndsAt: h.clock.instant().Add(90 * day)}, p)
	h.ok(err)
	return f, p
}

// access is why an access token is refused; token.ErrNotFound's text when it is
// unknown.
func (h *house) access(d token.Digest) token.Reason {
	h.t.Helper()
	p, err := h.LoadCredential(ctx, token.KindAccess, &d)
	if err == token.ErrNotFound {
		return token.TokenInvalid
	}
	h.ok(err)
	return p.Standing(h.clock.instant())
}

// stands sees how the access tokens stand.
func (h *house) stands(want token.Reason, access ...token.Digest) {
	h.t.Helper()
	for i, d := range access {
		if got := h.access(d); got != want {
			h.t.Errorf("access token %d of %d: %v, want %v", i+1, len(access), got, want)
		}
	}
}

func begunItStands(h *house) {
	t := h.clientToken()
	h.heard.take()
	f, p := h.begin(t.Handle)
	if f.ID == "" || f.CreatedAt == 0 || f.LastUsedAt != f.CreatedAt || f.EndedAt != 0 || f.Token != t.Handle {
		h.t.Errorf("begun: %+v", f)
	}
	if heard := h.heard.take(); len(heard) != 1 || heard[0].Entity != (token.Entity{Kind: token.EntityToken, ID: string(t.Handle)}) || !heard[0].Added {
		h.t.Errorf("heard %+v", heard)
	}
	a, err := h.LoadCredential(ctx, token.KindAccess, &p.Access)
	h.ok(err)
	want := &token.Principal{Kind: token.KindAccess, Generation: 1, EndsAt: p.AccessEndsAt, Family: f.ID, Live: a.Live}
	if diff := cmp.Diff(want, a, ignoreRules); diff != "" {
		h.t.Errorf("access (-want +loaded):\n%s", diff)
	}
	if a.Live.Handle != t.Handle || !slices.Equal(a.Live.Families, []string{f.ID}) || a.Standing(h.clock.instant()) != token.Allowed {
		h.t.Errorf("its live record: %+v", a.Live)
	}
	r, err := h.LoadCredential(ctx, token.KindRefresh, &p.Refresh)
	h.ok(err)
	if r.Kind != token.KindRefresh || r.Family != f.ID || r.EndsAt != f.EndsAt || r.Standing(h.clock.instant()) != token.Allowed {
		h.t.Errorf("refresh: %+v", r)
	}
	for kind := token.KindNone; kind <= token.KindMAC; kind++ {
		if kind != token.KindAccess {
			h.refused(second(h.LoadCredential(ctx, kind, &p.Access)), token.ErrNotFound)
		}
		if kind != token.KindRefresh {
			h.refused(second(h.LoadCredential(ctx, kind, &p.Refresh)), token.ErrNotFound)
		}
	}
	list, err := h.ListFamilies(ctx, t.Handle)
	if diff := cmp.Diff([]token.Family{f}, list); diff != "" || err != nil {
		h.t.Errorf("listed (-want +got), %v:\n%s", err, diff)
	}
}

func theEleventh(h *house) {
	t, other := h.clientToken(), h.clientToken()
	_, others := h.begin(other.Handle)
	var ids []string
	var access []token.Digest
	for range token.MaxFamilies {
		f, p := h.begin(t.Handle)
		ids, access = append(ids, f.ID), append(access, p.Access)
	}
	h.stands(token.Allowed, access...)
	f, p := h.begin(t.Handle)
	h.stands(token.TokenRevoked, access[0])
	h.stands(token.Allowed, access[1:]...)
	h.stands(token.Allowed, p.Access, others.Access)
	l, err := h.LoadToken(ctx, t.Handle)
	h.ok(err)
	if want := append(ids[1:], f.ID); !slices.Equal(l.Families, want) {
		h.t.Errorf("families %v, want %v", l.Families, want)
	}
	// One that has ended makes room: nothing else has to go.
	h.ok(second(h.EndFamily(ctx, act(""), t.Handle, ids[5])))
	h.begin(t.Handle)
	h.stands(token.Allowed, access[1:5]...)
}

func endingAFamily(h *house) {
	t := h.clientToken()
	f, p := h.begin(t.Handle)
	_, stays := h.begin(t.Handle)
	h.heard.take()
	ended, err := h.EndFamily(ctx, act(""), t.Handle, f.ID)
	if err != nil || ended.EndedAt == 0 || ended.ID != f.ID {
		h.t.Errorf("ended %+v, %v", ended, err)
	}
	if len(h.heard.take()) != 1 {
		h.t.Error("nobody heard")
	}
	h.stands(token.TokenRevoked, p.Access)
	h.stands(token.Allowed, stays.Access)
	if _, r := h.renew(t.Handle, p.Refresh); r != token.RenewalEnded {
		h.t.Errorf("renewing in it: %v", r)
	}
	before := h.traces()
	again, err := h.EndFamily(ctx, act(""), t.Handle, f.ID)
	if err != nil || again != ended || h.traces() != before {
		h.t.Errorf("ended again: %+v, %v", again, err)
	}
	other := h.clientToken()
	h.refused(second(h.EndFamily(ctx, act(""), other.Handle, f.ID)), token.ErrNotFound)
	h.refused(second(h.EndFamily(ctx, act(""), t.Handle, "fam_000000000000")), token.ErrNotFound)
}

func endingAnAccessToken(h *house) {
	t, other := h.clientToken(), h.clientToken()
	_, p := h.begin(t.Handle)
	h.refused(h.EndAccess(ctx, act(""), other.Handle, p.Access), token.ErrNotFound)
	h.refused(h.EndAccess(ctx, act(""), t.Handle, h.digest()), token.ErrNotFound)
	h.refused(h.EndAccess(ctx, act(""), t.Handle, p.Refresh), token.ErrNotFound)
	h.stands(token.Allowed, p.Access)
	h.heard.take()
	h.ok(h.EndAccess(ctx, act(""), t.Handle, p.Access))
	if len(h.heard.take()) != 1 {
		h.t.Error("nobody heard")
	}
	h.stands(token.TokenExpired, p.Access)
	before := h.traces()
	h.ok(h.EndAccess(ctx, act(""), t.Handle, p.Access))
	if h.traces() != before {
		h.t.Error("ending it again wrote something")
	}
	next, r := h.renew(t.Handle, p.Refresh)
	if r != token.Renewed {
		h.t.Fatalf("renewing after it: %v", r)
	}
	h.stands(token.Allowed, next.Access)
}

func begunUnderAnEndedSecret(h *house) {
	t := h.clientToken()
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.client(), 0)))
	before := h.traces()
	family := token.Family{Token: t.Handle, Generation: 1, EndsAt: h.clock.instant().Add(day)}
	h.refused(second(h.BeginFamily(ctx, act(""), family, h.pair())), token.ErrStale)
	family.Generation = 3
	h.refused(second(h.BeginFamily(ctx, act(""), family, h.pair())), token.ErrStale)
	h.refused(second(h.BeginFamily(ctx, act(""), token.Family{Token: h.handle(), Generation: 1, EndsAt: 1}, h.pair())), token.ErrNotFound)
	if h.traces() != before {
		h.t.Error("something was written")
	}
	family.Generation = 2
	h.ok(second(h.BeginFamily(ctx, act(""), family, h.pair())))
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	h.refused(second(h.BeginFamily(ctx, act(""), family, h.pair())), token.ErrRevoked)
}

func accessEndsWithItsSecret(h *house) {
	t := h.clientToken()
	f, p := h.begin(t.Handle)
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.client(), time.Minute)))
	h.stands(token.Allowed, p.Access)
	h.clock.advance(time.Minute)
	h.stands(token.TokenRevoked, p.Access)
	// The family outlives the rotation, and is renewed with the new secret only.
	r := token.Renewal{Spent: p.Refresh, Next: h.pair(), Generation: 1}
	if _, result, err := h.Renew(ctx, act(""), t.Handle, true, r); err != nil || result != token.RenewalUnknown {
		h.t.Errorf("renewed with the ended secret: %v, %v", result, err)
	}
	r.Generation = 2
	if renewed, result, err := h.Renew(ctx, act(""), t.Handle, true, r); err != nil || result != token.Renewed || renewed.ID != f.ID {
		h.t.Errorf("renewed with the new secret: %v, %v", result, err)
	}
	h.stands(token.Allowed, r.Next.Access)
}

func accessEndsWithItsFamily(h *house) {
	t := h.clientToken()
	p := h.pair()
	end := h.clock.instant().Add(30 * time.Minute)
	f, err := h.BeginFamily(ctx, act(""), token.Family{Token: t.Handle, Generation: 1, EndsAt: end}, p)
	h.ok(err)
	a, err := h.LoadCredential(ctx, token.KindAccess, &p.Access)
	if err != nil || a.EndsAt != end || f.EndsAt != end {
		h.t.Errorf("it ends at %d, %v; want %d", a.EndsAt, err, end)
	}
	kept, err := h.LoadToken(ctx, t.Handle)
	h.ok(err)
	h.clock.advance(30 * time.Minute)
	if got := a.Standing(h.clock.instant()); got != token.TokenExpired {
		h.t.Errorf("past the family's end: %v", got)
	}
	l, err := h.LoadToken(ctx, t.Handle)
	if err != nil || len(l.Families) != 0 || len(kept.Families) != 1 {
		h.t.Errorf("families %v before its end, %v after, %v", kept.Families, l.Families, err)
	}
	if _, r := h.renew(t.Handle, p.Refresh); r != token.RenewalEnded {
		h.t.Errorf("renewed past its end: %v", r)
	}
}

func endedFamiliesAreTrimmed(h *house) {
	t := h.clientToken()
	f, p := h.begin(t.Handle)
	_, stays := h.begin(t.Handle)
	h.ok(second(h.EndFamily(ctx, act(""), t.Handle, f.ID)))
	if n, err := h.TrimEnded(ctx); n != 0 || err != nil {
		h.t.Errorf("trimmed %d at once, %v", n, err)
	}
	h.clock.advance(25 * time.Hour)
	if n, err := h.TrimEnded(ctx); n != 1 || err != nil {
		h.t.Errorf("trimmed %d, %v; want the ended family", n, err)
	}
	h.refused(second(h.LoadCredential(ctx, token.KindRefresh, &p.Refresh)), token.ErrNotFound)
	if _, r := h.renew(t.Handle, stays.Refresh); r != token.Renewed {
		h.t.Errorf("the living one: %v", r)
	}
	h.clock.advance(90 * day)
	if n, err := h.TrimEnded(ctx); n != 1 || err != nil {
		h.t.Errorf("trimmed %d, %v; want the one past its end", n, err)
	}
}
