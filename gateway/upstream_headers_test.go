package gateway

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ours is what every request carries of our own, in front's words.
const ours = "X-Tollgate-Token: tok_000000000001\r\n" +
	"X-Tollgate-Merchant: mer_000000000001\r\n" +
	"X-Tollgate-Environment: live\r\n" +
	"X-Request-Id: 0123456789abcdef0123456789abcdef\r\n"

const forwardedLines = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: api.example.com\r\n"

// sends asks the front with the given request and gives what the origin saw.
func sends(t *testing.T, request string, options ...frontOption) query {
	t.Helper()
	o := newOrigin(t, honest)
	f := newFront(t, []string{o.url}, options...)
	method, _, _ := strings.Cut(request, " ")
	if g := f.client(t).raw(method, request); g.status != 200 {
		t.Fatalf("got %v; want 200", g)
	}
	q := o.last()
	q.head = strings.Replace(q.head, "Host: "+strings.TrimPrefix(o.url, "http://")+"\r\n", "Host: TARGET\r\n", 1)
	return q
}

// TestForwardedExactly guarantees that the upstream sees the client's method,
// target, end-to-end headers and body byte for byte, in order and spelling, and
// behind them ours, once.
func TestForwardedExactly(t *testing.T) {
	target := "/v1/Pay%2Dments/a~b;c=d/%C3%A9?x=%2f&&y=%zz&phone=+225&=&%70hone=1"
	body := "{\"a\" : 1,\n\"b\":\"\u00e9\\u00e9\"}\x00\xff "
	q := sends(t, "POST "+target+" HTTP/1.1\r\n"+
		"Host: api.example.com\r\n"+
		"user-AGENT: Client/1.0 (x)\r\n"+
		"Content-Type: application/json;charset=UTF-8\r\n"+
		"Idempotency-Key:  a b\t\"c\"  \r\n"+
		"accept: a\r\n"+
		"Accept: b\r\n"+
		"X-Empty:\r\n"+
		"Cookie: a=b; c=d\r\n"+
		"X-Latin: \xe9\r\n"+
		fmt.Sprintf("content-length: %d\r\n\r\n%s", len(body), body))
	if want := "POST " + target + " HTTP/1.1"; q.line != want {
		t.Errorf("request line %q; want %q", q.line, want)
	}
	want := "Host: TARGET\r\n" +
		"user-AGENT: Client/1.0 (x)\r\n" +
		"Content-Type: application/json;charset=UTF-8\r\n" +
		"Idempotency-Key: a b\t\"c\"\r\n" +
		"accept: a\r\nAccept: b\r\nX-Empty: \r\nCookie: a=b; c=d\r\nX-Latin: \xe9\r\n" +
		ours + forwardedLines +
		fmt.Sprintf("Content-Length: %d\r\n", len(body))
	if q.head != want {
		t.Errorf("headers\n%q\nwant\n%q", q.head, want)
	}
	if q.body != body {
		t.Errorf("body %q; want %q", q.body, body)
	}
}

// TestSpoofedHeaders guarantees that what only tollgate may say, and what
// belongs to one hop, never crosses, however a client spells it: the upstream
// sees exactly our identity headers, once.
func TestSpoofedHeaders(t *testing.T) {
	names := strings.Fields(`
		X-Tollgate-Token X-TOLLGATE-MERCHANT x-tollgate-environment X-Tollgate-Signature X-Tollgate-Anything
		x.tollgate.token X!Tollgate|Token X~Request~Id
		X-Client-Request-Id X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Port X-Forwarded-Prefix
		Forwarded X-Real-IP True-Client-IP X-Client-IP X-Cluster-Client-IP CF-Connecting-IP
		X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-Original-URL X-Original-Host X-Rewrite-URL
		X-Client-Cert Client-Cert Client-Cert-Chain X-Forwarded-Client-Cert
		Keep-Alive TE Trailer Upgrade HTTP2-Settings Proxy-Authorization Proxy-Connection Proxy-Anything
		Authorization token X-API-KEY ACCESS-TOKEN X-Signature authorization X.Api.Key`)
	for _, underscores := range []bool{false, true} {
		for _, name := range names {
			for _, spelled := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_")} {
				q := sends(t, "GET /pay HTTP/1.1\r\nHost: api.example.com\r\n"+spelled+": spoof\r\n\r\n",
					onRoute(func(r *route) { r.allowUnderscores = underscores }))
				if want := "Host: TARGET\r\n" + ours + forwardedLines; q.head != want {
					t.Errorf("%s (underscores %v): headers\n%q\nwant\n%q", spelled, underscores, q.head, want)
				}
			}
		}
	}
}

// TestConnectionNominates guarantees that a Connection header removes what it
// names and nothing of ours, that it cannot take away what describes the judged
// body, and that a list too long to be meant sends nothing at all.
func TestConnectionNominates(t *testing.T) {
	q := sends(t, "POST /pay HTTP/1.1\r\nHost: api.example.com\r\n"+
		"Connection: close, x-drop, X-Tollgate-Token, X-Request-Id, , Content-Type\r\n"+
		"Connection: Content-Length,Host,X-Forwarded-For,Content-Encoding\r\n"+
		"X-Drop: 1\r\nX-Keep: 2\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	want := "Host: TARGET\r\nX-Keep: 2\r\nContent-Type: application/json\r\n" + ours + forwardedLines + "Content-Length: 2\r\n"
	if q.head != want || q.body != "{}" {
		t.Errorf("headers\n%q\nwant\n%q", q.head, want)
	}
	o := newOrigin(t, honest)
	f := newFront(t, []string{o.url})
	if g := f.client(t).raw("GET", "GET / HTTP/1.1\r\nHost: a\r\nConnection: "+strings.Repeat("x,", 17)+"\r\n\r\n"); g.status != 400 {
		t.Errorf("17 nominations got %v; want 400", g)
	}
	if r := f.lastRecord(); r.sent || len(o.seen) != 0 {
		t.Errorf("something was sent: %v", o.seen)
	}
}

// TestRouteMayForward guarantees what a route's switches open, and only that.
func TestRouteMayForward(t *testing.T) {
	request := "GET /pay HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer x\r\ntoken: y\r\nX_Odd: 1\r\nX-Request-Id: mine\r\n\r\n"
	f := func(change func(*route), between string) {
		t.Helper()
		if q, want := sends(t, request, onRoute(change)), "Host: TARGET\r\n"+between+ours+"X-Client-Request-Id: mine\r\n"+forwardedLines; q.head != want {
			t.Errorf("headers\n%q\nwant\n%q", q.head, want)
		}
	}
	f(func(*route) {}, "")
	f(func(r *route) { r.forwardCredentials = true }, "Authorization: Bearer x\r\ntoken: y\r\n")
	f(func(r *route) { r.allowUnderscores = true }, "X_Odd: 1\r\n")
}

// TestConfiguredHeaders guarantees that the upstream's own headers replace the
// client's of the same folded name, forwarded credentials included.
func TestConfiguredHeaders(t *testing.T) {
	q := sends(t, "POST /pay HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer x\r\nx_provider-KEY: evil\r\nX.Provider.Key: evil\r\n\r\n",
		onRoute(func(r *route) { r.forwardCredentials, r.allowUnderscores = true, true }),
		withSpec(func(s *UpstreamSpec) {
			s.Headers = map[string]string{"X-Provider-Key": "secret", "Authorization": "Bearer provider"}
		}))
	want := "Host: TARGET\r\nAuthorization: Bearer provider\r\nX-Provider-Key: secret\r\n" + ours + forwardedLines + "Content-Length: 0\r\n"
	if q.head != want {
		t.Errorf("headers\n%q\nwant\n%q", q.head, want)
	}
}

// TestHostSent guarantees the three ways to choose the Host.
func TestHostSent(t *testing.T) {
	f := func(configured, want string) {
		t.Helper()
		q := sends(t, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n", withSpec(func(s *UpstreamSpec) { s.Host = configured }))
		if got := q.header("Host"); got != want {
			t.Errorf("host %q sent %q; want %q", configured, got, want)
		}
	}
	f("", "TARGET")
	f("target", "TARGET")
	f("keep", "api.example.com")
	f("provider.example:8443", "provider.example:8443")
}

// TestLengthSent guarantees that a request without a body is framed as such and
// a chunked one, where a route allows it, with its length.
func TestLengthSent(t *testing.T) {
	f := func(request, want string) {
		t.Helper()
		if got := sends(t, request).header("Content-Length"); got != want {
			t.Errorf("%q sent Content-Length %q; want %q", request, got, want)
		}
	}
	f("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "")
	f("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "")
	f("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "")
	f("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "0")
	f("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "3")
}

// TestSignature guarantees that an upstream can compute the signature from
// what it received, and that every signed part counts.
func TestSignature(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	q := sends(t, "POST /pay?a=%2f HTTP/1.1\r\nHost: a\r\nX-Tollgate-Signature: t=1,v1=00\r\nContent-Length: 2\r\n\r\n{}",
		withSpec(func(s *UpstreamSpec) { s.SignKey = key }))
	method, rest, _ := strings.Cut(q.line, " ")
	target, _, _ := strings.Cut(rest, " ")
	sum := sha256.Sum256([]byte(q.body))
	text := strings.Join([]string{"tollgate-v1", "1700000000", q.header("X-Request-Id"), method, target, q.header("X-Tollgate-Token"),
		q.header("X-Tollgate-Merchant"), q.header("X-Tollgate-Environment"), hex.EncodeToString(sum[:]), ""}, "\n")
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, text)
	if got, want := q.header("X-Tollgate-Signature"), "t=1700000000,v1="+hex.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature %q; want %q", got, want)
	}
	s := newSigner(key)
	base := outgoing{method: []byte("POST"), target: []byte("/p"), requestID: []byte("id"), handle: "h", merchant: "m", environment: "live"}
	seen := map[string]int{string(s.append(nil, &base)): -1}
	for i, change := range []func(*outgoing){
		func(o *outgoing) { o.method = []byte("PUT") },
		func(o *outgoing) { o.target = []byte("/q") },
		func(o *outgoing) { o.requestID = []byte("ie") },
		func(o *outgoing) { o.handle = "i" },
		func(o *outgoing) { o.merchant = "n" },
		func(o *outgoing) { o.environment = "test" },
		func(o *outgoing) { o.body = []byte{0} },
		func(o *outgoing) { o.now = o.now.Add(1e9) },
		func(o *outgoing) { o.handle, o.merchant = "hm", "" },
	} {
		o := base
		change(&o)
		line := string(s.append(nil, &o))
		if before, ok := seen[line]; ok {
			t.Errorf("change %d has the signature of %d", i, before)
		}
		seen[line] = i
	}
}

// TestFieldValueByWords guarantees that looking at eight bytes at a time finds
// what looking at each finds.
func TestFieldValueByWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.ByteRange(0x20, 0x7e), 0, 40).Draw(t, "value")
		for range rapid.IntRange(0, 2).Draw(t, "odd") {
			if len(b) > 0 {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.SampledFrom([]byte{0, 9, 10, 13, 31, 32, 126, 127, 128, 159, 255}).Draw(t, "byte")
			}
		}
		want := true
		for _, c := range b {
			want = want && (c == '\t' || c >= ' ' && c != 0x7f)
		}
		if got := isFieldValue(b); got != want {
			t.Fatalf("%q: %v; want %v", b, got, want)
		}
	})
}

// TestAnswerCopied guarantees what of an upstream's answer a client sees: its
// status, its end-to-end headers in their spelling, its body; and what not:
// anything that belongs to the connection or tells of the upstream's software.
func TestAnswerCopied(t *testing.T) {
	o := newOrigin(t, says("HTTP/1.1 302 Go\r\nServer: leak/1\r\nX-Powered-By: leak\r\nAlt-Svc: h3=\":443\"\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"+
		"Connection: keep-alive, X-Hop\r\nX-Hop: leak\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: leak\r\nX-Tollgate-Token: leak\r\nX-Request-Id: leak\r\n"+
		"Trailer: X-Late\r\nTransfer-Encoding: chunked\r\n"+
		"Location: http://elsewhere/\r\nSet-Cookie: a=1\r\nSet-Cookie: a=2; Path=/\r\netag: \"x\"\r\nX-CUSTOM: 1\r\nX-CUSTOM: 2\r\nContent-Type: text/odd\r\nContent-Encoding: gzip\r\n\r\n"+
		"4\r\nbody\r\n0\r\nX-Late: leak\r\n\r\n"))
	f := newFront(t, []string{o.url})
	c := f.client(t)
	io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	var lines []string
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			break
		}
		if !strings.HasPrefix(line, "Date: ") {
			lines = append(lines, strings.TrimSuffix(line, "\r\n"))
		} else if strings.Contains(line, "1970") {
			t.Error("the upstream's Date crossed")
		}
	}
	want := `HTTP/1.1 302 Found|Content-Type: text/odd|Content-Encoding: gzip|Content-Length: 4|Location: http://elsewhere/|etag: "x"|X-CUSTOM: 1|X-CUSTOM: 2|` +
		`X-Request-Id: 0123456789abcdef0123456789abcdef|Set-Cookie: a=1|Set-Cookie: a=2; Path=/`
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("head\n%s\nwant\n%s", got, want)
	}
	body := make([]byte, 4)
	if _, err := io.ReadFull(c.r, body); err != nil || string(body) != "body" {
		t.Errorf("body %q, %v", body, err)
	}
	if len(o.seen) != 1 {
		t.Errorf("%d requests reached the upstream; want 1: redirects are the client's to follow", len(o.seen))
	}
}

// TestBodilessAnswers guarantees that HEAD, 204 and 304 keep what they announce
// and have no body, and that the connection to the client lives on.
func TestBodilessAnswers(t *testing.T) {
	f := func(method, answer string, status int, length string) {
		t.Helper()
		o := newOrigin(t, func(c net.Conn, _ *bufio.Reader, _ query) { io.WriteString(c, answer) })
		fr := newFront(t, []string{o.url})
		c := fr.client(t)
		for range 2 {
			g := c.ask(method, "/", "m", "")
			if g.status != status || g.body != "" || g.err != nil || g.header.Get("Content-Length") != length || g.header.Get("Transfer-Encoding") != "" {
				t.Errorf("%s %q got %v with length %q; want %d with %q", method, answer, g, g.header.Get("Content-Length"), status, length)
			}
		}
		if n := o.dialed(); n != 1 {
			t.Errorf("%s %q took %d connections; want 1", method, answer, n)
		}
	}
	f("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nContent-Type: a/b\r\n\r\n", 200, "12345")
	f("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n", 200, "999999999999999999")
	f("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "")
	f("HEAD", "HTTP/1.1 404 Not Found\r\n\r\n", 404, "")
	f("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "")
	f("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, "")
	f("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 77\r\n\r\n", 304, "77")
	f("GET", "HTTP/1.1 304 Not Modified\r\n\r\n", 304, "")
	f("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "0")
	f("GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "0")
	f("GET", "HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", 599, "0")
}
