package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

// RunConcurrent checks what a store promises to many callers at once, in one
// process and in two. It belongs under the race detector.
func RunConcurrent(t *testing.T, engine Engine) {
	for _, one := range []test{
		{"OneOfAHundredGetsTheNumber", oneOfAHundred},
		{"NoReplacementIsLost", noReplacementIsLost},
		{"RotationsFollowOneAnother", rotationsFollow},
		{"ChangesAreInCommitOrderWithoutGaps", changesAreInOrder},
		{"AReaderNeverSeesHalfAWrite", aReaderNeverSeesHalf},
		{"FiftyRenewalsLeaveOneLivePair", fiftyRenewals},
		{"FiftyRenewalsWithoutGraceLeaveNone", fiftyRenewalsWithoutGrace},
		{"AReplayIsFreshForOne", oneIsFresh},
		{"WhoStopsWaitingForAReplayTakesNobodyAlong", leavingIsOnesOwn},
		{"FamiliesBegunAtOnceAreAtMostTen", familiesAtOnce},
		{"ManyFirstLoadsDoNotWaitForEachOther", manyFirstLoads},
	} {
		t.Run(one.name, func(t *testing.T) { one.run(newHouse(t, engine)) })
	}
}

// atOnce runs do n times at once, each with a store of one of two processes.
func (h *house) atOnce(n int, do func(i int, s *store.Store)) {
	h.t.Helper()
	stores := []*store.Store{h.Store, h.open()}
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			do(i, stores[i%len(stores)])
		})
	}
	close(start)
	all.Wait()
}

func oneOfAHundred(h *house) {
	merchant := h.addMerchant()
	tokens := make([]token.Token, 100)
	for i := range tokens {
		tokens[i] = h.addToken(func(t *token.Token) { t.Merchant = merchant })
	}
	var won atomic.Int64
	var winner atomic.Int64
	h.atOnce(len(tokens), func(i int, s *store.Store) {
		_, err := s.AddNumber(ctx, act(""), tokens[i].Handle, abidjan)
		var held *token.HeldError
		switch {
		case err == nil:
			won.Add(1)
			winner.Store(int64(i))
		case !errors.As(err, &held):
			h.t.Errorf("the number is refused with %v", err)
		}
	})
	if won.Load() != 1 {
		h.t.Fatalf("%d tokens got the number", won.Load())
	}
	for i := range tokens {
		want := 0
		if i == int(winner.Load()) {
			want = 1
		}
		if got := h.numbers(tokens[i].Handle); len(got) != want {
			h.t.Errorf("token %d has %v", i, got)
		}
	}
}

// Every caller adds one permission to what it read, and tries again when
// someone was faster: in the end all are there.
func noReplacementIsLost(h *house) {
	t := h.addToken()
	const writers = 20
	var stale atomic.Int64
	h.atOnce(writers, func(i int, s *store.Store) {
		for {
			mine, err := s.FindToken(ctx, t.Handle)
			if err != nil {
				h.t.Error(err)
				return
			}
			mine.Bounds.Permissions = append(mine.Bounds.Permissions, fmt.Sprintf("p%d:x", i))
			_, err = s.ReplaceToken(ctx, act(""), mine, mine.Version)
			if err == nil {
				return
			}
			if !errors.Is(err, token.ErrStale) {
				h.t.Error(err)
				return
			}
			stale.Add(1)
		}
	})
	found := h.find(t.Handle)
	if len(found.Bounds.Permissions) != writers || found.Version != writers+1 {
		h.t.Errorf("version %d has %d permissions after %d stale attempts", found.Version, len(found.Bounds.Permissions), stale.Load())
	}
}

func rotationsFollow(h *house) {
	t := h.addToken()
	const rotations = 30
	keys := make([]token.Credential, rotations)
	for i := range keys {
		keys[i] = h.key()
	}
	var generations [rotations]atomic.Int64
	h.atOnce(rotations, func(i int, s *store.Store) {
		r, err := s.RotateCredential(ctx, act(""), t.Handle, keys[i], store.MaxGrace)
		if err != nil {
			h.t.Error(err)
			return
		}
		generations[i].Store(int64(r.Credential.Generation))
	})
	seen := map[int64]bool{}
	for i := range generations {
		seen[generations[i].Load()] = true
	}
	if len(seen) != rotations || !seen[2] || !seen[rotations+1] {
		h.t.Errorf("the generations are %v", seen)
	}
	var live, grace int
	now := h.clock.instant()
	for _, c := range h.find(t.Handle).Credentials {
		switch {
		case c.EndsAt == 0:
			live++
		case !c.EndsAt.Reached(now):
			grace++
		}
	}
	if live != 1 || grace != 1 {
		h.t.Errorf("%d keys live and %d are in their grace, want one of each", live, grace)
	}
}

func changesAreInOrder(h *house) {
	other := h.open()
	var followed heard
	other.OnChange(followed.listen)
	stop := make(chan struct{})
	var polling sync.WaitGroup
	polling.Go(func() {
		for {
			if err := other.Poll(ctx); err != nil {
				h.t.Error(err)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	const writes = 60
	h.atOnce(writes, func(i int, s *store.Store) {
		if _, err := s.AddMerchant(ctx, act(""), token.Merchant{Name: "x"}); err != nil {
			h.t.Error(err)
		}
	})
	close(stop)
	polling.Wait()
	h.ok(other.Poll(ctx))
	list, err := h.ChangesAfter(ctx, 0, 1000)
	h.ok(err)
	for i, c := range list {
		if c.Sequence != int64(i+1) {
			h.t.Fatalf("change %d is numbered %d", i, c.Sequence)
		}
	}
	got := sequences(followed.take())
	for i, seq := range got {
		if seq != int64(i+1) {
			h.t.Fatalf("a follower's change %d is numbered %d", i, seq)
		}
	}
	if len(list) != writes || len(got) != writes {
		h.t.Errorf("the log has %d changes, the follower heard %d, want %d", len(list), len(got), writes)
	}
	own := sequences(h.heard.take())
	for i := range own {
		if i > 0 && own[i] <= own[i-1] {
			h.t.Fatalf("own changes were told in the order %v", own)
		}
	}
	if n, err := h.VerifyAudit(ctx); err != nil || n != writes {
		h.t.Errorf("verified %d audit rows, %v", n, err)
	}
}

// A writer takes a country with its number out of a record and puts both back;
// nobody who reads meanwhile sees the number without its country, although a
// record is read in several statements.
func aReaderNeverSeesHalf(h *house) {
	t := h.addToken()
	done := make(chan struct{})
	var reads atomic.Int64
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				l, err := h.LoadToken(ctx, t.Handle)
				if err != nil {
					h.t.Error(err)
					return
				}
				if _, country := l.Bounds.Composition["CI"]; len(l.Numbers) > 0 && !country {
					h.t.Error("a number without its country")
				}
				reads.Add(1)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 40 {
		h.ok(second(h.AddNumber(ctx, act(""), t.Handle, abidjan)))
		for _, c := range []token.Composition{{"ML": wide()["ML"]}, wide()} {
			now := h.find(t.Handle)
			now.Bounds.Composition = c
			h.ok(second(h.ReplaceToken(ctx, act(""), now, 0)))
		}
	}
	close(done)
	readers.Wait()
	if reads.Load() < 10 {
		h.t.Errorf("only %d reads met the writes", reads.Load())
	}
}

// A load that needs a second connection while it holds one waits for ever once
// every connection is held by such a load.
func manyFirstLoads(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client()) })
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for range 5 {
		s := h.open()
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range 64 {
			all.Go(func() {
				<-start
				var err error
				switch i % 3 {
				case 0:
					_, err = s.LoadCredential(limited, token.KindKey, &t.Credentials[0].Digest)
				case 1:
					_, err = s.LoadToken(limited, t.Handle)
				case 2:
					_, _, err = s.LoadClient(limited, t.ClientID)
				}
				if err != nil {
					h.t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
	}
}
