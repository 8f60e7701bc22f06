package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// Whatever bytes a client sends, the header phase and the first rows end in a
// verdict, not a panic; and a request that they admit is read by net/http as the
// very same: method, target, host, framing, and nothing behind it.
func FuzzAdmit(f *testing.F) {
	g := newWalker(f).gateway
	for _, seed := range []string{
		walkerRequest("tg_live_x"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"POST /v1/payments/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "\r\nGET /-/healthz HTTP/1.0\r\n\r\n",
		"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /-/readyz HTTP/1.1\nHost: a\n\n", "POST /v1/payments/%61 HTTP/1.1\r\nHost: [::1]:1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var h fasthttp.RequestHeader
		if h.Read(bufio.NewReaderSize(bytes.NewReader(text), len(text)+16)) != nil {
			return
		}
		block := bytes.Clone(h.RawHeaders())
		g.received(&h)
		if !bytes.Equal(block, h.RawHeaders()) {
			t.Fatalf("the header phase changed what the handler will judge: %q", text)
		}
		p := g.acquire()
		defer p.release()
		p.header = &h
		if p.admit() != token.Allowed {
			return
		}
		// fasthttp takes empty lines before a request, and a bare LF behind its
		// first line; neither reaches the upstream. What is admitted is compared
		// in the form that it has been read in.
		line := string(h.Method()) + " " + string(h.RequestURI()) + " " + string(h.Protocol()) + "\r\n"
		if len(block) == 0 {
			block = []byte("\r\n")
		}
		req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(line), bytes.NewReader(block))))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", text, err)
		}
		if req.Method != p.method.String() || req.RequestURI != string(p.target.raw) || req.Host != string(p.head.host) {
			t.Fatalf("%q: net/http reads %s %s at %s", text, req.Method, req.RequestURI, req.Host)
		}
	})
}
