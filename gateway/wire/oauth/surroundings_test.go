package oauth

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// keeper revokes and introspects from functions; the real ones are tested with
// the real store.
type keeper struct {
	revoke     func(o *token.Order, text, hint string) token.Reason
	introspect func(o *token.Order, text string) (token.Introspection, token.Reason)
}

var caller = token.Client{Handle: "tok_abcdefghijkl", Merchant: "mer_abcdefghijkl"}

func (k keeper) Revoke(_ context.Context, o *token.Order, text, hint []byte) (token.Client, token.Reason) {
	return caller, k.revoke(o, string(text), string(hint))
}

func (k keeper) Introspect(_ context.Context, o *token.Order, text []byte) (token.Introspection, token.Client, token.Reason) {
	i, reason := k.introspect(o, string(text))
	return i, caller, reason
}

type server interface {
	Serve(*fasthttp.Request, *fasthttp.Response, *token.Visit)
}

func visit(s server, method, authorization, contentType, body string) (string, token.Visit) {
	var req fasthttp.Request
	var resp fasthttp.Response
	req.Header.SetMethod(method)
	req.Header.SetContentType(contentType)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.SetBodyString(body)
	v := token.Visit{RequestID: "id", NowMicros: token.At(time.Unix(1_700_000_000, 0))}
	s.Serve(&req, &resp, &v)
	return resp.String(), v
}

// A known client is answered 200 with nothing, whatever became of the token,
// and the log hears who it was.
func TestRevokeAnswersWithNothing(t *testing.T) {
	var got string
	e := &Revoke{Revoker: keeper{revoke: func(o *token.Order, text, hint string) token.Reason {
		got = string(o.ClientID) + " " + string(o.ClientSecret) + " " + text + " " + hint + " " + o.RequestID
		return token.Allowed
	}}}
	answer, v := visit(e, "POST", goodBasic, formType, "token=a.b.c&token_type_hint=refresh_token")
	if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.HasSuffix(answer, "\r\n\r\n") || !strings.Contains(answer, "Cache-Control: no-store") {
		t.Errorf("answer:\n%s", answer)
	}
	if got != "your_key your_secret a.b.c refresh_token id" {
		t.Errorf("asked for %q", got)
	}
	if v.Handle != caller.Handle || v.Merchant != caller.Merchant || v.Dialect != "oauth" {
		t.Errorf("the log hears %+v", v)
	}
}

// Both endpoints refuse what the token endpoint refuses, in its words, and
// before they ask anybody.
func TestAboutATokenIsRefused(t *testing.T) {
	asked := false
	k := keeper{
		revoke: func(*token.Order, string, string) token.Reason { asked = true; return token.Allowed },
		introspect: func(*token.Order, string) (token.Introspection, token.Reason) {
			asked = true
			return token.Introspection{}, token.Allowed
		},
	}
	f := func(method, authorization, contentType, body, status, code string) {
		t.Helper()
		for name, s := range map[string]server{"revoke": &Revoke{Revoker: k}, "introspect": &Introspect{Introspector: k}} {
			answer, _ := visit(s, method, authorization, contentType, body)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+status) || !strings.HasSuffix(answer, `{"error":"`+code+`"}`) {
				t.Errorf("%s: %q %q %q: want %s %s, got\n%s", name, authorization, contentType, body, status, code, answer)
			}
		}
		if asked {
			t.Errorf("%q %q %q reached the other side", authorization, contentType, body)
		}
	}
	f("GET", goodBasic, formType, "token=x", "405", "invalid_request")
	f("POST", goodBasic, "application/json", "token=x", "400", "invalid_request")
	f("POST", goodBasic, formType, "", "400", "invalid_request")
	f("POST", goodBasic, formType, "token=", "400", "invalid_request")
	f("POST", goodBasic, formType, "token=x&token=y", "400", "invalid_request")
	f("POST", goodBasic, formType, "token=x&client_secret=y", "400", "invalid_request")
	f("POST", "", formType, "token=x", "401", "invalid_client")
	f("POST", "Bearer a.b.c", formType, "token=x", "401", "invalid_client")
	f("POST", "", formType, "token=x&client_id=your_key&client_secret=your_secret", "401", "invalid_client")
}

// What the other side says no to is worded as RFC 6749 has it.
func TestRefusalsOfTheOtherSide(t *testing.T) {
	for reason, want := range map[token.Reason]string{
		token.TokenInvalid: "invalid_client", token.IPNotAllowed: "invalid_client", token.ClientCertNotAllowed: "invalid_client", token.UnauthorizedClient: "unauthorized_client",
		token.CannotDecide: "temporarily_unavailable", token.AuthThrottled: "temporarily_unavailable",
	} {
		k := keeper{
			revoke: func(*token.Order, string, string) token.Reason { return reason },
			introspect: func(*token.Order, string) (token.Introspection, token.Reason) {
				return token.Introspection{Active: true}, reason
			},
		}
		for _, s := range []server{&Revoke{Revoker: k}, &Introspect{Introspector: k}} {
			answer, v := visit(s, "POST", goodBasic, formType, "token=x")
			if !strings.HasSuffix(answer, "\r\n\r\n"+`{"error":"`+want+`"}`) || v.Reason != reason {
				t.Errorf("%s:\n%s", reason, answer)
			}
		}
	}
}

// An active token is described in the order of details.md, with what is not
// known left out, and an inactive one not at all.
func TestIntrospection(t *testing.T) {
	f := func(i token.Introspection, want string) {
		t.Helper()
		e := &Introspect{Introspector: keeper{introspect: func(_ *token.Order, text string) (token.Introspection, token.Reason) {
			if text != "a.b.c" {
				t.Errorf("asked for %q", text)
			}
			return i, token.Allowed
		}}}
		answer, v := visit(e, "POST", goodBasic, formType, "token=a.b.c&token_type_hint=access_token")
		if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.HasSuffix(answer, "\r\n\r\n"+want) || v.Handle != caller.Handle {
			t.Errorf("answer:\n%s\nwant %s", answer, want)
		}
	}
	at := token.At(time.Unix(1_728_634_203, 500_000_000))
	f(token.Introspection{Active: true, ClientID: "c", Subject: "tok_abcdefghijkl", TokenType: "Bearer", Scope: "a b", IssuedAt: at, ExpiresAt: at.Add(10 * time.Minute), Issuer: "tollgate", ID: "1.x"},
		`{"active":true,"client_id":"c","sub":"tok_abcdefghijkl","token_type":"Bearer","scope":"a b","iat":1728634203,"exp":1728634803,"iss":"tollgate","jti":"1.x"}`)
	f(token.Introspection{Active: true, ClientID: "c", Subject: "tok_abcdefghijkl"}, `{"active":true,"client_id":"c","sub":"tok_abcdefghijkl"}`)
	f(token.Introspection{ClientID: "c", Subject: "tok_abcdefghijkl", ID: "1.x"}, `{"active":false}`)
}

// client_secret_post is off until it is switched on, and even then not beside
// another way.
func TestClientSecretPost(t *testing.T) {
	const inBody = "grant_type=client_credentials&client_id=your_key&client_secret=your_secret"
	f := func(post bool, authorization, body, want string) {
		t.Helper()
		answer, _ := visit(&Token{Exchanger: exchange(granting), Clients: ClientAuth{Post: post}}, "POST", authorization, formType, body)
		if !strings.HasPrefix(answer, "HTTP/1.1 "+want) {
			t.Errorf("post %v, %q, %q: want %s, got\n%s", post, authorization, body, want, answer)
		}
	}
	f(false, "", inBody, "401")
	f(true, "", inBody, "200")
	f(true, goodBasic, inBody, "400")
	f(false, goodBasic, inBody, "400")
	f(true, goodBasic, "grant_type=client_credentials&client_id=your_key", "200")
	f(true, "", "grant_type=client_credentials&client_id=your_key", "401")
	f(true, "", inBody+"&client_assertion=x", "401")
}

// A renewal carries its refresh token there, and the next one back.
func TestRenewal(t *testing.T) {
	e := exchange(func(o *token.Order) (token.Grant, token.Reason) {
		if string(o.Refresh) != "tgr_old" || string(o.ClientID) != "your_key" {
			return token.Grant{}, token.InvalidGrant
		}
		return token.Grant{AccessToken: "a.b.c", RefreshToken: "tgr_new", IssuedAt: o.Now, ExpiresAt: o.Now.Add(10 * time.Minute)}, token.Allowed
	})
	answer, _ := visit(&Token{Exchanger: e}, "POST", goodBasic, formType, "grant_type=refresh_token&refresh_token=tgr_old")
	if !strings.HasSuffix(answer, "\r\n\r\n"+`{"access_token":"a.b.c","token_type":"Bearer","expires_in":600,"refresh_token":"tgr_new"}`) {
		t.Errorf("answer:\n%s", answer)
	}
}

// The metadata names what is served, by the public URL alone.
func TestMetadata(t *testing.T) {
	f := func(p Place, want string) {
		t.Helper()
		var req fasthttp.Request
		var resp fasthttp.Response
		req.Header.SetHost("evil.example")
		(&Metadata{p}).Serve(&req, &resp, &token.Visit{})
		if got := string(resp.Body()); got != want || resp.StatusCode() != http.StatusOK {
			t.Errorf("metadata:\n%s\nwant\n%s", got, want)
		}
	}
	const url = "https://api.example.com"
	f(Place{Issuer: url, Token: "/api/token", Revoke: "/api/revoke", Introspect: "/api/introspect", JWKS: "/.well-known/jwks.json"},
		`{"issuer":"https://api.example.com","token_endpoint":"https://api.example.com/api/token",`+
			`"token_endpoint_auth_methods_supported":["client_secret_basic"],"grant_types_supported":["client_credentials","refresh_token"],`+
			`"response_types_supported":[],"revocation_endpoint":"https://api.example.com/api/revoke",`+
			`"revocation_endpoint_auth_methods_supported":["client_secret_basic"],"introspection_endpoint":"https://api.example.com/api/introspect",`+
			`"introspection_endpoint_auth_methods_supported":["client_secret_basic"],"jwks_uri":"https://api.example.com/.well-known/jwks.json"}`)
	f(Place{Issuer: url}, `{"issuer":"https://api.example.com","response_types_supported":[]}`)
	f(Place{Issuer: url, Token: "/t", Clients: ClientAuth{Post: true}}, `{"issuer":"https://api.example.com","token_endpoint":"https://api.example.com/t",`+
		`"token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post"],"grant_types_supported":["client_credentials","refresh_token"],"response_types_supported":[]}`)
}
