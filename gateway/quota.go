package gateway

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"tollgate/policy"
	"tollgate/policy/token"
)

// Quotas is where it is kept how many requests of its quota a token has made.
type Quotas interface {
	// Uses is how many the token made in the day and in the month that at lies in.
	Uses(ctx context.Context, h token.Handle, at token.Instant) (day, month int64, err error)
	// AddUses adds to them, all or nothing.
	AddUses(ctx context.Context, uses []token.QuotaUse) error
}

// tally counts requests of tokens that have a quota. What was used is asked for
// once, at a token's first request of a period, and counted here from then on;
// what is new is told to the keeper in batches. So a process that dies forgets
// what it counted since the last batch, and several that serve one token at the
// same time each let through what is left of the quota when they ask.
//
// Counts belong to their period: a clock that is set back finds the old day as
// it left it, and one that is set forward no more than a new day.
//
// The memory is bounded: a token that has nothing left to tell gives way.
type tally struct {
	keeper Quotas // nil: nothing is known of any token
	seed   maphash.Seed
	shards [limiterShards]tallyShard

	dirtying sync.Mutex
	dirty    []*ledger // those with something to tell
	flushing sync.Mutex
}

type tallyShard struct {
	mutex   sync.RWMutex
	ledgers map[token.Handle]*ledger
}

const (
	ledgersAShard = 4096
	maxPages      = 4               // a day and a month on either side of a boundary
	quotaTimeout  = 2 * time.Second // for the keeper, while the requests of a token wait
	usesABatch    = 2000
)

// ledger is what is known of one token.
type ledger struct {
	handle  token.Handle
	mutex   sync.Mutex
	pages   [maxPages]page
	loading chan struct{} // closed when the keeper has answered; nil: it is not being asked
	asking  token.Period  // the day that it was last asked about
	dirty   bool          // it is on the list
	gone    bool          // it has left the tally: find the one that took its place
}

// page is one period of a ledger.
type page struct {
	period token.Period // 0: none
	told   int64        // as the keeper knows it
	flying int64        // is being told to it
	fresh  int64        // is still to be told; below 0: too much was, and what comes next is not
}

func (p *page) used() int64 { return p.told + p.flying + p.fresh }

// settled reports whether the keeper knows everything of it.
func (p *page) settled() bool { return p.flying == 0 && p.fresh <= 0 }

// ends is when its period does; of a page that has none, long ago.
func (p *page) ends() token.Instant {
	if p.period == 0 {
		return math.MinInt64
	}
	return p.period.Ends()
}

func newTally(keeper Quotas) *tally {
	t := &tally{keeper: keeper, seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].ledgers = map[token.Handle]*ledger{}
	}
	return t
}

// spent says until when a quota is used up; 0: it is not.
func (l *ledger) spent(q policy.Quota, at token.Instant) (until token.Instant, known bool) {
	day, month := l.page(token.DayOf(at)), l.page(token.MonthOf(at))
	if day == nil || month == nil {
		return 0, false
	}
	return overdrawn(q, day.used(), month.used(), at), true
}

// overdrawn says until when a quota is used up; 0: it is not.
func overdrawn(q policy.Quota, day, month int64, at token.Instant) (until token.Instant) {
	if q.Day > 0 && day >= q.Day {
		until = token.DayOf(at).Ends()
	}
	if q.Month > 0 && month >= q.Month {
		until = token.MonthOf(at).Ends()
	}
	return until
}

func (l *ledger) page(period token.Period) *page {
	for i := range l.pages {
		if l.pages[i].period == period {
			return &l.pages[i]
		}
	}
	return nil
}

// take counts one request, unless the quota is used up: then until says when it
// is whole again. false: what was used cannot be known just now.
func (t *tally) take(h token.Handle, q policy.Quota, at token.Instant) (until token.Instant, known bool) {
	l := t.lock(h, at)
	if l == nil {
		return 0, false
	}
	defer l.mutex.Unlock()
	if until, known = l.spent(q, at); known && until == 0 {
		l.page(token.DayOf(at)).fresh++
		l.page(token.MonthOf(at)).fresh++
		t.soil(l)
	}
	return until, known
}

// untake takes a request back that was counted at the same instant, and not
// made after all. Where the keeper was told of it already, the next one is not
// told; a token that gives way before that leaves one too many with the keeper.
func (t *tally) untake(h token.Handle, at token.Instant) {
	l := t.find(h)
	if l == nil {
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, period := range [...]token.Period{token.DayOf(at), token.MonthOf(at)} {
		if p := l.page(period); p != nil && p.used() > 0 {
			p.fresh--
		}
	}
}

// peek is how much is used, where that is known without asking.
func (t *tally) peek(h token.Handle, at token.Instant) (day, month int64, known bool) {
	l := t.find(h)
	if l == nil {
		return 0, 0, false
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	d, m := l.page(token.DayOf(at)), l.page(token.MonthOf(at))
	if d == nil || m == nil {
		return 0, 0, false
	}
	return d.used(), m.used(), true
}

// ask is peek that asks the keeper where it has to, and remembers nothing.
func (t *tally) ask(h token.Handle, at token.Instant) (day, month int64, known bool) {
	if day, month, known = t.peek(h, at); known || t.keeper == nil {
		return day, month, known
	}
	ctx, cancel := context.WithTimeout(context.Background(), quotaTimeout)
	defer cancel()
	day, month, err := t.keeper.Uses(ctx, h, at)
	return day, month, err == nil
}

// lock finds a token's ledger, with the pages of at in it, and locks it; nil
// when that cannot be done.
func (t *tally) lock(h token.Handle, at token.Instant) *ledger {
	for asked := false; ; {
		l := t.open(h)
		if l == nil {
			return nil
		}
		l.mutex.Lock()
		switch {
		case l.gone:
		case l.page(token.DayOf(at)) != nil && l.page(token.MonthOf(at)) != nil:
			return l
		case asked || t.keeper == nil:
			l.mutex.Unlock()
			return nil
		case l.loading != nil:
			answered := l.loading
			asked = l.asking == token.DayOf(at) // else by somebody on the other side of midnight
			l.mutex.Unlock()
			<-answered // who asks is given quotaTimeout
			continue
		default:
			l.loading, l.asking = make(chan struct{}), token.DayOf(at)
			l.mutex.Unlock()
			t.load(l, at)
			asked = true
			continue
		}
		l.mutex.Unlock()
	}
}

// load asks the keeper, for all who wait on l.loading.
func (t *tally) load(l *ledger, at token.Instant) {
	ctx, cancel := context.WithTimeout(context.Background(), quotaTimeout)
	defer cancel()
	day, month, err := int64(0), int64(0), errors.New("the keeper panicked")
	defer func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		if err == nil {
			l.note(token.DayOf(at), day)
			l.note(token.MonthOf(at), month)
		}
		close(l.loading)
		l.loading = nil
	}()
	day, month, err = t.keeper.Uses(ctx, l.handle, at)
}

// note opens the page of a period, where there is room: a page that still has
// something to tell stays, since it would be forgotten. Of the others the one
// that ended first gives way, so that the month stays which the new day lies in:
// what the keeper said of it may be older than the page.
func (l *ledger) note(period token.Period, told int64) {
	if l.page(period) != nil {
		return
	}
	var room *page
	for i := range l.pages {
		if p := &l.pages[i]; p.settled() && (room == nil || p.ends() < room.ends()) {
			room = p
		}
	}
	if room != nil {
		*room = page{period: period, told: told}
	}
}

func (t *tally) shard(h token.Handle) *tallyShard {
	return &t.shards[maphash.String(t.seed, string(h))%limiterShards]
}

// find is the ledger of a token; nil where there is none yet.
func (t *tally) find(h token.Handle) *ledger {
	s := t.shard(h)
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.ledgers[h]
}

// open finds a ledger or begins one; nil when all are in use.
func (t *tally) open(h token.Handle) *ledger {
	if l := t.find(h); l != nil {
		return l
	}
	s := t.shard(h)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if l := s.ledgers[h]; l != nil {
		return l
	}
	if len(s.ledgers) >= ledgersAShard && !s.evict() {
		return nil
	}
	l := &ledger{handle: h}
	s.ledgers[h] = l
	return l
}

// evict makes room by one ledger that has told everything.
func (s *tallyShard) evict() bool {
	for h, l := range s.ledgers {
		l.mutex.Lock()
		l.gone = l.loading == nil && l.settled()
		gone := l.gone
		l.mutex.Unlock()
		if gone {
			delete(s.ledgers, h)
			return true
		}
	}
	return false
}
