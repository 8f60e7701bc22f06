package storetest

import (
	"sync"

	"tollgate/policy/token"
	"tollgate/store"
)

// fifty renews one refresh token fifty times at once, in two processes, and
// gives the pairs by the result each had.
func (h *house) fifty(handle token.Handle, spent token.Digest, edit func(*token.Renewal)) map[token.RenewalResult][]token.Pair {
	h.t.Helper()
	const callers = 50
	renewals := make([]token.Renewal, callers)
	for i := range renewals {
		renewals[i] = h.renewal(spent)
		edit(&renewals[i])
	}
	var mu sync.Mutex
	pairs := map[token.RenewalResult][]token.Pair{}
	h.atOnce(callers, func(i int, s *store.Store) {
		_, result, err := s.Renew(ctx, act(""), handle, true, renewals[i])
		if err != nil {
			h.t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		pairs[result] = append(pairs[result], renewals[i].Next)
	})
	return pairs
}

// living are those of the pairs whose access token stands and whose refresh
// token can be renewed.
func (h *house) living(pairs []token.Pair) (list []token.Pair) {
	h.t.Helper()
	for _, p := range pairs {
		r, err := h.LoadCredential(ctx, token.KindRefresh, &p.Refresh)
		if err == token.ErrNotFound {
			continue
		}
		h.ok(err)
		access, refresh := h.access(p.Access), r.Standing(h.clock.instant())
		if (access == token.Allowed) != (refresh == token.Allowed) {
			h.t.Errorf("half a pair lives: access %v, refresh %v", access, refresh)
		}
		if access == token.Allowed {
			list = append(list, p)
		}
	}
	return list
}

func fiftyRenewals(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	pairs := h.fifty(t.Handle, p.Refresh, func(*token.Renewal) {})
	if len(pairs[token.Renewed]) != 1 || len(pairs[token.Retried]) != 49 {
		h.t.Errorf("%d renewed, %d retried, of 50", len(pairs[token.Renewed]), len(pairs[token.Retried]))
	}
	living := h.living(append(pairs[token.Renewed], pairs[token.Retried]...))
	if len(living) != 1 {
		h.t.Fatalf("%d pairs live, want 1", len(living))
	}
	h.stands(token.TokenExpired, p.Access)
	h.renews(t.Handle, living[0].Refresh, token.Renewed)
}

func fiftyRenewalsWithoutGrace(h *house) {
	t := h.clientToken()
	_, p := h.begin(t.Handle)
	pairs := h.fifty(t.Handle, p.Refresh, func(r *token.Renewal) { r.Grace = 0 })
	if len(pairs[token.Renewed]) != 1 || len(pairs[token.RenewalReused]) != 1 || len(pairs[token.RenewalEnded]) != 48 {
		h.t.Errorf("%d renewed, %d reused, %d ended, of 50",
			len(pairs[token.Renewed]), len(pairs[token.RenewalReused]), len(pairs[token.RenewalEnded]))
	}
	var all []token.Pair
	for _, list := range pairs {
		all = append(all, list...)
	}
	if living := h.living(all); len(living) != 0 {
		h.t.Errorf("%d pairs live", len(living))
	}
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Action: "refresh_reuse"})
	if err != nil || len(rows) != 1 {
		h.t.Errorf("%d rows of re-use, %v", len(rows), err)
	}
}

func familiesAtOnce(h *house) {
	t := h.clientToken()
	pairs := make([]token.Pair, 40)
	for i := range pairs {
		pairs[i] = h.pair()
	}
	ends := h.clock.instant().Add(day)
	h.atOnce(len(pairs), func(i int, s *store.Store) {
		if _, err := s.BeginFamily(ctx, act(""), token.Family{Token: t.Handle, Generation: 1, EndsAt: ends}, pairs[i]); err != nil {
			h.t.Error(err)
		}
	})
	if living := h.living(pairs); len(living) != token.MaxFamilies {
		h.t.Errorf("%d families live", len(living))
	}
	l, err := h.LoadToken(ctx, t.Handle)
	if err != nil || len(l.Families) != token.MaxFamilies {
		h.t.Errorf("listed %d, %v", len(l.Families), err)
	}
}
