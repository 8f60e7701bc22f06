package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

var changeTests = []test{
	{"EveryWriteAppendsItsChanges", everyWriteAppends},
	{"ListenersHearBeforeTheWriteReturns", listenersHearFirst},
	{"AWriteThatBeganIsFinishedWithoutItsCaller", aWriteIsFinished},
	{"AnotherProcesssChangesAreToldInOrder", anotherProcesssChanges},
	{"OwnChangesAreToldOnce", ownChangesAreToldOnce},
	{"AHeadThatFellBackChangesEverything", aHeadThatFellBack},
	{"ALogWithAnotherHistoryChangesEverything", anotherHistory},
	{"TrimmedRowsChangeEverythingForWhoMissedThem", trimmedRows},
	{"TrimmingKeepsWhatIsYoung", trimmingKeeps},
	{"MoreChangesThanOneReadingAreAllTold", moreThanOneReading},
	{"AFailedReadingConfirmsNothing", aFailedReading},
}

func entity(kind token.EntityKind, id string) token.Entity { return token.Entity{Kind: kind, ID: id} }

func everyWriteAppends(h *house) {
	merchant := h.addMerchant()
	t := h.addToken(func(t *token.Token) { t.Merchant = merchant })
	key, err := h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "ops", Role: token.RoleAdmin, Digest: h.digest()})
	h.ok(err)
	ofToken := entity(token.EntityToken, string(t.Handle))
	type wanted struct {
		entity token.Entity
		added  bool
	}
	want := []wanted{{entity(token.EntityMerchant, merchant), false}, {ofToken, true}, {entity(token.EntityAdminKey, key.ID), true}}
	do := func(err error, w wanted) {
		h.t.Helper()
		h.ok(err)
		want = append(want, w)
	}
	do(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)), wanted{ofToken, true})
	do(second(h.AddNumber(ctx, act(""), t.Handle, abidjan)), wanted{ofToken, false})
	do(second(h.ChangeNumber(ctx, act(""), t.Handle, abidjan.E164, false)), wanted{ofToken, false})
	do(h.EndNumber(ctx, act(""), t.Handle, abidjan.E164), wanted{ofToken, false})
	do(second(h.ReplaceToken(ctx, act(""), h.find(t.Handle), 0)), wanted{ofToken, false})
	do(second(h.RevokeToken(ctx, act(""), t.Handle)), wanted{ofToken, false})
	do(second(h.EndAdminKey(ctx, act(""), key.ID)), wanted{entity(token.EntityAdminKey, key.ID), false})
	do(h.AddSigningKey(ctx, act(""), token.SealedKey{ID: "k1", Alg: token.HS256, Sealed: []byte("x")}), wanted{token.Entity{}, false})

	list, err := h.ChangesAfter(ctx, 0, 100)
	h.ok(err)
	var got []wanted
	for i, c := range list {
		if c.Sequence != int64(i+1) || c.At == 0 {
			h.t.Errorf("change %d is %+v", i, c)
		}
		got = append(got, wanted{c.Entity, c.Added})
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("the log is %+v\nwant       %+v", got, want)
	}
	if told := h.heard.take(); !slices.Equal(told, list) {
		h.t.Errorf("listeners heard %+v\nthe log is      %+v", told, list)
	}
	if head, err := h.Head(ctx); err != nil || head != int64(len(want)) || h.Applied() != head {
		h.t.Errorf("head %d, applied %d, %v", head, h.Applied(), err)
	}
	if list, err = h.ChangesAfter(ctx, 3, 2); err != nil || len(list) != 2 || list[0].Sequence != 4 {
		h.t.Errorf("after 3: %+v, %v", list, err)
	}
}

// When the listener hears of a revocation, a load already sees it; when the
// caller hears of it, the listener has.
func listenersHearFirst(h *house) {
	t := h.addToken()
	var during token.Reason
	h.OnChange(func(c token.Change) {
		l, err := h.LoadToken(ctx, token.Handle(c.Entity.ID))
		h.ok(err)
		during = l.Standing(h.clock.instant())
	})
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	if during != token.TokenRevoked {
		h.t.Errorf("while the listener was told the token stood as %v", during)
	}
}

// leaving is randomness that makes the caller go when it is asked for, which is
// in the middle of a write.
type leaving struct{ leave func() }

func (l leaving) Read(p []byte) (int, error) {
	l.leave()
	return rand.Read(p)
}

func aWriteIsFinished(h *house) {
	gone, leave := context.WithCancel(ctx)
	s := h.open(func(o *store.Options) { o.Rand = leaving{leave} })
	var told heard
	s.OnChange(told.listen)
	m, err := s.AddMerchant(gone, act(""), token.Merchant{Name: "x"})
	if err != nil || gone.Err() == nil {
		h.t.Fatalf("the write of a caller that left: %v, left: %v", err, gone.Err())
	}
	if _, err := h.FindMerchant(ctx, m.ID); err != nil || len(told.take()) != 1 {
		h.t.Errorf("it was not written, or not told: %v", err)
	}
	// A caller that has gone before begins nothing.
	before := h.traces()
	if _, err := h.AddMerchant(gone, act(""), token.Merchant{Name: "x"}); !errors.Is(err, context.Canceled) || h.traces() != before {
		h.t.Errorf("a write of a caller that had left: %v", err)
	}
}

func sequences(list []token.Change) (out []int64) {
	for _, c := range list {
		out = append(out, c.Sequence)
	}
	return out
}

func anotherProcesssChanges(h *house) {
	other := h.open()
	var theirs heard
	other.OnChange(theirs.listen)
	m, err := h.AddMerchant(ctx, act(""), token.Merchant{Name: "one"})
	h.ok(err)
	h.ok(second(h.ChangeMerchant(ctx, act(""), m, 0)))
	h.ok(second(other.AddMerchant(ctx, act(""), token.Merchant{Name: "two"})))
	h.ok(second(h.ChangeMerchant(ctx, act(""), m, 0)))
	theirs.take()
	h.ok(other.Poll(ctx))
	if got := sequences(theirs.take()); !slices.Equal(got, []int64{1, 2, 4}) || other.Applied() != 4 {
		h.t.Errorf("the other process was told of %v, applied %d", got, other.Applied())
	}
	h.ok(other.Poll(ctx))
	if got := theirs.take(); len(got) != 0 {
		h.t.Errorf("a second reading told %+v", got)
	}
}

func ownChangesAreToldOnce(h *house) {
	h.addToken()
	h.heard.take()
	h.ok(h.Poll(ctx))
	if got := h.heard.take(); len(got) != 0 || h.Applied() != 2 {
		h.t.Errorf("own changes were told again: %+v, applied %d", got, h.Applied())
	}
	// A process that starts later was there for none of it.
	late := h.open()
	if late.Applied() != 2 {
		h.t.Errorf("a late process starts at %d", late.Applied())
	}
}

// everything sees that the next reading tells of everything, once, and then
// goes on as usual.
func (h *house) everything(s *store.Store, theirs *heard) {
	h.t.Helper()
	theirs.take()
	h.ok(s.Poll(ctx))
	got := theirs.take()
	if len(got) != 1 || got[0].Entity != (token.Entity{}) || !got[0].Added {
		h.t.Fatalf("told %+v, want EntityAll once", got)
	}
	h.ok(s.Poll(ctx))
	if got := theirs.take(); len(got) != 0 {
		h.t.Errorf("told again: %+v", got)
	}
	h.addMerchant()
	h.ok(s.Poll(ctx))
	if got := theirs.take(); len(got) != 1 || got[0].Entity.Kind != token.EntityMerchant {
		h.t.Errorf("afterwards told %+v", got)
	}
}

// A restored backup knows less than what was applied.
func aHeadThatFellBack(h *house) {
	for range 5 {
		h.addMerchant()
	}
	other := h.open()
	var theirs heard
	other.OnChange(theirs.listen)
	h.db.Tamper(h.t, `DELETE FROM changes WHERE seq > 2`)
	h.db.Tamper(h.t, `DELETE FROM merchants WHERE added > 2`)
	h.db.Tamper(h.t, `UPDATE change_head SET seq = 2`)
	h.everything(other, &theirs)
}

// A restored backup that was written to before anyone looked has the numbers,
// but not the rows.
func anotherHistory(h *house) {
	for range 5 {
		h.addMerchant()
	}
	other := h.open()
	var theirs heard
	other.OnChange(theirs.listen)
	h.db.Tamper(h.t, `UPDATE changes SET at = at + 1`)
	h.everything(other, &theirs)
}

func trimmedRows(h *house) {
	h.addMerchant()
	other := h.open()
	var theirs heard
	other.OnChange(theirs.listen)
	for range 5 {
		h.addMerchant()
	}
	h.clock.advance(8 * 24 * time.Hour)
	if n, err := h.TrimChanges(ctx); err != nil || n != 5 {
		h.t.Fatalf("trimmed %d, %v", n, err)
	}
	h.everything(other, &theirs)

	// So does a hole, however it came.
	for range 3 {
		h.addMerchant()
	}
	head, err := h.Head(ctx)
	h.ok(err)
	h.db.Tamper(h.t, `DELETE FROM changes WHERE seq = `+strconv.FormatInt(head-1, 10))
	h.everything(other, &theirs)
}

func trimmingKeeps(h *house) {
	for range 3 {
		h.addMerchant()
	}
	h.clock.advance(6 * 24 * time.Hour)
	h.addMerchant()
	h.clock.advance(2 * 24 * time.Hour)
	if n, err := h.TrimChanges(ctx); err != nil || n != 3 {
		h.t.Errorf("trimmed %d, %v; want 3", n, err)
	}
	h.clock.advance(30 * 24 * time.Hour)
	if n, err := h.TrimChanges(ctx); err != nil || n != 0 {
		h.t.Errorf("trimmed %d, %v; the newest row stays", n, err)
	}
	// Who had read to the end is none the wiser.
	h.heard.take()
	h.ok(h.Poll(ctx))
	if got := h.heard.take(); len(got) != 0 {
		h.t.Errorf("told %+v", got)
	}
}

func moreThanOneReading(h *house) {
	h.addMerchant()
	other := h.open()
	var theirs heard
	other.OnChange(theirs.listen)
	const many = 2345
	h.db.Tamper(h.t, `WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < `+strconv.Itoa(many)+`)
		INSERT INTO changes (seq, entity, id, added, at) SELECT i, 'token', 'tok_' || i, FALSE, i FROM n`)
	h.db.Tamper(h.t, `UPDATE change_head SET seq = `+strconv.Itoa(many))
	h.ok(other.Poll(ctx))
	got := sequences(theirs.take())
	if len(got) != many-1 || !slices.IsSorted(got) || got[0] != 2 || got[len(got)-1] != many || other.Applied() != many {
		h.t.Errorf("told %d changes, applied %d", len(got), other.Applied())
	}
}

func aFailedReading(h *house) {
	confirmed := h.Confirmed()
	h.clock.advance(time.Minute)
	gone, leave := context.WithCancel(ctx)
	leave()
	if err := h.Poll(gone); err == nil || !h.Confirmed().Equal(confirmed) {
		h.t.Errorf("a failed reading: %v, confirmed %v after %v", err, h.Confirmed(), confirmed)
	}
	before := h.clock.Now()
	h.ok(h.Poll(ctx))
	if c := h.Confirmed(); c.Before(before) || c.After(h.clock.Now()) {
		h.t.Errorf("confirmed at %v, read from %v on", c, before)
	}
}

// Follow hears of another process within a second, keeps Confirmed young, and
// ends with its context. Time is the bubble's.
func testFollow(t *testing.T, engine Engine) {
	synctest.Test(t, func(t *testing.T) {
		bubble := func(o *store.Options) { o.Now, o.KeepChanges = time.Now, time.Hour }
		h := newHouse(t, engine, bubble)
		other := h.open(bubble)
		following, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { h.Follow(following); close(done) }()
		synctest.Wait()

		var failed []string
		for i := range 5 {
			m, err := other.AddMerchant(ctx, act(""), token.Merchant{Name: "x"})
			h.ok(err)
			time.Sleep(time.Second + time.Millisecond)
			synctest.Wait()
			if got := h.heard.take(); len(got) != 1 || got[0].Entity.ID != m.ID {
				failed = append(failed, strconv.Itoa(i))
			}
			if old := time.Since(h.Confirmed()); old > time.Second {
				t.Errorf("the last confirmed reading is %v old", old)
			}
		}
		if len(failed) > 0 {
			t.Errorf("not told within a second: %s", strings.Join(failed, ", "))
		}
		// The log is trimmed as time goes by, with nobody asking.
		time.Sleep(2*time.Hour + time.Minute)
		synctest.Wait()
		if list, err := h.ChangesAfter(ctx, 0, 100); err != nil || len(list) != 1 || list[0].Sequence != 5 {
			t.Errorf("after two hours the log is %+v, %v", list, err)
		}
		stop()
		<-done
	})
}
