package service

import "tollgate/policy/token"

// said is a reason in this dialect: the status and the sentence of its error
// object.
type said struct {
	status  int
	message string
}

const (
	wrongToken     = "The token is unknown, malformed, expired or no longer accepted."
	badRequest     = "The request could not be read."
	notSent        = "The service is not available; nothing was sent, the request may be sent again."
	outcomeUnknown = "The request was sent on and no usable answer came back; look its outcome up before sending it again."
)

// sayings words every reason; a test holds that none is missing.
var sayings = map[token.Reason]said{
	token.MalformedRequest:     {400, badRequest},
	token.RequestTimeout:       {408, "The request did not arrive in time; send it again."},
	token.LengthRequired:       {411, "Send the body with a Content-Length."},
	token.BodyTooLarge:         {413, "The body is too large."},
	token.ExpectationFailed:    {417, "The only expectation that can be met is 100-continue."},
	token.HeadersTooLarge:      {431, "The headers are too large."},
	token.MethodNotImplemented: {501, "This HTTP method is not known."},
	token.VersionUnsupported:   {505, "Speak HTTP/1.1 or HTTP/1.0."},

	token.NoRoute:         {404, "There is nothing at this path."},
	token.MethodNotRouted: {405, "This path does not take this HTTP method."},

	token.AuthThrottled: {429, "Too many unknown tokens came from this address; wait and send a known one."},

	token.CredentialsMissing:   {401, "Send the token in the header token."},
	token.CredentialsAmbiguous: {400, "Two credentials were sent; send one."},

	token.TokenInvalid:        {401, wrongToken},
	token.TokenExpired:        {401, wrongToken},
	token.TokenRevoked:        {401, wrongToken},
	token.TokenDisabled:       {401, wrongToken},
	token.MerchantSuspended:   {401, wrongToken},
	token.SignatureInvalid:    {401, wrongToken},
	token.Replayed:            {401, wrongToken},
	token.AccessTokenRequired: {401, wrongToken},

	token.CannotDecide: {503, "The token could not be checked just now; send the request again."},
	token.Overloaded:   {503, "The service has no room for the request just now; nothing was sent, the request may be sent again."},

	token.EnvironmentMismatch:  {403, "The token belongs to another environment."},
	token.IPNotAllowed:         {403, "The token may not be used from this IP address."},
	token.ClientCertNotAllowed: {403, "The token may only be used with a client certificate of its own."},
	token.HTTPMethodNotAllowed: {403, "The token may not be used with this HTTP method."},
	token.PermissionMissing:    {403, "The token does not have the permission that this path needs."},

	token.BodyAmbiguous:   {400, "Two readers could read this body differently; send each member once, as plain UTF-8."},
	token.BodyUnsupported: {415, "This path takes bodies of another content type."},

	token.FactMissing:             {403, "The request does not say its country, operator, method or phone."},
	token.FactConflict:            {403, "Two places of the request disagree about its country, operator, method or phone."},
	token.CountryNotAllowed:       {403, "The token may not be used for this country."},
	token.OperatorNotAllowed:      {403, "The token may not be used for this operator."},
	token.PaymentMethodNotAllowed: {403, "The token may not be used for this payment method."},
	token.PhoneNotAllowed:         {403, "The token may not be used for this phone number."},

	token.RateLimited:   {429, "Too many requests; wait and send the request again."},
	token.QuotaExceeded: {429, "The quota is used up."},

	token.UpstreamUnreachable: {503, notSent},
	token.UpstreamSaturated:   {503, notSent},
	token.UpstreamFailed:      {502, outcomeUnknown},
	token.UpstreamTimeout:     {504, outcomeUnknown},

	token.InternalError: {500, "An internal error occurred."},

	token.InvalidRequest:       {400, badRequest},
	token.UnsupportedGrantType: {400, badRequest},
	token.UnauthorizedClient:   {401, wrongToken},
	token.InvalidScope:         {400, badRequest},
	token.InvalidGrant:         {401, wrongToken},
	token.NotFound:             {404, "There is no such token."},
}
