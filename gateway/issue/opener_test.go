package issue_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

// A token's signing secrets are had back while they are good: both while it
// rotates, the newest first; one without any has none; nobody's is not found.
func TestSigningSecretsAreHadBack(t *testing.T) {
	d := newDesk(t)
	c := d.add()
	opener := issue.Opener{Finder: d.store, Master: d.minter.Master, Now: func() time.Time { return d.now }}
	want := func(secrets ...[]byte) {
		t.Helper()
		got, err := opener.SigningSecrets(t.Context(), c.Handle)
		d.ok(err)
		if !bytes.Equal(bytes.Join(got, []byte(" ")), bytes.Join(secrets, []byte(" "))) || len(secrets) == 0 && got != nil {
			t.Errorf("%d secrets, or not the right ones", len(got))
		}
	}
	want()
	var made [4][]byte
	for i := 1; i < len(made); i++ {
		var kept token.Credential
		var err error
		made[i], kept, err = d.minter.Mint(issue.Wanted{Kind: token.KindSigning, Environment: token.EnvLive, Handle: c.Handle, Generation: i})
		d.ok(err)
		_, err = d.store.RotateCredential(t.Context(), act, c.Handle, kept, time.Minute)
		d.ok(err)
		if i == 1 {
			want(made[1])
		} else {
			want(made[i], made[i-1])
		}
	}
	other, err := issue.ParseMasterKey(bytes.Repeat([]byte{8}, 32))
	d.ok(err)
	for _, master := range []*issue.MasterKey{other, nil} {
		wrong := opener
		wrong.Master = master
		got, err := wrong.SigningSecrets(t.Context(), c.Handle)
		if err == nil || got != nil || strings.Contains(err.Error(), string(made[3])) {
			t.Errorf("with another master key, or none: %q, %v", got, err)
		}
	}
	d.now = d.now.Add(time.Minute)
	want(made[3])
	if _, err := opener.SigningSecrets(t.Context(), "tok_000000000000"); !errors.Is(err, token.ErrNotFound) {
		t.Error(err)
	}
}

// A derived key is HKDF's of the master key and the purpose, whichever spelling
// the file has; another purpose or master key has another; and it is nowhere in
// what the master key prints as.
func TestDerive(t *testing.T) {
	raw := bytes.Repeat([]byte{7}, 32)
	seen := map[string]string{}
	for name, file := range map[string][]byte{"raw": raw, "hex": fmt.Appendf(nil, "%x\n", raw)} {
		k, err := issue.ParseMasterKey(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, purpose := range []string{"webhooks", "sessions"} {
			got, err := k.Derive(purpose)
			want, wantErr := hkdf.Key(sha256.New, raw, nil, "tollgate "+purpose, 32)
			if err != nil || wantErr != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %x, want %x (%v, %v)", name, purpose, got, want, err, wantErr)
			}
			seen[string(got)] = purpose
			got[0]++ // it is the caller's own
		}
		if _, err := k.Derive(""); err == nil {
			t.Error("a key is derived for nothing")
		}
		if text := fmt.Sprintf("%v %+v %#v %s %x", k, k, k, k, k); strings.ReplaceAll(text, "master key", "") != "    " {
			t.Errorf("it prints as %q", text)
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d different keys for two purposes", len(seen))
	}
}

// A client is found once and then recalled, never from before a change; who is
// nobody's, or no client id, is not found; a store that cannot tell says so.
func TestAClientIsFound(t *testing.T) {
	d := newDesk(t)
	c := d.add()
	d.settle(c)
	loads := d.store.loads.Load()
	live, err := d.exchange.Client(t.Context(), c.ClientID)
	if err != nil || live.Handle != c.Handle || d.store.loads.Load() != loads {
		t.Errorf("%+v, %v, %d loads", live, err, d.store.loads.Load()-loads)
	}
	_, err = d.store.RevokeToken(t.Context(), act, c.Handle)
	d.ok(err)
	if live, err = d.exchange.Client(t.Context(), c.ClientID); err != nil || !live.Revoked {
		t.Errorf("after a change: %+v, %v", live, err)
	}
	loads = d.store.loads.Load()
	for range 3 {
		for _, id := range []string{"", "x", strings.ToUpper(c.ClientID), string(c.Handle), strings.Repeat("0", 32)} {
			if live, err := d.exchange.Client(t.Context(), id); !errors.Is(err, token.ErrNotFound) || live != nil {
				t.Errorf("%q: %+v, %v", id, live, err)
			}
		}
	}
	if n := d.store.loads.Load() - loads; n != 1 {
		t.Errorf("ids that nobody has cost %d look-ups", n)
	}
	d.store.down.Store(true)
	if live, err := d.exchange.Client(t.Context(), strings.Repeat("1", 32)); err == nil || errors.Is(err, token.ErrNotFound) || live != nil {
		t.Errorf("without the store: %+v, %v", live, err)
	}
}
