package oauth

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// said is how the token endpoint says a reason: an RFC 6749 §5.2 error code and
// a status.
type said struct {
	code   string
	status int
}

// say words every reason that the endpoint can end with. All that could tell a
// thief something about a client, the address it may be used from included, is
// one answer: invalid_client.
func say(r token.Reason) said {
	switch r {
	case token.MethodNotRouted:
		return said{"invalid_request", fasthttp.StatusMethodNotAllowed}
	case token.UnsupportedGrantType, token.UnauthorizedClient, token.InvalidScope, token.InvalidGrant:
		return said{r.Code(), fasthttp.StatusBadRequest}
	case token.AccessTokenRequired: // enhanced security: this client may not trade its secret here
		return said{"unauthorized_client", fasthttp.StatusBadRequest}
	case token.CannotDecide:
		return said{"temporarily_unavailable", fasthttp.StatusServiceUnavailable}
	case token.AuthThrottled, token.RateLimited, token.QuotaExceeded:
		return said{"temporarily_unavailable", fasthttp.StatusTooManyRequests}
	case token.InternalError:
		return said{"server_error", fasthttp.StatusInternalServerError}
	}
	switch r.Row() {
	case 4, 5, 7, 8:
		return said{"invalid_client", fasthttp.StatusUnauthorized}
	}
	return said{"invalid_request", fasthttp.StatusBadRequest}
}

func refuse(resp *fasthttp.Response, v *token.Visit) {
	s := say(v.Reason)
	resp.SetStatusCode(s.status)
	resp.Header.SetContentType("application/json")
	switch s.status {
	case fasthttp.StatusUnauthorized:
		resp.Header.Set("WWW-Authenticate", `Basic realm="tollgate"`)
	case fasthttp.StatusMethodNotAllowed:
		resp.Header.Set("Allow", "POST")
	case fasthttp.StatusServiceUnavailable, fasthttp.StatusTooManyRequests:
		resp.Header.Set("Retry-After", strconv.Itoa(max(1, v.RetryIn)))
	}
	resp.SetBodyRaw([]byte(`{"error":"` + s.code + `"}`))
}
