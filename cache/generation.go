package cache

import (
	"encoding/hex"
	"hash/maphash"
	"sync/atomic"

	"tollgate/policy/token"
)

// stripeCount is how many counters the entities share. Two entities that fall
// on one stripe cost each other a load at a change, 1 in 65 536, and nothing
// else: a counter is only ever compared for being the same.
const stripeCount = 1 << 16

// generations are the counters that decide what a remembered record is worth.
// They only grow.
type generations struct {
	seed      maphash.Seed
	changes   atomic.Uint64 // every change; counted before the counter it is about
	additions atomic.Uint64 // what ends the memory of unknown digests
	epoch     atomic.Uint64 // what concerns every record
	stripes   [stripeCount]atomic.Uint64
}

// bump counts a change. The order is what cover rests on: changes first.
func (g *generations) bump(change token.Change) {
	g.changes.Add(1)
	switch change.Entity.Kind {
	case token.EntityAll:
		g.epoch.Add(1)
	case token.EntityCredential:
		g.stripes[g.credential(change.Entity.ID)].Add(1)
	default:
		g.stripes[g.stripe(change.Entity.Kind, change.Entity.ID)].Add(1)
	}
	if change.Added || change.Entity.Kind == token.EntityAll {
		g.additions.Add(1)
	}
}

func (g *generations) stamp() token.Stamp {
	return token.Stamp{Changes: g.changes.Load(), Additions: g.additions.Load(), Epoch: g.epoch.Load()}
}

// mark adds a stripe's value as it is now, unless s has one from earlier: the
// earlier one is the one to keep. It reports false when s has no room.
func (g *generations) mark(s *token.Stamp, stripe uint32) bool {
	if marked(s, stripe) {
		return true
	}
	return addMark(s, token.Mark{Stripe: stripe, Value: g.stripes[stripe].Load()})
}

// cover completes s to every stripe in need and reports whether a record that
// was loaded after s was taken may be remembered under it.
//
// A stripe that s marks was read before the load: nothing more to ask. Another
// one is read now, after the load, because only the load told which it is. That
// value is as good as one from before the load if no change at all was counted
// in between. Suppose the load missed a change whose bump of the stripe is in
// the value: the change was committed after the load began, so counted after s
// was taken, and counted before its stripe was bumped, so before changes is
// read below; then changes differs from s.
func (g *generations) cover(s *token.Stamp, need *owners) bool {
	late := false
	for _, stripe := range need.stripes[:need.count] {
		if !marked(s, stripe) {
			late = true
			if !g.mark(s, stripe) {
				return false
			}
		}
	}
	if need.overflow {
		return false
	}
	return !late || g.changes.Load() == s.Changes
}

// holds reports whether nothing the entry was built from has changed.
func (g *generations) holds(e *entry) bool {
	if e.epoch != g.epoch.Load() {
		return false
	}
	for i := range e.marks[:e.marked] {
		m := &e.marks[i]
		if g.stripes[m.Stripe%stripeCount].Load() != m.Value {
			return false
		}
	}
	return true
}

// owners are the stripes of everything that a record was built from.
type owners struct {
	stripes  [token.MaxMarks]uint32
	count    int
	overflow bool // more than there is room for: such a record is not remembered
}

func (o *owners) add(stripe uint32) {
	if o.count == len(o.stripes) {
		o.overflow = true
		return
	}
	o.stripes[o.count] = stripe
	o.count++
}

// need lists all that e was built from. A principal can also be ended by its
// digest, a JWT by its id without the digest, and a person as such.
func (g *generations) need(e *entry) owners {
	o := g.ownersOf(e.live)
	p := e.principal
	if p == nil {
		return o
	}
	o.add(g.digest(&e.digest))
	if p.ID != "" {
		o.add(g.credential("jti:" + p.ID))
	}
	if p.User != "" {
		o.add(g.stripe(token.EntityUser, p.User))
	}
	return o
}

// ownersOf lists the token and its merchant, and its parents and theirs.
func (g *generations) ownersOf(live *token.Live) owners {
	var o owners
	for l := live; l != nil && !o.overflow; l = l.Parent {
		o.add(g.stripe(token.EntityToken, string(l.Handle)))
		o.add(g.stripe(token.EntityMerchant, l.Merchant))
	}
	return o
}

func (g *generations) stripe(kind token.EntityKind, id string) uint32 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	_ = h.WriteByte(byte(kind))
	_, _ = h.WriteString(id)
	return uint32(h.Sum64() % stripeCount)
}

// digest is the stripe of one digest. It hashes, rather than cut the digest,
// so that nobody outside can choose whose stripe a made-up secret shares.
func (g *generations) digest(d *token.Digest) uint32 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	_ = h.WriteByte(byte(token.EntityCredential))
	_, _ = h.Write(d[:])
	return uint32(h.Sum64() % stripeCount)
}

// credential is digest for the form that a change names it in.
func (g *generations) credential(id string) uint32 {
	var d token.Digest
	if n, err := hex.Decode(d[:], []byte(id)); err == nil && n == len(d) && len(id) == 2*len(d) {
		return g.digest(&d)
	}
	return g.stripe(token.EntityCredential, id)
}

func marked(s *token.Stamp, stripe uint32) bool {
	for _, m := range s.Marks[:s.Marked] {
		if m.Stripe == stripe {
			return true
		}
	}
	return false
}

func addMark(s *token.Stamp, m token.Mark) bool {
	if s.Marked == len(s.Marks) {
		return false
	}
	s.Marks[s.Marked] = m
	s.Marked++
	return true
}
