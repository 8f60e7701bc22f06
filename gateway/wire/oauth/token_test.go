package oauth

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// exchange answers an order from a function; the real exchanger is tested with
// the real store in gateway/issue and end to end in cmd/tollgate.
type exchange func(*token.Order) (token.Grant, token.Reason)

func (e exchange) Exchange(_ context.Context, o *token.Order) (token.Grant, token.Reason) {
	return e(o)
}

const goodBasic = "Basic eW91cl9rZXk6eW91cl9zZWNyZXQ="

func granting(o *token.Order) (token.Grant, token.Reason) {
	if string(o.ClientID) != "your_key" || string(o.ClientSecret) != "your_secret" {
		return token.Grant{}, token.TokenInvalid
	}
	return token.Grant{AccessToken: "a.b.c", IssuedAt: o.Now, ExpiresAt: o.Now.Add(10 * time.Minute), Scope: string(o.Scope)}, token.Allowed
}

func post(e exchange, authorization, contentType, body string) (string, token.Visit) {
	var req fasthttp.Request
	var resp fasthttp.Response
	req.Header.SetMethod("POST")
	req.Header.SetContentType(contentType)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.SetBodyString(body)
	v := token.Visit{RequestID: "id", NowMicros: token.At(time.Unix(1_700_000_000, 0))}
	(&Token{Exchanger: e}).Serve(&req, &resp, &v)
	return resp.String(), v
}

const formType = "application/x-www-form-urlencoded"

// The answer to a good request is the one seed 4 prints, with the headers that
// RFC 6749 §5.1 asks for.
func TestGrantIsTheDocumentedOne(t *testing.T) {
	got, v := post(granting, goodBasic, formType, "grant_type=client_credentials")
	if !strings.HasSuffix(got, "\r\n\r\n"+`{"access_token":"a.b.c","token_type":"Bearer","expires_in":600}`) {
		t.Errorf("answer:\n%s", got)
	}
	for _, header := range []string{"200 OK", "Content-Type: application/json", "Cache-Control: no-store", "Pragma: no-cache"} {
		if !strings.Contains(got, header) {
			t.Errorf("no %q in\n%s", header, got)
		}
	}
	if v.Reason != token.Allowed {
		t.Errorf("reason = %s", v.Reason)
	}
}

// Every row of the table of dialects.md gets its error code and status.
func TestRefusalsOfTheTokenEndpoint(t *testing.T) {
	refusing := func(r token.Reason) exchange {
		return func(*token.Order) (token.Grant, token.Reason) { return token.Grant{}, r }
	}
	f := func(e exchange, authorization, contentType, body, status, code string) {
		t.Helper()
		got, _ := post(e, authorization, contentType, body)
		if !strings.HasPrefix(got, "HTTP/1.1 "+status) || !strings.HasSuffix(got, "\r\n\r\n"+`{"error":"`+code+`"}`) {
			t.Errorf("%q %q %q: want %s %s, got\n%s", authorization, contentType, body, status, code, got)
		}
		if strings.HasPrefix(status, "401") != strings.Contains(got, `Www-Authenticate: Basic realm="tollgate"`) {
			t.Errorf("challenge with %s:\n%s", status, got)
		}
		if !strings.Contains(got, "Cache-Control: no-store") {
			t.Errorf("an error may be cached:\n%s", got)
		}
	}
	const good = "grant_type=client_credentials"
	f(granting, "", formType, good, "401", "invalid_client")
	f(granting, "Bearer abc", formType, good, "401", "invalid_client")
	f(granting, "Basic !!!", formType, good, "401", "invalid_client")
	f(granting, "Basic eW91cl9rZXk6d3Jvbmc=", formType, good, "401", "invalid_client")
	for _, r := range []token.Reason{token.TokenInvalid, token.TokenRevoked, token.TokenExpired, token.TokenDisabled, token.MerchantSuspended, token.IPNotAllowed, token.ClientCertNotAllowed, token.EnvironmentMismatch} {
		f(refusing(r), goodBasic, formType, good, "401", "invalid_client")
	}
	for _, body := range []string{
		"", "grant_type=", "scope=a", good + "&" + good, good + "&x=1&x=2", good + "&grant%5Ftype=client_credentials",
		good + "&a=%zz", good + "&a=%4", good + "&a=%00", good + ";scope=a", good + "&a=b c", good + "&a=\x80", good + "&client_secret=x",
	} {
		f(granting, goodBasic, formType, body, "400", "invalid_request")
	}
	for _, kind := range []string{"", "application/json", formType + "X", formType + "; charset=utf-16", "text/plain", "multipart/form-data; boundary=x"} {
		f(granting, goodBasic, kind, good, "400", "invalid_request")
	}
	f(granting, goodBasic, formType, "grant_type=password", "400", "unsupported_grant_type")
	f(granting, goodBasic, formType, "grant_type=refresh_token", "400", "invalid_request")
	f(granting, goodBasic, formType, "grant_type=refresh_token&refresh_token=", "400", "invalid_request")
	f(refusing(token.InvalidGrant), goodBasic, formType, "grant_type=refresh_token&refresh_token=x", "400", "invalid_grant")
	f(granting, goodBasic, formType, good+"&client_id=another", "400", "invalid_request")
	f(granting, goodBasic, formType, good+"&client_assertion=x", "400", "invalid_request")
	f(granting, goodBasic, formType, "grant_type=CLIENT_CREDENTIALS", "400", "unsupported_grant_type")
	f(refusing(token.UnauthorizedClient), goodBasic, formType, good, "400", "unauthorized_client")
	f(refusing(token.AccessTokenRequired), goodBasic, formType, good, "400", "unauthorized_client")
	f(refusing(token.InvalidScope), goodBasic, formType, good, "400", "invalid_scope")
	f(refusing(token.CannotDecide), goodBasic, formType, good, "503", "temporarily_unavailable")
	f(refusing(token.AuthThrottled), goodBasic, formType, good, "429", "temporarily_unavailable")
	f(granting, "", formType, good+"&client_id=your_key&client_secret=your_secret", "401", "invalid_client")
}

// A form type may say that it is UTF-8, which it is anyway.
func TestContentTypeMayNameUTF8(t *testing.T) {
	got, _ := post(granting, goodBasic, "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "grant_type=client_credentials")
	if !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("answer:\n%s", got)
	}
}

// Every reason has a row of its own, with a status that clients of RFC 6749
// know, and the wire never tells which of a client's properties was wrong.
func TestEveryReasonIsSaid(t *testing.T) {
	known := map[string]bool{"invalid_request": true, "invalid_client": true, "invalid_grant": true, "unauthorized_client": true,
		"unsupported_grant_type": true, "invalid_scope": true, "temporarily_unavailable": true, "server_error": true}
	for _, r := range token.Reasons() {
		s, has := sayings[r]
		if !has || !known[s.code] || s.status < 400 {
			t.Errorf("%s is said as %v", r, s)
		}
		if row := r.Row(); (row == 5 && r != token.AccessTokenRequired || row == 7 || row == 8) && s != invalidClient {
			t.Errorf("%s is told apart: %v", r, s)
		}
	}
}

// Other methods are told what would do.
func TestOtherMethodsAreNotAllowed(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		var req fasthttp.Request
		var resp fasthttp.Response
		req.Header.SetMethod(method)
		(&Token{Exchanger: exchange(granting)}).Serve(&req, &resp, &token.Visit{})
		if resp.StatusCode() != 405 || string(resp.Header.Peek("Allow")) != "POST" {
			t.Errorf("%s: %d, Allow %q", method, resp.StatusCode(), resp.Header.Peek("Allow"))
		}
	}
}
