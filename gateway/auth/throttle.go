package auth

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"tollgate/policy/token"
)

// wide is how many times the failures of one name a source may have over all
// the names it tries.
const wide = 10

// Throttle counts failed attempts: by source and presented name, by source
// alone, which bounds made-up names, and by name alone for the header phase,
// which knows no source. A source is an IPv4 address or an IPv6 /64; a name is
// the handle of a key, a client id, or nothing where what was presented is
// malformed.
//
// Its memory is fixed. Under a flood from very many sources small counts give
// way before large ones. It is safe for concurrent use. Whoever asks may let
// through as many attempts more as are under way at that moment: an attempt is
// counted when it has failed, never before, since one that succeeds must leave
// no trace.
type Throttle struct {
	attempts atomic.Pointer[attempts]
	refused  atomic.Uint64
}

// attempts is what was counted under one pair of settings.
type attempts struct {
	failures int
	names    *counters // by source and name, and by name alone
	sources  *counters
	here     atomic.Pointer[counter] // failures of the header phase, of all sources
}

// NewThrottle refuses more than the given failures in a window of time, for a
// source and name; ten times as many for a source.
func NewThrottle(failures int, window time.Duration) (*Throttle, error) {
	t := &Throttle{}
	if err := t.Change(failures, window); err != nil {
		return nil, err
	}
	return t, nil
}

// Change puts other settings in force, or says why it cannot and changes
// nothing. Counting begins anew.
func (t *Throttle) Change(failures int, window time.Duration) error {
	if failures < 1 || failures > 1_000_000 {
		return errors.New("auth: auth_throttle.failures must be 1 to 1000000")
	}
	if window < time.Second || window > 24*time.Hour {
		return errors.New("auth: auth_throttle.window must be 1s to 24h")
	}
	a := &attempts{failures: failures, names: newCounters(window, 1<<14), sources: newCounters(window, 1<<13)}
	a.here.Store(&counter{})
	t.attempts.Store(a)
	return nil
}

// Refuses reports whether there were too many failures from the source under
// this name for another look-up. known says that the name is somebody's whom
// we remember: then the source's failures under other names are not held
// against it.
func (t *Throttle) Refuses(src token.Source, name []byte, known bool, now token.Instant) bool {
	a, addr := t.attempts.Load(), from(src)
	over := a.names.count(a.names.key(addr, name), now) >= a.failures ||
		!known && a.sources.count(a.sources.key(addr, nil), now) >= wide*a.failures
	if over {
		t.refused.Add(1)
	}
	return over
}

// Count notes a failed attempt.
func (t *Throttle) Count(src token.Source, name []byte, now token.Instant) {
	a, addr := t.attempts.Load(), from(src)
	a.names.add(a.names.key(addr, name), now)
	a.sources.add(a.sources.key(addr, nil), now)
	if len(name) > 0 {
		a.names.add(a.names.key(netip.Addr{}, name), now)
	}
}

// RefusesHere is Refuses where the source is not known yet: too many failures
// under this name from anywhere, or, unless it is known, too many look-ups for
// nothing that began here.
func (t *Throttle) RefusesHere(name []byte, known bool, now token.Instant) bool {
	a := t.attempts.Load()
	return a.names.count(a.names.key(netip.Addr{}, name), now) >= a.failures ||
		!known && a.here.Load().at(a.names.window, now) >= wide*a.failures
}

// CountHere notes a look-up for nothing where the source was not known.
func (t *Throttle) CountHere(now token.Instant) {
	a := t.attempts.Load()
	for {
		old := a.here.Load()
		next := *old
		next.add(a.names.window, now)
		if a.here.CompareAndSwap(old, &next) {
			return
		}
	}
}

// Refused is how many look-ups were refused since the start, for metrics.
func (t *Throttle) Refused() uint64 { return t.refused.Load() }

// from is the address that a source's failures are counted for: the peer's
// where the client's could not be told.
func from(src token.Source) netip.Addr {
	if addr := src.Throttle(); addr.IsValid() {
		return addr
	}
	return token.Source{Addr: src.Peer}.Throttle()
}

func (c *counters) key(addr netip.Addr, name []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	if addr.IsValid() {
		b := addr.As16()
		_, _ = h.Write(b[:])
	}
	_ = h.WriteByte(0)
	_, _ = h.Write(name)
	return h.Sum64() | 1 // zero is an empty counter
}
