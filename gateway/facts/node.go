package facts

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"tollgate/policy"
)

// node is one place of a JSON document that some source's pointer passes
// through or ends at.
type node struct {
	members []member // named ways on
	each    *node    // the way on into every element of an array
	slots   []uint8  // slots that read the value here
	here    uint32   // groups of those slots
	below   uint32   // groups of the slots here and further down
	number  bool     // every slot here takes a JSON number
}

// member is one named way on. A nil node bans the name: it is a policy field
// that the route reads from another part of the request.
type member struct {
	name  string
	ascii bool // the name is
	node  *node
}

// add puts a slot at the end of a pointer.
func (n *node) add(pointer []string, number uint8, sl *slot) {
	n.below |= sl.group
	if len(pointer) == 0 {
		n.number = sl.number && (len(n.slots) == 0 || n.number)
		n.slots = append(n.slots, number)
		n.here |= sl.group
		return
	}
	if pointer[0] == policy.Each {
		if n.each == nil {
			n.each = new(node)
		}
		n.each.add(pointer[1:], number, sl)
		return
	}
	next := n.child(pointer[0])
	if next == nil {
		next = new(node)
		n.members = append(n.members, member{pointer[0], isASCII(pointer[0]), next})
	}
	next.add(pointer[1:], number, sl)
}

func (n *node) child(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].node
		}
	}
	return nil
}

// ban refuses a member name, unless a source reads it.
func (n *node) ban(name string) {
	if n.child(name) == nil {
		n.members = append(n.members, member{name, isASCII(name), nil})
	}
}

// ends calls f with the last name of every pointer below.
func (n *node) ends(f func(name string)) {
	for i := range n.members {
		m := &n.members[i]
		if m.node == nil {
			continue
		}
		for end := m.node; end != nil; end = end.each {
			if len(end.slots) > 0 {
				f(m.name)
				break
			}
		}
		m.node.ends(f)
	}
	if n.each != nil {
		n.each.ends(f)
	}
}

// follow is the way on for a member of an object. ok is false for a name that
// another reader could take for one that is looked for here: equal to it only
// under case folding, or banned, or cut short by a NUL.
func (n *node) follow(name []byte, ascii bool) (next *node, ok bool) {
	doubtful := !ascii
	for i := range n.members {
		m := &n.members[i]
		if len(m.name) != len(name) {
			doubtful = doubtful || !m.ascii
			continue
		}
		if m.name == string(name) {
			return m.node, m.node != nil
		}
		doubtful = doubtful || !m.ascii || lower(m.name[0]) == lower(name[0])
	}
	return nil, !doubtful || !n.lookalike(name)
}

// lookalike reports whether some reader would take name for one that is looked
// for here, though it is none of them.
func (n *node) lookalike(name []byte) bool {
	if nul := bytes.IndexByte(name, 0); nul >= 0 {
		name = name[:nul]
	}
	for i := range n.members {
		if foldsTo(name, n.members[i].name) {
			return true
		}
	}
	return false
}

// foldsTo reports whether two names are equal under Unicode simple case
// folding, as encoding/json matches members to struct fields: it takes the
// Kelvin sign for a k and the long s for an s.
func foldsTo(name []byte, want string) bool {
	i := 0
	for _, r := range want {
		if i == len(name) {
			return false
		}
		got, size := utf8.DecodeRune(name[i:])
		i += size
		if got != r && !sameFold(got, r) {
			return false
		}
	}
	return i == len(name)
}

func sameFold(a, b rune) bool {
	for f := unicode.SimpleFold(a); f != a; f = unicode.SimpleFold(f) {
		if f == b {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
