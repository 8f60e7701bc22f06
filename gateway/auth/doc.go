// Package auth finds out who stands behind what a request presents.
//
// It is a room of its own because here, and nowhere else, bytes that a stranger
// sent become a principal. What was presented is hashed; the digest is recalled;
// only what is not remembered is looked at any closer, and the store is asked
// last, once for each digest and generation, by whoever is first. The room knows
// no HTTP, no cache and no database: it is handed a Memory and a Loader, and
// answers with a token.Reason.
//
// Three answers are kept apart with care: a verdict (401), a fault of ours that
// makes no verdict possible (503, never remembered), and "not now" for a source
// that guesses (429, which only ever stands in for a look-up).
package auth
