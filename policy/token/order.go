package token

import "time"

// Order is a request for an access token, or about one, as a dialect's endpoint
// read it. Its slices are borrowed from the request.
type Order struct {
	Dialect      string
	ClientID     []byte
	ClientSecret []byte
	Scope        []byte // space separated; nil: not asked for
	Refresh      []byte // the refresh token to renew with; nil: this is no renewal
	Key          []byte // X-API-KEY as sent, where the dialect has it
	Access       []byte // ACCESS-TOKEN as sent; nil: none was sent
	Environment  Environment
	Source       Source
	Now          time.Time
	RequestID    string // for the audit log
	Permit       Permit
}

// Permit asks whether one more thing may be handed out to a token just now: row
// 15 of an endpoint that issues. It is asked once, last of all that can refuse,
// and says RateLimited where there was too much. A nil Permit always allows.
type Permit func(l *Live) Reason

// Ask takes a permit.
func (p Permit) Ask(l *Live) Reason {
	if p == nil {
		return Allowed
	}
	return p(l)
}

// Grant is what an order was answered with. The secrets in it are for the wire
// alone and are never kept.
type Grant struct {
	AccessToken  string
	RefreshToken string // "": none was made
	IssuedAt     time.Time
	ExpiresAt    time.Time // of the access token
	Scope        string    // as granted, when it was asked for
	Handle       Handle    // whose, for the log
	Merchant     string
}

// Client is who a caller of an endpoint proved to be, for the log. It is empty
// until the secret was right.
type Client struct {
	Handle   Handle
	Merchant string
}

// Introspection is what RFC 7662 tells about an access or refresh token. Where
// Active is false nothing else of it may be told.
type Introspection struct {
	Active    bool
	ClientID  string
	Subject   Handle
	TokenType string  // "Bearer", "opaque" or "refresh_token"; "" is left out
	Scope     string  // "": not narrowed
	IssuedAt  Instant // 0: not known, left out
	ExpiresAt Instant // 0: never, left out
	Issuer    string  // of a JWT
	ID        string  // jti of a JWT
}

// Call is one call by which a token manages the tokens of its merchant. The key
// is borrowed from the request.
type Call struct {
	Dialect   string
	Key       []byte // as sent; of any shape
	Source    Source
	Now       time.Time
	RequestID string
	Permit    Permit

	// Filled in by who carries the call out.
	Client Client // as soon as the key has proven itself
	Detail string // one sentence for the caller: what was wrong and what would do; "" for the reason's own
}

// ChildOrder is what a new child is asked to be. Its strings are its own.
type ChildOrder struct {
	Merchant string   // whom it is asked for: the caller's own, or it is as good as unknown
	Methods  []string // HTTP methods, upper case, each once, at least one, in the order asked for
	IPRanges []string // as sent, not judged yet; empty: the parent's
}

// Child is a token as one that manages it may see it. Key and Secret are set in
// the answer to its creation and never again.
type Child struct {
	Handle    Handle
	Merchant  string
	Key       string // the whole key, once
	Secret    string // the whole signing secret, once
	Active    bool   // it, its merchant and its parent stand
	IPRanges  []string
	Methods   []string // empty: not restricted
	CreatedAt Instant
	UpdatedAt Instant
	ExpiresAt Instant // 0: never
}
