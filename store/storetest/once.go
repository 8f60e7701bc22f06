package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

var onceTests = []test{
	{"AReplayIsNoticedAcrossReopening", replayAcrossReopen},
	{"AReplayIsForgottenWellAfterItsEnd", replaysAreTrimmed},
	{"ARevokedJWTIsListedUntilItsEnd", revokedJWT},
	{"ARevokedJWTIsTold", revokedJWTIsTold},
	{"ChildrenAreCountedAndBounded", childrenAreBounded},
	{"ChildrenAreListedByParentMerchantAndEnvironment", childrenAreListed},
}

func (h *house) fresh(d token.Digest, want bool) {
	h.t.Helper()
	if fresh, err := h.Record(ctx, d, h.clock.instant().Add(5*time.Minute)); fresh != want || err != nil {
		h.t.Errorf("fresh %v, %v; want %v", fresh, err, want)
	}
}

func replayAcrossReopen(h *house) {
	a, b := h.digest(), h.digest()
	before := h.traces()
	h.fresh(a, true)
	h.fresh(a, false)
	h.fresh(b, true)
	if h.traces() != before {
		h.t.Error("a replay left a change or an audit row")
	}
	h.ok(h.Store.Close())
	h.Store = h.open()
	h.fresh(a, false)
	h.fresh(b, false)
	h.fresh(h.digest(), true)
}

func replaysAreTrimmed(h *house) {
	d := h.digest()
	h.fresh(d, true)
	h.clock.advance(6 * time.Minute)
	if n, err := h.TrimEnded(ctx); n != 0 || err != nil {
		h.t.Errorf("trimmed %d, %v: a clock that is set back would let it pass again", n, err)
	}
	h.fresh(d, false)
	h.clock.advance(25 * time.Hour)
	if n, err := h.TrimEnded(ctx); n != 1 || err != nil {
		h.t.Errorf("trimmed %d, %v", n, err)
	}
}

// oneIsFresh: a digest that a hundred present at once is fresh for one.
func oneIsFresh(h *house) {
	d := h.digest()
	var fresh atomic.Int64
	h.atOnce(100, func(_ int, s *store.Store) {
		first, err := s.Record(ctx, d, h.clock.instant().Add(time.Minute))
		if err != nil {
			h.t.Error(err)
		}
		if first {
			fresh.Add(1)
		}
	})
	if fresh.Load() != 1 {
		h.t.Errorf("fresh for %d", fresh.Load())
	}
}

// A caller who leaves takes nobody along.
func leavingIsOnesOwn(h *house) {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if fresh, err := h.Record(gone, h.digest(), h.clock.instant()); fresh || !errors.Is(err, context.Canceled) {
		h.t.Errorf("%v, %v", fresh, err)
	}
	digests := make([]token.Digest, 60)
	for i := range digests {
		digests[i] = h.digest()
	}
	h.atOnce(len(digests), func(i int, s *store.Store) {
		mine, cancel := context.WithCancel(ctx)
		defer cancel()
		if i%3 == 0 {
			go cancel()
		}
		fresh, err := s.Record(mine, digests[i], h.clock.instant().Add(time.Minute))
		if (err != nil || !fresh) && (i%3 != 0 || !errors.Is(err, context.Canceled)) {
			h.t.Errorf("%d: %v, %v", i, fresh, err)
		}
	})
	for i, d := range digests {
		if i%3 != 0 {
			h.fresh(d, false)
		}
	}
}

// revoked sees which JWTs are listed as revoked.
func (h *house) revoked(want ...string) {
	h.t.Helper()
	list, err := h.RevokedJTIs(ctx)
	h.ok(err)
	var got []string
	for _, r := range list {
		got = append(got, r.JTI)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		h.t.Errorf("revoked are %v, want %v", got, want)
	}
}

func revokedJWT(h *house) {
	t := h.clientToken()
	r := token.RevokedJTI{JTI: "1.abc", Token: t.Handle, Digest: h.digest(), EndsAt: h.clock.instant().Add(10 * time.Minute)}
	h.ok(h.RevokeJTI(ctx, act(""), r))
	list, err := h.RevokedJTIs(ctx)
	if err != nil || len(list) != 1 || list[0] != r {
		h.t.Errorf("listed %+v, %v; want %+v", list, err, r)
	}
	before := h.traces()
	h.ok(h.RevokeJTI(ctx, act(""), r))
	if h.traces() != before {
		h.t.Error("revoking it again wrote something")
	}
	h.refused(h.RevokeJTI(ctx, act(""), token.RevokedJTI{JTI: "1.x", Token: h.handle(), EndsAt: 1}), token.ErrNotFound)
	h.wrong(h.RevokeJTI(ctx, act(""), token.RevokedJTI{Token: t.Handle, EndsAt: 1}), "jti")
	h.wrong(h.RevokeJTI(ctx, act(""), token.RevokedJTI{JTI: "1.x", Token: t.Handle}), "ends_at")
	h.ok(h.Store.Close())
	h.Store = h.open()
	h.revoked("1.abc")
	h.clock.advance(10 * time.Minute)
	h.revoked()
	h.clock.advance(25 * time.Hour)
	if n, err := h.TrimEnded(ctx); n != 1 || err != nil {
		h.t.Errorf("trimmed %d, %v", n, err)
	}
}

func revokedJWTIsTold(h *house) {
	t := h.clientToken()
	d := h.digest()
	h.heard.take()
	h.ok(h.RevokeJTI(ctx, act(""), token.RevokedJTI{JTI: "1.abc", Token: t.Handle, Digest: d, EndsAt: h.clock.instant().Add(day)}))
	h.ok(h.RevokeJTI(ctx, act(""), token.RevokedJTI{JTI: "1.abd", Token: t.Handle, EndsAt: h.clock.instant().Add(day)}))
	var told []token.Entity
	for _, c := range h.heard.take() {
		told = append(told, c.Entity)
	}
	want := []token.Entity{{Kind: token.EntityCredential, ID: "jti:1.abc"}, token.EntityOf(&d), {Kind: token.EntityCredential, ID: "jti:1.abd"}}
	if !slices.Equal(told, want) {
		h.t.Errorf("told %v, want %v", told, want)
	}
}

func childrenAreBounded(h *house) {
	parent := h.addToken()
	child := func(edit ...func(*token.Token)) (token.Token, error) {
		t := h.draft(parent.Merchant)
		t.Parent = parent.Handle
		for _, e := range edit {
			e(&t)
		}
		return h.AddToken(ctx, act(""), t, nil)
	}
	last, err := child()
	h.ok(err)
	h.ok(second(child(func(t *token.Token) { t.ExpiresAt = h.clock.instant().Add(time.Hour) })))
	// The crowd comes behind the store's back, which is a minute faster.
	h.ok(h.db.Try(fmt.Sprintf(`INSERT INTO tokens
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		SELECT 'tok_' || PRINTF('c%%011d', i), merchant, parent, NULL, name, description, environment, mode, enabled, enhanced,
			ip_ranges, methods, permissions, composition, rate,
			restrict_composition, restrict_phones, restrict_ip, restrict_methods, webhook_url, webhook_format,
			-i, created_at, updated_at, expires_at, revoked_at, last_used_at, last_used_ip, version,
			client_certs, restrict_client_cert, quota
		FROM tokens, n WHERE handle = '%s'`, store.MaxChildren-3, last.Handle)))
	h.ok(second(child()))
	h.refused(second(child()), token.ErrTooMany)
	h.ok(second(h.RevokeToken(ctx, act(""), last.Handle)))
	h.ok(second(child()))
	h.refused(second(child()), token.ErrTooMany)
	h.clock.advance(2 * time.Hour) // the first one ends
	h.ok(second(child()))
	h.refused(second(child()), token.ErrTooMany)

	monitored := func(t *token.Token) { t.Mode = token.Monitor }
	parent = h.addToken()
	h.wrong(second(child(monitored)), "mode")
	parent.Enhanced = true
	h.ok(second(h.ReplaceToken(ctx, act(""), parent, 0)))
	h.wrong(second(child()), "parent_id")
}

func childrenAreListed(h *house) {
	parent := h.addToken()
	other := h.addToken(func(t *token.Token) { t.Merchant = parent.Merchant })
	sandbox := h.addToken(func(t *token.Token) { t.Merchant, t.Environment = parent.Merchant, token.EnvTest })
	a := h.addToken(func(t *token.Token) { t.Merchant, t.Parent = parent.Merchant, parent.Handle })
	b := h.addToken(func(t *token.Token) { t.Merchant, t.Parent = parent.Merchant, parent.Handle })
	h.addToken(func(t *token.Token) { t.Merchant, t.Parent = parent.Merchant, other.Handle })
	h.ok(second(h.RevokeToken(ctx, act(""), a.Handle)))
	lists := func(f token.Filter, want ...token.Handle) {
		h.t.Helper()
		list, _, err := h.ListTokens(ctx, f)
		h.ok(err)
		var got []token.Handle
		for _, t := range list {
			got = append(got, t.Handle)
		}
		if !slices.Equal(got, want) {
			h.t.Errorf("%+v lists %v, want %v", f, got, want)
		}
	}
	lists(token.Filter{Parent: parent.Handle}, b.Handle)
	lists(token.Filter{Parent: parent.Handle, Status: token.StatusAll}, b.Handle, a.Handle)
	lists(token.Filter{Merchant: parent.Merchant, Environment: token.EnvTest}, sandbox.Handle)
	if list, _, err := h.ListTokens(ctx, token.Filter{Merchant: parent.Merchant, Environment: token.EnvLive}); err != nil || len(list) != 4 {
		h.t.Errorf("live ones: %d, %v", len(list), err)
	}
}
