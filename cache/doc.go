// Package cache remembers who stands behind a digest, and never answers from
// before a change that was acknowledged.
//
// It is a room of its own because the library it is built on, ristretto, is a
// fine cache and no truth: of two writes of a new key the first may stay for
// good, a deleted entry may be seen again, most writes of a burst are dropped.
// So nothing here rests on a write, a deletion or a time to live. What an entry
// is worth is decided when it is recalled: it carries the values that the
// generation counters of everything it was built from had before it was
// loaded, and it counts only while every one of them still has that value.
// A change counts up its counters after its commit and before it is
// acknowledged; from that moment no older entry is a hit, whatever ristretto
// does with it.
//
// It holds digests and records, never a secret, and asks no store: whoever
// misses brings the load along.
package cache
