package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

var outboxTests = []test{
	{"EveryEventIsWrittenWithItsChange", everyEvent},
	{"WithoutAURLNothingIsWritten", withoutAURL},
	{"TheMerchantsURLIsUsedWhereTheTokenHasNone", theMerchantsURL},
	{"ARefusedChangeTellsNothing", aRefusedChange},
	{"AnEventIsTakenByOneAtATime", takenByOne},
	{"AFailedEventComesAgainUntilItIsDead", aFailedEvent},
	{"TheOutboxSurvivesAReopening", outboxAcrossReopen},
	{"AnEndIsToldSevenDaysAndOneDayBefore", expiryIsTold},
	{"AnEndThatMovesIsToldAgain", aMovedExpiry},
	{"NothingIsToldOfTokensThatNobodyWaitsFor", expiryOfNobody},
	{"ManyEndsAreAllTold", manyExpiries},
	{"DeliveredAndDeadEventsAreForgottenInTime", eventsAreTrimmed},
}

var shopHook = token.Webhook{URL: "https://shop.example/hook?k=s3cret", Format: "multiple"}

// due takes all events that are due.
func (h *house) due() []token.Hook {
	h.t.Helper()
	list, err := h.DueHooks(ctx, 1000, time.Minute)
	h.ok(err)
	return list
}

func events(list []token.Hook) (names []string) {
	for _, hook := range list {
		names = append(names, hook.Event)
	}
	return names
}

// hears sees which events are due, in any order of those that came at once.
func (h *house) hears(want ...string) []token.Hook {
	h.t.Helper()
	list := h.due()
	if got := events(list); !slices.Equal(got, want) {
		h.t.Errorf("due are %v, want %v", got, want)
	}
	return list
}

func everyEvent(h *house) {
	t := h.clientToken(func(t *token.Token) {
		t.Webhook, t.ExpiresAt = shopHook, h.clock.instant().Add(3*day)
		t.Environment = token.EnvTest
	})
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), time.Hour)))
	h.ok(third(h.Generate(ctx, act(""), t.Handle, h.client(), "", token.Family{EndsAt: h.clock.instant().Add(day)}, h.pair())))
	if n, err := h.QueueExpiring(ctx); n != 1 || err != nil {
		h.t.Errorf("queued %d, %v", n, err)
	}
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	secrets := h.find(t.Handle).Credentials
	list := h.hears("token.created", "token.rotated", "token.rotated", "token.expiring", "token.revoked")
	ids := map[string]bool{}
	for _, hook := range list {
		if hook.URL != shopHook.URL || hook.Format != "multiple" || hook.Token != t.Handle || hook.Merchant != t.Merchant ||
			hook.Attempts != 1 || hook.State != "pending" || hook.CreatedAt == 0 {
			h.t.Errorf("the event %+v", hook)
		}
		ids[hook.ID] = true
		var says map[string]any
		if err := json.Unmarshal(hook.Payload, &says); err != nil {
			h.t.Fatal(err)
		}
		if says["token_id"] != string(t.Handle) || says["merchant_id"] != t.Merchant ||
			says["environment"] != "test" || says["name"] != t.Name || says["expires_at"] == nil {
			h.t.Errorf("it says %v", says)
		}
		for _, c := range secrets {
			if strings.Contains(string(hook.Payload), fmt.Sprintf("%x", c.Digest)) || strings.Contains(string(hook.Payload), "s3cret") {
				h.t.Errorf("a secret in %s", hook.Payload)
			}
		}
	}
	if len(ids) != 5 {
		h.t.Errorf("%d different ids", len(ids))
	}
	h.hears() // all are taken
}

func withoutAURL(h *house) {
	t := h.clientToken(func(t *token.Token) { t.ExpiresAt = h.clock.instant().Add(time.Hour) })
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)))
	if n, err := h.QueueExpiring(ctx); n != 0 || err != nil {
		h.t.Errorf("queued %d, %v", n, err)
	}
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	h.hears()
}

func theMerchantsURL(h *house) {
	m, err := h.AddMerchant(ctx, act(""), token.Merchant{Name: "Shop", Active: true, Webhook: token.Webhook{URL: "https://m.example/"}})
	h.ok(err)
	own := h.addToken(func(t *token.Token) { t.Merchant, t.Webhook = m.ID, shopHook })
	h.addToken(func(t *token.Token) { t.Merchant = m.ID })
	list := h.hears("token.created", "token.created")
	if list[0].URL != shopHook.URL || list[0].Token != own.Handle || list[1].URL != "https://m.example/" || list[1].Format != "single" {
		h.t.Errorf("sent to %+v", list)
	}
	m.Webhook = token.Webhook{URL: "https://other.example/", Format: "multiple"}
	changed, err := h.ChangeMerchant(ctx, act(""), m, 0)
	h.ok(err)
	found, err := h.FindMerchant(ctx, m.ID)
	h.ok(err)
	if changed.Webhook != m.Webhook || found.Webhook != m.Webhook {
		h.t.Errorf("the webhook became %+v, found %+v", changed.Webhook, found.Webhook)
	}
	h.addToken(func(t *token.Token) { t.Merchant = m.ID })
	if list := h.hears("token.created"); list[0].URL != m.Webhook.URL || list[0].Format != "multiple" {
		h.t.Errorf("sent to %+v", list)
	}
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Action: "merchant.change"})
	if err != nil || len(rows) != 1 || !strings.Contains(string(rows[0].After), "https://other.example") {
		h.t.Errorf("audited %+v, %v", rows, err)
	}
}

func aRefusedChange(h *house) {
	t := h.addToken(func(t *token.Token) { t.Webhook = shopHook })
	h.hears("token.created")
	draft := h.draft(t.Merchant)
	draft.Webhook = shopHook
	draft.Credentials[0].Digest = t.Credentials[0].Digest
	h.refused(second(h.AddToken(ctx, act(""), draft, nil)), token.ErrExists)
	c := h.key()
	c.Generation = 9
	h.refused(second(h.RotateCredential(ctx, act(""), t.Handle, c, 0)), token.ErrStale)
	h.hears()
}

func takenByOne(h *house) {
	const count = 40
	t := h.addToken(func(t *token.Token) { t.Webhook = shopHook })
	for range count - 1 {
		h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)))
	}
	var mu sync.Mutex
	taken := map[string]int{}
	h.atOnce(8, func(_ int, s *store.Store) {
		for {
			list, err := s.DueHooks(ctx, 3, time.Hour)
			if err != nil || len(list) == 0 {
				if err != nil {
					h.t.Error(err)
				}
				return
			}
			for _, hook := range list {
				mu.Lock()
				taken[hook.ID]++
				mu.Unlock()
				if err := s.HookDone(ctx, hook.ID); err != nil {
					h.t.Error(err)
				}
			}
		}
	})
	if len(taken) != count {
		h.t.Errorf("%d events were taken, want %d", len(taken), count)
	}
	for id, times := range taken {
		if times != 1 {
			h.t.Errorf("%s was taken %d times", id, times)
		}
	}
	h.clock.advance(day)
	h.hears()
}

func aFailedEvent(h *house) {
	h.addToken(func(t *token.Token) { t.Webhook = shopHook })
	first := h.hears("token.created")[0]
	// Whoever took it and died has lost a minute.
	h.hears()
	h.clock.advance(time.Minute)
	again := h.hears("token.created")[0]
	if again.ID != first.ID || again.Attempts != 2 {
		h.t.Errorf("it came again as %+v", again)
	}
	h.ok(h.HookFailed(ctx, again.ID, "502 Bad Gateway", h.clock.instant().Add(time.Hour)))
	h.clock.advance(time.Hour - time.Second)
	h.hears()
	h.clock.advance(time.Second)
	last := h.hears("token.created")[0]
	if last.LastError != "502 Bad Gateway" || last.Attempts != 3 {
		h.t.Errorf("it came again as %+v", last)
	}
	h.ok(h.HookFailed(ctx, last.ID, "gave up\x00", 0))
	h.clock.advance(100 * day)
	h.hears()
	h.refused(h.HookDone(ctx, last.ID), token.ErrNotFound)
	h.refused(h.HookFailed(ctx, "hook_000000000000", "", 1), token.ErrNotFound)
}

func outboxAcrossReopen(h *house) {
	h.addToken(func(t *token.Token) { t.Webhook = shopHook })
	h.ok(h.Store.Close())
	h.Store = h.open()
	list := h.hears("token.created")
	h.ok(h.HookDone(ctx, list[0].ID))
	h.ok(h.Store.Close())
	h.Store = h.open()
	h.clock.advance(day)
	h.hears()
}

func (h *house) queues(want int) {
	h.t.Helper()
	if n, err := h.QueueExpiring(ctx); n != want || err != nil {
		h.t.Errorf("queued %d, %v; want %d", n, err, want)
	}
}

func expiryIsTold(h *house) {
	t := h.addToken(func(t *token.Token) { t.Webhook, t.ExpiresAt = shopHook, h.clock.instant().Add(30*day) })
	h.ok(h.HookDone(ctx, h.hears("token.created")[0].ID))
	h.queues(0)
	h.clock.advance(23*day - time.Minute)
	h.queues(0)
	h.clock.advance(time.Minute)
	h.queues(1)
	h.queues(0)
	h.clock.advance(5 * day)
	h.queues(0)
	h.clock.advance(day)
	h.queues(1)
	h.queues(0)
	h.clock.advance(day)
	h.queues(0) // it has ended
	var days []string
	for _, hook := range h.hears("token.expiring", "token.expiring") {
		var says struct{ Days json.Number }
		h.ok(json.Unmarshal(hook.Payload, &says))
		days = append(days, says.Days.String())
		if hook.Token != t.Handle {
			h.t.Errorf("of %s", hook.Token)
		}
	}
	if !slices.Equal(days, []string{"7", "1"}) {
		h.t.Errorf("told %v days before", days)
	}
}

// One that is made for twelve hours is told of once, not twice.
func aMovedExpiry(h *house) {
	t := h.addToken(func(t *token.Token) { t.Webhook, t.ExpiresAt = shopHook, h.clock.instant().Add(12*time.Hour) })
	h.queues(1)
	h.queues(0)
	t.ExpiresAt = h.clock.instant().Add(6 * day)
	t, err := h.ReplaceToken(ctx, act(""), t, 0)
	h.ok(err)
	h.queues(1)
	h.queues(0)
	h.clock.advance(5*day + time.Hour)
	h.queues(1)
	h.hears("token.created", "token.expiring", "token.expiring", "token.expiring")
}

func expiryOfNobody(h *house) {
	soon := func(t *token.Token) { t.ExpiresAt = h.clock.instant().Add(time.Hour) }
	silent := h.addToken(soon)
	gone := h.addToken(soon, func(t *token.Token) { t.Webhook = shopHook })
	h.ok(second(h.RevokeToken(ctx, act(""), gone.Handle)))
	h.addToken(func(t *token.Token) { t.Webhook = shopHook }) // never ends
	h.queues(0)
	// A URL that comes later is told what is still to come.
	silent.Webhook = shopHook
	h.ok(second(h.ReplaceToken(ctx, act(""), silent, 0)))
	h.queues(1)
}

func manyExpiries(h *house) {
	merchant := h.addMerchant()
	for range 250 {
		h.addToken(func(t *token.Token) {
			t.Merchant, t.Webhook, t.ExpiresAt = merchant, shopHook, h.clock.instant().Add(2*day)
		})
	}
	h.queues(250)
	h.queues(0)
}

func eventsAreTrimmed(h *house) {
	t := h.addToken(func(t *token.Token) { t.Webhook = shopHook })
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)))
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	list := h.hears("token.created", "token.rotated", "token.revoked")
	h.ok(h.HookDone(ctx, list[0].ID))
	h.ok(h.HookFailed(ctx, list[1].ID, "gone", 0))
	for _, want := range []int64{0, 1, 1, 0} {
		if n, err := h.TrimEnded(ctx); n != want || err != nil {
			h.t.Errorf("trimmed %d, %v; want %d", n, err, want)
		}
		h.clock.advance(16 * day)
	}
	h.hears("token.revoked") // what is pending stays however old
}
