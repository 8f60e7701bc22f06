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

// planter mints a token's secrets and keeps, for the search, each of them and
// every form of what is kept of it.
type planter struct {
	*rig
	minter   *issue.Minter
	canaries []string
}

func (p *planter) plant(k token.Kind, h token.Handle, generation int) (secret string, kept token.Credential) {
	p.t.Helper()
	raw, kept, err := p.minter.Mint(issue.Wanted{Kind: k, Environment: token.EnvLive, Handle: h, Generation: generation})
	p.must(err)
	p.canaries = append(p.canaries, string(raw))
	for _, b := range [][]byte{kept.Digest[:], kept.Sealed} {
		if len(b) > 0 {
			p.canaries = append(p.canaries, hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b))
		}
	}
	return string(raw), kept
}

func (p *planter) pair(h token.Handle) token.Pair {
	p.t.Helper()
	_, access := p.plant(token.KindAccess, h, 1)
	_, refresh := p.plant(token.KindRefresh, h, 1)
	return token.Pair{Access: access.Digest, AccessEndsAt: token.At(p.clock().Add(time.Hour)), Refresh: refresh.Digest}
}

func (p *planter) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// live leads a token with every secret there is, one of them pasted into its
// name, through every event: created, rotated, generated, its refresh token used
// again, about to expire, revoked. It gives the signing secrets.
func (p *planter) live(h token.Handle, hook token.Webhook) (signing []string) {
	p.t.Helper()
	ctx := p.t.Context()
	named, key := p.plant(token.KindKey, h, 1)
	_, client := p.plant(token.KindClient, h, 1)
	one, first := p.plant(token.KindSigning, h, 1)
	two, second := p.plant(token.KindSigning, h, 2)
	_, err := p.store.AddToken(ctx, act, token.Token{
		Handle: h, Merchant: p.merchant.ID, Name: "name " + named, Environment: token.EnvLive, Enabled: true, Webhook: hook,
		ExpiresAt: token.At(p.clock().Add(20 * time.Hour)), Credentials: []token.Credential{key, client, first},
	}, nil)
	p.must(err)
	_, err = p.store.RotateCredential(ctx, act, h, second, 24*time.Hour)
	p.must(err)
	_, client = p.plant(token.KindClient, h, 2)
	begun := p.pair(h)
	_, family, err := p.store.Generate(ctx, act, h, client, "", token.Family{EndsAt: token.At(p.clock().Add(10 * time.Hour))}, begun)
	p.must(err)
	for range 2 { // the second time is re-use
		_, _, err = p.store.Renew(ctx, act, h, true, token.Renewal{
			Spent: begun.Refresh, Next: p.pair(h), Generation: family.Generation, Idle: time.Hour,
		})
		p.must(err)
	}
	_, err = p.store.QueueExpiring(ctx)
	p.must(err)
	_, err = p.store.RevokeToken(ctx, act, h)
	p.must(err)
	return []string{one, two}
}

// TestNoSecretLeavesWithAnyEvent: all five kinds of event arrive, every one
// signed with the token's own signing secrets, and in none, nor in the log, is a
// secret, a digest or a sealed byte.
func TestNoSecretLeavesWithAnyEvent(t *testing.T) {
	for _, format := range []string{"single", "multiple"} {
		r := newRig(t)
		srv := serve(t, nil)
		minter, opener := r.mint()
		p := &planter{rig: r, minter: minter}
		h := token.HandleOf([]byte("canary000001"))
		signing := p.live(h, token.Webhook{URL: srv.URL + "/hook", Format: format})
		s := r.sender(func(o *webhook.Options) { o.Secrets = opener.SigningSecrets })
		for s.Deliver(t.Context()) > 0 {
		}
		canaries := append(p.canaries, webhook.MerchantSecret(hookKey, r.merchant.ID))
		search := func(where, text string) {
			t.Helper()
			for i, c := range canaries {
				if strings.Contains(text, c) {
					t.Errorf("%s holds canary %d: %s", where, i, text)
				}
			}
		}
		events := map[string]bool{}
		for _, got := range srv.got() {
			event := got.header.Get("X-Tollgate-Webhook-Event")
			events[event] = true
			if !verify(t, got, signing[0]) || !verify(t, got, signing[1]) {
				t.Errorf("%s is not signed with both secrets", event)
			}
			search(event, fmt.Sprint(got.header, got.target, got.body))
			if !strings.Contains(got.body, "[removed]") || !strings.Contains(got.body, string(h)) {
				t.Errorf("%s: %s", event, got.body)
			}
		}
		for _, event := range []string{"token.created", "token.rotated", "token.revoked", "token.expiring", "refresh.reuse"} {
			if !events[event] {
				t.Errorf("no %s arrived: %v", event, events)
			}
		}
		for _, e := range r.logs.All() {
			search("the log", fmt.Sprint(e.Message, e.ContextMap()))
		}
	}
}
