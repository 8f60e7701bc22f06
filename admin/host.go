package admin

import (
	"net"
	"net/netip"
	"strings"
)

// hostCheck says which names a request may be addressed to. A listener on a
// loopback address is reached by loopback names alone: any other name in Host
// is some page's own domain that was made to resolve to 127.0.0.1, which the
// browser then takes for the same origin. The zero hostCheck accepts all.
type hostCheck struct{ loopbackOnly bool }

// hostCheckFor reads the listener's address, such as 127.0.0.1:9090.
func hostCheckFor(listen string) hostCheck {
	return hostCheck{loopbackOnly: isLoopback(hostName(listen))}
}

func (c hostCheck) accepts(host string) bool {
	return !c.loopbackOnly || isLoopback(hostName(host))
}

// hostName is host without its port and without brackets.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

func isLoopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}
