package configs

import (
	"strconv"
	"strings"
	"time"

	"tollgate/policy"
)

// check looks at what one key alone cannot show: bounds, words, and keys that
// depend on one another. Every rule reports for itself, so that one mistake
// does not hide another.
func (r *reader) check(c *Config) {
	r.checkLater(c)
	r.checkListeners(c)
	r.checkPublicURL(c.PublicURL)
	r.checkTrust(c)
	r.checkStore(c)
	r.checkBounds(c)
	r.checkTokens(&c.Tokens)
	r.checkRates(&c.Rate)
	r.oneOf("forwarded_header", c.ForwardedHeader, "x-forwarded-for", "forwarded", "none")
	r.oneOf("phones.unique_within", c.Phones.UniqueWithin, "installation", "merchant")
	r.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	r.oneOf("log.format", c.Log.Format, "json")
	r.checkUpstreams(c)
	r.checkEndpoints(&c.Endpoints)
	r.checkRoutes(c)
	r.checkCatalogue(c)
}

// checkBounds holds every number to its bounds.
func (r *reader) checkBounds(c *Config) {
	r.size("cache.max_bytes", c.Cache.MaxBytes, 1<<20, 1<<40)
	r.span("cache.max_staleness", c.Cache.MaxStaleness, time.Second, day)
	r.count("cache.warm", c.Cache.Warm, 0, 10_000_000)

	r.size("limits.max_body", c.Limits.MaxBody, 1, 1<<30)
	r.size("limits.max_header", c.Limits.MaxHeader, 1<<10, 1<<20)
	r.span("limits.read_header_timeout", c.Limits.ReadHeaderTimeout, 10*time.Millisecond, 5*time.Minute)
	r.span("limits.read_body_timeout", c.Limits.ReadBodyTimeout, 10*time.Millisecond, time.Hour)
	r.span("limits.write_timeout", c.Limits.WriteTimeout, 10*time.Millisecond, time.Hour)
	r.span("limits.idle_timeout", c.Limits.IdleTimeout, 10*time.Millisecond, time.Hour)
	r.count("limits.max_conns", c.Limits.MaxConns, 0, 10_000_000)
	r.count("limits.max_requests_per_conn", c.Limits.MaxRequestsPerConn, 0, 1_000_000_000)
	r.checkBodyMemory(c)
	r.count("limits.max_conns_per_ip", c.Limits.MaxConnsPerIP, 0, 10_000_000)

	r.count("auth_throttle.failures", c.AuthThrottle.Failures, 1, 1_000_000)
	r.span("auth_throttle.window", c.AuthThrottle.Window, time.Second, day)
}

// checkBodyMemory holds the memory for all bodies to the largest of them: one
// that never fits could never be served.
func (r *reader) checkBodyMemory(c *Config) {
	const key = "limits.body_memory"
	r.size(key, c.Limits.BodyMemory, 64<<10, 1<<40)
	if c.Limits.BodyMemory < c.Limits.MaxBody && c.Limits.MaxBody <= 1<<30 {
		r.fail(key, "%s has no room for one body of limits.max_body (%s); give it several times as much", c.Limits.BodyMemory, c.Limits.MaxBody)
	}
	for i := range c.Routes {
		if size := c.Routes[i].MaxBody; size > c.Limits.BodyMemory && size <= 1<<30 {
			r.fail(below(item("routes", i), "max_body"), "%s is more than the %s of limits.body_memory, which all bodies share; raise that, or lower this", size, c.Limits.BodyMemory)
		}
	}
}

func (r *reader) checkRates(c *Rate) {
	for _, rate := range []struct{ key, text string }{{"rate.per_token", c.PerToken}, {"rate.per_ip", c.PerIP}} {
		if _, err := policy.ParseRate(rate.text); err != nil {
			r.failWord(rate.key, rate.text, err)
		}
	}
	if _, err := policy.ParseQuota(c.Quota); err != nil {
		r.failWord("rate.quota", c.Quota, err)
	}
}

// failWord passes on what policy says of a text, which it quotes, where the text
// may be quoted.
func (r *reader) failWord(key, text string, err error) {
	if shown := quoteWord(text); shown != quote(text) {
		r.fail(key, "%s is not what stands here; write it as in tollgate.yaml", shown)
		return
	}
	r.fail(key, "%v", err)
}

func (r *reader) checkStore(c *Config) {
	if c.Store.Driver == SQLite {
		if !r.given("store") {
			c.Store.Path = string(r.resolve(c.Store.Path))
		}
		return
	}
	if c.MasterKeyFile == "" {
		r.failAt(r.origin("store"), "master_key_file", "PostgreSQL needs one, for the sealed secrets in it; make a file of 32 random bytes and name it here")
	}
}

func (r *reader) checkCatalogue(c *Config) {
	if c.Catalog == "" {
		if len(r.problems) > 0 {
			return // nobody will see it
		}
		shipped, err := ShippedCatalogue()
		if err != nil {
			panic("BUG: the shipped catalogue is wrong: " + err.Error())
		}
		c.Catalogue = shipped
		return
	}
	data, err := readBounded(string(c.Catalog))
	if err != nil {
		r.fail("catalog", "%s: %v", quote(string(c.Catalog)), err)
		return
	}
	own, problems := readCatalogue(string(c.Catalog), data)
	r.problems = append(r.problems, problems...)
	c.Catalogue = own
}

// count, size and span hold a number, a size and a duration to inclusive
// bounds.
func (r *reader) count(key string, n, low, high int) {
	if n < low || n > high {
		r.fail(key, "%d is out of bounds; write a number from %d to %d", n, low, high)
	}
}

func (r *reader) size(key string, s, low, high Size) {
	if s < low || s > high {
		r.fail(key, "%s is out of bounds; write a size from %s to %s", s, low, high)
	}
}

func (r *reader) span(key string, d, low, high time.Duration) {
	if d < low || d > high {
		r.fail(key, "%s is out of bounds; write a duration from %s to %s", durationText(d), durationText(low), durationText(high))
	}
}

// oneOf holds a word to a list.
func (r *reader) oneOf(key, word string, words ...string) {
	for _, known := range words {
		if word == known {
			return
		}
	}
	if meant := nearest(word, words); meant != "" {
		r.fail(key, "%s is not known here; did you mean %s?", quote(word), meant)
		return
	}
	r.fail(key, "%s is not known here; write %s", quote(word), orList(words))
}

// orList is "a", "a or b", "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// isName reports whether s is 1 to 64 of a-z A-Z 0-9 _ - and begins with a
// letter or digit: what can stand in a metric's label and a log without care.
func isName(s string) bool {
	return plainWord(s) && s[0] != '-' && s[0] != '_'
}

// port reads a TCP port; ok is false for anything but 0 to 65535 in decimal.
func port(s string) (n int, ok bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n <= 65535 && strconv.Itoa(n) == s
}
