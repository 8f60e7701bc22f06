package configs

import (
	"errors"
	"maps"
	"reflect"
	"slices"
)

// RenewUpstreams reads the certificate files of the upstreams again. It gives c
// itself while they hold what they held, else a copy with what they hold now. An
// upstream whose files are wrong, or hold what usable has something against,
// keeps what it has and no other from being renewed: the error says all of those,
// and the Config is of use beside it.
func (c *Config) RenewUpstreams(usable func(name string, t *UpstreamTLS) error) (*Config, error) {
	next := *c
	next.Upstreams = maps.Clone(c.Upstreams)
	changed := false
	var all []error
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		u := c.Upstreams[name]
		held := u.TLS
		err := u.renew(below("upstreams", name))
		switch {
		case err == nil && u.TLS.holds(&held):
			continue
		case err == nil:
			err = usable(name, &u.TLS)
		}
		if err != nil {
			all = append(all, err)
			continue
		}
		changed = true
		next.Upstreams[name] = u
	}
	if !changed {
		return c, errors.Join(all...)
	}
	return &next, errors.Join(all...)
}

// renew reads the upstream's certificate files again, and says all that is wrong
// with what is other in them than before.
func (u *Upstream) renew(key string) error {
	r := newReader(reflect.TypeFor[Config](), "", "")
	held := u.TLS
	r.readUpstreamTLS(below(key, "tls"), &u.TLS)
	if !u.TLS.holds(&held) {
		r.checkUpstreamTLS(below(key, "tls"), u)
	}
	var all []error // without the places: no file was read that has any
	for _, p := range r.problems {
		all = append(all, errors.New(p.Key+": "+p.Message))
	}
	return errors.Join(all...)
}

// holds reports whether the files of t and other hold the same.
func (t *UpstreamTLS) holds(other *UpstreamTLS) bool {
	return t.CAText == other.CAText && t.CertText == other.CertText && t.KeyText.Equal(other.KeyText)
}
