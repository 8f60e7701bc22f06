package token

// Facts is what one request is about, as its route's sources found it. The
// values alias the request's own buffers: they are borrowed, and dead once the
// request is answered. A Facts is pooled with its request and Reset between.
//
// All values of a fact must pass, never any one of them.
type Facts struct {
	Countries []Fact
	Operators []Fact
	Methods   []Fact
	Phones    []Fact
	Scratch   []byte // room for values that had to be rewritten; owned by the Facts
}

// Fact is one value that one source found.
type Fact struct {
	Value  []byte // borrowed, or part of Scratch
	Digits bool   // a phone that is international by declaration though it has no plus
}

// Reset empties the facts and keeps their room.
func (f *Facts) Reset() {
	f.Countries, f.Operators = clearFacts(f.Countries), clearFacts(f.Operators)
	f.Methods, f.Phones = clearFacts(f.Methods), clearFacts(f.Phones)
	f.Scratch = f.Scratch[:0]
}

func clearFacts(list []Fact) []Fact {
	clear(list)
	return list[:0]
}
