package gateway

import (
	"context"
	"time"
)

// downAfter is how many checks in a row must fail before a target is left out:
// one lost packet is no outage. A single good one brings it back.
const downAfter = 2

// watch checks one target until ctx ends. A target counts as healthy until its
// checks say otherwise, so that a start does not wait for them.
func (u *upstream) watch(ctx context.Context, b *backend) {
	tick := time.NewTicker(u.spec.Health.Interval)
	defer tick.Stop()
	failed, known := 0, false
	for {
		err := u.probe(ctx, b)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failed = 0
			b.failures.Store(0)
		} else {
			failed++
		}
		down := failed >= downAfter
		if !known || down != b.down.Load() {
			known = true
			b.down.Store(down)
			if u.context.healthy != nil {
				u.context.healthy(b.address, !down)
			}
			if down {
				u.complain(b, "upstream target is unhealthy", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// faultUnwell is an answer to a health check that is neither 2xx nor 3xx.
const faultUnwell = fault("the health check was answered with an error status")

// probe asks a target once, on a connection of its own that is closed
// afterwards: it must work when the pool is full, and it must not find out only
// that an old connection still works. The whole check takes at most as long as
// the interval, or as the connect timeout where that is longer, and never longer
// than a request may.
func (u *upstream) probe(ctx context.Context, b *backend) error {
	deadline := time.Now().Add(min(max(u.spec.Health.Interval, u.spec.ConnectTimeout), u.spec.Timeout))
	c, err := u.dial(ctx, b, deadline)
	if err != nil {
		return err
	}
	defer c.drop()
	defer context.AfterFunc(ctx, c.drop)()
	x := acquireExchange()
	defer x.end(time.Time{})
	x.out = append(x.out, "GET "...)
	x.out = append(x.out, u.spec.Health.Path...)
	x.out = append(x.out, " HTTP/1.1\r\nHost: "...)
	if u.host != "" {
		x.out = append(x.out, u.host...)
	} else {
		x.out = append(x.out, b.host...)
	}
	x.out = append(x.out, "\r\nUser-Agent: tollgate-health\r\nConnection: close\r\n\r\n"...)
	if err := c.begin(deadline); err != nil {
		return err
	}
	if _, err := c.send(x.out, nil); err != nil {
		return err
	}
	x.conn = c
	err = x.readAnswer()
	x.conn = nil // it is no pooled one: dropped above
	if err != nil && err != faultUnframed {
		return err
	}
	if x.answer.status >= 400 {
		return faultUnwell
	}
	return nil
}
