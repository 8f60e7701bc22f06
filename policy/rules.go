package policy

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"tollgate/policy/token"
)

// Rules is what a token's bounds, numbers and merchant ranges were compiled to:
// canonical, sorted, and small, since a gateway keeps a million of them. It is
// immutable and safe for concurrent use.
type Rules struct {
	catalogue *Catalogue
	own       addresses // the token's IP ranges
	merchant  addresses
	certs     clientCerts
	methods   httpMethods
	countries []countryRule // by code
	numbers   []string      // enabled, canonical, sorted
	foreign   map[foreignSpelling]struct{}
	rate      Rate
	quota     Quota

	abroad      bool // a number is listed whose country the catalogue cannot judge
	asksMethods bool
	composed    bool // a composition is asked for, be it empty
	phoned      bool // a whitelist is asked for, be it empty
}

type countryRule struct {
	place
	operators []operatorRule // by id
}

type operatorRule struct {
	id      string
	methods uint64   // bits of the catalogue's methods
	others  []string // methods the catalogue does not know
}

// Compile turns bounds into rules. A bound that is not empty restricts, whether
// its flag is set or not, and a flag restricts though its bound is empty: then
// nothing passes. Disabled numbers pass nothing; a number that cannot be read
// any more passes nothing either. The error means that what is kept in the
// store could not have been written by Normalise.
func Compile(c *Catalogue, b token.Bounds, numbers []token.Number, merchantRanges []string) (*Rules, error) {
	r := &Rules{
		catalogue:   c,
		asksMethods: b.Restricts.Methods || len(b.Methods) > 0,
		composed:    b.Restricts.Composition || len(b.Composition) > 0,
		phoned:      b.Restricts.Phones || len(numbers) > 0,
	}
	if err := withinRules(b.Composition); err != nil {
		return nil, err
	}
	var err error
	if r.own, err = compileAddresses(b.IPRanges, b.Restricts.IP); err != nil {
		return nil, fmt.Errorf("compiling the token's IP ranges: %w", err)
	}
	if r.merchant, err = compileAddresses(merchantRanges, false); err != nil {
		return nil, fmt.Errorf("compiling the merchant's IP ranges: %w", err)
	}
	if r.certs, err = compileClientCerts(b.ClientCerts, b.Restricts.ClientCert); err != nil {
		return nil, fmt.Errorf("compiling the client certificates: %w", err)
	}
	if r.methods, err = compileHTTPMethods(b.Methods); err != nil {
		return nil, err
	}
	if r.rate, err = ParseRate(b.Rate); err != nil {
		return nil, fmt.Errorf("compiling the rate: %w", err)
	}
	if r.quota, err = ParseQuota(b.Quota); err != nil {
		return nil, fmt.Errorf("compiling the quota: %w", err)
	}
	r.compileComposition(b.Composition)
	r.compileNumbers(numbers)
	return r, nil
}

// withinRules keeps a composition within what the judge can mark.
func withinRules(composition token.Composition) error {
	if len(composition) > maxRules {
		return fmt.Errorf("compiling the composition: there are %d countries; at most %d can be judged", len(composition), maxRules)
	}
	for code, operators := range composition {
		if len(operators) > maxRules {
			return fmt.Errorf("compiling the composition: %s has %d operators; at most %d can be judged", code, len(operators), maxRules)
		}
	}
	return nil
}

// compileComposition resolves every code again, so that a code which only a
// later catalogue knows starts to match its aliases.
func (r *Rules) compileComposition(composition token.Composition) {
	for code, operators := range composition {
		at, ok := r.catalogue.place([]byte(code))
		if !ok {
			continue // no request can name it
		}
		rule := r.countryFor(at)
		for operator, methods := range operators {
			id := operator
			if at.entry != nil {
				if known, ok := at.entry.operator([]byte(operator)); ok {
					id = known
				}
			}
			rule.allow(r.catalogue, id, methods)
		}
	}
	slices.SortFunc(r.countries, func(a, b countryRule) int { return bytes.Compare(a.code[:], b.code[:]) })
	for i := range r.countries {
		slices.SortFunc(r.countries[i].operators, func(a, b operatorRule) int { return strings.Compare(a.id, b.id) })
	}
}

func (r *Rules) countryFor(at place) *countryRule {
	for i := range r.countries {
		if r.countries[i].code == at.code {
			return &r.countries[i]
		}
	}
	r.countries = append(r.countries, countryRule{place: at})
	return &r.countries[len(r.countries)-1]
}

func (rule *countryRule) allow(c *Catalogue, id string, methods []string) {
	i := slices.IndexFunc(rule.operators, func(o operatorRule) bool { return o.id == id })
	if i < 0 {
		i = len(rule.operators)
		rule.operators = append(rule.operators, operatorRule{id: id})
	}
	o := &rule.operators[i]
	for _, m := range methods {
		if bit, ok := c.method([]byte(m)); ok {
			o.methods |= 1 << bit
		} else if !slices.Contains(o.others, m) {
			o.others = append(o.others, m)
		}
	}
}

// Rate is the token's own rate; the zero Rate when it has none.
func (r *Rules) Rate() Rate { return r.rate }

// Quota is the token's own quota; the zero Quota when it has none.
func (r *Rules) Quota() Quota { return r.quota }

// Restricted reports whether a composition or phone whitelist is asked for,
// though it may be empty: such a token is refused on routes without facts.
func (r *Rules) Restricted() bool { return r.composed || r.phoned }

// Size is roughly how many bytes the rules hold.
func (r *Rules) Size() int64 {
	size := int64(304) + r.own.size() + r.merchant.size() + r.certs.size()
	for i := range r.countries {
		size += 40 + 48*int64(len(r.countries[i].operators))
		for j := range r.countries[i].operators {
			for _, m := range r.countries[i].operators[j].others {
				size += 16 + int64(len(m))
			}
		}
	}
	size += 32 * int64(len(r.numbers))
	return size + 64*int64(len(r.foreign))
}

// Own is what a token is bound to at each level where it has exactly one value;
// "" at the others. It is what the source "token" of a route's facts reads.
type Own struct {
	Country, Operator, Method, Phone string
}

// Own gives the rules' single values. It does not allocate, but for a country
// that the catalogue does not know.
func (r *Rules) Own() Own {
	var own Own
	if len(r.countries) == 1 {
		own.Country = r.countries[0].name()
	}
	own.Operator = r.onlyOperator()
	own.Method = r.onlyMethod()
	if len(r.numbers) == 1 {
		own.Phone = r.numbers[0]
	}
	return own
}

// name is the country's alpha-2 code.
func (p place) name() string {
	if p.entry != nil {
		return p.entry.Alpha2
	}
	return p.code.String()
}

func (r *Rules) onlyOperator() (id string) {
	for i := range r.countries {
		for j := range r.countries[i].operators {
			o := &r.countries[i].operators[j]
			if id != "" && id != o.id {
				return ""
			}
			id = o.id
		}
	}
	return id
}

func (r *Rules) onlyMethod() (word string) {
	var known uint64
	for i := range r.countries {
		for j := range r.countries[i].operators {
			o := &r.countries[i].operators[j]
			known |= o.methods
			for _, m := range o.others {
				if word != "" && word != m {
					return ""
				}
				word = m
			}
		}
	}
	switch {
	case known == 0:
		return word
	case word != "" || known&(known-1) != 0:
		return ""
	}
	return r.catalogue.methods[bits.TrailingZeros64(known)]
}
