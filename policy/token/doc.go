// Package token holds the nouns every other room speaks in: tokens and their
// bounds, what was presented, who stands behind it, what one request is about,
// and the reason a request was refused.
//
// It is a room of its own because the data plane, the control plane, the cache
// and the store must agree on these words without importing one another. It
// uses the standard library only and decides nothing: decisions are the room
// above it, package policy.
package token
