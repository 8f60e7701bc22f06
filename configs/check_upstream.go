package configs

import (
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxTargets   = 64
	maxUpstreams = 1000
)

func (r *reader) checkUpstreams(c *Config) {
	if len(c.Upstreams) > maxUpstreams {
		r.fail("upstreams", "there are %d; at most %d are served", len(c.Upstreams), maxUpstreams)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		key, u := below("upstreams", name), c.Upstreams[name]
		if !isName(name) {
			r.fail(key, "the name %s is no plain word; use up to 64 letters, digits, _ and -", quote(name))
		}
		r.checkTargets(key, &u, c)
		r.span(below(key, "connect_timeout"), u.ConnectTimeout, time.Millisecond, time.Minute)
		r.span(below(key, "timeout"), u.Timeout, time.Millisecond, time.Hour)
		r.count(below(key, "max_conns"), u.MaxConns, 1, 1_000_000)
		r.size(below(key, "max_response"), u.MaxResponse, 1, 1<<30)
		if u.Host == "" {
			u.Host = "target"
		}
		r.checkUpstreamHost(below(key, "host"), u.Host)
		r.checkHeaders(below(key, "headers"), u.Headers)
		r.checkUpstreamTLS(below(key, "tls"), &u)
		if u.Health != nil {
			r.checkHealth(below(key, "health"), u.Health)
		}
		r.checkEject(below(key, "eject"), &u.Eject)
		c.Upstreams[name] = u
	}
}

func (r *reader) checkTargets(key string, u *Upstream, c *Config) {
	key = below(key, "targets")
	if len(u.Targets) == 0 || len(u.Targets) > maxTargets {
		r.fail(key, "there are %d; list 1 to %d, such as [http://127.0.0.1:9000]", len(u.Targets), maxTargets)
	}
	for i, target := range u.Targets {
		at := item(key, i)
		if problem := badTarget(target); problem != "" {
			r.fail(at, "%s", problem)
			continue
		}
		switch {
		case slices.Contains(u.Targets[:i], target):
			r.fail(at, "%s is listed twice; keep one", target)
		case reaches(target, c.Listen), reaches(target, c.Admin.Listen):
			r.fail(at, "%s is tollgate itself, so that requests would go round in circles; write the upstream's address", target)
		}
	}
}

// badTarget says what is wrong with a target; "" when nothing is. What may be
// a password is not quoted.
func badTarget(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return quote(withoutUser(text)) + " is no target; write one such as http://127.0.0.1:9000"
	case u.Scheme != "http" && u.Scheme != "https":
		return quote(u.Scheme) + " is not spoken here; write http:// or https:// before the host"
	case u.User != nil:
		return "it holds a user name or password; write " + u.Scheme + "://" + u.Host + " and send credentials with headers: {Authorization: {file: …}}"
	case !urlHost(u):
		return quote(text) + " names no host that can be asked; write one such as http://127.0.0.1:9000"
	case text != u.Scheme+"://"+u.Host:
		return quote(text) + " has more than scheme, host and port; write " + u.Scheme + "://" + u.Host + ", paths are forwarded as they come"
	case u.Host != strings.ToLower(u.Host):
		return quote(text) + " is not in lower case; write " + strings.ToLower(text)
	}
	return ""
}

// reaches reports whether a good target is a listener of our own: the very
// address, or the same port on this machine.
func reaches(target, listen string) bool {
	u, err := url.Parse(target)
	if err != nil {
		return false
	}
	targetPort := u.Port()
	if targetPort == "" {
		targetPort = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host, listenPort, err := net.SplitHostPort(listen)
	if err != nil || targetPort != listenPort {
		return false
	}
	addr, err := netip.ParseAddr(host)
	everywhere := host == "" || err == nil && addr.IsUnspecified()
	return u.Hostname() == host || loopback(net.JoinHostPort(u.Hostname(), targetPort)) && (everywhere || loopback(listen))
}

func (r *reader) checkUpstreamHost(key, host string) {
	if host == "keep" || host == "target" {
		return
	}
	u, err := url.Parse("http://" + host)
	if err != nil || u.Host != host || u.User != nil || !urlHost(u) {
		r.fail(key, "%s is no host; write keep for the client's, target for the target's, or a name such as api.example.com", quote(withoutUser(host)))
	}
}

func (r *reader) checkHeaders(key string, headers map[string]Header) {
	seen := make(map[string]string, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at, folded := below(key, name), foldHeader(name)
		other, twice := seen[folded]
		switch {
		case !isToken(name):
			r.fail(at, "%s is no header name; write one of up to %d letters, digits and hyphens, such as X-Api-Key", quote(name), maxHeaderName)
		case folded == "host":
			r.fail(at, "the Host has a key of its own; write host: beside headers")
		case ownHeader(folded):
			r.fail(at, "%s is set by tollgate itself, or never sent upstream; take it out", name)
		case twice:
			r.fail(at, "upstreams can take it for the same header as %s; keep one", other)
		}
		if isToken(name) {
			seen[folded] = name
		}
	}
}

// maxHeaderName is how much of a name the data plane compares, in bytes.
const maxHeaderName = 40

// foldHeader writes a header's name as the most careless upstream might read
// it: in lower case, with a hyphen for what is no letter or digit.
func foldHeader(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c | 0x20
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		}
		return '-'
	}, name)
}

// ownHeader reports whether a folded header is set by tollgate, belongs to one
// connection, or claims what no upstream should be told: a configured value
// would break what it says.
func ownHeader(folded string) bool {
	switch folded {
	case "connection", "content-length", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "expect", "http2-settings",
		"x-request-id", "x-client-request-id", "forwarded", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip",
		"cf-connecting-ip", "x-http-method", "x-http-method-override", "x-method-override", "x-rewrite-url",
		"x-client-cert", "client-cert", "client-cert-chain":
		return true
	}
	for _, prefix := range [...]string{"x-tollgate-", "x-forwarded-", "proxy-", "x-original-"} {
		if strings.HasPrefix(folded, prefix) {
			return true
		}
	}
	return false
}

// isToken reports whether s is an RFC 9110 token that can name a header.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !wordByte(c) && !strings.ContainsRune("!#$%&'*+.^`|~", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) <= maxHeaderName
}

func (r *reader) checkHealth(key string, h *Health) {
	r.span(below(key, "interval"), h.Interval, 100*time.Millisecond, time.Hour)
	path, query, _ := strings.Cut(h.Path, "?")
	if _, problem := parsePattern(path); problem != "" || strings.ContainsAny(h.Path, "{}") || !visible(query) {
		r.fail(below(key, "path"), "%s is no path; write one such as /health", quote(h.Path))
	}
}

func (r *reader) checkEject(key string, e *Eject) {
	if e.Failures == 1 {
		r.fail(below(key, "failures"), "one failure may be one bad request; write 2 to 50, or 0 to leave no target out")
	}
	r.count(below(key, "failures"), e.Failures, 0, 50)
	r.span(below(key, "rest"), e.Rest, 10*time.Millisecond, time.Hour)
	r.span(below(key, "max_rest"), e.MaxRest, 10*time.Millisecond, time.Hour)
	if e.MaxRest < e.Rest && !r.isBrokenBelow(key) {
		r.fail(below(key, "max_rest"), "it is shorter than rest, which begins at %s; write that or more", durationText(e.Rest))
	}
}

// visible reports whether s is visible ASCII without # alone.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '#' {
			return false
		}
	}
	return true
}
