package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Whatever moment the gateway is killed at, every token that its admin API has
// acknowledged is there when it starts again, whole, and its key works; what was
// not acknowledged is whole or not there at all.
func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	t.Parallel()
	file := configFile(t, siteConfig, newOrigin(t).url())
	acknowledged := map[string]string{} // keys by handle
	p := serving(t, file)
	p.addMerchant("Boutique")
	merchant := p.merchant
	for round := range 5 {
		for handle, key := range p.createUntilKilled(time.Duration(30+rand.IntN(300)) * time.Millisecond) {
			acknowledged[handle] = key
		}
		p = serving(t, file)
		p.merchant = merchant
		p.inspect(acknowledged)
		if t.Failed() {
			t.Fatalf("after round %d", round)
		}
	}
	t.Logf("%d acknowledged", len(acknowledged))
}

// createUntilKilled makes tokens from several callers at once until the process
// is killed, some time after the first was acknowledged.
func (p *process) createUntilKilled(after time.Duration) map[string]string {
	p.t.Helper()
	var mu sync.Mutex
	keys := map[string]string{}
	first := make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for {
				m, err := p.tryToken()
				if err != nil {
					return // killed
				}
				mu.Lock()
				keys[m.Token.ID] = m.Credentials.Key
				mu.Unlock()
				once.Do(func() { close(first) })
			}
		})
	}
	select {
	case <-first:
	case <-time.After(20 * time.Second):
		p.t.Fatal("no token is made")
	}
	time.AfterFunc(after, func() { _ = p.cmd.Process.Signal(syscall.SIGKILL) })
	all.Wait()
	if err := p.wait(10 * time.Second); err == nil {
		p.t.Fatal("it ended by itself")
	}
	return keys
}

// tryToken makes a token, or fails as the connection does.
func (p *process) tryToken() (m made, err error) {
	body := fmt.Sprintf(`{"merchant_id":%q,"name":"t","environment":"live","credentials":["key","client"],%s}`, p.merchant, composed)
	req, err := http.NewRequest("POST", "http://"+p.admin+"/admin/v1/tokens", bytes.NewReader([]byte(body)))
	if err != nil {
		return m, err
	}
	req.Header.Set("Authorization", "Bearer "+p.adminKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return m, fmt.Errorf("status %d", resp.StatusCode)
	}
	return m, json.NewDecoder(resp.Body).Decode(&m)
}

// inspect sees that what was acknowledged is there and works, and that all there
// is is whole.
func (p *process) inspect(acknowledged map[string]string) {
	p.t.Helper()
	missing := len(acknowledged)
	for cursor, first := "", true; first || cursor != ""; first = false {
		var page struct {
			Items []struct {
				tokenView
				Generations map[string][]any
			}
			Next string `json:"next_cursor"`
		}
		p.api("GET", "/admin/v1/tokens?limit=1000&status=ALL&cursor="+cursor, "", http.StatusOK, &page)
		for _, token := range page.Items {
			if acknowledged[token.ID] != "" {
				missing--
			}
			if len(token.Composition["CI"]) != 2 || token.ClientID == "" || token.KeyHint == "" || len(token.Generations["key"]) != 1 || len(token.Generations["client_secret"]) != 1 {
				p.t.Errorf("%s is not whole: %+v", token.ID, token)
			}
		}
		cursor = page.Next
	}
	if missing != 0 {
		p.t.Errorf("%d acknowledged tokens are missing", missing)
	}
	for handle, key := range acknowledged {
		if got := p.send(pay(key, good)); got.status != http.StatusOK {
			p.t.Errorf("the key of %s is answered %d", handle, got.status)
		}
	}
}
