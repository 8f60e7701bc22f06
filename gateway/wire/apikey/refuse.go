package apikey

import "tollgate/policy/token"

// said is a reason in this dialect: the status and the one sentence of its
// error object.
type said struct {
	status  int
	message string
}

// What a caller is told of its credentials: the same whatever is wrong with
// them, so that nothing can be learnt by trying.
const (
	wrongCredentials = "Invalid API credentials."
	wrongIP          = "This IP address is not allowed to use the API key."
	wrongCert        = "This client certificate is not allowed to use the API key, or none was sent."
	badRequest       = "The request could not be read."
	tooMany          = "Too many requests; wait and send the request again."
	notAllowed       = "The API key is not allowed to do this."
	notSent          = "The service is not available; nothing was sent, the request may be sent again."
	outcomeUnknown   = "The request was sent on and no usable answer came back; look its outcome up before sending it again."
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

	token.AuthThrottled: {429, "Too many failed attempts; wait and send the right credentials."},

	token.CredentialsMissing:   {401, "Send the API key in X-API-KEY."},
	token.CredentialsAmbiguous: {400, "Two credentials were sent; send one."},

	token.TokenInvalid:        {401, wrongCredentials},
	token.TokenExpired:        {401, wrongCredentials},
	token.TokenRevoked:        {401, wrongCredentials},
	token.TokenDisabled:       {401, wrongCredentials},
	token.MerchantSuspended:   {401, wrongCredentials},
	token.SignatureInvalid:    {401, wrongCredentials},
	token.Replayed:            {401, wrongCredentials},
	token.AccessTokenRequired: {401, wrongCredentials},

	token.CannotDecide: {503, "The credentials could not be checked just now; send the request again."},
	token.Overloaded:   {503, "The service has no room for the request just now; nothing was sent, the request may be sent again."},

	token.EnvironmentMismatch:  {403, "The API key belongs to another environment."},
	token.IPNotAllowed:         {401, wrongIP},
	token.ClientCertNotAllowed: {401, wrongCert},
	token.HTTPMethodNotAllowed: {403, "The API key may not be used with this HTTP method."},
	token.PermissionMissing:    {403, notAllowed},

	token.BodyAmbiguous:   {400, "Two readers could read this body differently; send each member once, as plain UTF-8."},
	token.BodyUnsupported: {415, "This path takes bodies of another content type."},

	token.FactMissing:             {403, "The request does not say its country, operator, method or phone."},
	token.FactConflict:            {403, "Two places of the request disagree about its country, operator, method or phone."},
	token.CountryNotAllowed:       {403, "The API key may not be used for this country."},
	token.OperatorNotAllowed:      {403, "The API key may not be used for this operator."},
	token.PaymentMethodNotAllowed: {403, "The API key may not be used for this payment method."},
	token.PhoneNotAllowed:         {403, "The API key may not be used for this phone number."},

	token.RateLimited:   {429, tooMany},
	token.QuotaExceeded: {429, "The quota of the API key is used up."},

	token.UpstreamUnreachable: {503, notSent},
	token.UpstreamSaturated:   {503, notSent},
	token.UpstreamFailed:      {502, outcomeUnknown},
	token.UpstreamTimeout:     {504, outcomeUnknown},

	token.InternalError: {500, "An internal error occurred."},

	token.InvalidRequest:       {400, badRequest},
	token.UnsupportedGrantType: {400, badRequest},
	token.UnauthorizedClient:   {401, wrongCredentials},
	token.InvalidScope:         {400, badRequest},
	token.InvalidGrant:         {401, wrongCredentials},
	token.NotFound:             {404, "There is no such token."},
}
