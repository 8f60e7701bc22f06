package envelope

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// exchange answers an order from a function; the real exchanger is tested with
// the real store.
type exchange func(*token.Order) (token.Grant, token.Reason)

func (e exchange) Exchange(_ context.Context, o *token.Order) (token.Grant, token.Reason) {
	return e(o)
}

const (
	goodBasic = "Basic eW91cl9rZXk6eW91cl9zZWNyZXQ="
	// What seed 5 prints: 80 characters of base64 and one stray =.
	seedBasic = "Basic i0yOWYwLTRjMWMtOGE2ZC0bGl2ZV9JlYzU4NiwY2MyMDk0ZjZhMzQkaWdpdGFscGF5ZTY3OTg3Njo1OW="

	seedToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjb21wYW55SWQiOiI4NDM3ZGQxMy04OWFjLTQ1ZTEtYTdhYS1jOGJhMDk1ZDFiMjciLCJpYXQiOjE3Mjg2MzQyMDMsImV4cCI6MTcyODYzNDgwM30.A3-AD5mGawbhv9nUmio0k7c-hhx5K7lqnuPFCziJJqE"

	seed400 = `{"statusCode":400,"message":"BadRequestError","reason":"Les identifiants API (apikey et apisecret) sont requis."}`
	seed401 = `{"statusCode":401,"message":"UnauthorizedError","reason":"Identifiants API incorrects. Veuillez vérifier votre clé API et votre secret."}`
	seed500 = `{"statusCode":500,"message":"InternalServerError","reason":"Une erreur est survenue. Veuillez réessayer"}`
)

func auth(e exchange, method, authorization, environment string) (string, token.Visit) {
	var req fasthttp.Request
	var resp fasthttp.Response
	req.Header.SetMethod(method)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	if environment != "" {
		req.Header.Set("X-Environment", environment)
	}
	v := token.Visit{RequestID: "id", NowMicros: token.At(time.Unix(1_728_634_203, 0))}
	(&Auth{Exchanger: e}).Serve(&req, &resp, &v)
	return resp.String(), v
}

// The answer to good credentials is the one of seed 5, byte for byte, in the
// environment that was asked for.
func TestAuthAsTheSeedHasIt(t *testing.T) {
	f := func(header string, want token.Environment) {
		t.Helper()
		answer, v := auth(func(o *token.Order) (token.Grant, token.Reason) {
			if string(o.ClientID) != "your_key" || string(o.ClientSecret) != "your_secret" || o.Environment != want || o.Dialect != "envelope" {
				t.Errorf("the order is %+v", o)
			}
			return token.Grant{AccessToken: seedToken, IssuedAt: o.Now, ExpiresAt: o.Now.Add(10 * time.Minute), Handle: "tok_abcdefghijkl", Merchant: "mer_x"}, token.Allowed
		}, "POST", goodBasic, header)
		const body = `{"statusCode":200,"message":"Successful","data":{"token":"` + seedToken + `","exp":1728634803}}`
		if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.HasSuffix(answer, "\r\n\r\n"+body) || !strings.Contains(answer, "Cache-Control: no-store") {
			t.Errorf("answer:\n%s\nwant %s", answer, body)
		}
		if v.Handle != "tok_abcdefghijkl" || v.Merchant != "mer_x" || v.Dialect != "envelope" {
			t.Errorf("the log hears %+v", v)
		}
	}
	f("", token.EnvAny)
	f("Production", token.EnvLive)
	f("PRODUCTION", token.EnvLive)
	f("sandbox", token.EnvTest)
}

// The refusals of /v1/auth are the seed's, byte for byte: 400 for what cannot
// be read, one 401 for whatever is wrong.
func TestRefusalsOfAuth(t *testing.T) {
	refusing := func(r token.Reason) exchange {
		return func(*token.Order) (token.Grant, token.Reason) { return token.Grant{}, r }
	}
	never := func(*token.Order) (token.Grant, token.Reason) {
		t.Error("the exchanger was asked")
		return token.Grant{}, token.Allowed
	}
	f := func(e exchange, method, authorization, environment, status, body string) {
		t.Helper()
		answer, v := auth(e, method, authorization, environment)
		if !strings.HasPrefix(answer, "HTTP/1.1 "+status) || !strings.HasSuffix(answer, "\r\n\r\n"+body) || v.Reason == token.Allowed {
			t.Errorf("%q %q: got\n%s\nwant %s", authorization, environment, answer, body)
		}
		if (status == "401") != strings.Contains(answer, `Www-Authenticate: Basic realm="tollgate"`) {
			t.Errorf("challenge with %s:\n%s", status, answer)
		}
	}
	for _, bad := range []string{"", seedBasic, "Basic", "Basic !!!", "Bearer a.b.c", "Basic eW91cl9rZXk6", "Basic OnlvdXJfc2VjcmV0", "Basic bm9jb2xvbg=="} {
		f(never, "POST", bad, "Production", "400", seed400)
	}
	for _, bad := range []string{"Staging", "live", "test", "Production,Sandbox", "Productions"} {
		f(never, "POST", goodBasic, bad, "400", seed400)
	}
	for _, r := range []token.Reason{token.TokenInvalid, token.TokenRevoked, token.TokenExpired, token.TokenDisabled, token.MerchantSuspended,
		token.IPNotAllowed, token.ClientCertNotAllowed, token.EnvironmentMismatch, token.UnauthorizedClient, token.AccessTokenRequired} {
		f(refusing(r), "POST", goodBasic, "Sandbox", "401", seed401)
	}
	f(refusing(token.InternalError), "POST", goodBasic, "", "500", seed500)
	f(never, "GET", goodBasic, "", "405", `{"statusCode":405,"message":"MethodNotAllowedError","reason":"Cette méthode HTTP n'est pas acceptée à cette adresse."}`)
	f(refusing(token.AuthThrottled), "POST", goodBasic, "", "429", `{"statusCode":429,"message":"TooManyRequestsError","reason":"Trop de tentatives échouées. Veuillez patienter avant de réessayer."}`)
	f(refusing(token.CannotDecide), "POST", goodBasic, "", "503", `{"statusCode":503,"message":"ServiceUnavailableError","reason":"Les identifiants n'ont pas pu être vérifiés pour le moment. Veuillez renvoyer la requête."}`)
}

// Every reason at /v1/auth is one of the seed's answers, or a fault that says
// nothing about the caller.
func TestAuthTellsNothing(t *testing.T) {
	for _, r := range token.Reasons() {
		switch s := sayAuth(r); {
		case s.status == 400 && s.reason != credentialsNeeded, s.status == 401 && s.reason != credentialsWrong, s.status == 403, s.status == 500 && s.reason != failed:
			t.Errorf("%s is said as %+v", r, s)
		}
	}
}

// Every reason has a row in French, and a body that any JSON reader takes and
// that ends without a newline.
func TestEveryReasonIsSaid(t *testing.T) {
	row5 := ""
	for _, r := range token.Reasons() {
		s, known := sayings[r]
		if !known || s.status < 400 || s.reason == "" || !utf8.ValidString(s.reason) || messages[s.status] == "" {
			t.Errorf("%s is said as %+v", r, s)
		}
		var resp fasthttp.Response
		Dialect{}.Refuse(&resp, &token.Refusal{Reason: r, RequestID: "id", Detail: "An English sentence."})
		var body struct {
			StatusCode               int `json:"statusCode"`
			Message, Reason, Outcome string
		}
		if err := json.Unmarshal(resp.Body(), &body); err != nil || body.StatusCode != s.status || body.StatusCode != resp.StatusCode() || body.Reason != s.reason || body.Message == "" {
			t.Errorf("%s: %s", r, resp.Body())
		}
		if strings.HasSuffix(string(resp.Body()), "\n") || strings.Contains(string(resp.Body()), `\u`) || strings.Contains(string(resp.Body()), "English") {
			t.Errorf("%s: %q", r, resp.Body())
		}
		if want := r == token.UpstreamFailed || r == token.UpstreamTimeout; (body.Outcome == "unknown") != want {
			t.Errorf("%s: outcome %q", r, body.Outcome)
		}
		if (s.status == 401) != (len(resp.Header.Peek("WWW-Authenticate")) > 0) || (s.status == 429 || s.status == 503) != (len(resp.Header.Peek("Retry-After")) > 0) {
			t.Errorf("%s: headers\n%s", r, resp.Header.String())
		}
		if r.Credential() {
			if row5 == "" {
				row5 = resp.String()
			}
			if resp.String() != row5 {
				t.Errorf("%s is told apart on the wire", r)
			}
		}
	}
}

// Refusals of proxied calls are the same envelope: another environment is 401
// here, and the address that was seen is told.
func TestRefusalsOfProxiedCalls(t *testing.T) {
	f := func(r token.Refusal, want string) {
		t.Helper()
		var resp fasthttp.Response
		Dialect{}.Refuse(&resp, &r)
		if got := string(resp.Body()); got != want {
			t.Errorf("%s: %s\nwant %s", r.Reason, got, want)
		}
	}
	f(token.Refusal{Reason: token.TokenExpired}, `{"statusCode":401,"message":"UnauthorizedError","reason":"Jeton d'accès invalide ou expiré. Veuillez vous authentifier à nouveau."}`)
	f(token.Refusal{Reason: token.EnvironmentMismatch}, `{"statusCode":401,"message":"UnauthorizedError","reason":"Ce jeton n'appartient pas à l'environnement demandé."}`)
	f(token.Refusal{Reason: token.IPNotAllowed, ClientIP: "192.0.2.1"}, `{"statusCode":403,"message":"ForbiddenError","reason":"Cette adresse IP n'est pas autorisée. Adresse vue : 192.0.2.1."}`)
	f(token.Refusal{Reason: token.ClientCertNotAllowed}, `{"statusCode":403,"message":"ForbiddenError","reason":"Ce certificat client n'est pas autorisé, ou aucun n'a été présenté."}`)
	f(token.Refusal{Reason: token.Overloaded}, `{"statusCode":503,"message":"ServiceUnavailableError","reason":"Le service est momentanément surchargé. Rien n'a été transmis, la requête peut être renvoyée."}`)
	f(token.Refusal{Reason: token.CountryNotAllowed, Country: "SN"}, `{"statusCode":403,"message":"ForbiddenError","reason":"Ce pays n'est pas autorisé pour ce jeton."}`)
	f(token.Refusal{Reason: token.UpstreamTimeout}, `{"statusCode":504,"message":"GatewayTimeoutError","reason":"`+outcomeUnknown+`","outcome":"unknown"}`)
}

// A JWT is found, and any other Bearer value left for another dialect to claim.
func TestPresent(t *testing.T) {
	f := func(authorization string, want token.Presence) {
		t.Helper()
		var h fasthttp.RequestHeader
		h.Set("Authorization", authorization)
		var p token.Presented
		if got := (Dialect{}).Present(&h, &p); got != want || (p.Kind == token.KindJWT) != (want == token.Found) || want != token.Absent && p.Dialect != "envelope" {
			t.Errorf("%q: %v %+v", authorization, got, p)
		}
	}
	f("Bearer "+seedToken, token.Found)
	f("bearer "+seedToken, token.Found)
	f("Bearer tg_live_abc", token.Malformed)
	f("Bearer", token.Malformed)
	f(goodBasic, token.Absent)
	f("", token.Absent)
}

// Reading what was presented allocates nothing.
func TestPresentAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	var h fasthttp.RequestHeader
	h.Set("Authorization", "Bearer "+seedToken)
	var p token.Presented
	presence := token.Absent
	if n := testing.AllocsPerRun(1000, func() { presence = Dialect{}.Present(&h, &p) }); n != 0 || presence != token.Found {
		t.Errorf("%v allocations, presence %d", n, presence)
	}
}

// Whatever the headers, the exchanger is asked about whole credentials and a
// known environment, or not at all.
func FuzzAuth(f *testing.F) {
	f.Add("POST", goodBasic, "Production")
	f.Add("POST", seedBasic, "")
	f.Add("GET", "Bearer "+seedToken, "x")
	f.Fuzz(func(t *testing.T, method, authorization, environment string) {
		answer, v := auth(func(o *token.Order) (token.Grant, token.Reason) {
			if method != "POST" || len(o.ClientID) == 0 || len(o.ClientSecret) == 0 {
				t.Errorf("%q %q is the order %+v", method, authorization, o)
			}
			return token.Grant{}, token.TokenInvalid
		}, method, authorization, environment)
		if v.Reason == token.Allowed || strings.HasPrefix(answer, "HTTP/1.1 2") {
			t.Errorf("%q %q %q was allowed", method, authorization, environment)
		}
		var h fasthttp.RequestHeader
		h.Set("Authorization", authorization)
		var p token.Presented
		if presence := (Dialect{}).Present(&h, &p); (presence == token.Found) != (p.Kind == token.KindJWT) || (presence == token.Absent) != (p.Dialect == "") {
			t.Errorf("%q: %v %+v", authorization, presence, p)
		}
	})
}
