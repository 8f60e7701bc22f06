package main

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SIGTERM under load: /readyz turns 503 while requests are still taken, every
// request that reached the upstream gets the upstream's answer, a slow one too,
// nothing else is answered, and the process ends with 0 within 15 seconds.
func TestDrainUnderLoad(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	reached := origin.probe(func(r *http.Request) <-chan time.Time {
		if r.Header.Get("X-Probe") == "slow" {
			return time.After(4 * time.Second) // longer than the drain delay
		}
		return time.After(3 * time.Millisecond)
	})
	p := serving(t, configFile(t, siteConfig, origin.url()))
	p.addMerchant("Boutique")
	key := p.token(composed).Credentials.Key
	load := drive(p.gateway, key, 8)
	slow := make(chan reply, 1)
	go func() {
		got, _ := exchange(p.gateway, get(key, "/v1/payments/1", "X-Probe: slow"))
		slow <- got
	}()
	p.eventually("the slow request's arrival", func() bool {
		reached.mu.Lock()
		defer reached.mu.Unlock()
		return reached.seen["slow"] == 1 && len(reached.seen) > 100
	})
	p.signal(syscall.SIGTERM)
	began := time.Now()
	p.eventually("503 of /readyz", func() bool {
		resp, err := http.Get("http://" + p.admin + "/readyz")
		if err != nil {
			t.Fatalf("the admin side went before it said 503: %v", err)
		}
		resp.Body.Close()
		return resp.StatusCode == 503
	})
	if got := p.send(get(key, "/v1/payments/1", "X-Probe: after")); got.status != 200 || !got.last {
		t.Errorf("after /readyz turned 503 a request is answered %d, and its connection ends: %v", got.status, got.last)
	}
	if err := p.wait(15*time.Second - time.Since(began)); err != nil {
		t.Errorf("it ended with %v: %s", err, p.stderr)
	}
	t.Logf("ended after %v", time.Since(began))
	if got := <-slow; got.status != 200 {
		t.Errorf("the request under way was answered %d", got.status)
	}
	load.finish()
	load.check(t, reached)
	if len(load.unanswered) > 8 { // one for each client, sent as the listener closed
		t.Errorf("%d requests were not answered", len(load.unanswered))
	}
	if load.refused == 0 {
		t.Error("the load ended before the listener did")
	}
}

// check holds every request to the upstream's account: what was answered was
// answered 200 and reached it exactly once; what was not answered never did.
func (load *traffic) check(t *testing.T, reached *probes) {
	t.Helper()
	reached.mu.Lock()
	defer reached.mu.Unlock()
	for name, status := range load.answered {
		if status != 200 || reached.seen[name] != 1 {
			t.Errorf("request %s was answered %d and reached the upstream %d times", name, status, reached.seen[name])
		}
	}
	for name := range load.unanswered {
		if reached.seen[name] != 0 {
			t.Errorf("request %s reached the upstream and was not answered", name)
		}
	}
	t.Logf("%d answered, %d not answered, %d connections refused", len(load.answered), len(load.unanswered), load.refused)
}

// SIGHUP under load, with files that are good, broken and gone: no request
// fails, the last good file stays in force, and the metrics tell.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	reached := origin.probe(func(*http.Request) <-chan time.Time { return time.After(time.Millisecond) })
	file := configFile(t, siteConfig, origin.url())
	p := serving(t, file)
	p.addMerchant("Boutique")
	key := p.token(composed).Credentials.Key
	config := strings.ReplaceAll(siteConfig, "ORIGIN", origin.url())
	load := drive(p.gateway, key, 8)
	applied, refused := 0.0, 0.0
	hup := func(content string, good bool) {
		t.Helper()
		if content != "" {
			write(t, file, content)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		p.signal(syscall.SIGHUP)
		outcome, count := "refused", &refused
		if good {
			outcome, count = "applied", &applied
		}
		*count++
		p.eventually("the reload", func() bool { return p.metric("tollgate_config_reloads_total", outcome) == *count })
		if success := p.metric("tollgate_config_last_reload_success") == 1; success != good {
			t.Errorf("tollgate_config_last_reload_success says %v", success)
		}
	}
	const more = "  - match: {path: /v1/more, methods: [GET]}\n    upstream: origin\n    dialects: [payment]\n    facts: none\n"
	for range 5 {
		hup(config+more+"limits: {max_header: 32KiB, idle_timeout: 30s}\nauth_throttle: {failures: 30}\ntokens: {issuer: other}\n", true)
		p.wantStatus(get(key, "/v1/more", "X-Probe: more"), 200)
		hup(config+"rutes: []\nlimits: {max_body: lots}\n", false)
		p.wantStatus(get(key, "/v1/more", "X-Probe: more"), 200)
		hup(config+"\trate: {}\n", false)
		hup("", false)
		p.wantStatus(get(key, "/v1/more", "X-Probe: more"), 200)
		hup(config, true)
		p.wantStatus(get(key, "/v1/more", "X-Probe: none"), 404)
	}
	load.finish()
	load.check(t, reached)
	if len(load.unanswered) != 0 || load.refused != 0 || len(load.answered) < 100 {
		t.Errorf("%d answered, %d not answered, %d refused", len(load.answered), len(load.unanswered), load.refused)
	}
}
