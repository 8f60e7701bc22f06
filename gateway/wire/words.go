package wire

import "tollgate/policy/token"

// Words are how a reason is said to a person who reads English.
type Words struct {
	Title  string // the same for every occurrence
	Detail string // one sentence: what was wrong and what would do
}

// Say returns the words of a reason. Every reason has some; a test holds that.
func Say(r token.Reason) Words { return words[r] }

var words = map[token.Reason]Words{
	token.MalformedRequest:     {"Malformed request", "The request is not unambiguous HTTP/1.1; send it with one Host, one length, a plain path and no stray bytes."},
	token.RequestTimeout:       {"Request timeout", "The request did not arrive in time; send it again."},
	token.LengthRequired:       {"Length required", "Send the body with a Content-Length; chunked bodies are not taken here."},
	token.BodyTooLarge:         {"Body too large", "The body is larger than this path takes."},
	token.ExpectationFailed:    {"Expectation failed", "The only expectation that can be met is 100-continue."},
	token.HeadersTooLarge:      {"Headers too large", "The request's headers are larger than the gateway takes."},
	token.MethodNotImplemented: {"Method not implemented", "The gateway does not know this HTTP method."},
	token.VersionUnsupported:   {"HTTP version not supported", "Speak HTTP/1.1 or HTTP/1.0."},

	token.NoRoute:         {"Not found", "No route has this host and path; paths are compared to the letter, case and trailing slash included."},
	token.MethodNotRouted: {"Method not allowed", "This path does not take this HTTP method; Allow lists those it takes."},

	token.AuthThrottled: {"Too many failed attempts", "Too many unknown credentials came from this address; wait and send a known one."},

	token.CredentialsMissing:   {"Credentials missing", "Present a credential that this path accepts."},
	token.CredentialsAmbiguous: {"Credentials ambiguous", "Two credentials were presented; present exactly one."},

	token.TokenInvalid:        {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},
	token.TokenExpired:        {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},
	token.TokenRevoked:        {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},
	token.TokenDisabled:       {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},
	token.MerchantSuspended:   {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},
	token.SignatureInvalid:    {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},
	token.Replayed:            {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},
	token.AccessTokenRequired: {"Invalid token", "The token is unknown, malformed, expired or no longer accepted."},

	token.CannotDecide: {"Cannot decide", "The credential could not be checked just now; it was neither accepted nor refused. Send the request again."},
	token.Overloaded:   {"Overloaded", "The gateway has no room for this request just now; nothing was sent on. Send the request again."},

	token.EnvironmentMismatch:  {"Environment mismatch", "The token's environment is not the one that this path or X-Environment asks for."},
	token.IPNotAllowed:         {"IP address not allowed", "The token may not be used from this IP address."},
	token.ClientCertNotAllowed: {"Client certificate not allowed", "The token may only be used over TLS with a client certificate of its own; none was shown, or another one."},
	token.HTTPMethodNotAllowed: {"HTTP method not allowed", "The token may not be used with this HTTP method."},
	token.PermissionMissing:    {"Permission missing", "The token does not have the permission that this path needs."},

	token.BodyAmbiguous:   {"Ambiguous body", "Two readers could read this body differently; send each member once, of the documented type, as plain UTF-8."},
	token.BodyUnsupported: {"Unsupported body", "This path reads bodies of another content type, without content encoding."},

	token.FactMissing:             {"Fact missing", "The request does not say something that the token is restricted by: country, operator, method or phone."},
	token.FactConflict:            {"Fact conflict", "Two places of the request disagree about its country, operator, method or phone."},
	token.CountryNotAllowed:       {"Country not allowed", "The token may not be used for this country."},
	token.OperatorNotAllowed:      {"Operator not allowed", "The token may not be used for this operator in this country."},
	token.PaymentMethodNotAllowed: {"Payment method not allowed", "The token may not be used for this payment method of this operator."},
	token.PhoneNotAllowed:         {"Phone not allowed", "The phone number is not an enabled number of the token."},

	token.RateLimited:   {"Too many requests", "The rate allowed here is used up; wait and send the request again."},
	token.QuotaExceeded: {"Quota exceeded", "The quota of the token is used up."},

	token.UpstreamUnreachable: {"Upstream unreachable", "Nothing was sent to the payment API; the request may be sent again."},
	token.UpstreamSaturated:   {"Upstream busy", "Nothing was sent to the payment API, which has no room just now; the request may be sent again."},
	token.UpstreamFailed:      {"Upstream failed", "The request was sent to the payment API and no usable answer came back; look its outcome up before sending it again."},
	token.UpstreamTimeout:     {"Upstream timeout", "The request was sent to the payment API and no answer came in time; look its outcome up before sending it again."},

	token.InternalError: {"Internal error", "The gateway failed to handle this request; quote the request id to its operators."},

	token.InvalidRequest:       {"Invalid request", "The request is malformed, or has a parameter twice or not at all."},
	token.UnsupportedGrantType: {"Unsupported grant type", "This grant type is not served here."},
	token.UnauthorizedClient:   {"Unauthorized client", "The client may not use this grant."},
	token.InvalidScope:         {"Invalid scope", "The scope is unknown or wider than the token's permissions."},
	token.InvalidGrant:         {"Invalid grant", "The grant is unknown, spent or another client's."},
	token.NotFound:             {"Not found", "There is no such token."},
}
