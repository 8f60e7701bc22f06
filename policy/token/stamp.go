package token

import "encoding/hex"

// Stamp says how far changes had come on this node when a look-up began. What
// the look-up finds may be remembered under it and is forgotten by every change
// that comes after it. Take it before anything is read or verified, a signature
// included; only the memory that gave it can tell what it means.
type Stamp struct {
	Changes   uint64 // changes of any kind applied so far
	Additions uint64 // those of them that made a credential known
	Epoch     uint64 // changes that concern every record: keys, catalogue, a restored database
	Marks     [MaxMarks]Mark
	Marked    int // how many of Marks are set
}

// MaxMarks bounds the entities that one record may be built from: a digest, a
// token and its merchant, a parent and its merchant, and some room.
const MaxMarks = 8

// Mark is the value that one generation counter had.
type Mark struct {
	Stripe uint32
	Value  uint64
}

// Join is s with the marks of other that it lacks, for a record that is built
// from what both found. Where both say something the older value stays: it can
// only make the record count for less. A mark that finds no room is left out,
// and then s is full, which no memory takes for complete.
func (s Stamp) Join(other Stamp) Stamp {
	s.Changes, s.Additions = min(s.Changes, other.Changes), min(s.Additions, other.Additions)
	s.Epoch = min(s.Epoch, other.Epoch)
	for _, m := range other.Marks[:other.Marked] {
		s.add(m)
	}
	return s
}

func (s *Stamp) add(m Mark) {
	for i := range s.Marks[:s.Marked] {
		if s.Marks[i].Stripe == m.Stripe {
			s.Marks[i].Value = min(s.Marks[i].Value, m.Value)
			return
		}
	}
	if s.Marked < len(s.Marks) {
		s.Marks[s.Marked] = m
		s.Marked++
	}
}

// EntityOf is the entity that a change about one digest alone names, such as
// the revocation of a single JWT.
func EntityOf(d *Digest) Entity {
	return Entity{Kind: EntityCredential, ID: hex.EncodeToString(d[:])}
}
