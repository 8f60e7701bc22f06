package configs

import "time"

// Default is the configuration of an empty file, before paths are resolved.
// Each call makes a new one. tollgate.yaml is tested to say the same.
func Default() Config {
	return Config{
		Listen:          "127.0.0.1:8080",
		TLS:             TLS{ClientAuth: "optional"},
		ProxyProtocol:   "off",
		ForwardedHeader: "x-forwarded-for",
		Admin:           Admin{Listen: "127.0.0.1:9090", TLS: TLS{ClientAuth: "optional"}},
		Store:           Store{Driver: SQLite, Path: "tollgate.db"},
		Cache:           Cache{MaxBytes: 256 << 20, MaxStaleness: 15 * time.Minute, Warm: 100_000},
		Tokens:          Tokens{AccessTTL: 10 * time.Minute, OpaqueTTL: time.Hour, Refresh: Refresh{Grace: 10 * time.Second, Idle: 30 * day, Absolute: 90 * day}},
		Phones:          Phones{UniqueWithin: "installation"},
		Limits: Limits{
			MaxBody:           1 << 20,
			MaxHeader:         16 << 10,
			ReadHeaderTimeout: 5 * time.Second,
			ReadBodyTimeout:   30 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       time.Minute,

			BodyMemory:         256 << 20,
			MaxRequestsPerConn: 1000,
		},
		AuthThrottle: Throttle{Failures: 20, Window: time.Minute},
		Rate:         Rate{Headers: true},
		Log:          Log{Level: "info", Access: true, Format: "json"},
		Endpoints: Endpoints{
			Token:    "/api/token",
			Metadata: "/.well-known/oauth-authorization-server",
			JWKS:     "/.well-known/jwks.json",
			Whoami:   "/api/whoami",

			Revoke:             "/api/revoke",
			Introspect:         "/api/introspect",
			Authorize:          "/api/authorize",
			RefreshToken:       "/api/refresh_token",
			Auth:               "/v1/auth",
			GetServiceTokens:   "/api/gateway/getServiceTokens",
			CreateServiceToken: "/api/gateway/createServiceToken",
			DeleteServiceToken: "/api/gateway/deleteServiceToken",
		},
	}
}

// setDefaults fills in what an upstream is before its keys are read.
func (u *Upstream) setDefaults() {
	*u = Upstream{
		ConnectTimeout: 2 * time.Second,
		Timeout:        30 * time.Second,
		MaxConns:       1024,
		MaxResponse:    8 << 20,
		Host:           "target",
		KeepAlive:      true,
		Eject:          Eject{Failures: 5, Rest: time.Second, MaxRest: 30 * time.Second},
	}
}

// setDefaults fills in what a health check is before its keys are read.
func (h *Health) setDefaults() { *h = Health{Path: "/health", Interval: 5 * time.Second} }

// setDefaults fills in what a route is before its keys are read.
func (r *Route) setDefaults() { *r = Route{Mode: "enforce"} }
