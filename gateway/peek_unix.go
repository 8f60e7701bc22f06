//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package gateway

import (
	"net"
	"syscall"
)

// socketPeek looks at a socket with MSG_PEEK. A connection between two requests
// must have nothing to say: a byte is a second answer, or an answer to nobody,
// and an end or an error is a connection that would lose the next request.
type socketPeek struct {
	raw   syscall.RawConn
	peek  func(fd uintptr) // kept, so that looking allocates nothing
	found waiting
	one   [1]byte
}

// newPeeker is a look at c's socket, or at c itself when it can be asked.
func newPeeker(c net.Conn) (peeker, error) {
	if p, ok := c.(peeker); ok {
		return p, nil
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return blindPeek{}, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &socketPeek{raw: raw}
	p.peek = func(fd uintptr) {
		for {
			n, _, err := syscall.Recvfrom(int(fd), p.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			switch {
			case err == syscall.EINTR:
				continue
			case n > 0:
				p.found = aWord
			case err == syscall.EAGAIN || err == syscall.EWOULDBLOCK:
				p.found = nothing
			default:
				p.found = anEnd
			}
			return
		}
	}
	return p, nil
}

func (p *socketPeek) look() waiting {
	p.found = anEnd
	if err := p.raw.Control(p.peek); err != nil {
		return anEnd
	}
	return p.found
}

// blindPeek is a connection that cannot be looked at: it is never used twice.
type blindPeek struct{}

func (blindPeek) look() waiting { return anEnd }
