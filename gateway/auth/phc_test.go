package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newHasher(t testing.TB, atOnce int) *Hasher {
	t.Helper()
	h, err := NewHasher(atOnce)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A hash matches the password it was made of and no other, two hashes of one
// password differ, and nobody's password matches, whatever it is.
func TestAPasswordMatchesItsHashOnly(t *testing.T) {
	h, ctx := newHasher(t, 2), context.Background()
	one, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.Hash(ctx, "correct horse")
	if err != nil || one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%q and %q, %v", one, two, err)
	}
	f := func(phc, password string, want bool) {
		t.Helper()
		before := h.Hashed()
		got, err := h.Matches(ctx, phc, []byte(password))
		if err != nil || got != want {
			t.Errorf("%.20q matches: %v, %v; want %v", password, got, err, want)
		}
		if n := h.Hashed() - before; n != 1 {
			t.Errorf("%.20q took %d hashes", password, n)
		}
	}
	f(one, "correct horse", true)
	f(two, "correct horse", true)
	f(one, "correct horsf", false)
	f(one, "", false)
	f("", "correct horse", false)
	f("", "", false)
	f(one, strings.Repeat("x", mostPassword+1), false)
	for _, bad := range []string{"", strings.Repeat("x", mostPassword+1)} {
		if _, err := h.Hash(ctx, bad); err == nil {
			t.Errorf("a password of %d bytes is hashed", len(bad))
		}
	}
}

// Known argon2id answers, as the reference implementation gives them
// (phc-winner-argon2, test.c: version 19, password "password", salt "somesalt").
func TestArgon2idVectors(t *testing.T) {
	h := newHasher(t, 1)
	for _, phc := range []string{
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		if ok, err := h.Matches(context.Background(), phc, []byte("password")); err != nil || !ok {
			t.Errorf("%s: %v, %v", phc, ok, err)
		}
		if ok, err := h.Matches(context.Background(), phc, []byte("passwore")); err != nil || ok {
			t.Errorf("%s: a wrong password: %v, %v", phc, ok, err)
		}
	}
}

// A row that is no argon2id hash, or asks for more memory, passes or lanes than
// is reasonable, is an error and never a verdict.
func TestAHashOutOfBoundsIsNoVerdict(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	h := newHasher(t, 1)
	for _, phc := range []string{
		"$argon2i$v=19$m=256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$m=256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=262145,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=17,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=2,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=2,p=33$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=2,p=2$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=2,p=1,x=1$" + salt + "$" + key,
		"$argon2id$v=19$m=+256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=0256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=2,p=1 $" + salt + "$" + key,
		"$argon2id$v=19$t=2,m=256,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + key[:20],
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + key + "=",
		"$argon2id$v=19$m=256,t=2,p=1$c2E$" + key,
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + key + "$",
		"$2b$12$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu",
		"password",
	} {
		if ok, err := h.Matches(context.Background(), phc, []byte("password")); err == nil || ok {
			t.Errorf("%s: %v, %v", phc, ok, err)
		}
	}
	if h.Hashed() != 1 { // the one of nobody
		t.Errorf("%d hashes were made of them", h.Hashed()-1)
	}
}

// A full pool tells ErrBusy after a quarter of a second, or at once when the
// caller's time is up, and lets the next in as soon as there is room.
func TestAFullPoolIsBusy(t *testing.T) {
	h := newHasher(t, 1)
	synctest.Test(t, func(t *testing.T) {
		h := &Hasher{room: make(chan struct{}, 1), wait: h.wait, none: h.none}
		h.room <- struct{}{}
		begun := time.Now()
		if _, err := h.Matches(context.Background(), "", []byte("x")); !errors.Is(err, ErrBusy) || time.Since(begun) != 250*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		begun = time.Now()
		if _, err := h.Hash(ctx, "x"); !errors.Is(err, ErrBusy) || time.Since(begun) != 10*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		<-h.room
		if _, err := h.Matches(context.Background(), "", []byte("x")); err != nil || len(h.room) != 0 {
			t.Errorf("with room: %v, %d inside", err, len(h.room))
		}
	})
}

// Rows as anything may have written them: no text makes the reader panic, and
// what it takes is within bounds and spelled as it would write it.
func FuzzPHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Add("$argon2id$v=19$m=4294967296,t=-1,p=256$$")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readPHC(text)
		if err != nil {
			return
		}
		if p.memory > mostArgonMemory || p.time < 1 || p.time > mostArgonTime || p.lanes < 1 || p.memory < 8*uint32(p.lanes) {
			t.Fatalf("%q asks for %+v", text, p)
		}
		cost := fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$", p.memory, p.time, p.lanes)
		if !strings.HasPrefix(text, cost) {
			t.Fatalf("%q is also spelled %s…", text, cost)
		}
	})
}
