package admin_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"tollgate/admin"
)

// TestEveryAnswerIsHardened: whatever is answered, it is not cached, sniffed or
// framed, tells no other origin anything, and carries the request's id, which
// is never the client's own.
func TestEveryAnswerIsHardened(t *testing.T) {
	r := newRig(t, func(o *admin.Options) {
		o.Ops = map[string]http.Handler{"GET /healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })}
	})
	seen := map[string]bool{}
	for _, request := range [][]string{
		{"GET", "/admin/v1/merchants"}, {"GET", "/admin/openapi.json"}, {"GET", "/healthz"}, {"GET", "/nothing"}, {"PUT", "/healthz"},
		{"OPTIONS", "/admin/v1/merchants", "Origin", "https://attacker.example", "Access-Control-Request-Method", "POST"},
		{"GET", "/admin/v1/merchants", "Origin", "https://attacker.example"},
		{"GET", "/admin/v1/merchants", "Authorization", ""}, {"GET", "/admin/v1/merchants", "Host", "attacker.example"},
		{"DELETE", "/admin/v1/merchants", "Sec-Fetch-Site", "same-site"}, {"POST", "/admin/v1/merchants"},
		{"GET", "/admin/v1/tokens/%00"}, {"GET", "/admin/v1/../v1/tokens"}, {"TRACE", "/admin/v1/tokens"},
	} {
		p := r.send(request[0], request[1], "", append(request[2:], "X-Request-Id", "client-chosen")...)
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
		} {
			if got := p.header.Get(name); got != want {
				t.Errorf("%v: %s is %q, want %q", request, name, got, want)
			}
		}
		for name := range p.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%v: %s is set", request, name)
			}
		}
		id := p.header.Get("X-Request-Id")
		if len(id) != 32 || seen[id] {
			t.Errorf("%v: request id %q", request, id)
		}
		seen[id] = true
		if p.status >= 400 && p.text("request_id") != id {
			t.Errorf("%v: the problem has another request id: %s", request, p.body)
		}
	}
}

// TestReboundHostIsRefused: on a loopback listener a page cannot reach us under
// its own name; on another one any name will do.
func TestReboundHostIsRefused(t *testing.T) {
	loopback := newRig(t)
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:9090": 200, "127.0.0.1": 200, "127.9.9.9:1": 200, "[::1]": 200, "[::1]:9090": 200,
		"attacker.example": 421, "attacker.example:9090": 421, "127.0.0.1.attacker.example": 421, "localhost.attacker.example": 421,
		"192.0.2.1": 421, "[2001:db8::1]:9090": 421, "0.0.0.0": 421, "attacker.example:127.0.0.1": 421,
	} {
		if p := loopback.send("GET", "/admin/v1/merchants", "", "Host", host); p.status != want {
			t.Errorf("Host %s: status %d, want %d", host, p.status, want)
		}
	}
	public := newRig(t, func(o *admin.Options) { o.Listen = "192.0.2.1:9090" })
	public.want(200, "GET", "/admin/v1/merchants", "", "Host", "admin.example.com")
}

// TestForeignPagesCannotWrite: no page of another origin, form or script, with
// or without a preflight, changes anything, even with the key in the request.
func TestForeignPagesCannotWrite(t *testing.T) {
	r := newRig(t)
	for _, headers := range [][]string{
		{"Origin", "https://attacker.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Mode", "no-cors"}, {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Site", "same-origin"},
	} {
		if p := r.send("POST", "/admin/v1/merchants", `{"name":"x"}`, headers...); p.status != 403 {
			t.Errorf("%v: status %d: %s", headers, p.status, p.body)
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/jsonx", "text/json", ""} {
		if p := r.send("POST", "/admin/v1/merchants", `{"name":"x"}`, "Content-Type", kind); p.status != 415 {
			t.Errorf("Content-Type %q: status %d: %s", kind, p.status, p.body)
		}
	}
	for _, kind := range []string{"application/json", "application/json; charset=UTF-8", "APPLICATION/JSON"} {
		r.want(201, "POST", "/admin/v1/merchants", `{"name":"x"}`, "Content-Type", kind)
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
		r.want(200, "GET", "/admin/v1/merchants", "", name, "POST")
	}
	if p := r.want(200, "GET", "/admin/v1/merchants", ""); len(p.at("items").([]any)) != 3 {
		t.Errorf("something was written: %s", p.body)
	}
}

// TestBodiesAreBounded: a mebibyte is read, one byte more is 413.
func TestBodiesAreBounded(t *testing.T) {
	r := newRig(t)
	body := func(n int) string {
		const frame = `{"name":""}`
		return `{"name":"` + strings.Repeat("a", n-len(frame)) + `"}`
	}
	if p := r.send("POST", "/admin/v1/merchants", body(1<<20)); p.status != 422 {
		t.Errorf("a mebibyte: status %d: %s", p.status, p.body)
	}
	if p := r.send("POST", "/admin/v1/merchants", body(1<<20+1)); p.status != 413 || p.text("code") != "body_too_large" {
		t.Errorf("a byte more: status %d: %s", p.status, p.body)
	}
}

// TestOneLogLinePerRequest: method, the route's pattern and never the raw path,
// who called, the status and the problem's code.
func TestOneLogLinePerRequest(t *testing.T) {
	r := newRig(t)
	tok := r.token(r.merchant("M"), `,"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"0707070707"}]`)
	made := r.want(201, "POST", "/admin/v1/keys", `{"name":"K","role":"auditor"}`)
	f := func(method, path, auth, route, code, role string, status int) {
		t.Helper()
		before := r.logs.Len()
		p := r.send(method, path, "", "Authorization", auth)
		if r.logs.Len() != before+1 {
			t.Fatalf("%s %s wrote %d lines", method, path, r.logs.Len()-before)
		}
		line := r.logs.All()[before]
		m := line.ContextMap()
		if m["route"] != route || m["code"] != code || m["role"] != role || m["status"] != int64(status) || m["method"] != method ||
			m["client_ip"] != "127.0.0.1" || m["request_id"] != p.header.Get("X-Request-Id") || line.Message != "admin request" {
			t.Errorf("%s %s: %s %v", method, path, line.Message, m)
		}
		if strings.Contains(fmt.Sprint(m), "07070707") || strings.Contains(fmt.Sprint(m), tok) {
			t.Errorf("the line has the raw path: %v", m)
		}
	}
	auditor := "Bearer " + made.text("key")
	f("GET", "/admin/v1/tokens/"+tok, auditor, "GET /admin/v1/tokens/{id}", "", "auditor", 200)
	f("DELETE", "/admin/v1/tokens/"+tok+"/phones/+2250707070707", auditor, "DELETE /admin/v1/tokens/{id}/phones/{e164}", "forbidden", "auditor", 403)
	f("DELETE", "/admin/v1/tokens/"+tok+"/phones/+2250707070707", "Bearer "+bootstrap, "DELETE /admin/v1/tokens/{id}/phones/{e164}", "", "admin", 204)
	f("GET", "/admin/v1/phones/+2250707070707", auditor, "", "not_found", "", 404)
	f("GET", "/admin/v1/tokens", "", "GET /admin/v1/tokens", "credentials_missing", "", 401)
	if last := r.logs.All()[r.logs.Len()-3].ContextMap(); last["actor_kind"] != "bootstrap" {
		t.Errorf("actor %v", last)
	}
}

// TestPanicIsAnsweredAndLogged: a handler that panics costs its own request
// only, which is answered as a problem without the panic's text.
func TestPanicIsAnsweredAndLogged(t *testing.T) {
	r := newRig(t, func(o *admin.Options) {
		o.Ops = map[string]http.Handler{"GET /panics": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("BUG: canary") })}
	})
	p := r.want(500, "GET", "/panics", "")
	if p.text("code") != "internal_error" || strings.Contains(p.body, "canary") {
		t.Errorf("%s", p.body)
	}
	if got := r.logs.FilterLevelExact(zap.ErrorLevel).Len(); got != 1 {
		t.Errorf("%d error lines", got)
	}
	r.want(200, "GET", "/admin/v1/merchants", "")
}

// TestOpsAreMountedAsGiven: what is not handed in is not there.
func TestOpsAreMountedAsGiven(t *testing.T) {
	plain := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	r := newRig(t, func(o *admin.Options) {
		o.Ops = map[string]http.Handler{"GET /metrics": plain("metrics"), "GET /readyz": plain("ready")}
	})
	for path, want := range map[string]int{"/metrics": 200, "/readyz": 200, "/healthz": 404, "/debug/pprof/": 404, "/debug/pprof/heap": 404} {
		r.want(want, "GET", path, "", "Authorization", "")
	}
}

// TestRawRequestLinesAreAnswered: what no client library sends is answered, not
// redirected, and shows nothing of the path.
func TestRawRequestLinesAreAnswered(t *testing.T) {
	r := newRig(t)
	for _, line := range []string{
		"GET //admin/v1/tokens HTTP/1.1", "GET /admin/v1/tokens/. HTTP/1.1", "GET /admin/v1/x/../tokens HTTP/1.1",
		"CONNECT /admin/v1/tokens HTTP/1.1", "GET /admin/v1/tokens/ HTTP/1.1", "GET /admin/v1/tokens%2f HTTP/1.1",
		"GET http://attacker.example/admin/v1/tokens HTTP/1.1", "BREW /admin/v1/tokens HTTP/1.1",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", line, bootstrap)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if resp.StatusCode < 400 || resp.Header.Get("Location") != "" {
			t.Errorf("%s: status %d, Location %q", line, resp.StatusCode, resp.Header.Get("Location"))
		}
		resp.Body.Close()
		conn.Close()
	}
}
