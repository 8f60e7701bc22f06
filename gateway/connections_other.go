//go:build !unix

package gateway

// maxConnections is how many client connections are served where the system
// tells of no limit of open files.
func maxConnections() int { return 16 << 10 }
