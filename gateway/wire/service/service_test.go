package service

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// children answer from functions; the real ones are tested with the real store.
type children struct {
	list   func(*token.Call) ([]token.Child, token.Reason)
	create func(*token.Call, *token.ChildOrder) (token.Child, token.Reason)
	end    func(*token.Call, string) token.Reason
}

func (k children) List(_ context.Context, c *token.Call) ([]token.Child, token.Reason) {
	return k.list(c)
}

func (k children) Create(_ context.Context, c *token.Call, o *token.ChildOrder) (token.Child, token.Reason) {
	return k.create(c, o)
}

func (k children) Delete(_ context.Context, c *token.Call, id []byte) token.Reason {
	return k.end(c, string(id))
}

type endpoint interface {
	Serve(*fasthttp.Request, *fasthttp.Response, *token.Visit)
}

func post(e endpoint, key, contentType, body string) (string, token.Visit) {
	var req fasthttp.Request
	var resp fasthttp.Response
	req.Header.SetMethod("POST")
	if key != "" {
		req.Header.Set("token", key)
	}
	req.Header.SetContentType(contentType)
	req.SetBodyString(body)
	v := token.Visit{RequestID: "id", NowMicros: token.At(time.Unix(1_700_000_000, 0)), Source: token.Source{Addr: netip.MustParseAddr("192.0.2.1")}}
	e.Serve(&req, &resp, &v)
	return resp.String(), v
}

var (
	made = token.At(time.Date(2024, 3, 20, 10, 0, 0, 999_999_000, time.UTC))
	ends = token.At(time.Date(2025, 3, 20, 10, 0, 0, 0, time.UTC))
)

const (
	seedList   = "{\n\"data\": {}\n}"
	seedCreate = "{\n\"data\": {\n\"groupID\": \"group_123\",\n\"permissions\": [\"read\", \"write\"],\n\"ipWhitelist\": [\"192.168.1.1\"]\n}\n}"
	seedDelete = "{\n\"data\": {\n\"id\": \"tok_abc123\"\n}\n}"
)

// The list is the one that seed 2 prints, but for the secrets, which are shown
// once: a handle and nothing stand in their places.
func TestListAsTheSeedHasIt(t *testing.T) {
	e := &List{Endpoint{Children: children{list: func(c *token.Call) ([]token.Child, token.Reason) {
		if string(c.Key) != "tok_123456789" || c.RequestID != "id" || c.Dialect != "service" {
			t.Errorf("the call is %+v", c)
		}
		c.Client = token.Client{Handle: "tok_abcdefghijkl", Merchant: "group_123"}
		one := token.Child{Handle: "tok_abc123", Merchant: "group_123", Active: true, IPRanges: []string{"192.168.1.1", "10.0.0.1"}, Methods: []string{"GET", "POST"}, CreatedAt: made, UpdatedAt: made, ExpiresAt: ends}
		return []token.Child{one, {Handle: "tok_b", Merchant: "group_123", CreatedAt: made, UpdatedAt: made}}, token.Allowed
	}}}}
	answer, v := post(e, "tok_123456789", "application/json", seedList)
	const want = `{"tokens":[{"groupID":"group_123","token":"tok_abc123","secret":"","active":true,"ipWhitelist":["192.168.1.1","10.0.0.1"],` +
		`"allowedMethods":["GET","POST"],"createdAt":"2024-03-20T10:00:00Z","updatedAt":"2024-03-20T10:00:00Z","expiresAt":"2025-03-20T10:00:00Z"},` +
		`{"groupID":"group_123","token":"tok_b","secret":"","active":false,"ipWhitelist":[],"allowedMethods":[],"createdAt":"2024-03-20T10:00:00Z","updatedAt":"2024-03-20T10:00:00Z","expiresAt":null}]}`
	if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.HasSuffix(answer, "\r\n\r\n"+want) {
		t.Errorf("answer:\n%s\nwant %s", answer, want)
	}
	if v.Handle != "tok_abcdefghijkl" || v.Merchant != "group_123" || v.Dialect != "service" {
		t.Errorf("the log hears %+v", v)
	}
}

// No tokens are an empty list, not null.
func TestEmptyList(t *testing.T) {
	e := &List{Endpoint{Children: children{list: func(*token.Call) ([]token.Child, token.Reason) { return nil, token.Allowed }}}}
	if answer, _ := post(e, "k", "application/json", seedList); !strings.HasSuffix(answer, `{"tokens":[]}`) {
		t.Errorf("answer:\n%s", answer)
	}
}

// A creation is answered as seed 2 prints it, with both secrets, and with the
// addresses as they were sent.
func TestCreateAsTheSeedHasIt(t *testing.T) {
	e := &Create{Endpoint{Children: children{create: func(c *token.Call, o *token.ChildOrder) (token.Child, token.Reason) {
		if o.Merchant != "group_123" || !slices.Equal(o.Methods, []string{"GET", "POST"}) || !slices.Equal(o.IPRanges, []string{"192.168.1.1"}) {
			t.Errorf("the order is %+v", o)
		}
		return token.Child{Handle: "tok_new123", Key: "tg_live_new", Secret: "sig_live_new", Merchant: o.Merchant, Active: true,
			IPRanges: []string{"192.168.1.1/32"}, Methods: o.Methods, CreatedAt: made, UpdatedAt: made, ExpiresAt: ends}, token.Allowed
	}}}}
	answer, _ := post(e, "tok_123456789", "application/json", seedCreate)
	const want = `{"groupID":"group_123","token":"tg_live_new","secret":"sig_live_new","active":true,"ipWhitelist":["192.168.1.1"],` +
		`"allowedMethods":["GET","POST"],"createdAt":"2024-03-20T10:00:00Z","updatedAt":"2024-03-20T10:00:00Z","expiresAt":"2025-03-20T10:00:00Z"}`
	if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.HasSuffix(answer, "\r\n\r\n"+want) || !strings.Contains(answer, "Cache-Control: no-store") {
		t.Errorf("answer:\n%s\nwant %s", answer, want)
	}
}

// A child that is asked for without addresses is shown with those that hold for
// it: its parent's.
func TestNoAddressesAreTheParents(t *testing.T) {
	e := &Create{Endpoint{Children: children{create: func(_ *token.Call, o *token.ChildOrder) (token.Child, token.Reason) {
		if len(o.IPRanges) != 0 {
			t.Errorf("the order is %+v", o)
		}
		return token.Child{Key: "tg_live_new", IPRanges: []string{"192.0.2.0/24"}}, token.Allowed
	}}}}
	for _, list := range []string{`[]`, `null`} {
		answer, _ := post(e, "k", "application/json", strings.Replace(seedCreate, `["192.168.1.1"]`, list, 1))
		if !strings.Contains(answer, `"ipWhitelist":["192.0.2.0/24"]`) {
			t.Errorf("answer:\n%s", answer)
		}
	}
}

// A deletion answers what was sent.
func TestDeleteAsTheSeedHasIt(t *testing.T) {
	var got string
	e := &Delete{Endpoint{Children: children{end: func(_ *token.Call, id string) token.Reason { got = id; return token.Allowed }}}}
	answer, _ := post(e, "tok_123456789", "application/json; charset=UTF-8", seedDelete)
	if got != "tok_abc123" || !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.HasSuffix(answer, "\r\n\r\n"+`{"id":"tok_abc123"}`) {
		t.Errorf("ended %q, answer:\n%s", got, answer)
	}
}

// read is GET, write is POST, verbs are themselves; order is kept and each
// stands once.
func TestPermissionsAreMethods(t *testing.T) {
	f := func(permissions string, want ...string) {
		t.Helper()
		data, detail := readData(jsonHeader(), []byte(`{"data":{"groupID":"g","permissions":`+permissions+`}}`))
		if detail != "" {
			t.Fatal(detail)
		}
		o, detail := readChild(data)
		if (detail == "") != (len(want) > 0) || detail == "" && (!slices.Equal(o.Methods, want) || o.IPRanges != nil) {
			t.Errorf("%s: %q %s, want %q", permissions, o.Methods, detail, want)
		}
	}
	f(`["read","write"]`, "GET", "POST")
	f(`["write","read","POST","GET"]`, "POST", "GET")
	f(`["PUT","DELETE","PUT"]`, "PUT", "DELETE")
	f(`["HEAD","OPTIONS","PATCH"]`, "HEAD", "OPTIONS", "PATCH")
	f(`[]`)
	f(`null`)
	f(`"read"`)
	f(`["READ"]`)
	f(`["get"]`)
	f(`["*"]`)
	f(`[""]`)
	f(`["read",1]`)
	f(`["read","TRACE"]`)
}

func jsonHeader() *fasthttp.RequestHeader {
	var h fasthttp.RequestHeader
	h.SetContentType("application/json")
	return &h
}

// What cannot be read in one way only, or leaves a bound to guess, is 400 and
// reaches nobody.
func TestBodiesAreStrict(t *testing.T) {
	fail := func(what string) { t.Errorf("%s reached the other side", what) }
	var body string
	k := children{
		list: func(*token.Call) ([]token.Child, token.Reason) { fail(body); return nil, token.Allowed },
		create: func(*token.Call, *token.ChildOrder) (token.Child, token.Reason) {
			fail(body)
			return token.Child{}, token.Allowed
		},
		end: func(*token.Call, string) token.Reason { fail(body); return token.Allowed },
	}
	f := func(contentType, b string, endpoints ...endpoint) {
		t.Helper()
		body = b
		for _, e := range endpoints {
			answer, v := post(e, "k", contentType, b)
			if !strings.HasPrefix(answer, "HTTP/1.1 400") || !strings.Contains(answer, "\r\n\r\n"+`{"error":{"code":"invalid_request","message":"`) || v.Reason != token.InvalidRequest {
				t.Errorf("%q %q:\n%s", contentType, b, answer)
			}
		}
	}
	list, create, end := &List{Endpoint{Children: k}}, &Create{Endpoint{Children: k}}, &Delete{Endpoint{Children: k}}
	const kind = "application/json"
	for _, b := range []string{"", "null", "[]", "{}", `{"data":null}`, `{"data":[]}`, `{"data":{},"data":{}}`, `{"data":{},"Data":{}}`, `{"Data":{}}`,
		`{"data":{}} {}`, `{"data":{"id":"a","id":"b"}}`, `{"data":{"x":"\ud800"}}`, "{\"data\":{\"x\":\"\xff\"}}", `{"data":{}`, "\ufeff" + `{"data":{}}`} {
		f(kind, b, list, create, end)
	}
	for _, label := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/json; charset=utf-16"} {
		f(label, seedList, list)
		f(label, seedCreate, create)
	}
	f(kind, `{"data":{"id":""}}`, end)
	f(kind, `{"data":{"id":["tok_x"]}}`, end)
	f(kind, `{"data":{"ID":"tok_x"}}`, end)
	for _, from := range []string{`"groupID": "group_123",`, "\"permissions\": [\"read\", \"write\"],\n"} {
		f(kind, strings.Replace(seedCreate, from, "", 1), create)
	}
	f(kind, strings.Replace(seedCreate, "ipWhitelist", "ipWhiteList", 1), create)
	f(kind, strings.Replace(seedCreate, "ipWhitelist", "ip_whitelist", 1), create)
	f(kind, strings.Replace(seedCreate, `["192.168.1.1"]`, `"192.168.1.1"`, 1), create)
	f(kind, strings.Replace(seedCreate, `["192.168.1.1"]`, `[1]`, 1), create)
	f(kind, strings.Replace(seedCreate, `"group_123"`, `7`, 1), create)
}

// What the other side says no to gets its documented status, and its detail.
func TestRefusalsOfTheOtherSide(t *testing.T) {
	f := func(reason token.Reason, detail, status, body string) {
		t.Helper()
		k := children{
			list: func(c *token.Call) ([]token.Child, token.Reason) { c.Detail = detail; return nil, reason },
			create: func(c *token.Call, _ *token.ChildOrder) (token.Child, token.Reason) {
				c.Detail = detail
				return token.Child{Key: "tg_live_leak"}, reason
			},
			end: func(c *token.Call, _ string) token.Reason { c.Detail = detail; return reason },
		}
		for e, sent := range map[endpoint]string{&List{Endpoint{Children: k}}: seedList, &Create{Endpoint{Children: k}}: seedCreate, &Delete{Endpoint{Children: k}}: seedDelete} {
			answer, _ := post(e, "k", "application/json", sent)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+status) || !strings.HasSuffix(answer, "\r\n\r\n"+body) {
				t.Errorf("%s:\n%s\nwant %s %s", reason, answer, status, body)
			}
		}
	}
	f(token.TokenRevoked, "", "401", `{"error":{"code":"token_invalid","message":"The token is unknown, malformed, expired or no longer accepted."}}`)
	f(token.AccessTokenRequired, "", "401", `{"error":{"code":"token_invalid","message":"The token is unknown, malformed, expired or no longer accepted."}}`)
	f(token.IPNotAllowed, "", "403", `{"error":{"code":"ip_not_allowed","message":"The token may not be used from this IP address. It came from 192.0.2.1."}}`)
	f(token.ClientCertNotAllowed, "", "403", `{"error":{"code":"client_cert_not_allowed","message":"The token may only be used with a client certificate of its own."}}`)
	f(token.PermissionMissing, "", "403", `{"error":{"code":"permission_missing","message":"The token does not have the permission that this path needs."}}`)
	f(token.NotFound, "", "404", `{"error":{"code":"not_found","message":"There is no such token."}}`)
	f(token.InvalidRequest, "Wider than yours.", "400", `{"error":{"code":"invalid_request","message":"Wider than yours."}}`)
	f(token.QuotaExceeded, "", "429", `{"error":{"code":"quota_exceeded","message":"The quota is used up."}}`)
	f(token.Overloaded, "", "503", `{"error":{"code":"overloaded","message":"The service has no room for the request just now; nothing was sent, the request may be sent again."}}`)
	f(token.CannotDecide, "", "503", `{"error":{"code":"cannot_decide","message":"The token could not be checked just now; send the request again."}}`)
}

// Other methods, no token, and what the edge refused before are worded here.
func TestShapeIsRefused(t *testing.T) {
	var req fasthttp.Request
	var resp fasthttp.Response
	(&List{}).Serve(&req, &resp, &token.Visit{})
	if resp.StatusCode() != 405 || string(resp.Header.Peek("Allow")) != "POST" {
		t.Errorf("GET:\n%s", resp.String())
	}
	if answer, _ := post(&List{}, "", "application/json", seedList); !strings.HasPrefix(answer, "HTTP/1.1 401") || !strings.Contains(answer, `"credentials_missing"`) {
		t.Errorf("no token:\n%s", answer)
	}
	resp.Reset()
	(&Create{}).Serve(&req, &resp, &token.Visit{Reason: token.BodyTooLarge})
	if resp.StatusCode() != 413 || !strings.HasPrefix(string(resp.Body()), `{"error":{"code":"body_too_large"`) {
		t.Errorf("too large:\n%s", resp.String())
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
			Error struct{ Code, Message, Outcome string }
		}
		if err := json.Unmarshal(resp.Body(), &body); err != nil || body.Error.Code == "" || body.Error.Message == "" {
			t.Errorf("%s: %s", r, resp.Body())
		}
		if want := r == token.UpstreamFailed || r == token.UpstreamTimeout; (body.Error.Outcome == "unknown") != want {
			t.Errorf("%s: outcome %q", r, body.Error.Outcome)
		}
		if (s.status == 401) != (len(resp.Header.Peek("WWW-Authenticate")) > 0) || (s.status == 429 || s.status == 503) != (len(resp.Header.Peek("Retry-After")) > 0) {
			t.Errorf("%s: headers\n%s", r, resp.Header.String())
		}
		if r.Credential() {
			if row5 == "" {
				row5 = resp.String()
			}
			if resp.String() != row5 || body.Error.Code != "token_invalid" {
				t.Errorf("%s is told apart on the wire", r)
			}
		}
	}
}
