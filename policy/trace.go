package policy

import "tollgate/policy/token"

// Trace collects what each row of a decision said, for explain. A nil Trace
// costs nothing. It is filled in by the very code that decides.
type Trace struct {
	Checks []Check
}

// Check is one row's outcome. Passed is false for a refusal that monitor mode
// lets through as well. Detail is plain English and holds no secret; phones in
// it are masked.
type Check struct {
	Row    int
	Name   string
	Passed bool
	Detail string
}

func (t *Trace) add(row int, name string, r token.Reason, detail string) {
	t.Checks = append(t.Checks, Check{Row: row, Name: name, Passed: r == token.Allowed, Detail: detail})
}
