//go:build linux && !race

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// slowConfig has short deadlines, and a route with answers that no socket holds.
const slowConfig = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
limits: {max_conns: 4000, read_header_timeout: 2s, read_body_timeout: 2s, write_timeout: 2s, idle_timeout: 30s}
upstreams:
  origin: {targets: [ORIGIN], max_conns: 4096}
routes:
  - match: {path: /v1/payments, methods: [POST]}
    upstream: origin
    dialects: [payment, oauth]
    facts: none
  - match: {path: "/v1/payments/{id}", methods: [GET]}
    upstream: origin
    dialects: [payment, oauth]
    facts: none
  - {match: {path: /v1/statements, methods: [GET]}, upstream: origin, dialects: [payment], facts: none}
`

const slowConns = 1000

// A thousand slow clients of each kind that slowhttptest knows, slow to send
// their headers, slow to send a body that they may send, slow to read an answer:
// each is cut off at its deadline, the service is there for whoever asks, and an
// ordinary client's 99th percentile stays below twice what it was.
func TestSoakAThousandSlowClients(t *testing.T) {
	program(t, "slowhttptest")
	if !inOwnNetwork(t) {
		return
	}
	long, judged := soak(t, 0)
	g, key := slowSite(t)
	for _, mode := range []struct{ name, flag, path, verb string }{
		{"headers", "-H", "/v1/payments/1", "GET"},
		{"body", "-B", "/v1/payments", "POST"},
		{"read", "-X", "/v1/statements", "GET"},
	} {
		t.Run(mode.name, func(t *testing.T) {
			g.t = t
			before := g.ordinary(key, after(max(2*time.Second, long/10)))
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for began := time.Now(); ; {
					g.slowly(&slowMode{mode.flag, mode.verb, mode.path, key, judged})
					if t.Failed() || time.Since(began) > long/4 {
						return
					}
				}
			}()
			meanwhile := g.ordinary(key, ended)
			ratio := float64(percentile(meanwhile, 99)) / float64(percentile(before, 99))
			t.Logf("an ordinary client: p50 %v, p99 %v before; p50 %v, p99 %v meanwhile (%d requests): %.2f times",
				percentile(before, 50), percentile(before, 99), percentile(meanwhile, 50), percentile(meanwhile, 99), len(meanwhile), ratio)
			if judged && ratio >= 2 {
				t.Errorf("the 99th percentile is %.2f times what it was, want less than 2", ratio)
			}
		})
	}
	g.t = t
	g.wantStatus(pay(key, good), 200)
	g.alive()
}

func slowSite(t *testing.T) (g *gate, key string) {
	origin := newOrigin(t)
	origin.does(func(conn net.Conn, r *http.Request) bool {
		body := `{"status":"PENDING"}`
		if r.URL.Path == "/v1/statements" {
			body = strings.Repeat("x", 256<<10)
		}
		_, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		return err == nil
	})
	g = launch(t, slowConfig, origin.url())
	key = g.token(composed).Credentials.Key
	g.warm(key)
	return g, key
}

func after(d time.Duration) <-chan struct{} {
	done := make(chan struct{})
	time.AfterFunc(d, func() { close(done) })
	return done
}

// ordinary is a client that sends a request every few milliseconds on one
// connection until done, and how long each took.
func (g *gate) ordinary(key string, done <-chan struct{}) (took []time.Duration) {
	g.t.Helper()
	pace := time.NewTicker(4 * time.Millisecond)
	defer pace.Stop()
	c := g.dial()
	for {
		select {
		case <-done:
			return took
		case <-pace.C:
		}
		began := time.Now()
		got := c.pays(key)
		took = append(took, time.Since(began))
		if got.status != 200 {
			g.t.Fatalf("an ordinary client is answered %d %s", got.status, got.body)
		}
		if got.last {
			c = g.dial()
		}
	}
}

func percentile(took []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// slowMode is one way to be slow.
type slowMode struct {
	flag, verb, path, key string
	gently                bool // connects at a pace that leaves the machine to others
}

// slowly runs slowhttptest and holds its report, and the process, to what was
// promised. It gives up only long after the deadline of every connection.
func (g *gate) slowly(m *slowMode) {
	files := g.descriptors()
	rate := "1000"
	if m.gently {
		rate = "200"
	}
	report := filepath.Join(g.t.TempDir(), "slow")
	cmd := exec.Command("slowhttptest", m.flag, "-c", fmt.Sprint(slowConns), "-r", rate, "-i", "1", "-l", "30", "-p", "3", "-g", "-o", report,
		"-s", "8192", "-w", "10", "-y", "20", "-n", "1", "-z", "512", "-t", m.verb,
		"-u", "http://"+g.gateway+m.path, "-j", "a=b\r\nAuthorization: Bearer "+m.key)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	said := colours.ReplaceAllString(string(out), "")
	if err != nil || !strings.Contains(said, "No open connections left") {
		g.t.Errorf("slowhttptest %s: %v, and connections were open when it gave up:\n%s", m.flag, err, said[max(0, len(said)-600):])
	}
	table, err := os.ReadFile(report + ".csv")
	if err != nil {
		g.t.Error(err)
		return
	}
	seconds, available := 0, 0
	for line := range strings.Lines(string(table)) {
		var n, closed, pending, connected, service int
		if _, err := fmt.Sscanf(line, "%d,%d,%d,%d,%d", &n, &closed, &pending, &connected, &service); err == nil {
			if seconds++; service > 0 {
				available++
			}
		}
	}
	g.t.Logf("slowhttptest %s: the last connection was closed in second %d; the service was available in %d of them", m.flag, seconds, available)
	if seconds == 0 || available != seconds {
		g.t.Errorf("slowhttptest %s found the service away:\n%s", m.flag, table)
	}
	g.within(5*time.Second, "the end of every slow connection's descriptor", func() bool { return g.descriptors() < files+20 })
}
