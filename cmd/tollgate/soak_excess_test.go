//go:build linux && !race

package main

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// More requests than the machine can do, of one token: what is beyond its rate
// is answered 429 at once with the time to come back, what is within is served,
// and the health checks of both planes are answered all the while.
func TestSoakMoreThanTheMachineCanDo(t *testing.T) {
	length, judged := soak(t, 3*time.Second)
	length = min(length, 30*time.Second)
	const second = 200 // requests that the token may make
	g := launch(t, siteConfig, newOrigin(t).url())
	key := g.token(composed, `"rate":"200/s burst 200"`).Credentials.Key
	done := after(length)
	var served, refused atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range 64 {
		all.Go(func() {
			c := g.dial()
			for {
				select {
				case <-done:
					return
				default:
				}
				got, err := c.asks(get(key, "/v1/payments/1"))
				switch {
				case err == nil && got.status == 200:
					served.Add(1)
				case err == nil && got.status == 429 && got.header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("answered %d %s, %v", got.status, got.body, err)
					return
				}
				if got.last {
					c = g.dial()
				}
			}
		})
	}
	took := g.healthy(done)
	all.Wait()
	elapsed := time.Since(began)
	t.Logf("%d served and %d refused in %v; health checks: p50 %v, p99 %v of %d", served.Load(), refused.Load(), elapsed, percentile(took, 50), percentile(took, 99), len(took))
	if most := int64(second + second*elapsed.Seconds() + 1); served.Load() > most || served.Load() < most/2 || refused.Load() == 0 {
		t.Errorf("%d were served and %d refused, want about %d served", served.Load(), refused.Load(), most)
	}
	if p99 := percentile(took, 99); judged && p99 > 500*time.Millisecond {
		t.Errorf("the 99th percentile of the health checks is %v", p99)
	}
	g.alive()
}

// healthy asks both planes how they are until done, and gives how long each
// answer took.
func (g *gate) healthy(done <-chan struct{}) (took []time.Duration) {
	g.t.Helper()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-done:
			return took
		case <-pace.C:
		}
		began := time.Now()
		resp, err := http.Get("http://" + []string{g.admin + "/healthz", g.gateway + "/-/healthz"}[n%2])
		if err != nil {
			g.t.Errorf("a health check: %v", err)
			return took
		}
		resp.Body.Close()
		if took = append(took, time.Since(began)); resp.StatusCode != 200 {
			g.t.Errorf("a health check is answered %d", resp.StatusCode)
		}
	}
}
