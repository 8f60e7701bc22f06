// Package storetest is the promise of a store, as tests that know nothing of
// the database behind it. Each engine's own tests call Run and RunConcurrent.
//
// It is a room of its own so that a second database is added without touching a
// test: it brings an Engine and keeps every promise here, or it is not one.
package storetest
