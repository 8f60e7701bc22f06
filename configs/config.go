package configs

import (
	"net/netip"
	"time"

	"tollgate/policy"
)

// Config is one whole configuration. Load hands out checked ones only; a
// Config put together by hand is as good as its author. The yaml tags are the
// keys of the file; a key's environment variable is TOLLGATE_ and its path in
// upper case, joined by underscores.
type Config struct {
	Listen          string         `yaml:"listen"` // host:port of the data plane
	TLS             TLS            `yaml:"tls"`
	ProxyProtocol   string         `yaml:"proxy_protocol"`   // off or v1v2: trusted proxies write it in front
	PublicURL       string         `yaml:"public_url"`       // https://host without a path; "": see Config.BaseURL
	TrustedProxies  []netip.Prefix `yaml:"trusted_proxies"`  // canonical; whose forwarded_header counts
	ForwardedHeader string         `yaml:"forwarded_header"` // x-forwarded-for, forwarded, none
	Admin           Admin          `yaml:"admin"`
	Store           Store          `yaml:"store"`
	Redis           string         `yaml:"redis"` // later
	Cache           Cache          `yaml:"cache"`
	MasterKeyFile   File           `yaml:"master_key_file"` // carried, not read; "": beside the SQLite database
	Tokens          Tokens         `yaml:"tokens"`
	Phones          Phones         `yaml:"phones"`
	Limits          Limits         `yaml:"limits"`
	AuthThrottle    Throttle       `yaml:"auth_throttle"`

	Upstreams map[string]Upstream `yaml:"upstreams"` // by name: 1 to 64 of a-z A-Z 0-9 _ -
	Routes    []Route             `yaml:"routes"`

	Rate      Rate      `yaml:"rate"`
	Log       Log       `yaml:"log"`
	Tracing   Tracing   `yaml:"tracing"`
	Endpoints Endpoints `yaml:"endpoints"`
	Catalog   File      `yaml:"catalog"` // "": the shipped one
	Webhooks  Webhooks  `yaml:"webhooks"`

	// Catalogue is what Load read from Catalog, or the shipped one. It is nil
	// in a Config that Load did not make.
	Catalogue *policy.Catalogue `yaml:"-"`
}

// TLS names the files of a listener's certificate, in PEM; Load proves that
// they are a pair, and whoever serves with them reads them again. Without Cert
// and Key the listener speaks no TLS.
type TLS struct {
	Cert       File   `yaml:"cert"`
	Key        File   `yaml:"key"`
	ClientCA   File   `yaml:"client_ca"`   // whose client certificates count; "": none is asked for
	ClientAuth string `yaml:"client_auth"` // optional or required
}

// On reports whether the listener speaks TLS.
func (t *TLS) On() bool { return t.Cert != "" }

// Admin is the control plane's listener.
type Admin struct {
	Listen           string `yaml:"listen"` // host:port; loopback unless Insecure
	TLS              TLS    `yaml:"tls"`
	Insecure         bool   `yaml:"insecure"`
	BootstrapKey     Secret `yaml:"bootstrap_key"` // at least 32 bytes, or none; from its file too
	BootstrapKeyFile File   `yaml:"bootstrap_key_file"`
	Pprof            bool   `yaml:"pprof"` // serve /debug/pprof there
}

// Cache bounds the memory of decided credentials.
type Cache struct {
	MaxBytes     Size          `yaml:"max_bytes"`     // 1MiB to 1TiB
	MaxStaleness time.Duration `yaml:"max_staleness"` // 1s to 24h without the store before every verdict is 503
	Warm         int           `yaml:"warm"`          // tokens loaded before serving; 0 to 10 million
}

// Tokens is how access tokens are minted.
type Tokens struct {
	Issuer      string        `yaml:"issuer"`     // "": see Config.Issuer
	AccessTTL   time.Duration `yaml:"access_ttl"` // 1s to 24h
	OpaqueTTL   time.Duration `yaml:"opaque_ttl"` // of the apikey dialect; 1s to 24h
	Refresh     Refresh       `yaml:"refresh"`
	SecretPost  bool          `yaml:"client_secret_post"` // client credentials may stand in the body of /api/token
	SigningKeys []SigningKey  `yaml:"signing_keys"`
}

// Refresh is how long families of refresh tokens live.
type Refresh struct {
	Grace    time.Duration `yaml:"grace"`    // 0s to 5m in which a spent token may come again while its successor is unused; 0: never
	Idle     time.Duration `yaml:"idle"`     // 1m to Absolute without a renewal
	Absolute time.Duration `yaml:"absolute"` // up to 366 days
}

// SigningKey is one key for JWTs; the first of the list signs, all verify.
// Load fills Secret for HS256 (at least 32 bytes) and EdDSA (the PKCS#8 PEM
// text, proven to hold an Ed25519 key) from SecretFile.
type SigningKey struct {
	ID         string `yaml:"id"`  // kid: 1 to 64 of A-Z a-z 0-9 _ -
	Alg        string `yaml:"alg"` // HS256 or EdDSA
	SecretFile File   `yaml:"secret_file"`
	Secret     Secret `yaml:"-"`
}

// Phones is where a phone number may belong to one token only.
type Phones struct {
	UniqueWithin string `yaml:"unique_within"` // installation or merchant
}

// Limits bound what one client may take of the data plane.
type Limits struct {
	MaxBody           Size          `yaml:"max_body"`   // 1B to 1GiB; a route may say otherwise
	MaxHeader         Size          `yaml:"max_header"` // 1KiB to 1MiB: request line and headers
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout"`
	ReadBodyTimeout   time.Duration `yaml:"read_body_timeout"`
	WriteTimeout      time.Duration `yaml:"write_timeout"`
	IdleTimeout       time.Duration `yaml:"idle_timeout"`
	MaxConns          int           `yaml:"max_conns"`        // 0: by the limit of open files
	MaxConnsPerIP     int           `yaml:"max_conns_per_ip"` // 0: no limit of its own

	BodyMemory         Size `yaml:"body_memory"`           // of all bodies at once: at least the largest one, up to 1TiB
	MaxRequestsPerConn int  `yaml:"max_requests_per_conn"` // 0: any number
}

// Throttle is how many unrecognised credentials one source may try.
type Throttle struct {
	Failures int           `yaml:"failures"` // 1 to 1 million within Window
	Window   time.Duration `yaml:"window"`   // 1s to 24h
}

// Rate holds the rates of those that have none of their own, in the words of
// policy.ParseRate; "" is no limit.
type Rate struct {
	PerToken string `yaml:"per_token"`
	PerIP    string `yaml:"per_ip"`
	Quota    string `yaml:"quota"`   // of tokens without one of their own, in the words of policy.ParseQuota
	Headers  bool   `yaml:"headers"` // answers tell what is left
}

// Log is what goes to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Access bool   `yaml:"access"` // one line a request
	Format string `yaml:"format"` // json
}

// Webhooks is where events of a token's life may be sent. Only public addresses
// are, over https, unless this says otherwise.
type Webhooks struct {
	AllowHTTP     bool           `yaml:"allow_http"`     // plain http too
	AllowNetworks []netip.Prefix `yaml:"allow_networks"` // canonical; not public, and allowed all the same
}

// Tracing is where spans would go. This version refuses it.
type Tracing struct {
	OTLP string `yaml:"otlp"`
}

// Endpoints are the exact paths that tollgate answers itself, on every host;
// "" is off.
type Endpoints struct {
	Token    string `yaml:"token"`
	Metadata string `yaml:"metadata"`
	JWKS     string `yaml:"jwks"`
	Whoami   string `yaml:"whoami"`

	Revoke             string `yaml:"revoke"`
	Introspect         string `yaml:"introspect"`
	Authorize          string `yaml:"authorize"`
	RefreshToken       string `yaml:"refresh_token"`
	Auth               string `yaml:"auth"`
	GetServiceTokens   string `yaml:"get_service_tokens"`
	CreateServiceToken string `yaml:"create_service_token"`
	DeleteServiceToken string `yaml:"delete_service_token"`
}
