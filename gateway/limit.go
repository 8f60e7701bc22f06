package gateway

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/policy"
	"tollgate/policy/token"
)

// limiter counts permits by the generic cell rate algorithm: a bucket is one
// number, the time at which it will be full again. Buckets are kept beside the
// rates, not in them, so that a reload or a changed token refills nothing, and
// apart from the tokens, so that a token which leaves the cache keeps its
// bucket. It is bounded: a bucket that is full is as good as none and is swept
// out when room is needed, and where every bucket of a shard is in use,
// newcomers of that shard share one.
type limiter[K comparable] struct {
	began  time.Time
	seed   maphash.Seed
	hash   func(maphash.Seed, K) uint64
	shards [limiterShards]limiterShard[K]
}

type limiterShard[K comparable] struct {
	mutex   sync.RWMutex
	buckets map[K]*bucket
	shared  bucket
	swept   int64 // when sweep last ran
}

const (
	limiterShards = 64
	bucketsAShard = 4096
)

// bucket is when it will be full again. Times in this file are nanoseconds since
// the limiter began; a bucket that was never used was full from then on.
type bucket struct{ full atomic.Int64 }

func newLimiter[K comparable](now time.Time, hash func(maphash.Seed, K) uint64) *limiter[K] {
	l := &limiter[K]{began: now, seed: maphash.MakeSeed(), hash: hash}
	for i := range l.shards {
		l.shards[i].buckets = map[K]*bucket{}
	}
	return l
}

// peek reports whether a permit is there, and how long until one is.
func (l *limiter[K]) peek(key K, rate policy.Rate, now time.Time) (wait time.Duration) {
	shard := l.shard(key)
	shard.mutex.RLock()
	b := shard.buckets[key]
	shard.mutex.RUnlock()
	if b == nil {
		return 0
	}
	_, wait = next(b.full.Load(), rate, l.at(now))
	return wait
}

func (l *limiter[K]) at(now time.Time) int64 { return now.Sub(l.began).Nanoseconds() }

// take takes a permit; where none is there it takes nothing and says how long
// until one is.
func (l *limiter[K]) take(key K, rate policy.Rate, now time.Time) (wait time.Duration) {
	at := l.at(now)
	b := l.bucket(key, at)
	for {
		full := b.full.Load()
		after, wait := next(full, rate, at)
		if wait > 0 {
			return wait
		}
		if b.full.CompareAndSwap(full, after) {
			return 0
		}
	}
}

// remaining is how many permits are there at once, and how long it is until
// there is one more; 0: there are as many as there can be.
func (l *limiter[K]) remaining(key K, rate policy.Rate, now time.Time) (n int, more time.Duration) {
	shard := l.shard(key)
	shard.mutex.RLock()
	b := shard.buckets[key]
	shard.mutex.RUnlock()
	if b == nil {
		return rate.Burst, 0
	}
	each := rate.Per.Nanoseconds() / int64(rate.Count)
	missing := max(b.full.Load()-l.at(now), 0)
	if missing == 0 {
		return rate.Burst, 0
	}
	n = max(rate.Burst-int((missing+each-1)/each), 0)
	return n, time.Duration(missing - int64(rate.Burst-n-1)*each)
}

// next is the algorithm: from when a bucket will be full to when it will be
// after one more permit, or how long until one fits.
func next(full int64, rate policy.Rate, now int64) (after int64, wait time.Duration) {
	each := rate.Per.Nanoseconds() / int64(rate.Count)
	after = max(full, now) + each
	if over := after - now - each*int64(rate.Burst); over > 0 {
		return full, time.Duration(over)
	}
	return after, 0
}

func (l *limiter[K]) shard(key K) *limiterShard[K] {
	return &l.shards[l.hash(l.seed, key)%limiterShards]
}

func (l *limiter[K]) bucket(key K, now int64) *bucket {
	shard := l.shard(key)
	shard.mutex.RLock()
	b := shard.buckets[key]
	shard.mutex.RUnlock()
	if b != nil {
		return b
	}
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	if b := shard.buckets[key]; b != nil {
		return b
	}
	if len(shard.buckets) >= bucketsAShard && !shard.sweep(now) {
		return &shard.shared
	}
	b = &bucket{}
	shard.buckets[key] = b
	return b
}

// sweep drops buckets that are full and says whether there is room now. A
// bucket that someone holds just then may lose one permit's count. It runs at
// most once a second, so that a flood of new keys costs it little.
func (s *limiterShard[K]) sweep(now int64) bool {
	if now-s.swept < int64(time.Second) {
		return false
	}
	s.swept = now
	for key, b := range s.buckets {
		if b.full.Load() <= now {
			delete(s.buckets, key)
		}
	}
	return len(s.buckets) < bucketsAShard
}

// rates are what one plan allows.
type rates struct {
	perToken policy.Rate
	perIP    policy.Rate
	quota    policy.Quota
	told     bool // in RateLimit fields
}

// rated is what compiled rules tell of a token's own rate.
type rated interface{ Rate() policy.Rate }

// rateOf is the rate of one live record: its own, or for a token that no other
// made, the plan's. A child without a rate of its own only shares its parent's.
func (r *rates) rateOf(l *token.Live) policy.Rate {
	if own, ok := l.Rules.(rated); ok {
		if rate := own.Rate(); rate.Per != 0 {
			return rate
		}
	}
	if l.Parent == nil {
		return r.perToken
	}
	return policy.Rate{}
}

// metered is what compiled rules tell of a token's own quota.
type metered interface{ Quota() policy.Quota }

// quotaOf is the quota of one live record, like rateOf. The users of a merchant
// have none: there is no token to count for.
func (r *rates) quotaOf(l *token.Live) policy.Quota {
	if l.Handle == "" {
		return policy.Quota{}
	}
	if own, ok := l.Rules.(metered); ok {
		if quota := own.Quota(); quota != (policy.Quota{}) {
			return quota
		}
	}
	if l.Parent == nil {
		return r.quota
	}
	return policy.Quota{}
}

// permits holds the buckets that a request needs a permit of: those of its
// token, of the token's parent and of its address.
type permits struct {
	tokens    *limiter[token.Handle]
	addresses *limiter[netip.Addr]
}

// newPermits measures time from now on, by the monotonic clock that now
// carries: setting the wall clock empties and fills no bucket.
func newPermits(now time.Time) *permits {
	return &permits{
		tokens: newLimiter(now, func(s maphash.Seed, h token.Handle) uint64 { return maphash.String(s, string(h)) }),
		addresses: newLimiter(now, func(s maphash.Seed, a netip.Addr) uint64 {
			b := a.As16()
			return maphash.Bytes(s, b[:])
		}),
	}
}

// bucketOf names the bucket of a live record. The dashboard users of a merchant
// have no token; they share one.
func bucketOf(l *token.Live) token.Handle {
	if l.Handle == "" {
		return token.Handle(l.Merchant)
	}
	return l.Handle
}

// empty says how long it is until every bucket of the request has a permit; 0:
// they have one now. A source that is nil is not looked at: the header phase
// does not know it.
func (s *permits) empty(r *rates, l *token.Live, src *token.Source, now time.Time) (wait time.Duration) {
	for ; l != nil; l = l.Parent {
		if rate := r.rateOf(l); rate.Per != 0 {
			wait = max(wait, s.tokens.peek(bucketOf(l), rate, now))
		}
	}
	if src != nil && r.perIP.Per != 0 {
		wait = max(wait, s.addresses.peek(src.Throttle(), r.perIP, now))
	}
	return wait
}

// take takes one permit of each bucket, or none when one of them is empty. Of
// two requests that race for the last permit of one bucket the loser may have
// taken one of another: that errs towards fewer requests, never towards more.
func (s *permits) take(r *rates, l *token.Live, src *token.Source, now time.Time) (wait time.Duration) {
	if wait = s.empty(r, l, src, now); wait > 0 {
		return wait
	}
	for ; l != nil; l = l.Parent {
		if rate := r.rateOf(l); rate.Per != 0 {
			if wait = s.tokens.take(bucketOf(l), rate, now); wait > 0 {
				return wait
			}
		}
	}
	if r.perIP.Per != 0 {
		wait = s.addresses.take(src.Throttle(), r.perIP, now)
	}
	return wait
}

// takeIssue takes a permit of the buckets for what is handed out to a token and
// its parent.
func (s *permits) takeIssue(r *rates, l *token.Live, now time.Time) (wait time.Duration) {
	for ; l != nil && wait == 0; l = l.Parent {
		if rate := r.rateOf(l); rate.Per != 0 {
			wait = s.tokens.take("issue "+bucketOf(l), rate, now)
		}
	}
	return wait
}

// remaining is how many permits a token has at once, of its own and of its
// parent's whichever are fewer; -1: it is under no rate.
func (s *permits) remaining(r *rates, l *token.Live, now time.Time) int {
	least := -1
	for ; l != nil; l = l.Parent {
		if rate := r.rateOf(l); rate.Per != 0 {
			if n, _ := s.tokens.remaining(bucketOf(l), rate, now); least < 0 || n < least {
				least = n
			}
		}
	}
	return least
}
