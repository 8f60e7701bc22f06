//go:build race

package auth_test

// raceEnabled says that the race detector allocates and slows down.
const raceEnabled = true
