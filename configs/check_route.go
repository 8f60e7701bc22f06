package configs

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// methods lists those that the data plane routes; CONNECT and TRACE it never
// does.
func methods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
}

const maxRoutes = 10_000

// dialects lists the names that this version serves.
func dialects() []string {
	return []string{"oauth", "payment", "service", "apikey", "envelope", "basic", "signature"}
}

// routeChecker holds what the routes of one file are checked against.
type routeChecker struct {
	*reader
	config  *Config
	presets map[string]preset
	names   []string          // of the upstreams
	own     map[string]string // our own paths → what they are
	taken   map[string]int    // host, shape and method → the route that has them
}

func (r *reader) checkRoutes(c *Config) {
	var presets map[string]preset
	if slices.ContainsFunc(c.Routes, func(rt Route) bool { return rt.Preset != "" }) {
		var err error
		if presets, err = readPresets(); err != nil {
			panic("BUG: a shipped preset is wrong: " + err.Error())
		}
	}
	rc := routeChecker{
		reader:  r,
		config:  c,
		presets: presets,
		names:   slices.Sorted(maps.Keys(c.Upstreams)),
		own:     map[string]string{"/-/healthz": "the health check", "/-/readyz": "the readiness check"},
		taken:   make(map[string]int),
	}
	if len(c.Routes) > maxRoutes {
		r.fail("routes", "there are %d; at most %d are served", len(c.Routes), maxRoutes)
		return
	}
	for _, e := range c.Endpoints.On() {
		rc.own[e.Path] = "endpoints." + e.Name
	}
	for i := range c.Routes {
		rc.check(i, &c.Routes[i])
	}
}

func (r *routeChecker) check(i int, rt *Route) {
	key := item("routes", i)
	variables := r.checkMatch(i, &rt.Match)
	r.checkChoice(key, rt)
	r.checkDialects(below(key, "dialects"), rt.Dialects)
	r.checkUnbounded(key, rt)
	if rt.Permission != "" && !isPermission(rt.Permission) {
		r.fail(below(key, "permission"), "%s is no permission; write 1 to 64 visible ASCII characters without spaces, quotes and backslashes, such as payments:write", quote(rt.Permission))
	}
	r.oneOf(below(key, "mode"), rt.Mode, "enforce", "monitor")
	r.checkFacts(key, rt, variables)
	if rt.Replay != "" {
		r.oneOf(below(key, "replay"), rt.Replay, "refuse")
		if !slices.Contains(rt.Dialects, "signature") {
			r.fail(below(key, "replay"), "only signed parameters can be replayed; list the dialect signature, or take it out")
		}
	}
	if r.given(below(key, "max_body")) {
		r.size(below(key, "max_body"), rt.MaxBody, 1, 1<<30)
	}
	for _, limit := range []struct {
		key  string
		is   time.Duration
		from time.Duration
	}{
		{"timeout", rt.Timeout, time.Millisecond},
		{"body_timeout", rt.BodyTimeout, 10 * time.Millisecond},
		{"write_timeout", rt.WriteTimeout, 10 * time.Millisecond},
		{"total_timeout", rt.TotalTimeout, 10 * time.Millisecond},
	} {
		if r.given(below(key, limit.key)) {
			r.span(below(key, limit.key), limit.is, limit.from, time.Hour)
		}
	}
}

// checkMatch checks host, path and methods, and that no other route has them.
func (r *routeChecker) checkMatch(i int, m *Match) (variables []string) {
	key := below(item("routes", i), "match")
	if !r.given(key) {
		r.fail(key, "it is missing; say which requests the route is for, such as {path: /v1/payments, methods: [POST]}")
		return nil
	}
	m.Host = strings.ToLower(m.Host)
	if m.Host != "" && !matchableHost(m.Host) {
		r.fail(below(key, "host"), "%s is no host; write a name such as api.example.com, without a port, or leave it out for every host", quote(m.Host))
	}
	p, problem := pattern{}, "it is missing; write one such as /v1/payments/{id}"
	if m.Path != "" {
		p, problem = parsePattern(m.Path)
	}
	if problem != "" {
		r.fail(below(key, "path"), "%s", problem)
	} else if what, own := r.own[p.shape]; own {
		r.fail(below(key, "path"), "%s is tollgate's own (%s) and would never reach the upstream; choose another path, or rename tollgate's under endpoints", quote(m.Path), what)
	}
	r.checkMethods(below(key, "methods"), m.Methods)
	if problem == "" {
		r.claim(i, m, p.shape)
	}
	return p.variables
}

func (r *routeChecker) checkMethods(key string, list []string) {
	if len(list) == 0 {
		r.fail(key, "none is listed; list those that the route serves, such as [GET, POST]")
	}
	for i, method := range list {
		at := item(key, i)
		switch upper := strings.ToUpper(method); {
		case slices.Contains(list[:i], method):
			r.fail(at, "%s is listed twice; keep one", method)
		case slices.Contains(methods(), method):
		case slices.Contains(methods(), upper):
			r.fail(at, "%s is not in upper case; write %s", quote(method), upper)
		default:
			r.fail(at, "%s is not routed; write %s", quote(method), orList(methods()))
		}
	}
}

// claim takes the methods of a path, HEAD with GET, and reports the first one
// that another route has.
func (r *routeChecker) claim(i int, m *Match, shape string) {
	list := m.Methods
	if slices.Contains(list, "GET") && !slices.Contains(list, "HEAD") {
		list = append(slices.Clone(list), "HEAD")
	}
	for _, method := range list {
		spot := m.Host + "\x00" + shape + "\x00" + method
		if other, taken := r.taken[spot]; taken && other != i {
			r.fail(below(below(item("routes", i), "match"), "path"), "%s %s on the same host is what routes[%d] is for already (GET covers HEAD); keep one", method, quote(m.Path), other)
			return
		}
		r.taken[spot] = i
	}
}

// checkChoice checks the upstream and fills in the environment that its form
// implies: live for a single one, any when each environment has its own.
func (r *routeChecker) checkChoice(key string, rt *Route) {
	up, environment := rt.Upstream, rt.Environment
	at, env := below(key, "upstream"), below(key, "environment")
	implied := "live"
	switch {
	case up == (UpstreamChoice{}):
		r.fail(at, "it is missing; name one of upstreams")
		return
	case up.Live != "" && up.Test != "":
		implied = "any"
	case up.Test != "":
		implied = "test"
	}
	for _, used := range [...]struct{ key, name string }{{at, up.Name}, {below(at, "live"), up.Live}, {below(at, "test"), up.Test}} {
		if used.name != "" && !slices.Contains(r.names, used.name) && !r.isBroken("upstreams") {
			r.unknownName(used.key, "upstream", used.name, r.names)
		}
	}
	if environment == "" {
		rt.Environment = implied
		return
	}
	r.oneOf(env, environment, "live", "test", "any")
	if up.Name == "" && environment != implied {
		r.fail(env, "%s does not agree with upstream, which is given for %s; take one of the two out", quote(environment), implied)
	}
}

// unknownName reports a name that nothing here has.
func (r *reader) unknownName(key, what, name string, names []string) {
	switch meant := nearest(name, names); {
	case meant != "":
		r.fail(key, "there is no %s %s; did you mean %s?", what, quote(name), meant)
	case len(names) == 0:
		r.fail(key, "there is no %s %s; define it under %ss", what, quote(name), what)
	default:
		r.fail(key, "there is no %s %s; there is %s", what, quote(name), orList(names))
	}
}

// checkUnbounded keeps people's passwords, which have no bounds, off routes that
// have some to hold.
func (r *routeChecker) checkUnbounded(key string, rt *Route) {
	at := slices.Index(rt.Dialects, "basic")
	switch {
	case at < 0:
	case !rt.Facts.None:
		r.fail(item(below(key, "dialects"), at), "a dashboard user has no composition and no phones; write facts: none where no money moves, or take basic out")
	case rt.Permission != "":
		r.fail(item(below(key, "dialects"), at), "a dashboard user has no permissions; take basic out, or the permission")
	}
}

func (r *routeChecker) checkDialects(key string, list []string) {
	if len(list) == 0 {
		r.fail(key, "none is listed, and no route is open to everybody; list how callers may prove themselves, such as [oauth, payment]")
	}
	for i, name := range list {
		at := item(key, i)
		switch {
		case slices.Contains(list[:i], name):
			r.fail(at, "%s is listed twice; keep one", quote(name))
		case slices.Contains(dialects(), name):
		default:
			r.unknownName(at, "dialect", name, dialects())
		}
	}
}

// matchableHost reports whether a Host header, without its port, can be s.
func matchableHost(s string) bool {
	inner, open := strings.CutPrefix(s, "[")
	inner, shut := strings.CutSuffix(inner, "]")
	addr, err := netip.ParseAddr(inner)
	if err != nil {
		return hostName(s)
	}
	return addr.Zone() == "" && addr.Is6() == open && open == shut
}

// isPermission reports whether s is a permission that a token can have: a scope
// token (RFC 6749 §3.3) of at most 64 bytes.
func isPermission(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
