package oauth

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// said is how the endpoints say a reason: an RFC 6749 §5.2 error code and a
// status.
type said struct {
	code   string
	status int
}

// The answers that more than one reason ends with. All that could tell a thief
// something about a client, the address it may be used from included, is one
// answer: invalidClient.
var (
	invalidClient  = said{"invalid_client", fasthttp.StatusUnauthorized}
	invalidRequest = said{"invalid_request", fasthttp.StatusBadRequest}
	unauthorized   = said{"unauthorized_client", fasthttp.StatusBadRequest}
	tooMany        = said{"temporarily_unavailable", fasthttp.StatusTooManyRequests}
	unavailable    = said{"temporarily_unavailable", fasthttp.StatusServiceUnavailable}
	serverError    = said{"server_error", fasthttp.StatusInternalServerError}
)

// sayings words every reason, those too that these endpoints never end with.
// Proxied calls are refused as problems, whose words are package wire's.
var sayings = map[token.Reason]said{
	token.MalformedRequest:     invalidRequest,
	token.RequestTimeout:       invalidRequest,
	token.LengthRequired:       invalidRequest,
	token.BodyTooLarge:         invalidRequest,
	token.ExpectationFailed:    invalidRequest,
	token.HeadersTooLarge:      invalidRequest,
	token.MethodNotImplemented: invalidRequest,
	token.VersionUnsupported:   invalidRequest,

	token.NoRoute:         invalidRequest,
	token.MethodNotRouted: {"invalid_request", fasthttp.StatusMethodNotAllowed},

	token.AuthThrottled: tooMany,

	token.CredentialsMissing:   invalidClient,
	token.CredentialsAmbiguous: invalidRequest,

	token.TokenInvalid:        invalidClient,
	token.TokenExpired:        invalidClient,
	token.TokenRevoked:        invalidClient,
	token.TokenDisabled:       invalidClient,
	token.MerchantSuspended:   invalidClient,
	token.SignatureInvalid:    invalidClient,
	token.Replayed:            invalidClient,
	token.AccessTokenRequired: unauthorized, // enhanced security: this client may not trade its secret here

	token.CannotDecide: unavailable,
	token.Overloaded:   unavailable,

	token.EnvironmentMismatch:  invalidClient,
	token.IPNotAllowed:         invalidClient,
	token.ClientCertNotAllowed: invalidClient,
	token.HTTPMethodNotAllowed: unauthorized,
	token.PermissionMissing:    unauthorized,

	token.BodyAmbiguous:   invalidRequest,
	token.BodyUnsupported: invalidRequest,

	token.FactMissing:             unauthorized,
	token.FactConflict:            unauthorized,
	token.CountryNotAllowed:       unauthorized,
	token.OperatorNotAllowed:      unauthorized,
	token.PaymentMethodNotAllowed: unauthorized,
	token.PhoneNotAllowed:         unauthorized,

	token.RateLimited:   tooMany,
	token.QuotaExceeded: tooMany,

	token.UpstreamUnreachable: unavailable,
	token.UpstreamSaturated:   unavailable,
	token.UpstreamFailed:      serverError,
	token.UpstreamTimeout:     serverError,

	token.InternalError: serverError,

	token.InvalidRequest:       invalidRequest,
	token.UnsupportedGrantType: {"unsupported_grant_type", fasthttp.StatusBadRequest},
	token.UnauthorizedClient:   unauthorized,
	token.InvalidScope:         {"invalid_scope", fasthttp.StatusBadRequest},
	token.InvalidGrant:         {"invalid_grant", fasthttp.StatusBadRequest},
	token.NotFound:             invalidRequest,
}

func refuse(resp *fasthttp.Response, v *token.Visit) {
	s, known := sayings[v.Reason]
	if !known {
		s = serverError
	}
	resp.SetStatusCode(s.status)
	resp.Header.SetContentType("application/json")
	switch s.status {
	case fasthttp.StatusUnauthorized:
		resp.Header.Set(fasthttp.HeaderWWWAuthenticate, basicChallenge)
	case fasthttp.StatusMethodNotAllowed:
		resp.Header.Set(fasthttp.HeaderAllow, "POST")
	case fasthttp.StatusServiceUnavailable, fasthttp.StatusTooManyRequests:
		resp.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(max(1, v.RetryIn)))
	}
	resp.SetBodyRaw([]byte(`{"error":"` + s.code + `"}`))
}

const basicChallenge = `Basic realm="tollgate"`
