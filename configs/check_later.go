package configs

// What has a key already but not yet a feature is refused where it is asked
// for, never passed over: a file that loads is a file that is obeyed.

// later refuses a key whose feature this version does not have.
func (r *reader) later(key, what string) {
	r.fail(key, "it is not in this version: %s", what)
}

func (r *reader) checkLater(c *Config) {
	if c.TLS != (TLS{}) {
		r.later("tls", "TLS on the data plane; take it out and let a load balancer in front end TLS")
	}
	if c.ProxyProtocol == "v1v2" {
		r.later("proxy_protocol", "the PROXY protocol; write off, and use trusted_proxies with forwarded_header")
	} else {
		r.oneOf("proxy_protocol", c.ProxyProtocol, "off", "v1v2")
	}
	if c.Admin.TLS != (TLS{}) {
		r.later("admin.tls", "TLS on the admin listener; take it out and listen on a loopback address")
	}
	if c.Store.Driver == Postgres {
		r.later("store", "PostgreSQL; write sqlite:FILE")
	}
	if c.Redis != "" {
		r.later("redis", "state shared through Redis; take it out, each node then counts for itself")
	}
	if c.Tracing.OTLP != "" {
		r.later("tracing.otlp", "tracing; take it out")
	}
}
