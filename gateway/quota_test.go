package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tollgate/policy"
	"tollgate/policy/token"
)

// keeper keeps uses in a map, and fails when it is told to.
type keeper struct {
	mu    sync.Mutex
	uses  map[token.Handle]map[token.Period]int64
	down  bool
	asked atomic.Int64
	hold  chan struct{} // when not nil, Uses waits for it
}

func newKeeper() *keeper { return &keeper{uses: map[token.Handle]map[token.Period]int64{}} }

func (k *keeper) Uses(_ context.Context, h token.Handle, at token.Instant) (day, month int64, err error) {
	k.asked.Add(1)
	if k.hold != nil {
		<-k.hold
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return 0, 0, errors.New("down")
	}
	return k.uses[h][token.DayOf(at)], k.uses[h][token.MonthOf(at)], nil
}

func (k *keeper) AddUses(_ context.Context, uses []token.QuotaUse) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return errors.New("down")
	}
	for _, u := range uses {
		if k.uses[u.Handle] == nil {
			k.uses[u.Handle] = map[token.Period]int64{}
		}
		k.uses[u.Handle][u.Period] += u.Delta
	}
	return nil
}

func (k *keeper) set(down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = down
}

// In whatever order requests come, are taken back, are written, fail to be
// written, and the clock jumps over days and back: no day and no month sees more
// requests than its quota, nothing that was counted is forgotten, what is refused
// is refused because the quota is used up, and in the end the keeper knows all.
func TestQuotaHoldsOverEveryInterleaving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := newKeeper()
		y := newTally(k)
		q := policy.Quota{Day: rapid.Int64Range(0, 4).Draw(t, "day"), Month: rapid.Int64Range(1, 9).Draw(t, "month")}
		counted := map[token.Handle]map[token.Period]int64{"tok_a": {}, "tok_b": {}}
		days := []time.Time{epoch, epoch.AddDate(0, 0, 1), epoch.AddDate(0, 0, 2), epoch.AddDate(0, 1, 0), epoch.AddDate(0, 1, 1)}
		at := token.At(epoch)
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 9), 1, 80).Draw(t, "steps") {
			h := rapid.SampledFrom([]token.Handle{"tok_a", "tok_b"}).Draw(t, "token")
			c, day, month := counted[h], token.DayOf(at), token.MonthOf(at)
			switch step {
			case 0:
				at = token.At(rapid.SampledFrom(days).Draw(t, "now").Add(time.Hour))
			case 1:
				k.set(rapid.Bool().Draw(t, "down"))
			case 2, 3:
				_ = y.flush(t.Context())
			case 4:
				if until, known := y.take(h, q, at); known && until == 0 {
					y.untake(h, at)
				}
			case 5: // the process ends in order, and another begins
				k.set(false)
				if err := y.flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				y = newTally(k)
			default:
				until, known := y.take(h, q, at)
				over := q.Day > 0 && c[day] >= q.Day || c[month] >= q.Month
				switch {
				case !known && !k.down && len(c) < maxPages:
					t.Fatal("undecided although the keeper could be asked")
				case !known:
				case (until != 0) != over:
					t.Fatalf("until %d, with %d of %d and %d of %d used", until, c[day], q.Day, c[month], q.Month)
				case until == 0:
					c[day]++
					c[month]++
				case until != month.Ends() && until != day.Ends() || c[month] >= q.Month && until != month.Ends():
					t.Fatalf("refused until %s in %s", until.Time(), day)
				}
			}
		}
		k.set(false)
		for range 2 {
			if err := y.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for h, c := range counted {
			for period, n := range c {
				if k.uses[h][period] != n {
					t.Fatalf("%s in %s: %d were let through, %d are written", h, period, n, k.uses[h][period])
				}
			}
		}
	})
}

// Many at once get exactly as many requests as the quota has left, while it is
// being written, and the keeper is asked once by all of them together.
func TestRaceForQuotaGrantsExactlyTheQuota(t *testing.T) {
	k := newKeeper()
	at := token.At(epoch)
	k.AddUses(t.Context(), []token.QuotaUse{{Handle: "tok_a", Period: token.DayOf(at), Delta: 100}})
	y := newTally(k)
	var granted atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 300 {
				if until, known := y.take("tok_a", policy.Quota{Day: 1000}, at); known && until == 0 {
					granted.Add(1)
				} else if !known {
					t.Error("undecided")
				}
				if i%50 == 0 {
					if err := y.flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if err := y.flush(t.Context()); err != nil || granted.Load() != 900 || k.uses["tok_a"][token.DayOf(at)] != 1000 || k.asked.Load() != 1 {
		t.Errorf("%v, %d were let through, %d are written, asked %d times; want 900, 1000, once", err, granted.Load(), k.uses["tok_a"][token.DayOf(at)], k.asked.Load())
	}
}

// While the keeper cannot be asked, no request of a token that it has to be
// asked for is let through; one that is known already is counted on.
func TestUnknownQuotaIsNotDecided(t *testing.T) {
	k := newKeeper()
	y, at, q := newTally(k), token.At(epoch), policy.Quota{Day: 2}
	if _, known := y.take("tok_known", q, at); !known {
		t.Fatal("undecided")
	}
	k.set(true)
	if _, known := y.take("tok_new", q, at); known {
		t.Error("a quota was decided that nobody knows")
	}
	if _, known := y.take("tok_known", q, token.DayOf(at).Ends()); known {
		t.Error("the quota of a new day was decided, of which nothing is known")
	}
	if until, known := y.take("tok_known", q, at); !known || until != 0 {
		t.Error("a quota that is known is not decided")
	}
	if err := y.flush(t.Context()); err == nil {
		t.Error("the flush succeeded")
	}
	k.set(false)
	if until, known := y.take("tok_known", q, at); !known || until == 0 {
		t.Error("a flush that failed forgot what was used")
	}
	if until, known := y.take("tok_new", q, at); !known || until != 0 {
		t.Error("still undecided when the keeper is back")
	}
	if (newTally(nil)).lock("tok_a", at) != nil {
		t.Error("a quota is decided without a keeper")
	}
}

// Those who wait while the keeper is asked are all told what it says.
func TestQuotaIsAskedForOnce(t *testing.T) {
	k := newKeeper()
	k.hold = make(chan struct{})
	y := newTally(k)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if until, known := y.take("tok_a", policy.Quota{Day: 20}, token.At(epoch)); !known || until != 0 {
				t.Error("undecided, or refused")
			}
		})
	}
	until(t, "somebody asks", func() bool { return k.asked.Load() == 1 })
	close(k.hold)
	all.Wait()
	if n := k.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A flood of tokens fills the tally and no more; those that have told everything
// give way, those that have not are never forgotten.
func TestTallyIsBounded(t *testing.T) {
	k := newKeeper()
	y, at, q := newTally(k), token.At(epoch), policy.Quota{Day: 5}
	y.take("tok_old", q, at)
	s := y.shard("tok_old")
	fill := func() (refused int) {
		for i := 0; len(s.ledgers) < ledgersAShard || i < ledgersAShard; i++ {
			h := token.Handle("tok_" + string(rune('a'+i%26)) + time.Duration(i).String())
			if y.shard(h) != s {
				continue
			}
			if _, known := y.take(h, q, at); !known {
				refused++
			}
			if len(s.ledgers) > ledgersAShard {
				t.Fatalf("%d ledgers in a shard", len(s.ledgers))
			}
			if refused > 0 {
				break
			}
		}
		return refused
	}
	fill()
	for i := 0; ; i++ { // one more than there is room for
		h := token.Handle("tok_more" + time.Duration(i).String())
		if y.shard(h) == s && y.find(h) == nil {
			if _, known := y.take(h, q, at); known {
				t.Error("a token was counted for which there is no room")
			}
			if err := y.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if until, known := y.take(h, q, at); !known || until != 0 {
				t.Error("no room although everything is told")
			}
			break
		}
	}
	if day, _, _ := y.ask("tok_old", at); day != 1 {
		t.Errorf("%d of 1 request is remembered", day)
	}
}

func TestQuotaAllocatesNothing(t *testing.T) {
	y, at, q := newTally(newKeeper()), token.At(epoch), policy.Quota{Day: 1 << 40, Month: 1 << 40}
	y.take("tok_a", q, at)
	if n := testing.AllocsPerRun(200, func() { y.take("tok_a", q, at) }); n != 0 && !underRace {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkQuota(b *testing.B) {
	y, at, q := newTally(newKeeper()), token.At(epoch), policy.Quota{Day: 1 << 40, Month: 1 << 40}
	b.ReportAllocs()
	for b.Loop() {
		y.take("tok_a", q, at)
	}
}

// A request that is taken back after what was used has been written is taken
// back all the same, and what is written catches up.
func TestRefundOutlivesAFlush(t *testing.T) {
	k := newKeeper()
	y, at, q := newTally(k), token.At(epoch), policy.Quota{Day: 2}
	for range 5 {
		if until, known := y.take("tok_a", q, at); !known || until != 0 {
			t.Fatal("refused")
		}
		if err := y.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		y.untake("tok_a", at)
	}
	y.untake("tok_a", token.DayOf(at).Ends()) // of a day that is not known: nothing
	if day, month, _ := y.peek("tok_a", at); day != 0 || month != 0 {
		t.Errorf("%d and %d are used of what was taken back", day, month)
	}
	for range 2 {
		y.take("tok_a", q, at)
	}
	if until, _ := y.take("tok_a", q, at); until == 0 {
		t.Error("more than the quota")
	}
	if err := y.flush(t.Context()); err != nil || k.uses["tok_a"][token.DayOf(at)] != 2 || k.uses["tok_a"][token.MonthOf(at)] != 2 {
		t.Errorf("%v, written: %v; want 2", err, k.uses)
	}
	l := y.find("tok_a")
	y.untake("tok_a", at)
	if !l.settled() {
		t.Error("a ledger that owes nothing but a refund cannot give way")
	}
}

// between is a keeper that does something after it was read, before it answers.
type between struct {
	*keeper
	then func()
}

func (b *between) Uses(ctx context.Context, h token.Handle, at token.Instant) (day, month int64, err error) {
	day, month, err = b.keeper.Uses(ctx, h, at)
	if b.then != nil {
		b.then()
	}
	return day, month, err
}

// At midnight a request of the old day may be counted and written while the new
// day is asked for: the month must not be taken back to what it was before.
func TestNewDayForgetsNothingOfTheMonth(t *testing.T) {
	b := &between{keeper: newKeeper()}
	y, q := newTally(b), policy.Quota{Month: 5}
	at := token.At(epoch)
	var old token.Instant
	for range maxPages - 1 { // days; the month is a page too
		if until, known := y.take("tok_a", q, at); !known || until != 0 {
			t.Fatal("refused")
		}
		old, at = at, token.DayOf(at).Ends()
	}
	if err := y.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.then = func() {
		b.then = nil
		y.take("tok_a", q, old)
		_ = y.flush(t.Context())
	}
	if until, known := y.take("tok_a", q, at); !known || until != 0 {
		t.Fatal("refused")
	}
	if until, _ := y.take("tok_a", q, at); until == 0 {
		t.Error("a sixth request of five in a month")
	}
}
