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
	failures int
	names    *counters // by source and name, and by name alone
	sources  *counters
	here     atomic.Pointer[counter] // failures of the header phase, of all sources
	refused  atomic.Uint64
}

// NewThrottle refuses more than the given failures in a window of time, for a
// source and name; ten times as many for a source.
func NewThrottle(failures int, window time.Duration) (*Throttle, error) {
	if failures < 1 || failures > 1_000_000 {
		return nil, errors.New("auth: auth_throttle.failures must be 1 to 1000000")
	}
	if window < time.Second || window > 24*time.Hour {
		return nil, errors.New("auth: auth_throttle.window must be 1s to 24h")
	}
	t := &Throttle{failures: failures, names: newCounters(window, 1<<14), sources: newCounters(window, 1<<13)}
	t.here.Store(&counter{})
	return t, nil
}

// Refuses reports whether there were too many failures from the source under
// this name for another look-up. known says that the name is somebody's whom
// we remember: then the source's failures under other names are not held
// against it.
func (t *Throttle) Refuses(src token.Source, name []byte, known bool, now token.Instant) bool {
	addr := from(src)
	over := t.names.count(t.names.key(addr, name), now) >= t.failures ||
		!known && t.sources.count(t.sources.key(addr, nil), now) >= wide*t.failures
	if over {
		t.refused.Add(1)
	}
	return over
}

// Count notes a failed attempt.
func (t *Throttle) Count(src token.Source, name []byte, now token.Instant) {
	addr := from(src)
	t.names.add(t.names.key(addr, name), now)
	t.sources.add(t.sources.key(addr, nil), now)
	if len(name) > 0 {
		t.names.add(t.names.key(netip.Addr{}, name), now)
	}
}

// RefusesHere is Refuses where the source is not known yet: too many failures
// under this name from anywhere, or, unless it is known, too many look-ups for
// nothing that began here.
func (t *Throttle) RefusesHere(name []byte, known bool, now token.Instant) bool {
	return t.names.count(t.names.key(netip.Addr{}, name), now) >= t.failures ||
		!known && t.here.Load().at(t.names.window, now) >= wide*t.failures
}

// CountHere notes a look-up for nothing where the source was not known.
func (t *Throttle) CountHere(now token.Instant) {
	for {
		old := t.here.Load()
		next := *old
		next.add(t.names.window, now)
		if t.here.CompareAndSwap(old, &next) {
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
