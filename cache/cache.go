package cache

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"tollgate/policy/token"
)

// Options is how a cache is built. Only MaxBytes is required.
type Options struct {
	// MaxBytes bounds the records that are kept, from 64 KiB upwards. The
	// memory of unknown digests comes on top: at most 72 bytes for each.
	MaxBytes int64

	// UnknownMax is how many unknown digests are kept, rounded up to a power
	// of two; 0 means 65 536.
	UnknownMax int

	// UnknownTTL is how long a digest stays unknown without being asked for
	// again, at most 5 s; 0 means 5 s.
	UnknownTTL time.Duration
}

const (
	leastBytes        = 64 << 10
	defaultUnknown    = 1 << 16
	mostUnknown       = 1 << 22
	longestUnknown    = 5 * time.Second
	typicalEntry      = 768 // bytes; only the size of ristretto's frequency sketch hangs on it
	fewestCounters    = 1 << 14
	mostCounters      = 10_000_000
	countersPerEntry  = 10
	ristrettoGetBatch = 64
)

// Cache recalls principals, live records and clients. It is safe for
// concurrent use; Recall takes no lock and does not allocate.
type Cache struct {
	records     *ristretto.Cache[uint64, *entry]
	generations generations
	unknown     unknowns
	tallies     tallies

	setting sync.RWMutex // held to read while setting, to write while closing
	closed  atomic.Bool
}

// New builds an empty cache. It is to be closed after the servers that use it.
func New(o Options) (*Cache, error) {
	if o.MaxBytes < leastBytes {
		return nil, fmt.Errorf("cache: %d bytes hold next to nothing; give it at least %d", o.MaxBytes, leastBytes)
	}
	if o.UnknownMax == 0 {
		o.UnknownMax = defaultUnknown
	}
	if o.UnknownTTL == 0 {
		o.UnknownTTL = longestUnknown
	}
	if o.UnknownMax < 0 || o.UnknownMax > mostUnknown {
		return nil, fmt.Errorf("cache: the memory of unknown digests holds 1 to %d, not %d", mostUnknown, o.UnknownMax)
	}
	if o.UnknownTTL < 0 || o.UnknownTTL > longestUnknown {
		return nil, fmt.Errorf("cache: a digest may be taken for unknown for up to %v, not %v", longestUnknown, o.UnknownTTL)
	}
	c := &Cache{unknown: newUnknowns(o.UnknownMax, o.UnknownTTL)}
	c.generations.seed = maphash.MakeSeed()
	records, err := ristretto.NewCache(&ristretto.Config[uint64, *entry]{
		NumCounters:        min(max(o.MaxBytes/typicalEntry*countersPerEntry, fewestCounters), mostCounters),
		MaxCost:            o.MaxBytes,
		BufferItems:        ristrettoGetBatch,
		IgnoreInternalCost: true, // our costs are bytes and count it themselves
		// The key is part of a SHA-256 already. A second hash is not needed:
		// the whole digest is compared at each recall.
		KeyToHash: func(key uint64) (uint64, uint64) { return key, 0 },
		OnEvict:   func(*ristretto.Item[*entry]) { c.tallies.evicted.Add(1) },
		OnReject:  func(*ristretto.Item[*entry]) { c.tallies.rejected.Add(1) },
	})
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c.records = records
	return c, nil
}

// Close ends the cache's goroutines. Nothing is recalled or remembered after
// it, but a look-up that is late does no harm. Requests in flight must have
// ended: close the servers first.
func (c *Cache) Close() error {
	c.setting.Lock()
	defer c.setting.Unlock()
	if c.closed.Swap(true) {
		return errors.New("cache: closed twice")
	}
	c.records.Close()
	return nil
}

// Forget makes every record that the changed entity is part of count for
// nothing, at once: a recall that begins after Forget has returned cannot
// answer from before the change. Call it after the change was committed and
// before it is acknowledged; also when the outcome of the commit is unknown,
// since forgetting too much costs a load and no more.
func (c *Cache) Forget(change token.Change) {
	c.generations.bump(change)
	c.tallies.forgotten.Add(1)
}

// ForgetAll is Forget for every record there is: a signing key was removed, the
// catalogue was changed, a database was restored.
func (c *Cache) ForgetAll() { c.Forget(token.Change{Entity: token.Entity{Kind: token.EntityAll}}) }

// Stamp says how far changes have come. Take it first, before what is to be
// remembered under it is loaded, or its signature verified. d is the digest that
// is looked up, or nil when there are many.
func (c *Cache) Stamp(d *token.Digest) token.Stamp {
	s := c.generations.stamp()
	if d != nil {
		c.generations.mark(&s, c.generations.digest(d))
	}
	return s
}
