package configs

import (
	"errors"
	"maps"
	"reflect"
	"slices"
)

// RenewUpstreams reads the certificate files of the upstreams again. It gives c
// itself while they hold what they held, else a copy with what they hold now. An
// error says all that is wrong with them, and comes without a Config.
func (c *Config) RenewUpstreams() (*Config, error) {
	r := newReader(reflect.TypeFor[Config](), "", "")
	next := *c
	next.Upstreams = maps.Clone(c.Upstreams)
	changed := false
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		key, u := below("upstreams", name), c.Upstreams[name]
		held := u.TLS
		r.readUpstreamTLS(below(key, "tls"), &u.TLS)
		if u.TLS.holds(&held) {
			continue
		}
		changed = true
		r.checkUpstreamTLS(below(key, "tls"), &u)
		next.Upstreams[name] = u
	}
	switch {
	case len(r.problems) > 0:
		var all []error // without the places: no file was read that has any
		for _, p := range r.problems {
			all = append(all, errors.New(p.Key+": "+p.Message))
		}
		return nil, errors.Join(all...)
	case !changed:
		return c, nil
	}
	return &next, nil
}

// holds reports whether the files of t and other hold the same.
func (t *UpstreamTLS) holds(other *UpstreamTLS) bool {
	return t.CAText == other.CAText && t.CertText == other.CertText && t.KeyText.Equal(other.KeyText)
}
