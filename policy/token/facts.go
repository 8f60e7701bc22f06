package token

// FactKind is one of the four things a request can be about.
type FactKind uint8

// The kinds of fact, in the order they are judged.
const (
	FactCountry FactKind = iota
	FactOperator
	FactMethod
	FactPhone
	FactKinds int = iota // how many there are
)

// String is the word a route's configuration uses for the kind.
func (k FactKind) String() string {
	switch k {
	case FactCountry:
		return "country"
	case FactOperator:
		return "operator"
	case FactMethod:
		return "method"
	case FactPhone:
		return "phone"
	}
	return "unknown"
}

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

	// Hollow marks the facts that had a place in the request with nothing in
	// it: null, "", [], an array element without the field. Such a fact is
	// missing even on a route that allows missing facts, and even when another
	// of its sources held a value.
	Hollow [FactKinds]bool

	// Guard says how the route's required fields stood: Allowed when each held
	// the value the route asks for, FactMissing when one was not there,
	// FactConflict when one held another value. It binds every token that
	// restricts a fact.
	Guard Reason

	Scratch []byte // room for values that had to be rewritten; owned by the Facts
}

// Fact is one value that one source found.
type Fact struct {
	Value   []byte // borrowed, or part of Scratch, or the route's own constant: never written to
	Source  uint8  // which of the fact's sources, in the order the route lists them
	Digits  bool   // a phone that is international by declaration though it has no plus
	Unknown bool   // a word that its source's table does not know: kept for the log, matches nothing
}

// Of is the list of one kind's values.
func (f *Facts) Of(k FactKind) []Fact {
	switch k {
	case FactCountry:
		return f.Countries
	case FactOperator:
		return f.Operators
	case FactMethod:
		return f.Methods
	case FactPhone:
		return f.Phones
	}
	return nil
}

// Add appends one value to the list of its kind.
func (f *Facts) Add(k FactKind, v Fact) {
	switch k {
	case FactCountry:
		f.Countries = append(f.Countries, v)
	case FactOperator:
		f.Operators = append(f.Operators, v)
	case FactMethod:
		f.Methods = append(f.Methods, v)
	case FactPhone:
		f.Phones = append(f.Phones, v)
	}
}

// Reset empties the facts and keeps their room.
func (f *Facts) Reset() {
	f.Countries, f.Operators = clearFacts(f.Countries), clearFacts(f.Operators)
	f.Methods, f.Phones = clearFacts(f.Methods), clearFacts(f.Phones)
	f.Hollow, f.Guard = [FactKinds]bool{}, Allowed
	f.Scratch = f.Scratch[:0]
}

func clearFacts(list []Fact) []Fact {
	clear(list)
	return list[:0]
}
