package configs

import (
	"net"
	"net/netip"
)

// BaseURL is what the URLs in metadata begin with: public_url, or else http://,
// https:// under TLS, and the address of the data plane, with localhost where
// that is every address of the machine. It has no final slash.
func (c *Config) BaseURL() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	scheme := "http://"
	if c.TLS.On() {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return scheme + c.Listen
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	return scheme + net.JoinHostPort(host, port)
}

// Issuer is the iss claim of JWTs: tokens.issuer, else public_url, else
// tollgate.
func (c *Config) Issuer() string {
	switch {
	case c.Tokens.Issuer != "":
		return c.Tokens.Issuer
	case c.PublicURL != "":
		return c.PublicURL
	}
	return "tollgate"
}
