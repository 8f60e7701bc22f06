package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
	"tollgate/store"
)

var loadTests = []test{
	{"ALiveRecordIsTheWholeTruth", aLiveRecordIsWhole},
	{"ASecretOfOneKindIsUnknownAsAnother", aSecretOfOneKind},
	{"RevokedAndEndedAreFoundAndSaySo", revokedAndEnded},
	{"AChildIsLoadedWithItsParent", aChildIsLoaded},
	{"AClientIsFoundByItsID", aClientIsFound},
	{"EndedGenerationsAcceptNoJWT", endedGenerations},
	{"SuspendingAMerchantStopsItsTokensWithOneChange", suspendingAMerchant},
	{"WarmStreamsLivingKeysMostRecentFirst", warmStreams},
	{"LastUseOnlyGoesForward", lastUseGoesForward},
	{"ACancelledLoadIsAnErrorAndNotUnknown", aCancelledLoad},
	{"ATokenThatCannotBeJudgedStopsNoOther", aTokenThatCannotBeJudged},
	{"OnlyFaultsAreObservedAsFaults", onlyFaults},
}

// ignoreRules leaves out what only package policy can look into.
var ignoreRules = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Rules" }, cmp.Ignore())

func aLiveRecordIsWhole(h *house) {
	m, err := h.AddMerchant(ctx, act(""), token.Merchant{Name: "Shop", Active: true, IPRanges: []string{"192.0.2.0/24"}})
	h.ok(err)
	t := h.draft(m.ID)
	t.Mode, t.Enhanced, t.ExpiresAt = token.Monitor, true, h.clock.instant().Add(time.Hour)
	t.Bounds = token.Bounds{IPRanges: []string{"2001:db8::/32"}, Methods: []string{"GET"}, Permissions: []string{"payments:write"},
		Composition: wide(), Rate: "100/s", ClientCerts: []string{someCert}, Quota: "7/day"}
	t.Credentials = append(t.Credentials, h.client())
	t, err = h.AddToken(ctx, act(""), t, []token.Number{abidjan})
	h.ok(err)

	p, err := h.LoadCredential(ctx, token.KindKey, &t.Credentials[0].Digest)
	h.ok(err)
	abidjanAdded := abidjan
	abidjanAdded.CreatedAt = t.CreatedAt
	want := &token.Principal{Kind: token.KindKey, Generation: 1, Live: &token.Live{
		Handle: t.Handle, Merchant: m.ID, Environment: token.EnvLive, Mode: token.Monitor, Enhanced: true, Enabled: true,
		MerchantActive: true, ExpiresAt: t.ExpiresAt, ClientID: t.ClientID, Generations: []token.Generation{{Number: 1}},
		Permissions: t.Bounds.Permissions, Restricts: token.Restricts{Composition: true, Phones: true, IP: true, Methods: true, ClientCert: true},
		Bounds: t.Bounds, Numbers: []token.Number{abidjanAdded},
	}}
	if diff := cmp.Diff(want, p, ignoreRules); diff != "" {
		h.t.Errorf("(-want +loaded):\n%s", diff)
	}
	if p.Live.Rules == nil || p.Live.Rules.Size() <= 0 {
		h.t.Errorf("the rules are %v", p.Live.Rules)
	}
	l, err := h.LoadToken(ctx, t.Handle)
	h.ok(err)
	if diff := cmp.Diff(p.Live, l, ignoreRules); diff != "" {
		h.t.Errorf("LoadToken differs (-credential +token):\n%s", diff)
	}
}

func aSecretOfOneKind(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client(), h.signing()) })
	for _, c := range t.Credentials {
		for kind := token.KindNone; kind <= token.KindJWT; kind++ {
			p, err := h.LoadCredential(ctx, kind, &c.Digest)
			if kind == c.Kind && (err != nil || p.Kind != kind) {
				h.t.Errorf("a %v as itself: %v, %v", c.Kind, p, err)
			}
			if kind != c.Kind && (err != token.ErrNotFound || p != nil) {
				h.t.Errorf("a %v as a %v: %v, %v", c.Kind, kind, p, err)
			}
		}
	}
	key, err := h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "ops", Role: token.RoleAdmin, Digest: h.digest()})
	h.ok(err)
	for kind := token.KindNone; kind <= token.KindJWT; kind++ {
		h.refused(second(h.LoadCredential(ctx, kind, &key.Digest)), token.ErrNotFound)
	}
	h.refused(second(h.FindAdminKeyByDigest(ctx, &t.Credentials[0].Digest)), token.ErrNotFound)
}

func revokedAndEnded(h *house) {
	for name, c := range map[string]struct {
		end  func(t token.Token)
		want token.Reason
	}{
		"revoked": {func(t token.Token) { h.ok(second(h.RevokeToken(ctx, act(""), t.Handle))) }, token.TokenRevoked},
		"disabled": {func(t token.Token) {
			t.Enabled = false
			h.ok(second(h.ReplaceToken(ctx, act(""), t, 0)))
		}, token.TokenDisabled},
		"expired": {func(t token.Token) {
			t.ExpiresAt = h.clock.instant()
			h.ok(second(h.ReplaceToken(ctx, act(""), t, 0)))
		}, token.TokenExpired},
		"rotated": {func(t token.Token) {
			h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)))
		}, token.TokenExpired},
	} {
		t := h.addToken()
		c.end(t)
		p, err := h.LoadCredential(ctx, token.KindKey, &t.Credentials[0].Digest)
		if err != nil || p.Standing(h.clock.instant()) != c.want {
			h.t.Errorf("%s: %+v, %v; want it found and %v", name, p, err, c.want)
		}
	}
}

func aChildIsLoaded(h *house) {
	parent := h.addToken(func(t *token.Token) { t.Bounds.IPRanges = []string{"192.0.2.0/24"} })
	h.ok(second(h.AddNumber(ctx, act(""), parent.Handle, abidjan)))
	child := h.addToken(func(t *token.Token) { t.Merchant, t.Parent = parent.Merchant, parent.Handle })
	l, err := h.LoadToken(ctx, child.Handle)
	h.ok(err)
	up, err := h.LoadToken(ctx, parent.Handle)
	h.ok(err)
	if diff := cmp.Diff(up, l.Parent, ignoreRules); diff != "" || l.Parent.Rules == nil {
		h.t.Errorf("the child's parent is not the parent's record (-parent +child's):\n%s", diff)
	}
	h.ok(second(h.RevokeToken(ctx, act(""), parent.Handle)))
	if l, err = h.LoadToken(ctx, child.Handle); err != nil || l.Standing(h.clock.instant()) != token.TokenRevoked {
		h.t.Errorf("the child of a revoked parent: %v, %v", l, err)
	}
}

func aClientIsFound(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client(), h.signing()) })
	r, err := h.RotateCredential(ctx, act(""), t.Handle, h.client(), 0)
	h.ok(err)
	l, secrets, err := h.LoadClient(ctx, t.ClientID)
	h.ok(err)
	if l.Handle != t.Handle || len(secrets) != 2 || secrets[0].Digest != r.Credential.Digest ||
		secrets[1].Digest != t.Credentials[1].Digest || secrets[1].EndsAt == 0 || secrets[0].Kind != token.KindClient {
		h.t.Errorf("client of %s has %+v", l.Handle, secrets)
	}
}

func endedGenerations(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client()) })
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.client(), time.Hour)))
	accepts := func(want ...bool) {
		h.t.Helper()
		l, err := h.LoadToken(ctx, t.Handle)
		h.ok(err)
		var got []bool
		for i := range want {
			got = append(got, l.Accepts(i+1, h.clock.instant()))
		}
		if !slices.Equal(got, want) {
			h.t.Errorf("generations 1… are accepted: %v, want %v", got, want)
		}
		// Those that ended are not carried along for ever.
		if accepted := slices.DeleteFunc(got, func(yes bool) bool { return !yes }); len(l.Generations) != len(accepted) {
			h.t.Errorf("the record carries %+v", l.Generations)
		}
	}
	accepts(true, true, false)
	h.clock.advance(time.Hour)
	accepts(false, true, false)
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.client(), 0)))
	accepts(false, false, true)
}

func suspendingAMerchant(h *house) {
	first := h.addToken()
	other := h.addToken(func(t *token.Token) { t.Merchant = first.Merchant })
	m, err := h.FindMerchant(ctx, first.Merchant)
	h.ok(err)
	h.heard.take()
	m.Active = false
	m, err = h.ChangeMerchant(ctx, act(""), m, m.Version)
	h.ok(err)
	if got := h.heard.take(); len(got) != 1 || got[0].Entity != (token.Entity{Kind: token.EntityMerchant, ID: m.ID}) {
		h.t.Errorf("suspending told %+v", got)
	}
	for _, t := range []token.Token{first, other} {
		l, err := h.LoadToken(ctx, t.Handle)
		h.ok(err)
		if l.Standing(h.clock.instant()) != token.MerchantSuspended {
			h.t.Errorf("%s stands as %v", t.Handle, l.Standing(h.clock.instant()))
		}
	}
}

func warmStreams(h *house) {
	var want []token.Digest
	var uses []token.Use
	merchant := h.addMerchant()
	for i := range 250 { // more than the store reads at once
		t := h.draft(merchant)
		t.Credentials = append(t.Credentials, h.client())
		h.ok(second(h.AddToken(ctx, act(""), t, nil)))
		switch i {
		case 5:
			h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
		case 6:
			next := h.key()
			h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, next, 0)))
			uses = append(uses, token.Use{Handle: t.Handle, Kind: token.KindKey, Generation: 2, At: token.Instant(1000 + i)})
			want = append(want, next.Digest)
		default:
			uses = append(uses, token.Use{Handle: t.Handle, Kind: token.KindKey, Generation: 1, At: token.Instant(1000 + i)})
			want = append(want, t.Credentials[0].Digest)
		}
	}
	h.ok(h.Touch(ctx, uses))
	slices.Reverse(want)
	var got []token.Digest
	each := func(kind token.Kind, d token.Digest, p *token.Principal) error {
		loaded, err := h.LoadCredential(ctx, kind, &d)
		if diff := cmp.Diff(loaded, p, ignoreRules); err != nil || diff != "" || p.Live.Rules == nil {
			return fmt.Errorf("%v (-loaded +warm):\n%s", err, diff)
		}
		got = append(got, d)
		return nil
	}
	h.ok(h.Warm(ctx, 1000, each))
	if !slices.Equal(got, want) {
		h.t.Errorf("%d keys, want %d, in order of use", len(got), len(want))
	}
	got = nil
	h.ok(h.Warm(ctx, 203, each))
	if !slices.Equal(got, want[:203]) {
		h.t.Errorf("%d keys with a limit of 203", len(got))
	}
	stop := errors.New("stop")
	if err := h.Warm(ctx, 10, func(token.Kind, token.Digest, *token.Principal) error { return stop }); err != stop {
		h.t.Errorf("each said stop, Warm said %v", err)
	}
}

func lastUseGoesForward(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client()) })
	before := h.traces()
	h.ok(h.Touch(ctx, []token.Use{
		{Handle: t.Handle, Kind: token.KindKey, Generation: 1, At: 2000, IP: "192.0.2.2"},
		{Handle: t.Handle, Kind: token.KindKey, Generation: 1, At: 1000, IP: "192.0.2.1"},
		{Handle: "tok_none00000000", Kind: token.KindKey, Generation: 1, At: 9000},
		{Handle: t.Handle, Kind: token.KindJWT, Generation: 1, At: 1500, IP: "192.0.2.3"},
	}))
	used := map[token.Kind]token.Instant{}
	found := h.find(t.Handle)
	for _, c := range found.Credentials {
		used[c.Kind] = c.LastUsedAt
	}
	if found.LastUsedAt != 2000 || found.LastUsedIP != "192.0.2.2" || used[token.KindKey] != 2000 || used[token.KindClient] != 1500 {
		h.t.Errorf("last used at %d from %s, credentials %v", found.LastUsedAt, found.LastUsedIP, used)
	}
	if after := h.traces(); after != before || found.Version != 1 {
		h.t.Errorf("last uses left traces: %+v, version %d", after, found.Version)
	}
	key, err := h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "ops", Role: token.RoleAdmin, Digest: h.digest()})
	h.ok(err)
	h.ok(h.TouchAdminKey(ctx, key.ID, 2000))
	h.ok(h.TouchAdminKey(ctx, key.ID, 1000))
	if key, err = h.FindAdminKeyByDigest(ctx, &key.Digest); err != nil || key.LastUsedAt != 2000 {
		h.t.Errorf("the admin key was last used at %d, %v", key.LastUsedAt, err)
	}
}

// "Could not tell" must never look like "there is none": the one is 503, the
// other 401.
func aCancelledLoad(h *house) {
	t := h.addToken()
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, err := range map[string]error{
		"LoadCredential": second(h.LoadCredential(cancelled, token.KindKey, &t.Credentials[0].Digest)),
		"LoadToken":      second(h.LoadToken(cancelled, t.Handle)),
		"FindToken":      second(h.FindToken(cancelled, t.Handle)),
	} {
		if err == nil || errors.Is(err, token.ErrNotFound) || !errors.Is(err, context.Canceled) {
			h.t.Errorf("%s: %v", name, err)
		}
	}
}

// A record that some other version wrote, or a hand: to load it is an error, to
// load others is not, and "there is none" would be a lie.
func aTokenThatCannotBeJudged(h *house) {
	good := h.addToken()
	bad := h.addToken(func(t *token.Token) { t.Merchant = good.Merchant })
	child := h.addToken(func(t *token.Token) { t.Merchant, t.Parent = good.Merchant, bad.Handle })
	h.db.Tamper(h.t, `UPDATE tokens SET ip_ranges = '["nowhere"]' WHERE handle = '`+string(bad.Handle)+`'`)
	for _, t := range []token.Token{bad, child} {
		p, err := h.LoadCredential(ctx, token.KindKey, &t.Credentials[0].Digest)
		if err == nil || errors.Is(err, token.ErrNotFound) || p != nil {
			h.t.Errorf("loaded %v, %v", p, err)
		}
	}
	var got []token.Digest
	h.ok(h.Warm(ctx, 10, func(_ token.Kind, d token.Digest, _ *token.Principal) error {
		got = append(got, d)
		return nil
	}))
	if !slices.Equal(got, []token.Digest{good.Credentials[0].Digest}) {
		h.t.Errorf("warm with %d keys, want the good one", len(got))
	}
}

func onlyFaults(h *house) {
	type seen struct {
		op    string
		fault bool
	}
	var got []seen
	s := h.open(func(o *store.Options) {
		o.Observe = func(op string, took time.Duration, err error) {
			if took < 0 {
				h.t.Errorf("%s took %v", op, took)
			}
			got = append(got, seen{op, err != nil})
		}
	})
	got = nil
	t := h.addToken()
	gone, leave := context.WithCancel(ctx)
	leave()
	late, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancel()
	_, _ = s.LoadToken(ctx, t.Handle)
	_, _ = s.LoadToken(ctx, "tok_none00000000")
	_, _ = s.LoadToken(gone, t.Handle)
	_, _ = s.LoadToken(late, t.Handle)
	_, _ = s.ReplaceToken(ctx, act(""), t, 99)
	_, _ = s.AddMerchant(late, act(""), token.Merchant{Name: "x"})
	want := []seen{{"load_token", false}, {"load_token", false}, {"load_token", false}, {"load_token", true},
		{"replace_token", false}, {"add_merchant", true}}
	if !slices.Equal(got, want) {
		h.t.Errorf("observed %+v\nwant     %+v", got, want)
	}
}
