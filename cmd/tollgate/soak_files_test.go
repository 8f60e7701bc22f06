//go:build linux && !race

package main

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// A thousand connections against a process that may open 256 files. With its
// limit derived from that, those who are in are served all the while, with
// descriptors left for upstreams, the store and the admin side; where somebody
// configured more connections than there are files, accepting waits until there
// are some. Either way it serves again within a second after they have gone.
func TestSoakAThousandConnectionsOn256Files(t *testing.T) {
	for name, limits := range map[string]string{
		"derived":           "limits: {read_header_timeout: 30s}\n",
		"more than allowed": "limits: {read_header_timeout: 30s, max_conns: 5000}\n",
	} {
		t.Run(name, func(t *testing.T) {
			g := launch(t, siteConfig+limits, newOrigin(t).url(), wrapped("ulimit -n 256")...)
			key := g.token(composed).Credentials.Key
			g.wantStatus(pay(key, good), 200)
			inside := g.dial()
			held := gather(t, crowdOrder{Addr: g.gateway, Conns: 1000, Patience: 20 * time.Second})
			t.Logf("%d stand, %d descriptors are open, failed %v", held.Open, g.descriptors(), held.Failed)
			if name == "derived" {
				for range 20 {
					if got := inside.pays(key); got.status != 200 {
						t.Errorf("meanwhile a connection that is in is answered %d %s", got.status, got.body)
					}
				}
				g.token(composed)
			} else {
				g.within(10*time.Second, "the longest pause between two tries to accept", func() bool {
					return g.metric("tollgate_connections_refused_total", "accept_error") >= 10
				})
			}
			held.leave()
			took := g.within(time.Second, "service after they have gone", func() bool {
				got, err := exchange(g.gateway, pay(key, good))
				return err == nil && got.status == 200
			})
			t.Logf("serving again after %v", took)
			g.alive()
		})
	}
}

// caller is one connection that is kept.
type caller struct {
	g    *gate
	conn net.Conn
	r    *bufio.Reader
}

func (g *gate) dial() *caller {
	g.t.Helper()
	conn, err := net.DialTimeout("tcp", g.gateway, 5*time.Second)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	return &caller{g, conn, bufio.NewReader(conn)}
}

// pays sends one good payment and gives its answer.
func (c *caller) pays(key string) reply {
	c.g.t.Helper()
	got, err := c.asks(pay(key, good))
	if err != nil {
		c.g.t.Fatalf("no answer on a connection that was in: %v", err)
	}
	return got
}

// asks sends one request and gives its answer.
func (c *caller) asks(raw string) (reply, error) {
	_ = c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c.conn, raw); err != nil {
		return reply{}, err
	}
	return readReply(c.r)
}
