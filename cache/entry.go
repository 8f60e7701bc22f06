package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"unsafe"

	"tollgate/policy/token"
)

// form is what an entry is a record of. It is compared at each recall, so that
// a digest of one domain is unknown in another.
type form uint8

const (
	formPrincipal form = iota + 1
	formLive
	formClient
)

// entry is one remembered record and the generations it holds under. It is
// immutable.
type entry struct {
	digest token.Digest
	epoch  uint64
	marks  [token.MaxMarks]token.Mark
	marked int
	form   form

	live        *token.Live
	principal   *token.Principal   // formPrincipal
	credentials []token.Credential // formClient
}

// stamp is what the entry holds under, in the form that s is in.
func (e *entry) stamp(s *token.Stamp) token.Stamp {
	return token.Stamp{Changes: s.Changes, Additions: s.Additions, Epoch: e.epoch, Marks: e.marks, Marked: e.marked}
}

// key is what ristretto knows an entry by: eight bytes of the digest.
func key(d *token.Digest) uint64 { return binary.LittleEndian.Uint64(d[:8]) }

// liveDigest and clientDigest put what is not a secret into domains of its
// own: no presented secret hashes to them, because none holds a zero byte.
func liveDigest(h token.Handle) token.Digest {
	return sha256.Sum256([]byte("\x00live\x00" + string(h)))
}

func clientDigest(id string) token.Digest { return sha256.Sum256([]byte("\x00client\x00" + id)) }

// What an entry costs in bytes, beyond what its record says of itself.
const (
	ristrettoOverhead = 172 // measured for one entry of a full cache
	entrySize         = int64(unsafe.Sizeof(entry{}))
	liveSize          = int64(unsafe.Sizeof(token.Live{}))
	principalSize     = int64(unsafe.Sizeof(token.Principal{}))
	credentialSize    = int64(unsafe.Sizeof(token.Credential{}))
	stringSize        = int64(unsafe.Sizeof(""))

	// shared is the most of a live record that is charged to what is derived of
	// it. All JWTs of a token point to one record; were each charged for it
	// whole, a few of a token with many addresses would push everyone else out.
	shared = 4 << 10
)

// derived reports whether principals of a kind are built on a live record that
// was found before, of which there may be many at a time.
func derived(k token.Kind) bool { return k == token.KindJWT || k == token.KindSigned }

// cost is roughly how many bytes the entry keeps from being collected.
func (e *entry) cost() int64 {
	n := ristrettoOverhead + entrySize
	record := liveCost(e.live)
	if p := e.principal; p != nil {
		n += principalSize + int64(len(p.ID)+len(p.Family)+len(p.User)) + stringsCost(p.Scope)
		if derived(p.Kind) {
			record = min(record, shared)
		}
	}
	for i := range e.credentials {
		c := &e.credentials[i]
		n += credentialSize + int64(len(c.Hint)+len(c.Sealed))
	}
	return n + record
}

func liveCost(live *token.Live) int64 {
	var n int64
	for l := live; l != nil; l = l.Parent {
		n += liveSize + int64(len(l.Handle)+len(l.Merchant)+len(l.ClientID))
		n += int64(len(l.Generations)) * int64(unsafe.Sizeof(token.Generation{}))
		n += stringsCost(l.Permissions) + stringsCost(l.Families) + boundsCost(&l.Bounds)
		for i := range l.Numbers {
			n += int64(unsafe.Sizeof(token.Number{})) + int64(len(l.Numbers[i].E164))
		}
		if l.Rules != nil {
			n += max(l.Rules.Size(), 0)
		}
	}
	return n
}

func boundsCost(b *token.Bounds) int64 {
	const mapSize = 48 // of an entry, with its share of an empty map
	n := stringsCost(b.IPRanges) + stringsCost(b.Methods) + stringsCost(b.Permissions) + stringsCost(b.ClientCerts) + int64(len(b.Rate)+len(b.Quota))
	for country, operators := range b.Composition {
		n += mapSize + int64(len(country))
		for operator, methods := range operators {
			n += mapSize + int64(len(operator)) + stringsCost(methods)
		}
	}
	return n
}

func stringsCost(list []string) int64 {
	n := int64(len(list)) * stringSize
	for _, s := range list {
		n += int64(len(s))
	}
	return n
}
