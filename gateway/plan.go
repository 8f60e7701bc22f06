package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"tollgate/gateway/facts"
	"tollgate/policy"
)

// Plan is everything that a reload replaces at once: the routes and what they
// stand on. The gateway copies what it keeps.
type Plan struct {
	Routes          []RouteSpec
	Upstreams       map[string]UpstreamSpec
	Endpoints       []EndpointSpec // tollgate's own paths; they win over routes
	Whoami          string         // path of the caller's own card; "": off
	TrustedProxies  []netip.Prefix
	ForwardedHeader ForwardedHeader
	PerTokenRate    policy.Rate  // for tokens without a rate of their own; zero: none
	PerIPRate       policy.Rate  // zero: none
	Quota           policy.Quota // of tokens without one of their own; zero: none
	RateHeaders     bool         // answers tell what is left of rates and quotas
	Limits          *Limits      // nil: those of Options; connections that are open keep the limits they began with, but for bodies
	Quiet           bool         // no access log is written
}

// EndpointSpec puts an endpoint of our own at an exact path, on every host.
type EndpointSpec struct {
	Path     string
	Endpoint Endpoint
	Issues   bool // it hands out access tokens, which is counted, and judges
	Judges   bool // it tells something by a credential: silent while no verdict may be given
}

// ForwardedHeader is the one header that trusted proxies tell the client in.
type ForwardedHeader uint8

// The headers there are. The others are ignored and never forwarded.
const (
	XForwardedFor ForwardedHeader = iota
	Forwarded
	NoForwarded
)

// RouteSpec is one route as it is configured.
type RouteSpec struct {
	Host    string   // exact, without port, case-insensitive; "": every host
	Path    string   // literal segments, {name} for one segment, {name...} for the rest
	Methods []string // at least one; GET covers HEAD

	Upstream string // for both environments, or "" and the two below; one of them will do where Rule.Environment is its own
	Live     string
	Test     string

	Dialects []string // at least one, by name, in the order in which they word refusals
	Rule     policy.RouteRule
	Facts    *facts.Program // nil: the body is not looked into

	MaxBody            int           // bytes; 0: Limits.MaxBody
	Timeout            time.Duration // for the upstream's answer; 0: the upstream's
	BodyTimeout        time.Duration // for the request's body; 0: Limits.ReadBodyTimeout
	WriteTimeout       time.Duration // for the answer, a streamed one too; 0: Limits.WriteTimeout, of a streamed one for each part
	TotalTimeout       time.Duration // from the end of the headers to that of the answer, which has a second more to say that time is up; 0: none
	Stream             bool          // answers larger than the limit are streamed
	AllowChunked       bool          // else Transfer-Encoding is 411
	AllowUnderscores   bool          // else header names with _ are dropped
	ForwardCredentials bool          // else they are removed
	RefuseReplay       bool          // signed parameters are taken once each
}

// UpstreamSpec is one upstream as it is configured. Its headers and key are
// secrets: it prints as its targets only.
type UpstreamSpec struct {
	Targets        []string // http://host:port or https://host:port, without a path
	ConnectTimeout time.Duration
	Timeout        time.Duration     // for the whole exchange
	MaxConns       int               // requests under way and connections, over all targets; 0: 1024
	Host           string            // "keep", "target" (also ""), or the Host to send
	Headers        map[string]string // set on the way out, over what the client sent
	SignKey        []byte            // X-Tollgate-Signature; nil: not signed
	Health         HealthSpec        // Path "": no active check
	MaxResponse    int64             // bytes of an answer that is not streamed; 0: 8 MiB
	NoKeepAlive    bool              // a connection for each request, closed behind its answer
	Eject          EjectSpec         // Failures 0: never
	TLS            TLSSpec           // of https targets
}

// TLSSpec is how https targets are spoken to. Whatever it says, certificate and
// name are verified.
type TLSSpec struct {
	Roots      *x509.CertPool          // who may vouch for the target; nil: the system's
	ServerName string                  // sent and verified; "": the target's host
	Cert       func() *tls.Certificate // ours, asked for at each handshake and safe for concurrent use; nil: none
	Version    [sha256.Size]byte       // differs where Roots or what is behind Cert does: an upstream is made anew then
}

func (t *TLSSpec) sameAs(other *TLSSpec) bool {
	return t.Version == other.Version && t.ServerName == other.ServerName &&
		(t.Roots == nil) == (other.Roots == nil) && (t.Cert == nil) == (other.Cert == nil)
}

// EjectSpec is when a target that takes requests and does not answer them is
// left out, and for how long.
type EjectSpec struct {
	Failures int           // in a row, 2 to 50; 0: never
	Rest     time.Duration // after the first time; 0: 1 s
	MaxRest  time.Duration // the longest, as it doubles with each trial that fails; 0: 30 s or Rest
}

func (e EjectSpec) withDefaults() EjectSpec {
	setDefault(&e.Rest, defaultRest)
	setDefault(&e.MaxRest, max(defaultMaxRest, e.Rest))
	return e
}

// HealthSpec is an active check of an upstream's targets.
type HealthSpec struct {
	Path     string
	Interval time.Duration
}

// String names the targets and no secret.
func (u UpstreamSpec) String() string {
	s := "upstream"
	for _, t := range u.Targets {
		s += " " + t
	}
	return s
}

// GoString is String: %#v tells no more.
func (u UpstreamSpec) GoString() string { return u.String() }
