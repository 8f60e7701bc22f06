package gateway

import (
	"bufio"
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"tollgate/policy/token"
)

func scanned(t testing.TB, method, block string) (head, token.Reason) {
	t.Helper()
	var h head
	r := h.scan([]byte(block), requestLine{method: []byte(method), http11: true}, XForwardedFor)
	return h, r
}

// A header block that two readers could read differently is no request.
func TestAmbiguousHeadIsRefused(t *testing.T) {
	const bad = token.MalformedRequest
	for _, c := range []struct {
		name, method, block string
		want                token.Reason
	}{
		{"plain", "GET", "Host: a\r\nAccept: */*\r\n\r\n", token.Allowed},
		{"port", "GET", "Host: a.example:8080\r\n\r\n", token.Allowed},
		{"ipv6 host", "GET", "Host: [2001:db8::1]:80\r\n\r\n", token.Allowed},
		{"obs-text value", "GET", "Host: a\r\nX-Name: caf\xe9\r\n\r\n", token.Allowed},
		{"empty value", "GET", "Host: a\r\nX-Empty:\r\n\r\n", token.Allowed},
		{"underscore", "GET", "Host: a\r\nX_Name: 1\r\n\r\n", token.Allowed},
		{"zero length GET", "GET", "Host: a\r\nContent-Length: 0\r\n\r\n", token.Allowed},
		{"two request ids", "GET", "Host: a\r\nX-Request-Id: 1\r\nX-Request-Id: 2\r\n\r\n", token.Allowed},
		{"two forwarded", "GET", "Host: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n", token.Allowed},

		{"no end", "GET", "Host: a\r\n", bad},
		{"bytes behind the end", "GET", "Host: a\r\n\r\nGET", bad},
		{"bare LF", "GET", "Host: a\nAccept: b\r\n\r\n", bad},
		{"bare LF at the end", "GET", "Host: a\r\n\n", bad},
		{"bare CR", "GET", "Host: a\r\nX: b\rY: c\r\n\r\n", bad},
		{"fold with space", "GET", "Host: a\r\nX: b\r\n c\r\n\r\n", bad},
		{"fold with tab", "GET", "Host: a\r\nX: b\r\n\tc\r\n\r\n", bad},
		{"leading space", "GET", " Host: a\r\n\r\n", bad},
		{"space before colon", "GET", "Host : a\r\n\r\n", bad},
		{"space in name", "GET", "Host: a\r\nX-Tollgate Token: b\r\n\r\n", bad},
		{"no colon", "GET", "Host: a\r\nX\r\n\r\n", bad},
		{"empty name", "GET", "Host: a\r\n: b\r\n\r\n", bad},
		{"NUL in value", "GET", "Host: a\r\nX: \x00\r\n\r\n", bad},
		{"VT in value", "GET", "Host: a\r\nX: \x0b\r\n\r\n", bad},
		{"DEL in value", "GET", "Host: a\r\nX: \x7f\r\n\r\n", bad},
		{"NUL in name", "GET", "Host: a\r\nX\x00: b\r\n\r\n", bad},
		{"non-ASCII name", "GET", "Host: a\r\nX\xe9: b\r\n\r\n", bad},

		{"no host", "GET", "Accept: b\r\n\r\n", bad},
		{"two hosts", "GET", "Host: a\r\nhost: a\r\n\r\n", bad},
		{"user in host", "GET", "Host: user:pw@a\r\n\r\n", bad},
		{"at in host", "GET", "Host: user@a\r\n\r\n", bad},
		{"slash in host", "GET", "Host: a/b\r\n\r\n", bad},
		{"query in host", "GET", "Host: a?b\r\n\r\n", bad},
		{"fragment in host", "GET", "Host: a#b\r\n\r\n", bad},
		{"space in host", "GET", "Host: a b\r\n\r\n", bad},
		{"comma in host", "GET", "Host: a,b\r\n\r\n", bad},
		{"bad port", "GET", "Host: a:8x\r\n\r\n", bad},
		{"long port", "GET", "Host: a:123456\r\n\r\n", bad},
		{"zone in host", "GET", "Host: [fe80::1%25eth0]\r\n\r\n", bad},
		{"open bracket", "GET", "Host: [::1\r\n\r\n", bad},
		{"bytes behind bracket", "GET", "Host: [::1]a\r\n\r\n", bad},
		{"empty host", "GET", "Host:\r\n\r\n", bad},

		{"two lengths", "POST", "Host: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n", bad},
		{"list of lengths", "POST", "Host: a\r\nContent-Length: 4, 4\r\n\r\n", bad},
		{"signed length", "POST", "Host: a\r\nContent-Length: +4\r\n\r\n", bad},
		{"hex length", "POST", "Host: a\r\nContent-Length: 0x4\r\n\r\n", bad},
		{"leading zero", "POST", "Host: a\r\nContent-Length: 04\r\n\r\n", bad},
		{"negative length", "POST", "Host: a\r\nContent-Length: -4\r\n\r\n", bad},
		{"wrapping length", "POST", "Host: a\r\nContent-Length: 18446744073709551620\r\n\r\n", bad},
		{"empty length", "POST", "Host: a\r\nContent-Length:\r\n\r\n", bad},
		{"both framings", "POST", "Host: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", bad},
		{"both framings, zero", "POST", "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", bad},
		{"two codings", "POST", "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", bad},
		{"identity", "POST", "Host: a\r\nTransfer-Encoding: identity\r\n\r\n", bad},
		{"list of codings", "POST", "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", bad},
		{"chunked misspelt", "POST", "Host: a\r\nTransfer-Encoding: xchunked\r\n\r\n", bad},
		{"trailer", "POST", "Host: a\r\nTrailer: X\r\n\r\n", bad},
		{"GET with body", "GET", "Host: a\r\nContent-Length: 1\r\n\r\n", bad},
		{"HEAD with chunks", "HEAD", "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n", bad},
		{"DELETE with body", "DELETE", "Host: a\r\nContent-Length: 1\r\n\r\n", token.Allowed},

		{"two Authorization", "GET", "Host: a\r\nAuthorization: Bearer x\r\nAUTHORIZATION: Bearer y\r\n\r\n", bad},
		{"two Content-Type", "POST", "Host: a\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n", bad},
		{"two token", "GET", "Host: a\r\ntoken: x\r\nToken: x\r\n\r\n", bad},
		{"two X-API-KEY", "GET", "Host: a\r\nX-API-KEY: x\r\nx-api-key: x\r\n\r\n", bad},
		{"two ACCESS-TOKEN", "GET", "Host: a\r\nACCESS-TOKEN: x\r\nAccess-Token: x\r\n\r\n", bad},
		{"two X-Signature", "GET", "Host: a\r\nX-Signature: x\r\nX-Signature: x\r\n\r\n", bad},
		{"two X-Environment", "GET", "Host: a\r\nX-Environment: live\r\nX-Environment: test\r\n\r\n", bad},
		{"two Content-Encoding", "POST", "Host: a\r\nContent-Encoding: br\r\nContent-Encoding: br\r\n\r\n", bad},
		{"two Expect", "POST", "Host: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", bad},

		{"unknown Expect", "POST", "Host: a\r\nExpect: 100-continue, x\r\n\r\n", token.ExpectationFailed},
		{"malformed behind unknown Expect", "POST", "Host: a\r\nExpect: x\r\nHost: a\r\n\r\n", bad},
		{"many lines", "GET", "Host: a\r\n" + strings.Repeat("X: 1\r\n", maxHeaderLines) + "\r\n", token.HeadersTooLarge},
		{"as many as may be", "GET", "Host: a\r\n" + strings.Repeat("X: 1\r\n", maxHeaderLines-1) + "\r\n", token.Allowed},
	} {
		if _, got := scanned(t, c.method, c.block); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What HTTP/1.0 lacks is not demanded of it, and what it lacks the framing for
// is refused.
func TestOldVersionHead(t *testing.T) {
	var h head
	old := requestLine{method: []byte("POST")}
	for block, want := range map[string]token.Reason{
		"":                                   token.Allowed,
		"X: 1\r\n\r\n":                       token.Allowed,
		"Transfer-Encoding: chunked\r\n\r\n": token.MalformedRequest,
		"Expect: 100-continue\r\n\r\n":       token.Allowed,
		"Host: a\r\nHost: b\r\n\r\n":         token.MalformedRequest,
	} {
		if got := h.scan([]byte(block), old, XForwardedFor); got != want || h.expects {
			t.Errorf("%q: %v (expects %v), want %v", block, got, h.expects, want)
		}
	}
}

// The scan notes what later steps need, as it was sent.
func TestHeadNotesWhatItFound(t *testing.T) {
	h, r := scanned(t, "POST", "hOsT: A.example:1\r\nCONTENT-LENGTH: 12\r\nExpect: 100-Continue\r\nX-Request-ID: abc-1\r\n"+
		"x-environment:  Production \r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=5.6.7.8\r\n\r\n")
	if r != token.Allowed || string(h.host) != "A.example:1" || h.bodyLength != 12 || !h.expects || string(h.clientRequestID) != "abc-1" ||
		string(h.environment) != "Production" || string(h.forwarded) != "1.2.3.4" || h.forwardedTimes != 1 {
		t.Errorf("%v %+v", r, h)
	}
	for id, want := range map[string]string{strings.Repeat("a", 64): strings.Repeat("a", 64), strings.Repeat("a", 65): "", "a b": "", "": "", "a\"b": ""} {
		if h, _ := scanned(t, "GET", "Host: a\r\nX-Request-Id: "+id+"\r\n\r\n"); string(h.clientRequestID) != want {
			t.Errorf("request id %q is passed on as %q", id, h.clientRequestID)
		}
	}
}

const realHead = "Host: api.example.com\r\nUser-Agent: okhttp/4.12.0\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n" +
	"Authorization: Bearer tg_live_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ\r\nContent-Type: application/json\r\n" +
	"Content-Length: 512\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\r\nX-Request-Id: 4bf92f3577b34da6a3ce929d0e0e4736\r\nConnection: keep-alive\r\n\r\n"

func BenchmarkHeadScan(b *testing.B) {
	block, line := []byte(realHead), requestLine{method: []byte("POST"), http11: true}
	var h head
	b.ReportAllocs()
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		if h.scan(block, line, XForwardedFor) != token.Allowed {
			b.Fatal("refused")
		}
	}
}

// Whatever the scan lets pass, a strict reader of another make reads the same
// way: the same number of lines, the same host, the same framing.
func FuzzHeadScan(f *testing.F) {
	for _, seed := range []string{realHead, "Host: a\r\n\r\n", "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		"Host: a\r\nX: b\r\n c\r\n\r\n", "Host: a\nB: c\r\n\r\n", "Content-Length: 4\r\nHost: [::1]:80\r\n\r\n", "Host: a\r\nExpect: 100-continue\r\n\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		var h head
		if h.scan(block, requestLine{method: []byte("POST"), http11: true}, XForwardedFor) != token.Allowed {
			return
		}
		wire := append([]byte("POST / HTTP/1.1\r\n"), block...)
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", block, err)
		}
		lines := 0
		for _, values := range req.Header {
			lines += len(values)
		}
		ours := 0
		for rest := block; ; ours++ {
			var name []byte
			if name, _, rest = cutLine(rest); name == nil {
				break
			}
			if k := fieldOf(name); k == fieldHost || k == fieldTransferEncoding {
				ours-- // net/http keeps these two apart
			}
		}
		if lines != ours || req.Host != string(h.host) {
			t.Fatalf("%q: net/http sees %d lines for %q, we %d for %q", block, lines, req.Host, ours, h.host)
		}
		length := h.bodyLength
		if h.chunked {
			length = -1
		}
		if req.ContentLength != length && (length != 0 || req.ContentLength > 0) {
			t.Fatalf("%q: net/http frames %d bytes, we %s", block, req.ContentLength, strconv.FormatInt(length, 10))
		}
	})
}
