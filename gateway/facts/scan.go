package facts

import "tollgate/policy/token"

// maxDepth is how deep arrays and objects may be nested.
const maxDepth = 64

// scanner reads one JSON text (RFC 8259) once, from front to back, and takes
// the values that the program's nodes ask for. It refuses every text that is
// not exactly one JSON value, or that two readers could understand differently.
// It does not allocate but to grow the arrays of its work.
type scanner struct {
	text     []byte
	at       int
	depth    int
	index    uint32 // the array element that is being read, 0 outside of any; numbered in the order they begin
	elements uint32 // how many began
	fault    fault  // why it stopped; "" while it has not

	program *Program
	work    *work
	out     *token.Facts
}

// run reads the text, looking for what lies below root. It is false when the
// text is refused; fault says why.
func (s *scanner) run(text []byte, root *node) bool {
	s.text, s.at, s.depth, s.index = text, 0, 0, 0
	if !s.value(root, nil) {
		return false
	}
	s.space()
	if s.at < len(s.text) {
		return s.fail(faultTrailing)
	}
	return true
}

func (s *scanner) fail(f fault) bool {
	if s.fault == "" {
		s.fault = f
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.text) && s.text[s.at] <= ' ' {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// value reads one value, and takes it when n is a place that is asked for. The
// groups that were found at n and below are added to found, when it is not nil.
func (s *scanner) value(n *node, found *uint32) bool {
	s.space()
	if s.at == len(s.text) {
		return s.fail(faultSyntax)
	}
	c := s.text[s.at]
	if c == '{' {
		return s.object(n, found)
	}
	if n != nil && n.below == 0 {
		n = nil // only bans names
	}
	switch c {
	case '"':
		return s.stringValue(n, found)
	case '[':
		return s.array(n, found)
	case 't':
		return s.literal("true") && s.untaken(n)
	case 'f':
		return s.literal("false") && s.untaken(n)
	case 'n':
		if !s.literal("null") {
			return false
		}
		s.nothing(n)
		return true
	default:
		return s.numberValue(n, found)
	}
}

func (s *scanner) literal(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return s.fail(faultSyntax)
	}
	s.at += len(word)
	return true
}

// untaken refuses a value of a type that nothing at n can be.
func (s *scanner) untaken(n *node) bool {
	if n != nil {
		return s.fail(faultType)
	}
	return true
}

// nothing marks what is asked for at n and below as present but empty.
func (s *scanner) nothing(n *node) {
	if n != nil {
		s.work.hollow |= n.below
	}
}

func (s *scanner) stringValue(n *node, found *uint32) bool {
	from := s.at + 1
	shape, ok := s.str()
	if !ok || n == nil {
		return ok
	}
	raw := s.text[from : s.at-1]
	if len(raw) == 0 {
		s.nothing(n)
		return true
	}
	if len(n.slots) == 0 {
		return s.fail(faultType)
	}
	if shape&escaped != 0 {
		start := len(s.out.Scratch)
		s.out.Scratch = unescape(s.out.Scratch, raw)
		raw = s.out.Scratch[start:len(s.out.Scratch):len(s.out.Scratch)]
		for _, c := range raw {
			if c == 0 {
				return s.fail(faultNUL)
			}
		}
	}
	return s.take(n, raw, found)
}

// take records a value for the slots of n.
func (s *scanner) take(n *node, value []byte, found *uint32) bool {
	for _, slot := range n.slots {
		if len(s.work.hits) == maxHits {
			return s.fail(faultMany)
		}
		s.work.hits = append(s.work.hits, hit{slot, s.index, value})
	}
	if found != nil {
		*found |= n.here
	}
	return true
}

func (s *scanner) array(n *node, found *uint32) bool {
	if !s.enter() {
		return false
	}
	s.space()
	if s.at < len(s.text) && s.text[s.at] == ']' {
		s.nothing(n)
		return s.leave()
	}
	var each *node
	if n != nil {
		if each = n.each; each == nil {
			return s.fail(faultType)
		}
	}
	for {
		if !s.element(each, found) {
			return false
		}
		s.space()
		if s.at == len(s.text) {
			return s.fail(faultSyntax)
		}
		switch s.text[s.at] {
		case ',':
			s.at++
		case ']':
			return s.leave()
		default:
			return s.fail(faultSyntax)
		}
	}
}

// element reads one element of an array. Each must hold all that is asked for
// in it: one party without a phone, beside others that have one, is not judged.
func (s *scanner) element(each *node, found *uint32) bool {
	if each == nil {
		return s.value(nil, nil)
	}
	var held uint32
	outer := s.index
	s.elements++
	s.index = s.elements
	if !s.value(each, &held) {
		return false
	}
	s.index = outer
	s.work.hollow |= each.below &^ held
	if found != nil {
		*found |= held
	}
	return true
}

func (s *scanner) enter() bool {
	s.at++
	if s.depth++; s.depth > maxDepth {
		return s.fail(faultDepth)
	}
	return true
}

func (s *scanner) leave() bool {
	s.at++
	s.depth--
	return true
}

func (s *scanner) object(n *node, found *uint32) bool {
	if n != nil && len(n.members) == 0 {
		return s.fail(faultType)
	}
	if !s.enter() {
		return false
	}
	base := len(s.work.names)
	s.space()
	if s.at < len(s.text) && s.text[s.at] == '}' {
		return s.leave()
	}
	for {
		next, ok := s.memberName(n, base)
		if !ok || !s.value(next, found) {
			return false
		}
		s.space()
		if s.at == len(s.text) {
			return s.fail(faultSyntax)
		}
		switch s.text[s.at] {
		case ',':
			s.at++
		case '}':
			if !s.work.endNames(base, s.program.seed) {
				return s.fail(faultDuplicate)
			}
			return s.leave()
		default:
			return s.fail(faultSyntax)
		}
	}
}

// memberName reads a member's name and the colon behind it.
func (s *scanner) memberName(n *node, base int) (next *node, ok bool) {
	s.space()
	if s.at == len(s.text) || s.text[s.at] != '"' {
		return nil, s.fail(faultSyntax)
	}
	from := s.at + 1
	shape, ok := s.str()
	if !ok {
		return nil, false
	}
	text := s.text[from : s.at-1]
	if shape&escaped != 0 {
		start := len(s.work.decoded)
		s.work.decoded = unescape(s.work.decoded, text)
		text = s.work.decoded[start:]
	}
	if !s.work.addName(base, text) {
		return nil, s.fail(faultDuplicate)
	}
	s.space()
	if s.at == len(s.text) || s.text[s.at] != ':' {
		return nil, s.fail(faultSyntax)
	}
	s.at++
	if n == nil {
		return nil, true
	}
	if next, ok = n.follow(text, shape == 0); !ok {
		return nil, s.fail(faultLookalike)
	}
	return next, true
}
