package storetest

import (
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"tollgate/policy/token"
	"tollgate/store"
)

var quotaTests = []test{
	{"UsesAddUp", usesAddUp},
	{"UsesAreAddedAllOrNothing", usesAllOrNothing},
	{"UsesLeaveNoTrace", usesLeaveNoTrace},
	{"NothingIsLostWhenManyAdd", manyAddUses},
	{"OldPeriodsAreTrimmed", oldPeriodsAreTrimmed},
	{"UsesAreWhatAModelSays", usesAsAModel},
}

func use(h token.Handle, p token.Period, n int64) token.QuotaUse {
	return token.QuotaUse{Handle: h, Period: p, Delta: n}
}

// uses compares what is used now with what should be.
func (h *house) uses(handle token.Handle, at token.Instant, day, month int64) {
	h.t.Helper()
	d, m, err := h.Uses(ctx, handle, at)
	h.ok(err)
	if d != day || m != month {
		h.t.Errorf("%s used %d today and %d this month, want %d and %d", handle, d, m, day, month)
	}
}

// A day and a month are counted apart, each token's own, and outlive a restart.
func usesAddUp(h *house) {
	a, b := h.addToken().Handle, h.addToken().Handle
	at := h.clock.instant()
	today, month := token.DayOf(at), token.MonthOf(at)
	h.uses(a, at, 0, 0)
	h.ok(h.AddUses(ctx, nil))
	h.ok(h.AddUses(ctx, []token.QuotaUse{use(a, today, 3), use(a, month, 3), use(b, today, 1)}))
	h.ok(h.AddUses(ctx, []token.QuotaUse{use(a, today, 4), use(a, today, 1), use(a, month, 5)}))
	h.ok(h.Store.Close())
	h.Store = h.open()
	h.uses(a, at, 8, 8)
	h.uses(b, at, 1, 0)
	h.uses("tok_000000000000", at, 0, 0)
	h.uses(a, at.Add(24*time.Hour), 0, 8)
	h.uses(a, at.Add(31*24*time.Hour), 0, 0)
}

// A batch that holds what cannot be counted counts nothing, so that the rest of
// it is not counted twice when it comes again; a token that is not there is no
// fault of the others.
func usesAllOrNothing(h *house) {
	a := h.addToken().Handle
	at := h.clock.instant()
	today := token.DayOf(at)
	for _, bad := range []token.QuotaUse{use(a, today, 0), use(a, today, -1), use(a, today, 1<<41), use(a, 0, 1)} {
		if err := h.AddUses(ctx, []token.QuotaUse{use(a, today, 1), bad}); err == nil {
			h.t.Errorf("%+v was added", bad)
		}
	}
	h.uses(a, at, 0, 0)
	h.ok(h.AddUses(ctx, []token.QuotaUse{use(a, today, 1), use("tok_000000000000", today, 1), use(a, today, 1)}))
	h.uses(a, at, 2, 0)
}

// Counting is no change: no cache forgets a token because it was used.
func usesLeaveNoTrace(h *house) {
	t := h.addToken()
	before := h.traces()
	h.ok(h.AddUses(ctx, []token.QuotaUse{use(t.Handle, token.DayOf(h.clock.instant()), 1)}))
	if h.traces() != before || h.find(t.Handle).Version != t.Version {
		h.t.Error("a use left a change, an audit row or a version")
	}
}

// Two nodes that add at the same time add up.
func manyAddUses(h *house) {
	a := h.addToken().Handle
	at := h.clock.instant()
	var sum atomic.Int64
	h.atOnce(50, func(i int, s *store.Store) {
		if err := s.AddUses(ctx, []token.QuotaUse{use(a, token.DayOf(at), int64(i+1)), use(a, token.MonthOf(at), 1)}); err != nil {
			h.t.Error(err)
			return
		}
		sum.Add(int64(i + 1))
	})
	h.uses(a, at, sum.Load(), 50)
}

// The table does not grow by a row a token and day for ever; a period is kept a
// day after it ends, for clocks that are set back.
func oldPeriodsAreTrimmed(h *house) {
	a := h.addToken().Handle
	at := h.clock.instant()
	h.ok(h.AddUses(ctx, []token.QuotaUse{use(a, token.DayOf(at), 1), use(a, token.MonthOf(at), 1)}))
	trims := func(want int64) {
		h.t.Helper()
		if n, err := h.TrimEnded(ctx); n != want || err != nil {
			h.t.Errorf("trimmed %d, %v; want %d", n, err, want)
		}
	}
	h.clock.advance(38 * time.Hour) // 23:00 on the day after
	trims(0)
	h.uses(a, at, 1, 1)
	h.clock.advance(2 * time.Hour)
	trims(1)
	h.uses(a, at, 0, 1)
	h.clock.advance(10 * 24 * time.Hour)
	trims(1)
	h.uses(a, at, 0, 0)
}

// Whatever is added in whatever order, what is used is the sum of it.
func usesAsAModel(h *house) {
	handles := []token.Handle{h.addToken().Handle, h.addToken().Handle}
	start := h.clock.instant()
	sums := map[token.Handle]map[token.Period]int64{handles[0]: {}, handles[1]: {}}
	day := rapid.Custom(func(r *rapid.T) token.Instant {
		return start.Add(time.Duration(rapid.IntRange(0, 12).Draw(r, "days")) * 24 * time.Hour)
	})
	for round := range 30 {
		var batch []token.QuotaUse
		for i := range rapid.IntRange(0, 6).Example(round) {
			at, handle := day.Example(round*7+i), handles[i%2]
			n := int64(i + 1)
			batch = append(batch, use(handle, token.DayOf(at), n), use(handle, token.MonthOf(at), n))
			sums[handle][token.DayOf(at)] += n
			sums[handle][token.MonthOf(at)] += n
		}
		h.ok(h.AddUses(ctx, batch))
		for _, handle := range handles {
			at := day.Example(round)
			h.uses(handle, at, sums[handle][token.DayOf(at)], sums[handle][token.MonthOf(at)])
		}
	}
}
