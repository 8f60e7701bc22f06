package gateway

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tollgate/policy"
	"tollgate/policy/token"
)

var epoch = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// However requests come, no stretch of time sees more of them than the burst and
// what the rate adds, a refusal tells the exact wait, and looking takes nothing.
func TestRateHoldsOverEveryStretch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := policy.Rate{
			Count: rapid.IntRange(1, 50).Draw(t, "count"),
			Per:   rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "per"),
			Burst: rapid.IntRange(1, 20).Draw(t, "burst"),
		}
		each := rate.Per / time.Duration(rate.Count)
		s := newPermits(epoch)
		now := epoch
		var granted []time.Time
		for range 60 {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*each)).Draw(t, "pause")))
			look := s.tokens.peek("tok_a", rate, now)
			left, more := s.tokens.remaining("tok_a", rate, now)
			if before, _ := s.tokens.remaining("tok_a", rate, now.Add(more-1)); more > 0 && before != left {
				t.Fatalf("%d are left, and %d a moment before there is to be one more", left, before)
			}
			if after, _ := s.tokens.remaining("tok_a", rate, now.Add(more)); more > 0 && after != left+1 || more == 0 && left != rate.Burst {
				t.Fatalf("%d of %d are left, and %d when there is to be one more", left, rate.Burst, after)
			}
			wait := s.tokens.take("tok_a", rate, now)
			if look != wait {
				t.Fatalf("looking says %v, taking %v", look, wait)
			}
			if after, _ := s.tokens.remaining("tok_a", rate, now); (left > 0) != (wait == 0) || wait == 0 && after != left-1 {
				t.Fatalf("%d left, waited %v, %d left", left, wait, after)
			}
			if wait == 0 {
				granted = append(granted, now)
				continue
			}
			if s.tokens.peek("tok_a", rate, now.Add(wait)) != 0 || s.tokens.peek("tok_a", rate, now.Add(wait-1)) == 0 {
				t.Fatalf("the wait of %v is not exact", wait)
			}
		}
		for i := range granted {
			for j := i; j < len(granted); j++ {
				most := rate.Burst + int(granted[j].Sub(granted[i])/each)
				if n := j - i + 1; n > most {
					t.Fatalf("%d permits within %v, at most %d are allowed", n, granted[j].Sub(granted[i]), most)
				}
			}
		}
		if len(granted) < min(rate.Burst, 60) {
			t.Fatalf("only %d permits of a burst of %d", len(granted), rate.Burst)
		}
	})
}

// Many who race for the permits of one bucket get exactly as many as there are.
func TestRaceForPermitsGrantsExactlyTheBurst(t *testing.T) {
	s := newPermits(epoch)
	rate := policy.Rate{Count: 1, Per: time.Hour, Burst: 100}
	var granted atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if s.tokens.take("tok_a", rate, epoch) == 0 {
					granted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if granted.Load() != 100 {
		t.Errorf("%d permits, want 100", granted.Load())
	}
}

func liveWithRate(t testing.TB, handle token.Handle, rate string, parent *token.Live) *token.Live {
	t.Helper()
	rules, err := policy.Compile(mustCatalogue(t), token.Bounds{Rate: rate}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &token.Live{Handle: handle, Rules: rules, Parent: parent}
}

func mustCatalogue(t testing.TB) *policy.Catalogue {
	t.Helper()
	c, err := policy.NewCatalogue(nil, []string{"collect"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A child shares its parent's bucket, and has its own besides only where it has
// a rate of its own; the plan's rate is for tokens without one.
func TestChildrenShareTheirParentsBucket(t *testing.T) {
	parent := liveWithRate(t, "tok_parent", "2/h", nil)
	child, slow := liveWithRate(t, "tok_child", "", parent), liveWithRate(t, "tok_slow", "1/h", parent)
	s, src := newPermits(epoch), &token.Source{}
	r := &rates{perToken: policy.Rate{Count: 5, Per: time.Hour, Burst: 5}}
	if s.take(r, child, src, epoch) != 0 || s.take(r, slow, src, epoch) != 0 {
		t.Fatal("the parent's two permits are not there")
	}
	for name, l := range map[string]*token.Live{"parent": parent, "child": child, "slow child": slow} {
		if s.take(r, l, src, epoch) == 0 {
			t.Errorf("%s got a third permit of the parent's two", name)
		}
	}
	// One permit comes back to the parent after half an hour; the slow child has
	// to wait for its own, and the refusal takes nothing from the parent.
	later := epoch.Add(30 * time.Minute)
	if s.take(r, slow, src, later) == 0 {
		t.Error("the slow child got a second permit of its own")
	}
	if s.take(r, child, src, later) != 0 {
		t.Error("a refused child took its parent's permit")
	}
	free := liveWithRate(t, "tok_free", "", nil)
	if n := s.remaining(r, slow, epoch); n != 0 {
		t.Errorf("the slow child has %d left", n)
	}
	if n, none := s.remaining(r, free, epoch), s.remaining(&rates{}, free, epoch); n != 5 || none != -1 {
		t.Errorf("%d of 5 left, %d without a rate", n, none)
	}
	for i := range 6 {
		if got := s.take(r, free, src, epoch) == 0; got != (i < 5) {
			t.Errorf("permit %d of the plan's rate: %v", i, got)
		}
	}
}

// An IPv6 client is limited as the /64 it has, whatever address it uses of it.
func TestPerIPRateCountsNetworksOfIPv6(t *testing.T) {
	s, free := newPermits(epoch), liveWithRate(t, "tok_free", "", nil)
	r := &rates{perIP: policy.Rate{Count: 1, Per: time.Hour, Burst: 1}}
	from := func(addr string) bool {
		return s.take(r, free, &token.Source{Addr: netip.MustParseAddr(addr)}, epoch) == 0
	}
	if !from("2001:db8::1") || from("2001:db8::2") || !from("2001:db8:0:1::1") || !from("192.0.2.1") || from("192.0.2.1") || !from("192.0.2.2") {
		t.Error("addresses are not counted as their networks")
	}
}

// A flood of keys fills the shards and no more, takes nothing from those who
// are counted already, and newcomers are limited all the same.
func TestLimiterIsBounded(t *testing.T) {
	s := newPermits(epoch)
	rate := policy.Rate{Count: 1, Per: time.Hour, Burst: 3}
	s.tokens.take("tok_old", rate, epoch)
	s.tokens.take("tok_old", rate, epoch)
	const flood = limiterShards * bucketsAShard * 5 / 4
	granted := 0
	for i := range flood {
		if s.tokens.take(token.Handle("tok_"+strconv.Itoa(i)), rate, epoch) == 0 {
			granted++
		}
	}
	size := 0
	for i := range s.tokens.shards {
		size += len(s.tokens.shards[i].buckets)
	}
	if size > limiterShards*bucketsAShard || granted > size+limiterShards*rate.Burst {
		t.Errorf("%d buckets and %d permits of %d keys", size, granted, flood)
	}
	if s.tokens.take("tok_old", rate, epoch) != 0 || s.tokens.take("tok_old", rate, epoch) == 0 {
		t.Error("the flood changed what an old key has left")
	}
	// Once they are full again, buckets make room.
	later := epoch.Add(5 * time.Hour)
	s.tokens.take("tok_new", rate, later)
	shard := s.tokens.shard("tok_new")
	if len(shard.buckets) != 1 || shard.buckets["tok_new"] == nil {
		t.Errorf("%d buckets are left in the shard of a newcomer", len(shard.buckets))
	}
}

func TestPermitAllocatesNothing(t *testing.T) {
	s := newPermits(epoch)
	l := liveWithRate(t, "tok_a", "1000000/s", liveWithRate(t, "tok_b", "1000000/s", nil))
	r := &rates{perIP: policy.Rate{Count: 1000000, Per: time.Second, Burst: 1000000}}
	src := &token.Source{Addr: netip.MustParseAddr("2001:db8::1")}
	s.take(r, l, src, epoch)
	if n := testing.AllocsPerRun(200, func() { s.take(r, l, src, epoch) }); n != 0 && !underRace {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPermit(b *testing.B) {
	s, l := newPermits(epoch), liveWithRate(b, "tok_a", "1000000/s", nil)
	r, src := &rates{}, &token.Source{Addr: netip.MustParseAddr("192.0.2.1")}
	b.ReportAllocs()
	for b.Loop() {
		s.take(r, l, src, epoch)
	}
}
