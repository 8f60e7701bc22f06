package wire

import (
	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// RefuseBearer words a refusal for a client that speaks RFC 6750: the problem
// body, and the challenge that a Bearer client looks for. No error code goes
// with a challenge when nothing was presented (RFC 6750 §3.1); invalid_token
// goes with row 5, insufficient_scope with the 403s of rows 9, 10 and 12 to 14.
func RefuseBearer(resp *fasthttp.Response, r *token.Refusal) {
	Problem{}.Refuse(resp, r)
	switch {
	case r.Reason == token.CredentialsMissing:
		resp.Header.Set("WWW-Authenticate", `Bearer realm="tollgate"`)
	case r.Reason == token.CredentialsAmbiguous:
		resp.Header.Set("WWW-Authenticate", `Bearer realm="tollgate", error="invalid_request"`)
	case r.Reason.Credential():
		resp.Header.Set("WWW-Authenticate", `Bearer realm="tollgate", error="invalid_token"`)
	case insufficient(r.Reason):
		resp.Header.Set("WWW-Authenticate", `Bearer realm="tollgate", error="insufficient_scope"`)
	}
}

func insufficient(r token.Reason) bool {
	switch r.Row() {
	case 9, 10, 12, 13, 14:
		return true
	}
	return false
}

// PresentJWT is Present of the dialects whose credential is a JWT in
// Authorization: Bearer: three base64url parts. Any other Bearer value is
// malformed, which is for another dialect of the route to claim. What p receives
// aliases the header.
func PresentJWT(h *fasthttp.RequestHeader, dialect string, p *token.Presented) token.Presence {
	rest, found := Credentials(h.Peek(fasthttp.HeaderAuthorization), "Bearer")
	if !found {
		return token.Absent
	}
	p.Dialect, p.Secret, p.Kind = dialect, rest, token.KindNone
	if !IsCompactJWS(rest) {
		return token.Malformed
	}
	p.Kind = token.KindJWT
	return token.Found
}
