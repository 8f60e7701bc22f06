//go:build unix

package gateway

import "syscall"

const (
	reservedFiles  = 256 // for upstreams, the store, logs and the admin side
	leastConns     = 64
	mostConns      = 1 << 18
	fallbackOfOpen = 1024
)

// maxConnections is how many client connections the limit of open files leaves
// room for: each may need a second descriptor towards an upstream.
func maxConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		limit.Cur = fallbackOfOpen
	}
	if limit.Cur > 2*mostConns {
		return mostConns
	}
	return max((int(limit.Cur)-reservedFiles)/2, leastConns)
}
