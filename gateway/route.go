package gateway

import (
	"time"

	"tollgate/gateway/facts"
	"tollgate/policy"
	"tollgate/policy/token"
)

// route is a RouteSpec as requests use it: names resolved, limits set.
type route struct {
	label    string // host and path pattern: the log's and the metrics' word for it
	pattern  string
	names    []string // of the pattern's {names}, in order
	dialects []Dialect
	rule     policy.RouteRule
	facts    *facts.Program
	live     *upstream
	test     *upstream

	maxBody            int
	timeout            time.Duration // 0: the upstream's
	bodyTimeout        time.Duration // 0: the limits'
	writeTimeout       time.Duration // 0: the limits'
	totalTimeout       time.Duration // 0: none
	stream             bool
	allowChunked       bool
	allowUnderscores   bool
	forwardCredentials bool
	refuseReplay       bool
	signed             bool // it lists signature
	whoami             bool // answered by ourselves; has no upstream

	meters *routeMeters
}

// upstream is where a token of environment e is served.
func (r *route) upstream(e token.Environment) *upstream {
	if e == token.EnvTest {
		return r.test
	}
	return r.live
}
