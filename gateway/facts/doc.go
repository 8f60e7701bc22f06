// Package facts finds out what a request is about: its country, operator,
// payment method and phones, read from wherever the route says they are.
//
// It is a room of its own because it is the one place that reads a request's
// body, and because what it must be is unusual: a reader that refuses whatever
// another reader could understand differently. Two servers that disagree about
// a body are how a payment to one phone is judged as a payment to another. So
// the JSON scanner and the form reader here are strict, single-pass and bounded,
// and are held by fuzzing to the verdicts and values of other readers.
//
// A route's sources are compiled once into a Program. Reading allocates nothing
// on an ordinary body: values alias the request, and what has to be rewritten
// goes into the Facts' own scratch space.
//
// The package decides nothing about tokens: that is package policy.
package facts
