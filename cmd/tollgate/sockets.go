package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"go.uber.org/zap"

	"tollgate/configs"
	"tollgate/gateway"
	"tollgate/gateway/listen"
)

// sockets are those that systemd opened for us, by name: listen and admin. The
// address of such a socket takes the place of the configured one.
type sockets map[string]net.Listener

// inheritSockets takes them over, once, and leaves nothing of that in the
// environment for processes of ours.
func inheritSockets(environ []string) (sockets, error) {
	found, err := listen.Inherited(environ, "listen", "admin")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	return found, err
}

// place puts the sockets' addresses into a configuration, and refuses what the
// configuration would have been refused for with them.
func (s sockets) place(cfg *configs.Config) error {
	if l := s["listen"]; l != nil {
		cfg.Listen = l.Addr().String()
	}
	l := s["admin"]
	if l == nil {
		return nil
	}
	cfg.Admin.Listen = l.Addr().String()
	if at, ok := l.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() && !cfg.Admin.Insecure && !cfg.Admin.TLS.On() {
		return fmt.Errorf("its admin socket, %s, can be reached from other machines, and without TLS; let it listen on 127.0.0.1, give admin.tls a certificate, or set admin.insecure: true if the network between is trusted", at)
	}
	return nil
}

// load reads a configuration and puts the sockets into it.
func (s sockets) load(path string, environ []string) (*configs.Config, []configs.Problem) {
	cfg, problems := configs.Load(path, environ)
	if cfg == nil {
		return nil, problems
	}
	if err := s.place(cfg); err != nil {
		return nil, []configs.Problem{{File: "systemd", Key: "admin.listen", Message: err.Error()}}
	}
	return cfg, nil
}

// listen gives the socket of a key: systemd's, or one of our own. What most
// often keeps us from that is said together with what would do.
func (h *house) listen(name, key, address string) (net.Listener, error) {
	if l := h.sockets[name]; l != nil {
		delete(h.sockets, name)
		h.log.Info("the socket is systemd's, whatever the configuration says", zap.String("key", key), zap.String("address", address))
		return l, nil
	}
	l, err := listen.TCP(address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: another process listens on %s; end it, or choose another port", key, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: this machine does not have the address of %s; write one of its own, or only :PORT for all of them", key, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this process may not listen on %s; ports below 1024 need a privilege: choose a higher one, or let systemd open the socket", key, address)
	}
	return nil, fmt.Errorf("%s: %w", key, err)
}

// entry is what stands before the data plane's first request.
func (h *house) entry(cfg *configs.Config) gateway.Entry {
	var e gateway.Entry
	if c := h.certificates["listen"]; c != nil {
		e.TLS = c.Server()
	}
	if cfg.ProxyProtocol == "v1v2" {
		e.Reveal = listen.Reveal(h.gateway.Trusts)
	}
	return e
}

// adminListener is the admin socket, with TLS where it is on.
func (h *house) adminListener(socket net.Listener) net.Listener {
	if c := h.certificates["admin.listen"]; c != nil {
		return tls.NewListener(socket, c.Server())
	}
	return socket
}
