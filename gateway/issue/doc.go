// Package issue makes what callers prove themselves with: secrets when an
// administrator asks for them, and access tokens in exchange for client
// credentials. It also seals the few secrets that must be kept.
//
// It is a room of its own because new secrets exist here and nowhere else: they
// are drawn, handed out once, and only their digest or their sealed form goes
// on. It knows no HTTP; dialects bring it a token.Order and word its answer.
// Exchanging writes nothing to the store.
package issue
