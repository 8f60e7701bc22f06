//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package gateway

import "net"

// newPeeker is c itself when it can be asked; where the system gives us no look
// at a socket, a connection is used once.
func newPeeker(c net.Conn) (peeker, error) {
	if p, ok := c.(peeker); ok {
		return p, nil
	}
	return blindPeek{}, nil
}

// blindPeek is a connection that cannot be looked at: it is never used twice.
type blindPeek struct{}

func (blindPeek) look() waiting { return anEnd }
