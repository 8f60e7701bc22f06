package auth

import (
	"context"
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/policy/token"
)

// Uses gathers when credentials were last used, for writing them down in
// batches: the request path never waits for the store. Recording a credential
// that is in the batch already takes no lock and does not allocate, but for
// once a second. It is safe for concurrent use.
type Uses struct {
	seed    maphash.Seed
	most    int64
	front   [1 << 12]atomic.Pointer[use] // who was recorded lately, found without a lock
	shards  [64]useShard
	size    atomic.Int64
	dropped atomic.Uint64

	flushing sync.Mutex
	write    func(context.Context, []token.Use) error
}

type useShard struct {
	mu   sync.Mutex
	uses map[useKey]*use
}

type useKey struct {
	handle     token.Handle
	user       string
	kind       token.Kind
	generation int
}

// hash places the key in the front and among the shards. It does not allocate.
func (k *useKey) hash(seed maphash.Seed) uint64 {
	name := string(k.handle)
	if k.user != "" {
		name = k.user
	}
	return maphash.String(seed, name) + uint64(k.kind) + uint64(k.generation)<<8
}

// use is one credential of the batch under way.
type use struct {
	key     useKey
	seen    atomic.Int64 // when it was last noted, as a token.Instant
	placed  atomic.Bool  // an address was noted with it
	mu      sync.Mutex
	at      token.Instant
	ip      netip.Addr
	written bool // it left with a batch: what comes now belongs to the next
}

// fine is how exact the time of a last use is.
const fine = token.Instant(time.Second / time.Microsecond)

// NewUses writes batches with write. A batch holds at most most credentials;
// what comes on top is left out and counted.
func NewUses(write func(context.Context, []token.Use) error, most int) (*Uses, error) {
	if write == nil || most < 1 {
		return nil, fmt.Errorf("auth: last uses need somewhere to be written, and room for at least one, not %d", most)
	}
	return &Uses{seed: maphash.MakeSeed(), most: int64(most), write: write}, nil
}

// Record notes that p was used at now, from src where it is known.
func (u *Uses) Record(p *token.Principal, src *token.Source, now token.Instant) {
	k := useKey{p.Live.Handle, p.User, p.Kind, p.Generation}
	var ip netip.Addr
	if src != nil {
		ip = src.Addr
	}
	h := k.hash(u.seed)
	slot := &u.front[h%uint64(len(u.front))]
	if e := slot.Load(); e != nil && e.key == k && e.note(now, ip) {
		return
	}
	for {
		e := u.find(k, h)
		if e == nil {
			u.dropped.Add(1)
			return
		}
		if e.note(now, ip) {
			slot.Store(e)
			return
		}
	}
}

// find is the use of k in the batch under way; nil when the batch is full.
func (u *Uses) find(k useKey, h uint64) *use {
	s := &u.shards[h>>32%uint64(len(u.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.uses[k]; e != nil {
		return e
	}
	if u.size.Add(1) > u.most {
		u.size.Add(-1)
		return nil
	}
	if s.uses == nil {
		s.uses = make(map[useKey]*use)
	}
	e := &use{key: k}
	s.uses[k] = e
	return e
}

// note keeps a use; false when the entry has left with its batch.
func (e *use) note(now token.Instant, ip netip.Addr) bool {
	if seen := token.Instant(e.seen.Load()); now >= seen && now < seen+fine && (e.placed.Load() || !ip.IsValid()) {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.written {
		return false
	}
	e.at = max(e.at, now)
	if ip.IsValid() {
		e.ip = ip
		e.placed.Store(true)
	}
	e.seen.Store(int64(e.at))
	return true
}

// Flush writes what was gathered since the last one. Call it at least once a
// minute, and once at the end. What cannot be written stays for the next time.
func (u *Uses) Flush(ctx context.Context) error {
	u.flushing.Lock()
	defer u.flushing.Unlock()
	var batch []token.Use
	for i := range u.shards {
		s := &u.shards[i]
		s.mu.Lock()
		uses := s.uses
		s.uses = nil
		u.size.Add(-int64(len(uses)))
		s.mu.Unlock()
		for _, e := range uses {
			batch = append(batch, e.leave())
		}
	}
	for i := range u.front {
		if e := u.front[i].Load(); e != nil {
			u.front[i].CompareAndSwap(e, nil)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	if err := u.write(ctx, batch); err != nil {
		u.keep(batch)
		return fmt.Errorf("auth: last uses of %d credentials stay unwritten: %w", len(batch), err)
	}
	return nil
}

// leave takes the entry out of reach of note and says what it gathered.
func (e *use) leave() token.Use {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.written = true
	w := token.Use{Handle: e.key.handle, User: e.key.user, Kind: e.key.kind, Generation: e.key.generation, At: e.at}
	if e.ip.IsValid() {
		w.IP = e.ip.String()
	}
	return w
}

// keep puts back what could not be written, under what has come in since.
func (u *Uses) keep(batch []token.Use) {
	for _, w := range batch {
		k := useKey{w.Handle, w.User, w.Kind, w.Generation}
		e := u.find(k, k.hash(u.seed))
		if e == nil {
			u.dropped.Add(1)
			continue
		}
		ip, _ := netip.ParseAddr(w.IP) // ours; no address is the zero one
		e.mu.Lock()
		e.at = max(e.at, w.At)
		if !e.ip.IsValid() && ip.IsValid() {
			e.ip = ip
			e.placed.Store(true)
		}
		e.mu.Unlock()
	}
}

// Dropped is how many uses a full batch left out since the start.
func (u *Uses) Dropped() uint64 { return u.dropped.Load() }
