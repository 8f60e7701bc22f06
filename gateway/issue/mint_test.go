package issue_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newMinter(t testing.TB) *issue.Minter {
	t.Helper()
	master, err := issue.ParseMasterKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &issue.Minter{Rand: rand.Reader, Now: func() time.Time { return noon }, Master: master}
}

// A secret of every kind matches the published form, says what it is, and is
// kept as its digest and its last four characters; only a signing secret can be
// had back, sealed.
func TestMint(t *testing.T) {
	m := newMinter(t)
	published := regexp.MustCompile("^" + token.Pattern + "$")
	for _, w := range []issue.Wanted{
		{Kind: token.KindKey, Environment: token.EnvLive, Handle: "tok_0123456789ab", Generation: 1},
		{Kind: token.KindKey, Environment: token.EnvTest, Handle: "tok_0123456789ab", Generation: 2},
		{Kind: token.KindClient, Environment: token.EnvLive, Handle: "tok_0123456789ab", Generation: 1},
		{Kind: token.KindClient, Environment: token.EnvTest, Handle: "tok_0123456789ab", Generation: 1, EndsAt: 5},
		{Kind: token.KindSigning, Environment: token.EnvLive, Handle: "tok_0123456789ab", Generation: 3},
		{Kind: token.KindAccess, Handle: "tok_0123456789ab", Generation: 1},
		{Kind: token.KindRefresh, Handle: "tok_0123456789ab", Generation: 1},
		{Kind: token.KindAdmin, Generation: 1},
	} {
		t.Run(w.Kind.String()+" "+w.Environment.String(), func(t *testing.T) {
			secret, kept, err := m.Mint(w)
			if err != nil {
				t.Fatal(err)
			}
			if !published.Match(secret) {
				t.Errorf("%s is not of the published form", secret)
			}
			s, ok := token.Parse(secret)
			if !ok || s.Kind != w.Kind || s.Environment != w.Environment || (w.Kind == token.KindKey && token.HandleOf(s.ID) != w.Handle) {
				t.Errorf("%s says it is %+v", secret, s)
			}
			if kept.Kind != w.Kind || kept.Generation != w.Generation || kept.EndsAt != w.EndsAt || kept.CreatedAt != token.At(noon) ||
				kept.Digest != token.DigestOf(secret) || kept.Hint != string(secret[len(secret)-4:]) {
				t.Errorf("kept is %+v", kept)
			}
			if (kept.Sealed != nil) != (w.Kind == token.KindSigning) {
				t.Errorf("sealed is %v", kept.Sealed)
			}
			if kept.Sealed != nil {
				place := issue.Place{Purpose: w.Kind.String(), Owner: string(w.Handle), Generation: w.Generation}
				if again, err := m.Master.Open(place, kept.Sealed); err != nil || !bytes.Equal(again, secret) {
					t.Errorf("opens as %q, %v", again, err)
				}
				if bytes.Contains(kept.Sealed, secret[10:20]) {
					t.Error("the sealed form holds the secret in clear")
				}
			}
		})
	}
}

// What cannot be minted is refused, and nothing usable comes with the error.
func TestMintRefuses(t *testing.T) {
	m := newMinter(t)
	f := func(name string, m *issue.Minter, w issue.Wanted) {
		t.Helper()
		secret, kept, err := m.Mint(w)
		if err == nil || secret != nil || kept.Digest != (token.Digest{}) {
			t.Errorf("%s: %q, %+v, %v", name, secret, kept, err)
		}
	}
	good := issue.Wanted{Kind: token.KindKey, Environment: token.EnvLive, Handle: "tok_0123456789ab", Generation: 1}
	edited := func(edit func(*issue.Wanted)) issue.Wanted { w := good; edit(&w); return w }
	f("no environment", m, edited(func(w *issue.Wanted) { w.Environment = token.EnvAny }))
	f("no handle", m, edited(func(w *issue.Wanted) { w.Handle = "" }))
	f("a handle that is none", m, edited(func(w *issue.Wanted) { w.Handle = "tok_0123456789a-" }))
	f("generation zero", m, edited(func(w *issue.Wanted) { w.Generation = 0 }))
	for _, kind := range []token.Kind{token.KindNone, token.KindJWT, 99} {
		f(kind.String(), m, edited(func(w *issue.Wanted) { w.Kind = kind }))
	}
	f("no master key", &issue.Minter{Rand: rand.Reader, Now: m.Now}, edited(func(w *issue.Wanted) { w.Kind = token.KindSigning }))
	f("no randomness", &issue.Minter{Rand: bytes.NewReader(make([]byte, 10)), Now: m.Now}, good)
	if h, err := (&issue.Minter{Rand: bytes.NewReader(nil)}).NewHandle(); err == nil || h != "" {
		t.Errorf("a handle without randomness: %q, %v", h, err)
	}
	if id, err := (&issue.Minter{Rand: bytes.NewReader(nil)}).NewClientID(); err == nil || id != "" {
		t.Errorf("a client id without randomness: %q, %v", id, err)
	}
}

// Every character is as likely as any other: folding a byte back would make the
// first eight a quarter more likely.
func TestMintHasNoModuloBias(t *testing.T) {
	m := newMinter(t)
	m.Rand = mathrand.NewChaCha8([32]byte{1}) // always the same bytes
	counts := map[byte]int{}
	const secrets = 16_000
	for range secrets {
		secret, _, err := m.Mint(issue.Wanted{Kind: token.KindAdmin, Generation: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range secret[4:44] {
			counts[c]++
		}
	}
	if len(counts) != 62 {
		t.Fatalf("%d characters occur", len(counts))
	}
	const mean = secrets * 40 / 62
	for c, n := range counts {
		if n < mean*94/100 || n > mean*106/100 { // six standard deviations
			t.Errorf("%c occurs %d times, expected about %d", c, n, mean)
		}
	}
	stuck := &issue.Minter{Rand: io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{255}, 640)), bytes.NewReader(bytes.Repeat([]byte{248}, 640))), Now: m.Now}
	if _, _, err := stuck.Mint(issue.Wanted{Kind: token.KindAdmin, Generation: 1}); !errors.Is(err, io.EOF) {
		t.Errorf("bytes beyond the last whole multiple are used: %v", err)
	}
}

// No two secrets, handles or client ids are alike, and each has its form.
func TestMintedNamesProperty(t *testing.T) {
	m := newMinter(t)
	seen := map[string]bool{}
	clientID := regexp.MustCompile(`^[0-9a-f]{32}$`)
	rapid.Check(t, func(t *rapid.T) {
		h, err := m.NewHandle()
		if _, ok := token.ParseHandle(string(h)); err != nil || !ok || seen[string(h)] {
			t.Fatalf("handle %q, %v", h, err)
		}
		id, err := m.NewClientID()
		if err != nil || !clientID.MatchString(id) || seen[id] {
			t.Fatalf("client id %q, %v", id, err)
		}
		kind := rapid.SampledFrom([]token.Kind{token.KindKey, token.KindClient, token.KindSigning}).Draw(t, "kind")
		secret, _, err := m.Mint(issue.Wanted{Kind: kind, Environment: token.EnvTest, Handle: h, Generation: 1})
		if err != nil || seen[string(secret)] {
			t.Fatalf("secret of kind %v twice, or %v", kind, err)
		}
		seen[string(h)], seen[id], seen[string(secret)] = true, true, true
	})
}
