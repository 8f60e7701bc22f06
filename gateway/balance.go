package gateway

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// How long a target rests after dials that failed: from the first failure on,
// doubled with each, up to the last.
const (
	firstRest = time.Second
	lastRest  = 8 * time.Second
)

// tour is one request's way along an upstream's targets. It begins at the next
// one in turn and stays with a target until nothing can be had from it.
type tour struct {
	begun    bool
	now      time.Time // when it begins; refreshed after whatever may have taken long
	start    int
	spent    uint64   // one bit for each target that gave nothing
	last     *backend // the last that was tried
	attempts int      // connections that something was tried on, dials included
	caller   string   // whose request it is, for the targets' circuits
	pass     *bout    // not nil: it is a trial of the last target
}

// connect gives a connection on which nothing has been sent: a pooled one that
// is quiet, else a new one, at the first target of the tour that has either. It
// is nil when no target is left.
//
// Targets that the health check calls down, or whose circuit is open for the
// caller, are left out altogether. Suspect ones come last, and each is tried by
// one request at a time.
func (u *upstream) connect(t *tour, deadline time.Time) *conn {
	if !t.begun {
		t.begun = true
		t.start = int((u.next.Add(1) - 1) % uint32(len(u.targets)))
	}
	for _, desperate := range [...]bool{false, true} {
		for i := range u.targets {
			at := (t.start + i) % len(u.targets)
			b := u.targets[at]
			if t.spent&(1<<at) != 0 || b.down.Load() || !t.now.Before(deadline) {
				continue
			}
			if c := u.visit(t, b, deadline, desperate); c != nil {
				return c
			}
			if t.last == b {
				t.spent |= 1 << at
			}
		}
	}
	return nil
}

// visit gets a connection of one target, or nil. Where it tried to, and only
// then, the target is the tour's last.
func (u *upstream) visit(t *tour, b *backend, deadline time.Time, desperate bool) *conn {
	pass, ok := b.circuit.admit(t.caller, t.now)
	if !ok {
		return nil
	}
	c := b.take(t.now)
	if c == nil && !b.mayDial(t.now, desperate) {
		b.circuit.release(pass)
		return nil
	}
	t.last = b
	t.attempts++
	if c == nil {
		c = u.tryDial(b, t.now, deadline)
		t.now = time.Now()
	}
	if c == nil {
		b.circuit.release(pass)
		return nil
	}
	t.pass = pass
	return c
}

// spend marks the target of a connection that took nothing though it was new.
func (u *upstream) spend(t *tour, b *backend) {
	for at, other := range u.targets {
		if other == b {
			t.spent |= 1 << at
		}
	}
}

// mayDial reports whether a request may dial the target now. A true for a
// suspect target is the only one until the dial has succeeded or failed.
func (b *backend) mayDial(now time.Time, desperate bool) bool {
	if b.failures.Load() == 0 {
		return true
	}
	if !desperate && now.UnixNano() < b.restsTo.Load() {
		return false
	}
	return b.onTrial.CompareAndSwap(false, true)
}

// tryDial dials one target and keeps its standing. It makes room first: a slot
// gives a right to one connection, which an idle one may be standing on.
func (u *upstream) tryDial(b *backend, now, deadline time.Time) *conn {
	if u.open.Add(1) > int64(u.spec.MaxConns) {
		u.makeRoom()
	}
	limit := now.Add(u.spec.ConnectTimeout)
	hurried := deadline.Before(limit)
	if hurried {
		limit = deadline
	}
	c, err := u.dial(context.Background(), b, limit)
	if err == nil {
		b.failures.Store(0)
		b.onTrial.Store(false)
		return c
	}
	u.open.Add(-1)
	u.complain(b, "upstream target cannot be reached", err)
	if !ourOwnFault(err) && !(hurried && isTimeout(err)) {
		b.rest(now)
	}
	b.onTrial.Store(false)
	return nil
}

func (u *upstream) makeRoom() {
	for _, b := range u.targets {
		if b.evict() {
			return
		}
	}
}

func (b *backend) rest(now time.Time) {
	n := b.failures.Add(1)
	pause := lastRest
	if n < 4 {
		pause = firstRest << (n - 1)
	}
	b.restsTo.Store(now.Add(pause).UnixNano())
}

// ourOwnFault reports an error of this machine that says nothing about a
// target: no descriptors, ports or memory left.
func ourOwnFault(err error) bool {
	for _, own := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// isTimeout reports whether err says that a deadline passed.
func isTimeout(err error) bool {
	var late interface{ Timeout() bool }
	return errors.As(err, &late) && late.Timeout()
}
