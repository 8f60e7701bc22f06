package facts

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// work is the room one Read works in. It is pooled with its Program and keeps
// nothing of a request when it is given back.
type work struct {
	scan    scanner
	hits    []hit
	names   []name   // of the objects that are open, outermost first
	peak    int      // how many names were open at once
	table   []uint64 // for the names of one large object: high half hash, low half place
	decoded []byte   // names that had to be unescaped
	hollow  uint32   // groups that had a place with nothing in it
	headed  uint32   // header sources that were found
	queried uint32   // query sources that were found
	cursors [maxFronts]int
}

// hit is one value that was found for a slot. It aliases the request or the
// Facts' scratch space.
type hit struct {
	slot    uint8
	element uint32 // the array element it stands in; 0: in none
	value   []byte
}

// maxHits bounds the values of one request, so that a body of nothing but tiny
// values costs no more than its length says. A batch of more parties than this
// is too large.
const maxHits = 4096

// Bounds above which a work's arrays are given back to the collector, so that
// one hostile body does not pin its worth of memory in the pool.
const (
	keepNames   = 512
	keepHits    = 256
	keepDecoded = 16 << 10
)

// reset makes the work ready for the next request.
func (w *work) reset() {
	clear(w.hits) // to keep no request's bytes alive
	w.hits = w.hits[:0]
	if cap(w.hits) > keepHits {
		w.hits = nil
	}
	clear(w.names[:w.peak])
	w.names, w.peak = w.names[:0], 0
	if cap(w.names) > keepNames {
		w.names, w.table = nil, nil
	}
	w.decoded = w.decoded[:0]
	if cap(w.decoded) > keepDecoded {
		w.decoded = nil
	}
	w.hollow, w.headed, w.queried = 0, 0, 0
	w.cursors = [maxFronts]int{}
	w.scan = scanner{}
}

// name is one member name of an open object, unescaped.
type name struct {
	signature uint64
	text      []byte
}

// fewNames is how many names an object may have for each to be compared with
// those before it. Above that they are compared once, by hash, at the object's
// end.
const fewNames = 24

// addName notes a name of the object whose names begin at base. It is false
// when the object has the name already.
func (w *work) addName(base int, text []byte) bool {
	sig := signature(text)
	if len(w.names)-base < fewNames {
		for i := base; i < len(w.names); i++ {
			if w.names[i].signature == sig && bytes.Equal(w.names[i].text, text) {
				return false
			}
		}
	}
	w.names = append(w.names, name{sig, text})
	w.peak = max(w.peak, len(w.names))
	return true
}

// endNames forgets the names from base on. It is false when two of them are
// equal. It takes time in proportion to the length of the names: the hash has a
// seed that nobody outside knows, so names cannot be chosen to collide.
func (w *work) endNames(base int, seed maphash.Seed) bool {
	list := w.names[base:]
	w.names = w.names[:base]
	if len(list) <= fewNames {
		return true
	}
	size := 1 << bits.Len(uint(2*len(list)))
	if cap(w.table) < size {
		w.table = make([]uint64, size)
	}
	table := w.table[:size]
	clear(table)
	for i := range list {
		hash := maphash.Bytes(seed, list[i].text)
		tag := hash &^ 0xffffffff
		for at := hash & uint64(size-1); ; at = (at + 1) & uint64(size-1) {
			if table[at] == 0 {
				table[at] = tag | uint64(i+1)
				break
			}
			other := list[uint32(table[at])-1]
			if table[at]&^0xffffffff == tag && other.signature == list[i].signature && bytes.Equal(other.text, list[i].text) {
				return false
			}
		}
	}
	return true
}

// signature tells most different names apart at a glance: up to seven bytes are
// the name itself, of longer ones it mixes both ends and the length.
func signature(text []byte) uint64 {
	if len(text) >= 8 {
		head := binary.LittleEndian.Uint64(text)
		tail := binary.LittleEndian.Uint64(text[len(text)-8:])
		return head ^ bits.RotateLeft64(tail, 29) ^ uint64(len(text))<<56
	}
	sig := uint64(len(text)) << 56
	for i, c := range text {
		sig |= uint64(c) << (8 * i)
	}
	return sig
}
