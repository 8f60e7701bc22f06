package cache

import (
	"errors"
	"testing"

	"tollgate/policy/token"
)

// The whole digest is compared: one that shares ristretto's eight bytes of key
// with another is a miss, and so is a record of another form.
func TestRecallComparesTheWholeDigestAndTheForm(t *testing.T) {
	c := newShelf(t)
	live := record("tok_a", "mer_a", nil)
	d := token.DigestOf([]byte("key"))
	c.Remember(&d, c.Stamp(&d), keyFor(live))
	c.records.Wait()
	twin := d
	twin[31] ^= 1
	if p, ok := c.Recall(&twin, 1); p != nil || ok {
		t.Error("a digest that differs in its last bit is taken for another's")
	}
	asSecret := liveDigest("tok_a")
	if p, ok := c.Recall(&asSecret, 1); p != nil || ok {
		t.Error("a live record is recalled as a credential")
	}
	// An entry of the very same digest, as a collision of domains would be.
	c.records.Set(key(&asSecret), &entry{digest: d, form: formPrincipal, live: live, principal: keyFor(live)}, 1)
	c.records.Wait()
	if c.RecallLive("tok_a", nil) != nil {
		t.Error("a credential is recalled as a live record")
	}
}

// A credential past its end is not vouched for, but stays known, so that its
// use is refused without a look-up.
func TestRecallComparesTheEnd(t *testing.T) {
	c := newShelf(t)
	d := token.DigestOf([]byte("key"))
	p := keyFor(record("tok_a", "mer_a", nil))
	p.EndsAt = 1000
	c.Remember(&d, c.Stamp(&d), p)
	c.records.Wait()
	if got, ok := c.Recall(&d, 999); got != p || !ok {
		t.Errorf("one microsecond before its end: %v, %v; want the principal and true", got, ok)
	}
	if got, ok := c.Recall(&d, 1000); got != p || ok {
		t.Errorf("at its end: %v, %v; want the principal and false", got, ok)
	}
}

// A client is remembered with its live record and forgotten with it.
func TestRecallClient(t *testing.T) {
	c := newShelf(t)
	live := record("tok_a", "mer_a", nil)
	secrets := []token.Credential{{Kind: token.KindClient, Generation: 3}}
	load := func() (*token.Live, []token.Credential, error) { return live, secrets, nil }
	if l, _, err := c.FindClient("c1", c.Stamp(nil), load); l != live || err != nil {
		t.Fatalf("FindClient = %v, %v", l, err)
	}
	c.records.Wait()
	if l, s := c.RecallClient("c1"); l != live || len(s) != 1 || s[0].Generation != 3 {
		t.Error("a client that was loaded is not recalled")
	}
	if l, s := c.RecallClient("c2"); l != nil || s != nil {
		t.Error("another client is recalled")
	}
	c.Forget(change(token.EntityMerchant, "mer_a"))
	if l, _ := c.RecallClient("c1"); l != nil {
		t.Error("a client is recalled though its merchant changed")
	}
	loads := 0
	overtaken := func() (*token.Live, []token.Credential, error) {
		if loads++; loads == 1 {
			c.Forget(change(token.EntityToken, "tok_a"))
		}
		return live, secrets, nil
	}
	if _, _, err := c.FindClient("c1", c.Stamp(nil), overtaken); err != nil || loads != 2 {
		t.Errorf("a client whose load was overtaken: %d loads, %v; want 2", loads, err)
	}
}

// An error of the store is handed on and leaves nothing behind.
func TestErrorsAreNotRemembered(t *testing.T) {
	c := newShelf(t)
	d, down := token.DigestOf([]byte("key")), errors.New("down")
	if _, err := c.Find(&d, c.Stamp(&d), func() (*token.Principal, error) { return nil, down }); !errors.Is(err, down) {
		t.Errorf("Find: %v", err)
	}
	if _, _, err := c.FindLive("tok_a", c.Stamp(nil), func() (*token.Live, error) { return nil, down }); !errors.Is(err, down) {
		t.Errorf("FindLive: %v", err)
	}
	if _, _, err := c.FindClient("c1", c.Stamp(nil), func() (*token.Live, []token.Credential, error) { return nil, nil, down }); !errors.Is(err, down) {
		t.Errorf("FindClient: %v", err)
	}
	c.records.Wait()
	if p, _ := c.Recall(&d, 1); p != nil || c.Stats().Remembered != 0 {
		t.Error("something is remembered of an error")
	}
}

// A cache that was closed recalls and remembers nothing and does not panic,
// also while late look-ups are still setting.
func TestCloseWhileRemembering(t *testing.T) {
	c, err := New(Options{MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	live := record("tok_a", "mer_a", nil)
	done := make(chan struct{})
	for range 4 {
		go func() {
			for i := range 20_000 {
				d := token.Digest{byte(i), byte(i >> 8)}
				c.Remember(&d, c.Stamp(&d), keyFor(live))
			}
			done <- struct{}{}
		}()
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 4 {
		<-done
	}
	if p, _ := c.Recall(&token.Digest{}, 1); p != nil {
		t.Error("a closed cache recalls")
	}
	if c.Close() == nil {
		t.Error("closing twice goes unnoticed")
	}
	_ = c.Stats()
}

// Options out of range are refused with what would do.
func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{
		{}, {MaxBytes: 1000}, {MaxBytes: 1 << 20, UnknownMax: -1}, {MaxBytes: 1 << 20, UnknownMax: 1 << 30},
		{MaxBytes: 1 << 20, UnknownTTL: -1}, {MaxBytes: 1 << 20, UnknownTTL: longestUnknown + 1},
	} {
		if c, err := New(o); err == nil {
			t.Errorf("New(%+v) succeeds", o)
			_ = c.Close()
		}
	}
}
