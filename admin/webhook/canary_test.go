package webhook_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate/admin/webhook"
	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

// mint is a minter and an opener under one master key, as cmd has them.
func (r *rig) mint() (*issue.Minter, issue.Opener) {
	r.t.Helper()
	master, err := issue.ParseMasterKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		r.t.Fatal(err)
	}
	return &issue.Minter{Rand: rand.Reader, Now: r.clock, Master: master},
		issue.Opener{Finder: r.store, Master: master, Now: r.clock}
}

// TestNoSecretLeavesWithAnyEvent: a token with every secret there is, one of
// them pasted into its name, goes through every event: created, rotated,
// generated, its refresh token used again, about to expire, revoked. All five
// kinds of event arrive, every one signed with the token's own signing secret,
// and in none is a secret, a digest or a sealed byte.
func TestNoSecretLeavesWithAnyEvent(t *testing.T) {
	for _, format := range []string{"single", "multiple"} {
		r := newRig(t)
		srv := serve(t, nil)
		minter, opener := r.mint()
		var canaries []string
		plant := func(k token.Kind, h token.Handle, generation int) token.Credential {
			t.Helper()
			w := issue.Wanted{Kind: k, Environment: token.EnvLive, Handle: h, Generation: generation}
			secret, kept, err := minter.Mint(w)
			if err != nil {
				t.Fatal(err)
			}
			canaries = append(canaries, string(secret))
			for _, b := range [][]byte{kept.Digest[:], kept.Sealed} {
				if len(b) > 0 {
					canaries = append(canaries, hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b))
				}
			}
			return kept
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		h := token.HandleOf([]byte("canary000001"))
		key, client, signing := plant(token.KindKey, h, 1), plant(token.KindClient, h, 1), plant(token.KindSigning, h, 1)
		secrets := []string{canaries[len(canaries)-7]}
		_, err := r.store.AddToken(t.Context(), act, token.Token{
			Handle: h, Merchant: r.merchant.ID, Name: "name " + canaries[0], Environment: token.EnvLive, Enabled: true,
			Webhook:   token.Webhook{URL: srv.URL + "/hook", Format: format},
			ExpiresAt: token.At(r.clock().Add(20 * time.Hour)), Credentials: []token.Credential{key, client, signing},
		}, nil)
		must(err)
		signing = plant(token.KindSigning, h, 2)
		secrets = append(secrets, canaries[len(canaries)-7])
		_, err = r.store.RotateCredential(t.Context(), act, h, signing, 24*time.Hour)
		must(err)
		first := token.Pair{Access: plant(token.KindAccess, h, 1).Digest, AccessEndsAt: token.At(r.clock().Add(time.Hour)), Refresh: plant(token.KindRefresh, h, 1).Digest}
		_, family, err := r.store.Generate(t.Context(), act, h, plant(token.KindClient, h, 2), "",
			token.Family{EndsAt: token.At(r.clock().Add(10 * time.Hour))}, first)
		must(err)
		for range 2 {
			next := token.Pair{Access: plant(token.KindAccess, h, 1).Digest, AccessEndsAt: token.At(r.clock().Add(time.Hour)), Refresh: plant(token.KindRefresh, h, 1).Digest}
			_, _, err = r.store.Renew(t.Context(), act, h, true, token.Renewal{Spent: first.Refresh, Next: next, Generation: family.Generation, Idle: time.Hour})
			must(err)
		}
		_, err = r.store.QueueExpiring(t.Context())
		must(err)
		_, err = r.store.RevokeToken(t.Context(), act, h)
		must(err)
		s := r.sender(func(o *webhook.Options) { o.Secrets = opener.SigningSecrets })
		for s.Deliver(t.Context()) > 0 {
		}
		events := map[string]int{}
		for _, got := range srv.got() {
			event := got.header.Get("X-Tollgate-Webhook-Event")
			events[event]++
			for _, secret := range secrets {
				if !verify(t, got, secret) {
					t.Errorf("%s is not signed with a secret that lives", event)
				}
			}
			text := fmt.Sprint(got.header, got.target, got.body)
			for i, c := range append(canaries, webhook.MerchantSecret(hookKey, r.merchant.ID)) {
				if strings.Contains(text, c) {
					t.Errorf("%s holds canary %d: %s", event, i, text)
				}
			}
			if !strings.Contains(got.body, "[removed]") || !strings.Contains(got.body, string(h)) {
				t.Errorf("%s: %s", event, got.body)
			}
		}
		for _, event := range []string{"token.created", "token.rotated", "token.revoked", "token.expiring", "refresh.reuse"} {
			if events[event] == 0 {
				t.Errorf("no %s arrived: %v", event, events)
			}
		}
		for _, e := range r.logs.All() {
			for i, c := range canaries {
				if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), c) {
					t.Errorf("the log holds canary %d", i)
				}
			}
		}
	}
}
