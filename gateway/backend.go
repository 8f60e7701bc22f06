package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// backend is one target of an upstream: where to dial, what is pooled, and what
// is known about its health.
type backend struct {
	upstream *upstream
	address  string      // host:port
	host     string      // the Host header when the target's is sent
	tls      *tls.Config // nil: plain

	down    atomic.Bool // the health check says so
	circuit *circuit    // what its answers say

	// A dial that fails makes the target suspect until one succeeds. A suspect
	// target is tried by one request at a time, and rests between tries as long
	// as there are others, so that a dead target costs its timeout once and not
	// once for each request.
	failures atomic.Int32
	restsTo  atomic.Int64 // unix nanoseconds
	onTrial  atomic.Bool

	// A target that said a word unasked is not trusted with kept connections for
	// a while: a look before use finds what has come, not what is on its way.
	aloneTo atomic.Int64 // unix nanoseconds

	complained atomic.Int64 // unix nanoseconds of the last line in the log

	mu   sync.Mutex
	pool []*conn // idle, the longest idle first
}

func (u *upstream) readTargets() error {
	var all []error
	for _, text := range u.spec.Targets {
		b, err := u.readTarget(text)
		if err != nil {
			all = append(all, err)
			continue
		}
		u.targets = append(u.targets, b)
	}
	return errors.Join(all...)
}

// readTarget reads scheme://host[:port]. A user name in it is refused without
// being quoted: it may come with a password.
func (u *upstream) readTarget(text string) (*backend, error) {
	if strings.Contains(text, "@") {
		return nil, errors.New("a target holds a user name or password; send them with headers: {Authorization: …}")
	}
	at, err := url.Parse(text)
	if err != nil || at.Hostname() == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("target %q: write http://host:port or https://host:port", text)
	}
	if at.Path != "" && at.Path != "/" || at.RawQuery != "" || at.ForceQuery || at.Fragment != "" {
		return nil, fmt.Errorf("target %q: a target has no path or query; requests keep the client's own", text)
	}
	port := at.Port()
	switch {
	case port == "" && at.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, fmt.Errorf("target %q: port %s is not between 1 and 65535", text, port)
	}
	b := &backend{upstream: u, address: net.JoinHostPort(at.Hostname(), port), host: at.Host}
	b.circuit = newCircuit(u.spec.Eject, func(e circuitEvent) { u.tellCircuit(b, e) })
	if !isHost(b.host) {
		return nil, fmt.Errorf("target %q: the host holds a character that cannot be sent", text)
	}
	if at.Scheme == "https" {
		b.tls = tlsFor(at.Hostname(), &u.spec.TLS)
	}
	return b, nil
}

// take gives the connection that was used last and is still good, or nil. Those
// that are not, because they are old or something waits on them, are closed:
// nothing was sent on them, so nobody loses anything.
func (b *backend) take(now time.Time) *conn {
	for {
		b.mu.Lock()
		n := len(b.pool)
		if n == 0 {
			b.mu.Unlock()
			return nil
		}
		c := b.pool[n-1]
		b.pool[n-1] = nil
		b.pool = b.pool[:n-1]
		b.mu.Unlock()
		if now.Sub(c.idle) < maxIdle && now.Sub(c.born) < maxAge && !b.alone(now) {
			switch c.look() {
			case nothing:
				c.reused = true
				return c
			case aWord:
				b.distrust(now)
			case anEnd:
				b.upstream.count(faultIdleEnd)
			}
		}
		b.end(c)
	}
}

// give puts back a connection whose answer was read to its end, at now, unless
// something is left on it.
func (b *backend) give(c *conn, now time.Time) {
	left := c.inside()
	if left == aWord {
		b.distrust(now)
	}
	if left != nothing || now.Sub(c.born) >= maxAge || b.alone(now) {
		b.end(c)
		return
	}
	c.idle = now
	b.mu.Lock()
	closed := b.upstream.closed.Load() // under the lock: close empties the pool after us, or we see it
	if !closed {
		b.pool = append(b.pool, c)
	}
	b.mu.Unlock()
	if closed {
		b.end(c)
	}
}

// distrust ends the keeping of connections to the target for a while. HTTP/1.1
// cannot tell which request an answer belongs to: with a target that answers
// twice, only a connection for each request is safe.
func (b *backend) distrust(now time.Time) {
	b.aloneTo.Store(now.Add(distrustFor).UnixNano())
	b.upstream.count(faultUnasked)
	b.upstream.complain(b, "upstream target is not trusted with kept connections for a while", faultUnasked)
}

// alone reports whether each request to the target has a connection to itself.
func (b *backend) alone(now time.Time) bool {
	return b.upstream.spec.NoKeepAlive || now.UnixNano() < b.aloneTo.Load()
}

// end closes a connection for good.
func (b *backend) end(c *conn) {
	c.drop()
	b.upstream.open.Add(-1)
}

// expire closes the connections that have been idle since before the given
// time; the zero time means all of them.
func (b *backend) expire(before time.Time) {
	b.mu.Lock()
	n := 0
	for n < len(b.pool) && (before.IsZero() || b.pool[n].idle.Before(before)) {
		n++
	}
	old := append([]*conn(nil), b.pool[:n]...)
	b.shift(n)
	b.mu.Unlock()
	for _, c := range old {
		b.end(c)
	}
}

// evict closes the longest idle connection and reports whether there was one.
func (b *backend) evict() bool {
	b.mu.Lock()
	if len(b.pool) == 0 {
		b.mu.Unlock()
		return false
	}
	c := b.pool[0]
	b.shift(1)
	b.mu.Unlock()
	b.end(c)
	return true
}

// shift takes the first n out of the pool, whose lock is held.
func (b *backend) shift(n int) {
	kept := copy(b.pool, b.pool[n:])
	clear(b.pool[kept:])
	b.pool = b.pool[:kept]
}
