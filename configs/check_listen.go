package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// checkListeners wants two different addresses, the admin's on this machine
// alone: whoever reaches it unencrypted can read an admin key off the wire.
func (r *reader) checkListeners(c *Config) {
	if err := listenable(c.Listen); err != nil {
		r.fail("listen", "%v", err)
	}
	r.checkTLS("tls", &c.TLS)
	r.checkTLS("admin.tls", &c.Admin.TLS)
	if err := listenable(c.Admin.Listen); err != nil {
		r.fail("admin.listen", "%v", err)
		return
	}
	if c.Listen == c.Admin.Listen && !strings.HasSuffix(c.Listen, ":0") {
		key := "admin.listen"
		if !r.given(key) {
			key = "listen"
		}
		r.fail(key, "the data plane and the admin side both have %s; give each a port of its own", c.Listen)
	}
	if !loopback(c.Admin.Listen) && !c.Admin.Insecure && !c.Admin.TLS.On() {
		r.fail("admin.listen", "%s can be reached from other machines, and without TLS; write 127.0.0.1:PORT, give admin.tls a certificate, or set admin.insecure: true if the network between is trusted", quote(c.Admin.Listen))
	}
}

// listenable says what is wrong with host:port; nil when nothing is. An empty
// host is every address of the machine, port 0 any free one.
func listenable(address string) error {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s is no host:port; write one such as 127.0.0.1:8080", quote(withoutUser(address)))
	}
	if _, ok := port(portText); !ok {
		return fmt.Errorf("%s has no port from 0 to 65535; write one such as 127.0.0.1:8080", quote(address))
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !hostName(host) {
		return fmt.Errorf("%s has neither an address nor a name before its port; write one such as 127.0.0.1:8080", quote(address))
	}
	return nil
}

// loopback reports whether only this machine can reach a listener there.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// hostName reports whether s is a DNS name in lower or upper case: labels of
// letters, digits, hyphens and underscores. What looks like a number is none,
// for some resolvers read 0x7f.1 or 2130706433 as an address.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !wordByte(label[i]) {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return last[0] < '0' || last[0] > '9'
}

func (r *reader) checkPublicURL(text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || !urlHost(u):
		r.fail("public_url", "%s is no address of a site; write one such as https://api.example.com", quote(withoutUser(text)))
	case u.User != nil:
		r.fail("public_url", "it holds a user name or password; write https://%s", u.Host)
	case text != u.Scheme+"://"+u.Host:
		r.fail("public_url", "%s is more than scheme and host, or not in lower case; write %s://%s", quote(text), u.Scheme, strings.ToLower(u.Host))
	case u.Host != strings.ToLower(u.Host):
		r.fail("public_url", "%s is not in lower case; write %s", quote(text), strings.ToLower(text))
	}
}

// urlHost reports whether a URL names a host, by name or address, and no port
// or a real one.
func urlHost(u *url.URL) bool {
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, ok := port(p); !ok || n == 0 {
			return false
		}
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return hostName(host)
	}
	return addr.Zone() == "" && (addr.Is4() || strings.HasPrefix(u.Host, "["))
}

// withoutUser cuts what stands before an @ out of a URL, for messages: it may
// be a password.
func withoutUser(text string) string {
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		scheme, _, found := strings.Cut(text, "://")
		if found && len(scheme) < i {
			return scheme + "://…" + text[i:]
		}
		return "…" + text[i:]
	}
	return text
}

// checkTrust refuses to trust everybody: any client could then choose the
// address that its token's IP ranges are held against.
func (r *reader) checkTrust(c *Config) {
	r.oneOf("proxy_protocol", c.ProxyProtocol, "off", "v1v2")
	if c.ProxyProtocol == "v1v2" && len(c.TrustedProxies) == 0 {
		r.fail("proxy_protocol", "trusted_proxies is empty, so that nobody's PROXY header would be believed; list the balancers' addresses there, or write off")
	}
	for i, p := range c.TrustedProxies {
		key := item("trusted_proxies", i)
		if p.IsValid() && p.Bits() == 0 {
			r.fail(key, "%s trusts every address, so that any client could claim any other; write the proxies' own ranges", p)
		}
		for j := range i {
			if c.TrustedProxies[j] == p && p.IsValid() {
				r.fail(key, "%s is listed twice; keep one", p)
				break
			}
		}
	}
}
