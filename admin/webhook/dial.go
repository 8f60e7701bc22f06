package webhook

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Resolver turns a host name into addresses. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// maxAddresses is how many addresses of one name are tried in one attempt.
const maxAddresses = 4

// dialTimeout bounds the time one address may take to connect.
const dialTimeout = 5 * time.Second

// dialer connects to what the rules allow and nothing else.
type dialer struct {
	rules    *Rules
	resolver Resolver
	net      net.Dialer
}

// dial connects to the host of an address such as example.com:443. The name is
// resolved once. Every address it has must be allowed, not only the one that is
// called: who answers with a public and a private one is trying both. What is
// then dialled is a judged address and never the name, so that a second answer
// of the name server is not asked for.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, failNoConnection
	}
	list, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, addr := range list {
		if !d.rules.allow(addr) {
			return nil, failNotPublic
		}
	}
	for _, addr := range list[:min(len(list), maxAddresses)] {
		if conn, err := d.net.DialContext(ctx, network, net.JoinHostPort(addr.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, failNoConnection
}

// resolve gives the addresses of a host; IPv4 ones in their own form, whatever
// form they came in.
func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	list, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(list) == 0 {
		return nil, failNoAddress
	}
	plain := make([]netip.Addr, len(list))
	for i, addr := range list {
		plain[i] = addr.Unmap()
	}
	return plain, nil
}
