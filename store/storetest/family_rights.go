package storetest

import (
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
)

func preauthorising(h *house) {
	t := h.clientToken(func(t *token.Token) { t.Enhanced = true })
	f, p := h.begin(t.Handle)
	_, other := h.begin(t.Handle)
	before := h.traces()
	got, err := h.Preauthorise(ctx, act(""), t.Handle, p.Access)
	if err != nil || got.AccessEndsAt != p.AccessEndsAt || !got.Preauthorised || got.Access != p.Access {
		h.t.Errorf("preauthorised %+v, %v", got, err)
	}
	if after := h.traces(); after.audit != before.audit+1 || after.head != before.head+1 {
		h.t.Errorf("it left %+v after %+v", after, before)
	}
	says := func(d token.Digest, want bool) {
		h.t.Helper()
		a, err := h.LoadCredential(ctx, token.KindAccess, &d)
		if err != nil || a.Preauthorised != want {
			h.t.Errorf("preauthorised is %v, %v; want %v", a.Preauthorised, err, want)
		}
	}
	says(p.Access, true)
	says(other.Access, false)
	before = h.traces()
	h.ok(second(h.Preauthorise(ctx, act(""), t.Handle, p.Access)))
	if h.traces() != before {
		h.t.Error("preauthorising it again wrote something")
	}
	next, r := h.renew(t.Handle, p.Refresh)
	if r != token.Renewed {
		h.t.Fatal(r)
	}
	says(next.Access, true)
	plain, _ := h.renew(t.Handle, other.Refresh)
	says(plain.Access, false)
	// A renewal cannot preauthorise what its family is not.
	sly := h.pair()
	sly.Preauthorised = true
	h.ok(third(h.Renew(ctx, act(""), t.Handle, true, token.Renewal{Spent: plain.Refresh, Next: sly, Generation: 1})))
	says(sly.Access, false)
	begun := h.pair()
	begun.Preauthorised = true
	whole, err := h.BeginFamily(ctx, act(""), token.Family{Token: t.Handle, Generation: 1, EndsAt: f.EndsAt}, begun)
	if err != nil || !whole.Preauthorised {
		h.t.Errorf("begun preauthorised: %+v, %v", whole, err)
	}
	says(begun.Access, true)
}

func preauthorisingOthers(h *house) {
	t, other := h.clientToken(), h.clientToken()
	_, p := h.begin(t.Handle)
	refuse := func(what string, handle token.Handle, d token.Digest) {
		h.t.Helper()
		before := h.traces()
		if _, err := h.Preauthorise(ctx, act(""), handle, d); err != token.ErrNotFound || h.traces() != before {
			h.t.Errorf("%s: %v", what, err)
		}
	}
	refuse("another token's", other.Handle, p.Access)
	refuse("a refresh token", t.Handle, p.Refresh)
	refuse("an unknown one", t.Handle, h.digest())
	_, past := h.begin(t.Handle)
	h.clock.advance(time.Hour)
	refuse("one past its end", t.Handle, past.Access)
	next, _ := h.renew(t.Handle, p.Refresh)
	refuse("a renewed one", t.Handle, p.Access)
	f, gone := h.begin(t.Handle)
	h.ok(second(h.EndFamily(ctx, act(""), t.Handle, f.ID)))
	refuse("one of an ended family", t.Handle, gone.Access)
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.client(), 0)))
	refuse("one of an ended client secret", t.Handle, next.Access)
}

func generateEndsAll(h *house) {
	t := h.clientToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.signing()) })
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.client(), 6*day)))
	_, first := h.begin(t.Handle)
	_, second_ := h.begin(t.Handle)
	h.heard.take()
	old := h.find(t.Handle)

	p := h.pair()
	r, f, err := h.Generate(ctx, act(""), t.Handle, h.client(), "", token.Family{EndsAt: h.clock.instant().Add(90 * day)}, p)
	h.ok(err)
	if r.Credential.Generation != 3 || r.Token.ClientID == old.ClientID || len(r.Token.ClientID) != 32 || r.Token.Version != old.Version+1 {
		h.t.Errorf("generated %+v", r)
	}
	if f.Token != t.Handle || f.Generation != 3 || f.ID == "" {
		h.t.Errorf("its family: %+v", f)
	}
	if heard := h.heard.take(); len(heard) != 1 || !heard[0].Added {
		h.t.Errorf("heard %+v", heard)
	}
	h.stands(token.TokenRevoked, first.Access, second_.Access)
	h.stands(token.Allowed, p.Access)
	l, secrets, err := h.LoadClient(ctx, r.Token.ClientID)
	h.ok(err)
	now := h.clock.instant()
	for g := 1; g <= 3; g++ {
		if l.Accepts(g, now) != (g == 3) {
			h.t.Errorf("generation %d is accepted: %v", g, l.Accepts(g, now))
		}
	}
	if len(secrets) != 3 || !secrets[1].EndsAt.Reached(now) || !secrets[2].EndsAt.Reached(now) || secrets[0].EndsAt != 0 {
		h.t.Errorf("secrets %+v", secrets)
	}
	if !slices.Equal(l.Families, []string{f.ID}) {
		h.t.Errorf("families %v", l.Families)
	}
	h.refused(third(h.LoadClient(ctx, old.ClientID)), token.ErrNotFound)
	for _, c := range h.find(t.Handle).Credentials {
		if c.Kind != token.KindClient && c.EndsAt != 0 {
			h.t.Errorf("the %v ended as well", c.Kind)
		}
	}
	if _, result := h.renew(t.Handle, first.Refresh); result != token.RenewalUnknown && result != token.RenewalEnded {
		h.t.Errorf("renewing what was made before: %v", result)
	}
	// A token that had none gets its first.
	bare := h.addToken()
	r, f, err = h.Generate(ctx, act(""), bare.Handle, h.client(), "00112233445566778899aabbccddeeff", token.Family{EndsAt: f.EndsAt}, h.pair())
	if err != nil || r.Token.ClientID != "00112233445566778899aabbccddeeff" || r.Credential.Generation != 1 || f.Generation != 1 {
		h.t.Errorf("the first: %+v, %+v, %v", r, f, err)
	}
}

func generateIsAllOrNothing(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	other := h.clientToken()
	before, was := h.traces(), h.find(t.Handle)
	taken := h.pair()
	taken.Refresh = p.Refresh
	f := token.Family{EndsAt: h.clock.instant().Add(day)}
	h.refused(third(h.Generate(ctx, act(""), t.Handle, h.client(), "", f, taken)), token.ErrExists)
	h.refused(third(h.Generate(ctx, act(""), t.Handle, h.client(), other.ClientID, f, h.pair())), token.ErrExists)
	h.wrong(third(h.Generate(ctx, act(""), t.Handle, h.key(), "", f, h.pair())), "credentials")
	h.wrong(third(h.Generate(ctx, act(""), t.Handle, h.client(), "me", f, h.pair())), "client_id")
	h.refused(third(h.Generate(ctx, act(""), h.handle(), h.client(), "", f, h.pair())), token.ErrNotFound)
	h.stands(token.Allowed, p.Access)
	if diff := cmp.Diff(was, h.find(t.Handle)); diff != "" || h.traces() != before {
		h.t.Errorf("(-before +after):\n%s", diff)
	}
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	h.refused(third(h.Generate(ctx, act(""), t.Handle, h.client(), "", f, h.pair())), token.ErrRevoked)
}

func notTheNextGeneration(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client(), h.signing()) })
	before := h.traces()
	for _, generation := range []int{-1, 1, 3} {
		c := h.signing()
		c.Generation = generation
		h.refused(second(h.RotateCredential(ctx, act(""), t.Handle, c, time.Hour)), token.ErrStale)
		s := h.client()
		s.Generation = generation
		h.refused(third(h.Generate(ctx, act(""), t.Handle, s, "", token.Family{EndsAt: 1}, h.pair())), token.ErrStale)
	}
	if ends := h.ends(t.Handle, token.KindSigning); !slices.Equal(ends, []token.Instant{0}) || h.traces() != before {
		h.t.Errorf("a refused rotation ended the old secret: %v", ends)
	}
	c := h.signing()
	c.Generation = 2
	if r, err := h.RotateCredential(ctx, act(""), t.Handle, c, time.Hour); err != nil || r.Credential.Generation != 2 {
		h.t.Errorf("the next one: %+v, %v", r, err)
	}
	fresh := h.draft(t.Merchant)
	fresh.Credentials[0].Generation = 2
	h.wrong(second(h.AddToken(ctx, act(""), fresh, nil)), "credentials")
}

func badFamilies(h *house) {
	t := h.clientToken()
	good := token.Family{Token: t.Handle, Generation: 1, EndsAt: h.clock.instant().Add(day)}
	for field, spoil := range map[string]func(*token.Family, *token.Pair){
		"generation":     func(f *token.Family, _ *token.Pair) { f.Generation = 0 },
		"ends_at":        func(f *token.Family, _ *token.Pair) { f.EndsAt = 0 },
		"access":         func(_ *token.Family, p *token.Pair) { p.Access = token.Digest{} },
		"access_ends_at": func(_ *token.Family, p *token.Pair) { p.AccessEndsAt = 0 },
		"jti":            func(_ *token.Family, p *token.Pair) { p.Access, p.JTI = token.Digest{}, "\x00" },
	} {
		f, p := good, h.pair()
		spoil(&f, &p)
		h.wrong(second(h.BeginFamily(ctx, act(""), f, p)), field)
	}
	both := h.pair()
	both.JTI = "1.x"
	h.wrong(second(h.BeginFamily(ctx, act(""), good, both)), "access")
	noRefresh := h.pair()
	noRefresh.Refresh = token.Digest{}
	h.ok(second(h.BeginFamily(ctx, act(""), good, noRefresh)))
	again := h.pair()
	again.Refresh = token.Digest{}
	h.ok(second(h.BeginFamily(ctx, act(""), good, again)))
	h.wrong(third(h.Renew(ctx, act(""), t.Handle, true, token.Renewal{Spent: h.digest(), Next: noRefresh, Generation: 1})), "refresh")
	// The zero digest names nothing, least of all the pairs without one.
	h.refused(second(h.LoadCredential(ctx, token.KindRefresh, &token.Digest{})), token.ErrNotFound)
}

func familiesAreAudited(h *house) {
	t := h.clientToken()
	f, p := h.begin(t.Handle)
	h.ok(second(h.Preauthorise(ctx, act(""), t.Handle, p.Access)))
	h.ok(h.EndAccess(ctx, act(""), t.Handle, p.Access))
	h.ok(second(h.EndFamily(ctx, act(""), t.Handle, f.ID)))
	h.ok(third(h.Generate(ctx, act(""), t.Handle, h.client(), "", token.Family{EndsAt: f.EndsAt}, h.pair())))
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Target: token.AuditTarget{Kind: "token", ID: string(t.Handle)}})
	h.ok(err)
	var actions []string
	for _, r := range rows {
		actions = append(actions, r.Action)
		if r.Merchant != t.Merchant || r.Actor.ID != "storetest" || r.IP != "192.0.2.7" {
			h.t.Errorf("the row %+v", r)
		}
	}
	want := []string{"token.generate", "family.end", "access.end", "family.preauthorise", "family.begin", "token.create"}
	if !slices.Equal(actions, want) {
		h.t.Errorf("actions %v, want %v", actions, want)
	}
}
