package gateway

import (
	"bytes"

	"tollgate/policy/token"
)

// table finds the route of a request. It is immutable and built by newTable.
//
// The most specific path wins, whatever the order in the file: segment by
// segment, a literal before {name} before {name...}. Only then is the method
// looked at, so that a method which the specific path does not take is 405 and
// never falls to a wider route.
type table struct {
	hosts map[string]*node // by lower-case host without port: that host's routes and those of every host
	every *node            // for hosts that no route names
}

// node is one segment of all the patterns that share their beginning.
type node struct {
	literals map[string]*node
	folded   map[string][]*node // the same by lower-case text, to find case variants
	param    *node              // {name}
	leaf     *leaf              // patterns that end here
	rest     *leaf              // patterns that end here with {name...}
}

// leaf is one path pattern with its methods.
type leaf struct {
	pattern string
	host    string // of the routes; "" for every host
	allow   string // what Allow lists
	methods [methodCount]*route
	own     *ownEndpoint // answered by ourselves, whatever the method
}

const (
	maxSegments = 64 // a longer path has no route
	maxParams   = 16
)

// lookup is the room that finding a route needs; it is part of the passage.
type lookup struct {
	host   [maxHost]byte
	folded []byte
	values [maxParams][]byte // of {name}s, in the order of the pattern
	count  int
}

// found is what a path and a method lead to.
type found struct {
	leaf  *leaf
	route *route // nil on one of our own endpoints
}

// find looks up the host, the decoded path and the method. It does not
// allocate. A path that a route would have but for its case or a trailing slash
// is no route, even where a wider pattern takes it in: the upstream might serve
// it as the very thing that the narrower route guards.
func (t *table) find(host, path []byte, m method, room *lookup) (found, token.Reason) {
	root := t.every
	if len(t.hosts) > 0 {
		if n, ok := t.hosts[string(room.canonicalHost(host))]; ok {
			root = n
		}
	}
	room.count = 0
	w := walk{room: room}
	l := w.descend(root, path[1:])
	if l == nil {
		return found{}, token.NoRoute
	}
	if w.kinds.wild() && room.shadowed(root, path, w.kinds) {
		return found{}, token.NoRoute
	}
	if l.own != nil {
		return found{leaf: l}, token.Allowed
	}
	r := l.methods[m]
	if r == nil && m == methodHead {
		r = l.methods[methodGet]
	}
	if r == nil {
		return found{leaf: l}, token.MethodNotRouted
	}
	return found{leaf: l, route: r}, token.Allowed
}

// canonicalHost is the host in lower case, without its port and without the dot
// that ends an absolute name.
func (room *lookup) canonicalHost(host []byte) []byte {
	name, _ := splitPort(host)
	if n := len(name); n > 1 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(name) > len(room.host) {
		return nil
	}
	for i, c := range name {
		room.host[i] = toLower(c)
	}
	return room.host[:len(name)]
}

// kinds is how a path was taken in, two bits a segment, first segment highest:
// the smaller of two, the more specific.
type kinds struct {
	high, low uint64
}

const (
	kindLiteral = 0
	kindParam   = 1
	kindRest    = 2
)

func (k *kinds) set(segment int, kind uint64) {
	shift := uint(62 - 2*(segment%32))
	if segment < 32 {
		k.high = k.high&^(3<<shift) | kind<<shift
	} else {
		k.low = k.low&^(3<<shift) | kind<<shift
	}
}

// wild reports whether a segment was taken in by other than a literal, rest
// whether by {name...}.
func (k kinds) wild() bool { return k.high|k.low != 0 }
func (k kinds) rest() bool { return (k.high|k.low)&0xAAAA_AAAA_AAAA_AAAA != 0 }

// narrower reports whether k is strictly more specific than other.
func (k kinds) narrower(other kinds) bool {
	if k.high != other.high {
		return k.high < other.high
	}
	return k.low < other.low
}

// walk is one descent through the tree.
type walk struct {
	room   *lookup // where values go; nil for a descent that keeps none
	fold   bool    // literals match whatever their case
	filled bool    // {rest...} takes in something, not an empty rest
	kinds  kinds
	depth  int
}

// descend matches what is left of the path, without its leading slash, against
// n. It goes back where a narrower branch leads nowhere.
func (w *walk) descend(n *node, path []byte) *leaf {
	if w.depth >= maxSegments {
		return nil
	}
	segment, rest, last := path, []byte(nil), true
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		segment, rest, last = path[:i], path[i+1:], false
	}
	if l := w.literal(n, segment, rest, last); l != nil {
		return l
	}
	if n.param != nil && len(segment) > 0 {
		count := w.keep(segment)
		if l := w.step(n.param, kindParam, rest, last); l != nil {
			return l
		}
		w.drop(count)
	}
	if n.rest != nil && (len(path) > 0 || !w.filled) {
		w.keep(path)
		w.kinds.set(w.depth, kindRest)
		return n.rest
	}
	return nil
}

func (w *walk) literal(n *node, segment, rest []byte, last bool) *leaf {
	if !w.fold {
		if child, ok := n.literals[string(segment)]; ok {
			return w.step(child, kindLiteral, rest, last)
		}
		return nil
	}
	var best *leaf
	before, least := w.kinds, w.kinds
	for _, child := range n.folded[string(segment)] {
		w.kinds = before
		if l := w.step(child, kindLiteral, rest, last); l != nil && (best == nil || w.kinds.narrower(least)) {
			best, least = l, w.kinds
		}
	}
	w.kinds = least
	return best
}

// step goes one segment down.
func (w *walk) step(child *node, kind uint64, rest []byte, last bool) *leaf {
	before := w.kinds
	w.kinds.set(w.depth, kind)
	if last {
		if child.leaf != nil {
			return child.leaf
		}
	} else {
		w.depth++
		l := w.descend(child, rest)
		w.depth--
		if l != nil {
			return l
		}
	}
	w.kinds = before
	return nil
}

func (w *walk) keep(value []byte) (before int) {
	if w.room == nil {
		return 0
	}
	before = w.room.count
	if before < maxParams {
		w.room.values[before] = value
		w.room.count++
	}
	return before
}

func (w *walk) drop(count int) {
	if w.room != nil {
		w.room.count = count
	}
}

// shadowed reports whether the path is a spelling variant of a narrower
// pattern than the one that took it in: other case, or one trailing slash more
// or less.
func (room *lookup) shadowed(root *node, path []byte, taken kinds) bool {
	room.folded = room.folded[:0]
	for _, c := range path {
		room.folded = append(room.folded, toLower(c))
	}
	if narrowerMatch(root, room.folded, taken) {
		return true
	}
	if n := len(room.folded); room.folded[n-1] == '/' {
		return n > 1 && narrowerMatch(root, room.folded[:n-1], taken)
	}
	// With the slash added, /v1/payments is where /v1/payments/{rest...} begins:
	// a wider {rest...} must not take it in, while /v1/{name}, which takes one
	// segment and no more, was written for it.
	room.folded = append(room.folded, '/')
	w := walk{fold: true, filled: !taken.rest()}
	return w.descend(root, room.folded[1:]) != nil && w.kinds.narrower(taken)
}

func narrowerMatch(root *node, path []byte, taken kinds) bool {
	w := walk{fold: true}
	return w.descend(root, path[1:]) != nil && w.kinds.narrower(taken)
}
