package configs

import (
	"net"
	"net/netip"
)

// BaseURL is what the URLs in metadata begin with: public_url, or else http://
// and the address of the data plane, with localhost where that is every address
// of the machine. It has no final slash.
func (c *Config) BaseURL() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "http://" + c.Listen
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
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

// Pin gives c the values of running for the keys that a reload cannot change:
// listen, admin.listen, store and master_key_file. It names those that
// differed, for the log.
func (c *Config) Pin(running *Config) []string {
	var changed []string
	pin := func(key string, differs bool) {
		if differs {
			changed = append(changed, key)
		}
	}
	pin("listen", c.Listen != running.Listen)
	pin("admin.listen", c.Admin.Listen != running.Admin.Listen)
	pin("store", c.Store != running.Store)
	pin("master_key_file", c.MasterKeyFile != running.MasterKeyFile)
	c.Listen, c.Admin.Listen = running.Listen, running.Admin.Listen
	c.Store, c.MasterKeyFile = running.Store, running.MasterKeyFile
	return changed
}
