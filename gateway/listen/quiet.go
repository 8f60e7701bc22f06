package listen

import (
	"context"
	"net"
	"os"
)

// TCP opens a socket of our own. The listener that it gives can be made to take
// no new connection while those that wait in its queue are still accepted, on
// systems that can do this: closing a socket resets whoever waits there, though
// they have connected and perhaps sent a request already. (A socket that systemd
// opened needs none of this; its queue is our successor's.)
func TCP(address string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // its sockets take no filter, and no client of ours speaks it
	l, err := config.Listen(context.Background(), "tcp", address)
	if t, ok := l.(*net.TCPListener); ok && canQuieten {
		return &own{t}, nil
	}
	return l, err
}

type own struct{ *net.TCPListener }

// Quieten lets nobody connect from now on. Who tries is refused once the socket
// is closed.
func (l *own) Quieten() error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var fault error
	if err := raw.Control(func(fd uintptr) { fault = dropAll(fd) }); err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", fault)
}
