package apikey

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// families answer from functions; the real ones are tested with the real store.
type families struct {
	authorize, refresh func(*token.Order) (token.Grant, token.Reason)
}

func (f families) Authorize(_ context.Context, o *token.Order) (token.Grant, token.Reason) {
	return f.authorize(o)
}

func (f families) Refresh(_ context.Context, o *token.Order) (token.Grant, token.Reason) {
	return f.refresh(o)
}

type call struct {
	method, contentType, body string
	headers                   []string
}

// The command of seed 3, as curl sends it: JSON that is labelled a form.
const seedBody = "{\n\"client_id\": \"your_client_id_here\",\n\"client_secret\": \"your_client_secret_here\"\n}"

func seed() call {
	return call{
		method: "POST", contentType: "application/x-www-form-urlencoded", body: seedBody,
		headers: []string{"X-API-KEY", "your_api_key_here", "ACCESS-TOKEN", "your_access_token_here"},
	}
}

func (c call) send(e interface {
	Serve(*fasthttp.Request, *fasthttp.Response, *token.Visit)
}) (string, token.Visit) {
	var req fasthttp.Request
	var resp fasthttp.Response
	req.Header.SetMethod(c.method)
	req.Header.SetContentType(c.contentType)
	for i := 0; i < len(c.headers); i += 2 {
		req.Header.Set(c.headers[i], c.headers[i+1])
	}
	req.SetBodyString(c.body)
	v := token.Visit{RequestID: "id", NowMicros: token.At(time.Date(2024, 3, 15, 13, 5, 57, 999_000_000, time.UTC))}
	e.Serve(&req, &resp, &v)
	return resp.String(), v
}

// The seed's own command is understood, and answered with the five members of
// the documented answer in their order, the time in UTC.
func TestAuthorizeAsTheSeedHasIt(t *testing.T) {
	e := &Authorize{Families: families{authorize: func(o *token.Order) (token.Grant, token.Reason) {
		if string(o.Key) != "your_api_key_here" || string(o.Access) != "your_access_token_here" || string(o.ClientID) != "your_client_id_here" ||
			string(o.ClientSecret) != "your_client_secret_here" || o.Refresh != nil || o.RequestID != "id" {
			t.Errorf("the order is %+v", o)
		}
		abidjan := o.Now.Add(time.Hour).In(time.FixedZone("elsewhere", 7200))
		return token.Grant{AccessToken: string(o.Access), ExpiresAt: abidjan, Handle: "tok_abcdefghijkl", Merchant: "mer_x"}, token.Allowed
	}}}
	answer, v := seed().send(e)
	const want = `{"httpStatus":true,"refresh_token":"","access_token":"your_access_token_here","expire_time":"2024-03-15 14:05:57","status":"success"}`
	if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.HasSuffix(answer, "\r\n\r\n"+want) || !strings.Contains(answer, "Cache-Control: no-store") {
		t.Errorf("answer:\n%s\nwant %s", answer, want)
	}
	if v.Handle != "tok_abcdefghijkl" || v.Merchant != "mer_x" || v.Dialect != "apikey" {
		t.Errorf("the log hears %+v", v)
	}
}

// Without an access token, and under any label and in any of the three forms,
// the same order is read.
func TestEveryFormOfBodyIsTheSameOrder(t *testing.T) {
	seen := 0
	e := &Refresh{Families: families{refresh: func(o *token.Order) (token.Grant, token.Reason) {
		seen++
		if string(o.ClientID) != "i" || string(o.ClientSecret) != "s" || string(o.Refresh) != "r" || o.Access != nil {
			t.Errorf("the order is %+v", o)
		}
		return token.Grant{AccessToken: "tgo_x", RefreshToken: "tgr_y", ExpiresAt: o.Now}, token.Allowed
	}}}
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	bodies := []string{
		`{"client_id":"i","client_secret":"s","refresh_token":"r"}`, "client_id=i&client_secret=s&refresh_token=r",
		part("client_id", "i") + part("client_secret", "s") + part("refresh_token", "r") + "--b--\r\n",
	}
	labels := []string{"", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "multipart/form-data; boundary=other", "text/plain"}
	for _, body := range bodies {
		for _, label := range labels {
			c := call{"POST", label, body, []string{"X-API-KEY", "k", "ACCESS-TOKEN", "ended long ago"}}
			answer, _ := c.send(e)
			if !strings.HasSuffix(answer, `{"httpStatus":true,"refresh_token":"tgr_y","access_token":"tgo_x","expire_time":"2024-03-15 13:05:57","status":"success"}`) {
				t.Errorf("%q labelled %q:\n%s", body, label, answer)
			}
		}
	}
	if seen != len(bodies)*len(labels) {
		t.Errorf("%d orders", seen)
	}
}

// Every row of the table of dialects.md gets its status and the dialect's error
// object, and the families are asked only about what can be read.
func TestRefusalsOfTheEndpoints(t *testing.T) {
	f := func(change func(*call), reason token.Reason, status string) {
		t.Helper()
		refuse := func(*token.Order) (token.Grant, token.Reason) {
			if reason == token.Allowed {
				t.Error("the families were asked")
			}
			return token.Grant{}, reason
		}
		c := seed()
		c.body = strings.Replace(c.body, "{", `{"refresh_token":"r",`, 1)
		change(&c)
		k := families{refuse, refuse}
		for _, e := range []interface {
			Serve(*fasthttp.Request, *fasthttp.Response, *token.Visit)
		}{&Authorize{Families: k}, &Refresh{Families: k}} {
			answer, v := c.send(e)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+status) || !strings.Contains(answer, "\r\n\r\n"+`{"httpStatus":false,"status":"error","message":"`) {
				t.Errorf("%+v %s: want %s, got\n%s", c, reason, status, answer)
			}
			if v.Reason == token.Allowed {
				t.Error("the log hears of no refusal")
			}
		}
	}
	same := func(*call) {}
	f(func(c *call) { c.method = "GET" }, token.Allowed, "405")
	f(func(c *call) { c.headers = nil }, token.Allowed, "401")
	f(func(c *call) { c.headers = append(c.headers, "Content-Encoding", "gzip") }, token.Allowed, "400")
	for _, body := range []string{"", "{", "{}", `{"client_id":"i","refresh_token":"r"}`, `{"client_id":"i","client_secret":1,"refresh_token":"r"}`, `{"client_id":"i","client_secret":"","refresh_token":"r"}`,
		`{"client_id":"i","client_id":"i","client_secret":"s","refresh_token":"r"}`, "client_id=i", "<xml/>"} {
		f(func(c *call) { c.body = body }, token.Allowed, "400")
	}
	for _, r := range []token.Reason{token.TokenInvalid, token.TokenRevoked, token.TokenExpired, token.TokenDisabled, token.MerchantSuspended,
		token.IPNotAllowed, token.ClientCertNotAllowed, token.EnvironmentMismatch, token.UnauthorizedClient, token.InvalidGrant, token.AccessTokenRequired} {
		f(same, r, "401")
	}
	f(same, token.AuthThrottled, "429")
	f(same, token.CannotDecide, "503")
	f(same, token.InternalError, "500")
}

// A renewal without a refresh token cannot be read.
func TestRenewalNeedsItsRefreshToken(t *testing.T) {
	answer, _ := seed().send(&Refresh{Families: families{}})
	if !strings.HasPrefix(answer, "HTTP/1.1 400") {
		t.Errorf("answer:\n%s", answer)
	}
}

// At issuing, a thief is told the same whatever is wrong: the address too.
func TestIssuingIsOneAnswer(t *testing.T) {
	first := ""
	for _, r := range []token.Reason{token.TokenInvalid, token.TokenRevoked, token.IPNotAllowed, token.ClientCertNotAllowed, token.EnvironmentMismatch, token.InvalidGrant, token.UnauthorizedClient, token.MerchantSuspended} {
		refuse := func(*token.Order) (token.Grant, token.Reason) { return token.Grant{}, r }
		answer, _ := seed().send(&Authorize{Families: families{authorize: refuse}})
		if first == "" {
			first = answer
		}
		if answer != first {
			t.Errorf("%s is told apart:\n%s", r, answer)
		}
	}
}

// The endpoint words what the edge refused before it: nothing is asked.
func TestEdgeRefusalsAreWorded(t *testing.T) {
	var resp fasthttp.Response
	v := token.Visit{Reason: token.BodyTooLarge}
	(&Authorize{}).Serve(&fasthttp.Request{}, &resp, &v)
	if resp.StatusCode() != 413 || !strings.HasPrefix(string(resp.Body()), `{"httpStatus":false`) {
		t.Errorf("%s", resp.String())
	}
}

// Every reason has a row, and a body that any JSON reader takes.
func TestEveryReasonIsSaid(t *testing.T) {
	row5 := ""
	for _, r := range token.Reasons() {
		s, known := sayings[r]
		if !known || s.status < 400 || !strings.HasSuffix(s.message, ".") {
			t.Errorf("%s is said as %+v", r, s)
		}
		var resp fasthttp.Response
		Dialect{}.Refuse(&resp, &token.Refusal{Reason: r, RequestID: "id"})
		var body struct {
			HTTPStatus *bool `json:"httpStatus"`
			Status     string
			Message    string
			Outcome    string
		}
		if err := json.Unmarshal(resp.Body(), &body); err != nil || body.HTTPStatus == nil || *body.HTTPStatus || body.Status != "error" || body.Message == "" {
			t.Errorf("%s: %s", r, resp.Body())
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

// An IP address that is not allowed is 401 in this dialect, and the caller is
// told which one was seen.
func TestIPIsUnauthorized(t *testing.T) {
	var resp fasthttp.Response
	Dialect{}.Refuse(&resp, &token.Refusal{Reason: token.IPNotAllowed, ClientIP: "192.0.2.1"})
	const want = `{"httpStatus":false,"status":"error","message":"This IP address is not allowed to use the API key. It came from 192.0.2.1."}`
	if resp.StatusCode() != 401 || string(resp.Body()) != want {
		t.Errorf("%s", resp.String())
	}
}

// A client certificate that is not allowed is 401 too, as the address is.
func TestClientCertIsUnauthorized(t *testing.T) {
	var resp fasthttp.Response
	Dialect{}.Refuse(&resp, &token.Refusal{Reason: token.ClientCertNotAllowed})
	const want = `{"httpStatus":false,"status":"error","message":"This client certificate is not allowed to use the API key, or none was sent."}`
	if resp.StatusCode() != 401 || string(resp.Body()) != want {
		t.Errorf("%s", resp.String())
	}
}
