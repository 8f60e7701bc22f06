//go:build race

package cache

// raceEnabled says that the race detector counts allocations of its own.
const raceEnabled = true
