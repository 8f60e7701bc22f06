package configs

import (
	"time"

	"tollgate/policy"
)

// Upstream is one service that requests are forwarded to.
type Upstream struct {
	Targets        []string          `yaml:"targets"`         // http(s)://host[:port], no path; at least one
	ConnectTimeout time.Duration     `yaml:"connect_timeout"` // 1ms to 1m
	Timeout        time.Duration     `yaml:"timeout"`         // 1ms to 1h: the whole exchange
	MaxConns       int               `yaml:"max_conns"`       // at once: 1 to 1 million
	MaxResponse    Size              `yaml:"max_response"`    // of an answer that is not streamed: 1B to 1GiB
	Host           string            `yaml:"host"`            // keep, target, or the Host to send
	Headers        map[string]Header `yaml:"headers"`         // set on the way out
	SignKeyFile    File              `yaml:"sign_key_file"`   // HMAC key of X-Tollgate-Signature; "": not signed
	Health         *Health           `yaml:"health"`          // nil: no active check
	KeepAlive      bool              `yaml:"keep_alive"`      // false: a connection for each request
	Eject          Eject             `yaml:"eject"`
	TLS            UpstreamTLS       `yaml:"tls"` // of https targets

	SignKey Secret `yaml:"-"` // what SignKeyFile holds: at least 32 bytes
}

// Health is an active check of each target.
type Health struct {
	Path     string        `yaml:"path"`
	Interval time.Duration `yaml:"interval"` // 100ms to 1h
}

// Eject is when a target that takes requests and does not answer them is left
// out, and for how long.
type Eject struct {
	Failures int           `yaml:"failures"` // in a row: 2 to 50; 0: never
	Rest     time.Duration `yaml:"rest"`     // after the first time: 10ms to 1h
	MaxRest  time.Duration `yaml:"max_rest"` // the longest, as it doubles: Rest to 1h
}

// UpstreamTLS is how https targets are verified, and our certificate for them.
// Load fills the texts in: CAText holds at least one certificate, CertText and
// KeyText are a pair.
type UpstreamTLS struct {
	CA         File   `yaml:"ca"`          // PEM; "": the system's roots
	Cert       File   `yaml:"cert"`        // PEM, our chain; "": none is shown
	Key        File   `yaml:"key"`         // PEM
	ServerName string `yaml:"server_name"` // sent and verified; "": the target's host

	CAText   string `yaml:"-"`
	CertText string `yaml:"-"`
	KeyText  Secret `yaml:"-"`
}

// Header is the value of one header sent upstream: written in the file, or
// taken from a file or an environment variable. It is a secret in every case,
// for it mostly is the provider's own credential.
type Header struct {
	Value Secret // filled by Load, whatever the source
	File  File
	Env   string
}

// Route says which requests go where, and what they must show.
type Route struct {
	Match    Match          `yaml:"match"`
	Upstream UpstreamChoice `yaml:"upstream"`
	Dialects []string       `yaml:"dialects"` // at least one, in the order in which they word refusals

	Environment string `yaml:"environment"` // live, test, any; Load fills in the default of the upstream's form
	Permission  string `yaml:"permission"`  // "": none is asked for
	Mode        string `yaml:"mode"`        // enforce or monitor

	Preset    string                       `yaml:"preset"`
	Facts     Facts                        `yaml:"facts"`
	OnMissing string                       `yaml:"on_missing"` // deny, allow; "": the preset's, or deny
	Number    bool                         `yaml:"number"`     // a phone may be a JSON number
	Require   map[string]string            `yaml:"require"`    // source → the only value it may have
	Tables    map[string]map[string]string `yaml:"tables"`     // name → word → word, for alias:<name>

	Replay             string        `yaml:"replay"`        // later
	MaxBody            Size          `yaml:"max_body"`      // 0: limits.max_body
	Timeout            time.Duration `yaml:"timeout"`       // 0: the upstream's
	BodyTimeout        time.Duration `yaml:"body_timeout"`  // 0: limits.read_body_timeout
	WriteTimeout       time.Duration `yaml:"write_timeout"` // 0: limits.write_timeout
	TotalTimeout       time.Duration `yaml:"total_timeout"` // 0: none
	Stream             bool          `yaml:"stream"`
	AllowChunked       bool          `yaml:"allow_chunked"`
	AllowUnderscores   bool          `yaml:"allow_underscores"`
	ForwardCredentials bool          `yaml:"forward_credentials"`

	// Reads is what the preset or the facts come to, ready for
	// policy.ParseFacts; nil when there are none, and when Facts.None.
	Reads *policy.FactsText `yaml:"-"`
}

// Match is which requests a route is for.
type Match struct {
	Host    string   `yaml:"host"`    // without a port, lower case; "": every host
	Path    string   `yaml:"path"`    // {name} is one segment, {name...} the rest
	Methods []string `yaml:"methods"` // at least one; GET covers HEAD
}

// UpstreamChoice is a route's upstream: one for all, or one for each
// environment.
type UpstreamChoice struct {
	Name string // "" when given per environment
	Live string `yaml:"live"`
	Test string `yaml:"test"`
}

// Facts is where a request's facts are read, or None for a route that moves no
// money. The zero Facts says nothing: restricted tokens are refused there.
type Facts struct {
	None     bool
	Country  []string `yaml:"country"`
	Operator []string `yaml:"operator"`
	Method   []string `yaml:"method"`
	Phone    []string `yaml:"phone"`
}

// For is the name of the upstream that serves tokens of the environment, live
// or test; "" when the route serves none.
func (u UpstreamChoice) For(environment string) string {
	switch {
	case u.Name != "":
		return u.Name
	case environment == "test":
		return u.Test
	default:
		return u.Live
	}
}
