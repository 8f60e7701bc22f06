package auth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"tollgate/gateway/auth"
	"tollgate/policy/token"
)

// A use reaches the database with the next batch: its time and the address it
// came from, whichever credential it was.
func TestUsesReachTheStore(t *testing.T) {
	r := newRig(t)
	uses, err := auth.NewUses(r.store.Touch, 1000)
	r.ok(err)
	m, idle := r.add(), r.add()
	p := &token.Principal{Live: &token.Live{Handle: m.Handle}, Kind: token.KindKey, Generation: 1}
	uses.Record(p, nil, token.At(r.time())) // the header phase knows no address
	uses.Record(p, &r.source, token.At(r.time().Add(100*time.Millisecond)))
	uses.Record(p, &r.source, token.At(r.time().Add(3*time.Second)))
	r.ok(uses.Flush(t.Context()))
	got, err := r.store.FindToken(t.Context(), m.Handle)
	r.ok(err)
	if got.LastUsedAt != token.At(r.time().Add(3*time.Second)) || got.LastUsedIP != "203.0.113.7" {
		t.Errorf("last used at %v from %q", got.LastUsedAt.Time(), got.LastUsedIP)
	}
	if got, _ := r.store.FindToken(t.Context(), idle.Handle); got.LastUsedAt != 0 {
		t.Error("a token that was not used has a last use")
	}
}

// Each dashboard user's last use is the user's own, and a wrong password or one
// of a user who was disabled is none: an unused login that comes alive is seen.
func TestUsesOfUsersReachTheStore(t *testing.T) {
	r := newRig(t)
	ama, kofi, off := r.person("ama@example.com", "correct horse"), r.person("kofi@example.com", "battery staple"), r.person("off@example.com", "wrong again", func(u *token.User) { u.Enabled = false })
	r.wantOf(basicOf("ama@example.com", "correct horse"), token.Allowed)
	r.wantOf(basicOf("kofi@example.com", "correct horse"), token.TokenInvalid)
	r.wantOf(basicOf("off@example.com", "wrong again"), token.TokenDisabled)
	at := token.At(r.time())
	r.ok(r.uses.Flush(t.Context()))
	r.ok(r.store.Touch(t.Context(), r.used))
	for user, want := range map[string]token.Instant{ama.ID: at, kofi.ID: 0, off.ID: 0} {
		u, err := r.store.FindUser(t.Context(), user)
		r.ok(err)
		if u.LastUsedAt != want {
			t.Errorf("%s was last used at %v, want %v", u.Email, u.LastUsedAt.Time(), want.Time())
		}
	}
	r.wantOf(basicOf("kofi@example.com", "battery staple"), token.Allowed)
	r.wantOf(basicOf("ama@example.com", "correct horse"), token.Allowed)
	r.used = nil
	r.ok(r.uses.Flush(t.Context()))
	if len(r.used) != 2 || r.used[0].User == r.used[1].User {
		t.Errorf("two users are one: %+v", r.used)
	}
}

// Only a credential that stands is used; a refused one leaves the time alone.
func TestOnlyGoodUsesAreNoted(t *testing.T) {
	r := newRig(t)
	m, revoked := r.add(), r.add()
	_, err := r.store.RevokeToken(t.Context(), act, revoked.Handle)
	r.ok(err)
	jwt := r.grant(m, "")
	r.want(m.key, token.Allowed)
	r.want(jwt, token.Allowed)
	r.want(revoked.key, token.TokenRevoked)
	r.want(r.madeUp(m.Handle), token.TokenInvalid)
	r.ok(r.uses.Flush(t.Context()))
	kinds := map[token.Kind]token.Handle{}
	for _, u := range r.used {
		kinds[u.Kind] = u.Handle
	}
	if len(r.used) != 2 || kinds[token.KindKey] != m.Handle || kinds[token.KindJWT] != m.Handle {
		t.Errorf("uses: %+v", r.used)
	}
}

// A batch that cannot be written is kept for the next time, under what came in
// since; a full one leaves out and counts.
func TestUsesThatCannotBeWritten(t *testing.T) {
	var down error = errors.New("down")
	var written []token.Use
	uses, err := auth.NewUses(func(_ context.Context, batch []token.Use) error {
		if down == nil {
			written = append(written, batch...)
		}
		return down
	}, 2)
	if err != nil {
		t.Fatal(err)
	}
	src := sourceOf("203.0.113.7")
	of := func(h token.Handle) *token.Principal { return &token.Principal{Live: &token.Live{Handle: h}} }
	uses.Record(of("tok_a"), &src, 1_000_000)
	uses.Record(of("tok_b"), &src, 2_000_000)
	uses.Record(of("tok_c"), &src, 3_000_000)
	if uses.Dropped() != 1 {
		t.Errorf("%d uses were left out of a full batch, want 1", uses.Dropped())
	}
	if err := uses.Flush(t.Context()); !errors.Is(err, down) {
		t.Fatalf("Flush: %v", err)
	}
	uses.Record(of("tok_b"), nil, 9_000_000)
	down = nil
	if err := uses.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := map[token.Handle]token.Use{}
	for _, u := range written {
		at[u.Handle] = u
	}
	if len(written) != 2 || at["tok_a"].At != 1_000_000 || at["tok_b"].At != 9_000_000 || at["tok_b"].IP != "203.0.113.7" {
		t.Errorf("written at last: %+v", written)
	}
	written = nil
	if err := uses.Flush(t.Context()); err != nil || written != nil {
		t.Errorf("an empty batch: %v, %v", written, err)
	}
}

// No use is lost between recording and flushing at once: the last one of each
// credential is in some batch.
func TestUsesAreNotLostBetweenBatches(t *testing.T) {
	last := map[token.Handle]token.Instant{}
	uses, err := auth.NewUses(func(_ context.Context, batch []token.Use) error {
		for _, u := range batch {
			last[u.Handle] = max(last[u.Handle], u.At)
		}
		return nil
	}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	const each = 20_000
	handles := []token.Handle{"tok_a", "tok_b", "tok_c"}
	var all sync.WaitGroup
	for _, h := range handles {
		p := &token.Principal{Live: &token.Live{Handle: h}}
		all.Go(func() {
			for i := range each {
				uses.Record(p, nil, token.Instant(i+1)*2_000_000)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if err := uses.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := uses.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, h := range handles {
		if last[h] != each*2_000_000 {
			t.Errorf("the last use of %s that was written is %d, want %d", h, last[h], each*2_000_000)
		}
	}
}
