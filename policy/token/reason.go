package token

// Reason says why a request was refused, or could not be decided. Reasons are
// constants: comparable, free to return on the hot path, and worded once, at
// the edge, by the dialect that was spoken. The zero Reason is Allowed.
type Reason uint8

// The reasons, in the order of checks of spec/policies.md §3: the first that
// applies wins.
const (
	Allowed Reason = iota

	// Row 1: the request is not unambiguous HTTP within the limits.
	MalformedRequest
	RequestTimeout
	LengthRequired
	BodyTooLarge // also row 11: larger than the route's limit
	ExpectationFailed
	HeadersTooLarge
	MethodNotImplemented
	VersionUnsupported

	// Row 2: no route.
	NoRoute
	MethodNotRouted

	// Row 3: too many unrecognised credentials from one source.
	AuthThrottled

	// Row 4: exactly one credential was presented.
	CredentialsMissing
	CredentialsAmbiguous

	// Row 5: it is known and its token stands.
	TokenInvalid
	TokenExpired
	TokenRevoked
	TokenDisabled
	MerchantSuspended
	SignatureInvalid
	Replayed
	AccessTokenRequired // enhanced security: the key alone proves nothing

	// Row 6: nobody could tell just now.
	CannotDecide // the store or cache could not
	Overloaded   // there was no room for the body

	// Rows 7 to 10: bounds that the headers alone decide.
	EnvironmentMismatch
	IPNotAllowed
	ClientCertNotAllowed
	HTTPMethodNotAllowed
	PermissionMissing

	// Row 11: the body can be read in one way only.
	BodyAmbiguous
	BodyUnsupported

	// Rows 12 to 14: what the request is about.
	FactMissing
	FactConflict
	CountryNotAllowed
	OperatorNotAllowed
	PaymentMethodNotAllowed
	PhoneNotAllowed

	// Row 15.
	RateLimited
	QuotaExceeded

	// Row 16: the upstream.
	UpstreamUnreachable // nothing was sent
	UpstreamSaturated   // nothing was sent
	UpstreamFailed      // sent, no usable answer: the outcome is unknown
	UpstreamTimeout     // sent, no answer in time: the outcome is unknown

	// InternalError is our own fault, a recovered panic for instance.
	InternalError

	// Issuing only; a proxied request never ends with these.
	InvalidRequest
	UnsupportedGrantType
	UnauthorizedClient
	InvalidScope
	InvalidGrant
	NotFound // the token that a call is about: unknown, or not the caller's

	reasonCount
)

// Outcome is the word of the access log and of the metric label for how a
// request ended.
type Outcome string

// The outcomes.
const (
	OutcomeAllowed       Outcome = "allowed"
	OutcomeDenied        Outcome = "denied"
	OutcomeWouldDeny     Outcome = "would_deny"
	OutcomeUndecided     Outcome = "undecided"
	OutcomeUpstreamError Outcome = "upstream_error"
	OutcomeClientError   Outcome = "client_error"
)

type reasonFact struct {
	code    string
	status  int
	row     uint8
	outcome Outcome
}

var reasons = [reasonCount]reasonFact{
	Allowed: {"allowed", 200, 0, OutcomeAllowed},

	MalformedRequest:     {"malformed_request", 400, 1, OutcomeClientError},
	RequestTimeout:       {"request_timeout", 408, 1, OutcomeClientError},
	LengthRequired:       {"length_required", 411, 1, OutcomeClientError},
	BodyTooLarge:         {"body_too_large", 413, 1, OutcomeClientError},
	ExpectationFailed:    {"expectation_failed", 417, 1, OutcomeClientError},
	HeadersTooLarge:      {"headers_too_large", 431, 1, OutcomeClientError},
	MethodNotImplemented: {"method_not_implemented", 501, 1, OutcomeClientError},
	VersionUnsupported:   {"http_version_unsupported", 505, 1, OutcomeClientError},

	NoRoute:         {"no_route", 404, 2, OutcomeClientError},
	MethodNotRouted: {"method_not_routed", 405, 2, OutcomeClientError},

	AuthThrottled: {"auth_throttled", 429, 3, OutcomeDenied},

	CredentialsMissing:   {"credentials_missing", 401, 4, OutcomeDenied},
	CredentialsAmbiguous: {"credentials_ambiguous", 400, 4, OutcomeDenied},

	TokenInvalid:        {"token_invalid", 401, 5, OutcomeDenied},
	TokenExpired:        {"token_expired", 401, 5, OutcomeDenied},
	TokenRevoked:        {"token_revoked", 401, 5, OutcomeDenied},
	TokenDisabled:       {"token_disabled", 401, 5, OutcomeDenied},
	MerchantSuspended:   {"merchant_suspended", 401, 5, OutcomeDenied},
	SignatureInvalid:    {"signature_invalid", 401, 5, OutcomeDenied},
	Replayed:            {"replayed", 401, 5, OutcomeDenied},
	AccessTokenRequired: {"access_token_required", 401, 5, OutcomeDenied},

	CannotDecide: {"cannot_decide", 503, 6, OutcomeUndecided},
	Overloaded:   {"overloaded", 503, 6, OutcomeUndecided},

	EnvironmentMismatch:  {"environment_mismatch", 403, 7, OutcomeDenied},
	IPNotAllowed:         {"ip_not_allowed", 403, 8, OutcomeDenied},
	ClientCertNotAllowed: {"client_cert_not_allowed", 403, 8, OutcomeDenied},
	HTTPMethodNotAllowed: {"http_method_not_allowed", 403, 9, OutcomeDenied},
	PermissionMissing:    {"permission_missing", 403, 10, OutcomeDenied},

	BodyAmbiguous:   {"body_ambiguous", 400, 11, OutcomeDenied},
	BodyUnsupported: {"body_unsupported", 415, 11, OutcomeDenied},

	FactMissing:             {"fact_missing", 403, 12, OutcomeDenied},
	FactConflict:            {"fact_conflict", 403, 12, OutcomeDenied},
	CountryNotAllowed:       {"country_not_allowed", 403, 13, OutcomeDenied},
	OperatorNotAllowed:      {"operator_not_allowed", 403, 13, OutcomeDenied},
	PaymentMethodNotAllowed: {"payment_method_not_allowed", 403, 13, OutcomeDenied},
	PhoneNotAllowed:         {"phone_not_allowed", 403, 14, OutcomeDenied},

	RateLimited:   {"rate_limited", 429, 15, OutcomeDenied},
	QuotaExceeded: {"quota_exceeded", 429, 15, OutcomeDenied},

	UpstreamUnreachable: {"upstream_unreachable", 503, 16, OutcomeUpstreamError},
	UpstreamSaturated:   {"upstream_saturated", 503, 16, OutcomeUpstreamError},
	UpstreamFailed:      {"upstream_failed", 502, 16, OutcomeUpstreamError},
	UpstreamTimeout:     {"upstream_timeout", 504, 16, OutcomeUpstreamError},

	InternalError: {"internal_error", 500, 0, OutcomeUndecided},

	InvalidRequest:       {"invalid_request", 400, 0, OutcomeClientError},
	UnsupportedGrantType: {"unsupported_grant_type", 400, 0, OutcomeDenied},
	UnauthorizedClient:   {"unauthorized_client", 400, 0, OutcomeDenied},
	InvalidScope:         {"invalid_scope", 400, 0, OutcomeDenied},
	InvalidGrant:         {"invalid_grant", 400, 0, OutcomeDenied},
	NotFound:             {"not_found", 404, 0, OutcomeClientError},
}

// Code is the reason's published word, as logs, metrics and explain carry it.
func (r Reason) Code() string { return r.fact().code }

// Status is the HTTP status the reason has where a dialect does not choose
// another.
func (r Reason) Status() int { return r.fact().status }

// Row is the reason's row in the order of checks (1 to 16); 0 for Allowed and
// for reasons that only issuing gives.
func (r Reason) Row() int { return int(r.fact().row) }

// Outcome is how a request that ends with this reason is counted.
func (r Reason) Outcome() Outcome { return r.fact().outcome }

// Error makes a Reason an error whose text is its code.
func (r Reason) Error() string { return r.Code() }

// String is the code.
func (r Reason) String() string { return r.Code() }

// Credential reports whether the reason belongs to row 5, whose exact word is
// kept from the wire: the caller is told token_invalid, the log the truth.
func (r Reason) Credential() bool { return r.fact().row == 5 }

// Monitored reports whether monitor mode may let a request with this reason
// pass: rows 9, 10 and 12 to 14, and the two reasons about an unreadable body.
func (r Reason) Monitored() bool {
	switch r.Row() {
	case 9, 10, 12, 13, 14:
		return true
	}
	return r == BodyAmbiguous || r == BodyUnsupported
}

// Reasons lists every reason but Allowed, so that a table of words can be
// tested to be complete.
func Reasons() []Reason {
	all := make([]Reason, 0, reasonCount-1)
	for r := Allowed + 1; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}

func (r Reason) fact() *reasonFact {
	if r >= reasonCount {
		r = InternalError
	}
	return &reasons[r]
}
