package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A hundred callers who give one phone number to as many tokens at the same
// time: exactly one succeeds, and everyone else is told that it is taken.
func TestOneNumberBelongsToOneToken(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	const callers = 100
	tokens := make([]string, callers)
	for i := range tokens {
		tokens[i] = s.token(composed).Token.ID
	}
	var won, taken atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for _, id := range tokens {
		all.Go(func() {
			<-start
			switch status, answer := s.try("POST", "/admin/v1/tokens/"+id+"/phones", `{"country":"CI","number":"07 07 07 07 07"}`); status {
			case http.StatusCreated:
				won.Add(1)
			case http.StatusConflict:
				taken.Add(1)
			default:
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	close(start)
	all.Wait()
	if won.Load() != 1 || taken.Load() != callers-1 {
		t.Errorf("%d won and %d were told it is taken", won.Load(), taken.Load())
	}
}

// A flood of made-up keys is answered 429 without a look-up in the store, while
// a good key and a revoked one from the same address are answered as always.
func TestFloodOfMadeUpKeysCostsNoLookup(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig+"auth_throttle: {failures: 5, window: 1h}\n")
	goodKey, dead := s.token(composed), s.token(composed)
	s.api("POST", "/admin/v1/tokens/"+dead.Token.ID+"/revoke", "", http.StatusOK, nil)
	for _, m := range []made{goodKey, dead} { // both have been seen before
		s.send(pay(m.Credentials.Key, good))
	}
	flood := func(n int, key func(i int) string) (throttled int, lookups float64) {
		before := s.metric("tollgate_store_seconds_count", `op="load_credential"`)
		for i := range n {
			got := s.send(pay(key(i), good))
			switch got.status {
			case 429:
				throttled++
				if got.header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
			case 401:
			default:
				t.Fatalf("a made-up key is answered %d", got.status)
			}
		}
		return throttled, s.metric("tollgate_store_seconds_count", `op="load_credential"`) - before
	}
	f := func(name string, least int, most float64, key func(i int) string) {
		t.Helper()
		throttled, lookups := flood(200, key)
		t.Logf("%s: 200 requests, %d throttled, %v look-ups", name, throttled, lookups)
		if throttled < least || lookups > most {
			t.Errorf("%s: %d of 200 were throttled and %v look-ups made; want at least %d, at most %v", name, throttled, lookups, least, most)
		}
		for m, want := range map[*made]int{&goodKey: 200, &dead: 401} {
			if got := s.send(pay(m.Credentials.Key, good)); got.status != want {
				t.Errorf("%s: a known key is answered %d, want %d", name, got.status, want)
			}
		}
	}
	f("one name, many secrets", 190, 6, func(i int) string { return madeUp(t, "AAAAAAAAAAAA", i) })
	f("garbage", 190, 0, func(i int) string { return fmt.Sprintf("tg_live_garbage%d", i) })
	f("many names", 140, 51, func(i int) string { return madeUp(t, fmt.Sprintf("%012d", i), i) })
}

// madeUp is a key that nobody made, with a checksum that holds.
func madeUp(t *testing.T, id string, i int) string {
	t.Helper()
	return composeKey(id + fmt.Sprintf("%028d", i))
}

// A good key costs one look-up however many requests arrive with it at once.
func TestOneLoadForManyRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	key := s.token(composed).Credentials.Key
	before := s.metric("tollgate_store_seconds_count", `op="load_credential"`)
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 50 {
		all.Go(func() {
			<-start
			if got, err := exchange(s.gateway, strings.Replace(pay(key, good), "gw", "gw", 1)); err != nil || got.status != 200 {
				t.Errorf("%d %v", got.status, err)
			}
		})
	}
	close(start)
	all.Wait()
	// Ristretto takes a record a moment after it was handed over: a few requests
	// in that moment may look again, which is never wrong.
	if lookups := s.metric("tollgate_store_seconds_count", `op="load_credential"`) - before; lookups < 1 || lookups > 25 {
		t.Errorf("50 requests made %v look-ups", lookups)
	}
}
