package gateway_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy/token"
)

// A stranger that announces a body is refused by its headers: no byte of the
// body is waited for, and the connection ends.
func TestUnknownCallerIsRefusedBeforeItsBody(t *testing.T) {
	r := newRig(t)
	for name, text := range map[string]string{
		"length":  "POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\n" + bearer(madeUpKey()) + "\r\nContent-Length: 4000\r\n\r\n{",
		"expects": "POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\n" + bearer(madeUpKey()) + "\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		"huge":    "POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\n" + bearer(madeUpKey()) + "\r\nContent-Length: 999999999999999999\r\n\r\n",
		"missing": "POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n",
		"one":     "POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
	} {
		if a := r.raw(t, text); a.status != 401 || !a.closed {
			t.Errorf("%s: got %+v; want 401 and the end of the connection, body unread", name, a)
		}
	}
	if n := len(r.origin.requests()); n != 0 {
		t.Errorf("the upstream saw %d requests", n)
	}
	r.events(t, 5)
	if lines := strings.Count(r.log.String(), "\n"); lines != 5 {
		t.Errorf("%d events for 5 requests", lines)
	}
}

// 100 Continue is sent to a caller whose headers passed, and to no other.
func TestContinueOnlyForWhoPassed(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	c := r.dial(t)
	c.write("POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\n" + bearer(key) + "\r\n" + jsonType + "\r\nExpect: 100-continue\r\nContent-Length: " +
		itoa(len(goodBody)) + "\r\n\r\n")
	line, err := c.r.ReadString('\n')
	if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q %v; want 100 Continue", line, err)
	}
	c.r.ReadString('\n')
	c.write(goodBody)
	if a := c.answer("POST"); a.status != 200 {
		t.Fatalf("got %+v; want 200 behind the 100", a)
	}
	// A body above the route's limit is not invited either.
	a := r.raw(t, "POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\n"+bearer(key)+"\r\nExpect: 100-continue\r\nContent-Length: 4097\r\n\r\n")
	if a.status != 413 || !a.closed {
		t.Errorf("got %+v; want 413 without 100", a)
	}
	// Nor is there anything to continue with where no body is announced.
	a = r.raw(t, request("GET", "/v1/status/1", "", "Expect: 100-continue"))
	if a.status != 401 {
		t.Errorf("got %+v; want 401 without 100", a)
	}
}

// A credential that is good but not in memory, and whose body was therefore not
// read, is told to come again; it is never told that it is wrong.
func TestUncachedCredentialWithBodyIs503(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	r.roster.cold[key] = true
	a := r.raw(t, request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType))
	if a.status != 503 || a.code() != "cannot_decide" || a.header.Get("Retry-After") != "1" || !a.closed {
		t.Fatalf("got %+v; want 503 cannot_decide, Retry-After: 1, Connection: close", a)
	}
	r.roster.set(func(o *roster) { o.cold[key] = false })
	if a := r.raw(t, request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType)); a.status != 200 {
		t.Fatalf("the next try got %+v", a)
	}
}

// Of a request with a wrong address and a wrong method the address is refused,
// as the order of checks has it, though the headers alone told of the method.
func TestOrderOfRowsHoldsOverBothPhases(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", func(_ *token.Live, b *token.Bounds) {
		b.IPRanges, b.Methods, b.Permissions = []string{"192.0.2.0/24"}, []string{"GET"}, nil
	})
	for _, text := range []string{
		request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType),
		request("POST", "/v1/payments/1", "", bearer(key), jsonType),
	} {
		if a := r.raw(t, text); a.code() != "ip_not_allowed" {
			t.Errorf("got %+v; want row 8 before rows 9 and 10", a)
		}
	}
}

// Chunked bodies are taken where the route says so, with the limit of the
// route, without trailers, and 411 elsewhere.
func TestChunkedOnlyWhereAllowed(t *testing.T) {
	r := newRig(t, withPlan(func(p *gateway.Plan) {
		spec := p.Routes[0]
		spec.Path, spec.AllowChunked, spec.MaxBody = "/v1/chunked/{id}", true, 200
		p.Routes = append(p.Routes, spec)
	}))
	key := r.roster.add(t, "good", nil)
	head := func(path, more string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: a\r\n" + bearer(key) + "\r\n" + jsonType + "\r\nTransfer-Encoding: chunked\r\n" + more + "\r\n"
	}
	chunk := "7f\r\n" + (goodBody + strings.Repeat(" ", 127))[:127] + "\r\n"
	for _, c := range []struct {
		name, text string
		status     int
		code       string
	}{
		{"allowed", head("/v1/chunked/1", "") + chunk + "0\r\n\r\n", 200, ""},
		{"elsewhere", head("/v1/payments/1", "") + chunk + "0\r\n\r\n", 411, "length_required"},
		{"too large", head("/v1/chunked/1", "") + chunk + chunk + "0\r\n\r\n", 413, "body_too_large"},
		{"trailer announced", head("/v1/chunked/1", "Trailer: X-Tollgate-Token\r\n") + chunk + "0\r\nX-Tollgate-Token: tok_x\r\n\r\n", 400, "malformed_request"},
		{"trailer unannounced", head("/v1/chunked/1", "") + chunk + "0\r\nX-Tollgate-Token: tok_x\r\n\r\n", 400, "malformed_request"},
		{"with length", head("/v1/chunked/1", "Content-Length: 5\r\n") + chunk + "0\r\n\r\n", 400, "malformed_request"},
		{"bad size", head("/v1/chunked/1", "") + "zz\r\n\r\n0\r\n\r\n", 400, "malformed_request"},
		{"unknown caller", strings.Replace(head("/v1/chunked/1", ""), key, madeUpKey(), 1), 401, "token_invalid"},
		{"expecting stranger", strings.Replace(head("/v1/chunked/1", "Expect: 100-continue\r\n"), key, madeUpKey(), 1), 401, "token_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(r.origin.requests())
			a := r.raw(t, c.text)
			if a.status != c.status || a.code() != c.code {
				t.Fatalf("got %+v, want %d %s", a, c.status, c.code)
			}
			seen := r.origin.requests()[before:]
			if c.status != 200 && (len(seen) != 0 || !a.closed) {
				t.Errorf("the upstream saw %v, closed %v", seen, a.closed)
			}
			if c.status == 200 && (len(seen) != 1 || strings.TrimSpace(seen[0].body) != goodBody || seen[0].header.Get("Transfer-Encoding") != "") {
				t.Errorf("the upstream saw %+v; want the body with a length", seen)
			}
		})
	}
}

// A refusal survives a body that the client sends whole before it reads: the
// connection is not reset under the answer.
func TestRefusalReachesClientThatSendsFirst(t *testing.T) {
	r := newRig(t)
	body := strings.Repeat("x", 600<<10)
	for range 20 {
		c := r.dial(t)
		c.conn.(*net.TCPConn).SetWriteBuffer(4096) // so that the body does not fit into buffers
		if _, err := io.WriteString(c.conn, request("POST", "/v1/payments/1", body, bearer(madeUpKey()))); err != nil {
			t.Fatalf("the connection was reset while the client was sending: %v", err)
		}
		if a := c.answer("POST"); a.status != 401 {
			t.Fatalf("got %+v", a)
		}
		c.conn.Close()
	}
}

// Slow headers and slow bodies end at their deadlines with 408, and are told of.
func TestSlowRequestsEnd(t *testing.T) {
	const soon, never = 200 * time.Millisecond, time.Hour // each deadline alone has to end its part
	good := request("POST", "/v1/payments/1", goodBody, jsonType)
	for name, c := range map[string]struct {
		header, body time.Duration
		text         string
	}{
		"headers": {soon, never, "GET /v1/status/1 HTTP/1.1\r\nHost: a\r\nX-Slow"},
		"body":    {never, soon, good[:len(good)-5]},
	} {
		r := newRig(t, withOptions(func(o *gateway.Options) {
			o.Limits.ReadHeaderTimeout, o.Limits.ReadBodyTimeout = c.header, c.body
		}))
		key := r.roster.add(t, "good", nil)
		text := strings.Replace(c.text, jsonType, jsonType+"\r\n"+bearer(key), 1)
		if a := r.raw(t, text); a.status != 408 || a.code() != "request_timeout" || !a.closed {
			t.Errorf("slow %s got %+v; want 408", name, a)
		}
		if e := r.events(t, 1)[0]; e["reason"] != "request_timeout" || e["outcome"] != "client_error" {
			t.Errorf("event %v", e)
		}
		if n := len(r.origin.requests()); n != 0 {
			t.Errorf("the upstream saw %d requests", n)
		}
	}
}

// Every request of a pipeline is judged by itself, in order, and a refusal in
// the middle lets nothing of one request into another.
func TestPipelineIsJudgedOneByOne(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	const rounds = 200
	var b strings.Builder
	for i := range rounds {
		who := key
		if i%3 == 0 {
			who = madeUpKey()
		}
		b.WriteString(request("GET", "/v1/status/"+itoa(i), "", bearer(who)))
	}
	c := r.dial(t)
	go c.write(b.String())
	for i := range rounds {
		want := 200
		if i%3 == 0 {
			want = 401
		}
		if a := c.answer("GET"); a.status != want {
			t.Fatalf("request %d got %+v, want %d", i, a, want)
		}
	}
	seen := r.origin.requests()
	if len(seen) != rounds-(rounds+2)/3 {
		t.Fatalf("the upstream saw %d", len(seen))
	}
	for _, s := range seen {
		if s.header.Get("X-Tollgate-Token") != "tok_good00000000" {
			t.Fatalf("the upstream saw %v", s)
		}
	}
}

// HEAD is served where GET is, in routes and tokens, and its refusals have no
// body that could be taken for the next answer.
func TestHeadFollowsGet(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	c := r.dial(t)
	c.write(request("HEAD", "/v1/status/1", "", bearer(key)) + request("HEAD", "/v1/status/1", "") + request("GET", "/v1/status/1", "", bearer(key)))
	for i, want := range []int{200, 401} {
		if a := c.answer(http.MethodHead); a.status != want || a.body != "" {
			t.Fatalf("HEAD %d got %+v", i, a)
		}
	}
	if a := c.answer("GET"); a.status != 200 || a.body == "" {
		t.Fatalf("the GET behind got %+v", a)
	}
}
