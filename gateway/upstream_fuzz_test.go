package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// FuzzCompose guarantees, for every header block a client can send: either
// nothing is sent, or what is sent is one request that net/http reads with our
// method, target and body and nothing behind it, in which every identity header
// stands once, is ours, and is shadowed by no other spelling.
func FuzzCompose(f *testing.F) {
	for _, block := range []string{
		"Host: a\r\n\r\n",
		"Host: a\r\nX-Tollgate-Token: evil\r\nx_tollgate_token: evil\r\n\r\n",
		"Host: a\r\nConnection: close, X-Request-Id\r\nAuthorization: Bearer x\r\n\r\n",
		"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"A: b\r\n c\r\n\r\n", "A: b\nC: d\r\n\r\n", "A : b\r\n\r\n", "A: b\r\n\r\nGET / HTTP/1.1\r\n\r\n", "A: \x00\r\n\r\n", ":\r\n\r\n", "A",
	} {
		f.Add([]byte(block), false, false)
		f.Add([]byte(block), true, true)
	}
	u := benchUpstream(f, "http://origin:1", make([]byte, minSignKey))
	f.Fuzz(func(t *testing.T, block []byte, underscores, credentials bool) {
		x := acquireExchange()
		defer x.end(time.Now())
		x.tour.now = time.Now()
		x.outgoing = outgoing{method: []byte("POST"), target: []byte("/pay?a=%2f"), host: []byte("api.example.com"), headers: block,
			body: []byte("{}"), requestID: []byte("0123"), handle: "tok_1", merchant: "mer_1", environment: "live",
			client: netip.MustParseAddr("192.0.2.7"), underscores: underscores, credentials: credentials}
		if !x.outgoing.compose(x, u, u.targets[0]) {
			return
		}
		sent := append(bytes.Clone(x.out), "{}"...)
		r := bufio.NewReader(bytes.NewReader(sent))
		req, err := http.ReadRequest(r)
		if err != nil {
			t.Fatalf("net/http cannot read %q: %v", sent, err)
		}
		body, err := io.ReadAll(req.Body)
		if rest, _ := io.ReadAll(r); err != nil || string(body) != "{}" || len(rest) != 0 {
			t.Fatalf("%q has body %q, %v, and %q behind it", sent, body, err, rest)
		}
		if req.Method != "POST" || req.RequestURI != "/pay?a=%2f" || req.Host != "origin:1" || len(req.TransferEncoding) != 0 {
			t.Fatalf("%q reads as %s %s for %s, %v", sent, req.Method, req.RequestURI, req.Host, req.TransferEncoding)
		}
		identity := map[string]string{"x-tollgate-token": "tok_1", "x-tollgate-merchant": "mer_1", "x-tollgate-environment": "live",
			"x-request-id": "0123", "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "http", "x-forwarded-host": "api.example.com",
			"x-provider-key": "secret", "x-tollgate-signature": req.Header.Get("X-Tollgate-Signature")}
		seen := map[string]int{}
		for name, values := range req.Header {
			var room foldedName
			folded := string(room.fold([]byte(name)))
			if want, ok := identity[folded]; ok && (len(values) != 1 || values[0] != want) {
				t.Fatalf("%q: %s is %q; want %q once", sent, name, values, want)
			}
			seen[folded]++
			if !underscores && strings.Contains(name, "_") || !credentials && folded == "authorization" || folded == "connection" || folded == "te" {
				t.Fatalf("%q: %s crossed", sent, name)
			}
		}
		for name := range identity {
			if seen[name] != 1 {
				t.Fatalf("%q: %d headers fold to %s; want 1", sent, seen[name], name)
			}
		}
	})
}
