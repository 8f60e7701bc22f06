//go:build !race

package gateway

// underRace says that the race detector is on, which allocates on its own.
const underRace = false
