//go:build race

package policy

// racing: the race detector allocates, so that allocations cannot be counted.
const racing = true
