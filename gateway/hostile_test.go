package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy"
	"tollgate/policy/token"
)

// openRig forwards every path and method that the edge lets pass, for one key.
func openRig(t testing.TB) (*rig, string) {
	r := newRig(t, withPlan(func(p *gateway.Plan) {
		p.Routes = []gateway.RouteSpec{{Path: "/{all...}", Methods: []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, Upstream: "payments",
			Dialects: []string{"payment"}, Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}, AllowChunked: true}}
	}))
	return r, r.roster.add(t, "good", func(_ *token.Live, b *token.Bounds) { *b = token.Bounds{} })
}

// exchange sends bytes on one connection, says that it is done, and counts the
// answers that came, those from the upstream apart.
func (r *rig) exchange(t testing.TB, text string) (statuses []int, forwarded int) {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(15 * time.Second))
	go func() {
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
	}()
	br := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: methodOf(text)})
		if err != nil {
			return statuses, forwarded
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		statuses = append(statuses, resp.StatusCode)
		if resp.StatusCode == 200 && (strings.Contains(string(body), "done") || methodOf(text) == "HEAD") {
			forwarded++
		}
	}
}

// Requests made to be read in two ways, with a good key: each is refused, or
// forwarded as exactly the requests that were answered. Nothing is smuggled, and
// the identity that the upstream sees is there once and ours.
func TestSmugglingReachesNobody(t *testing.T) {
	r, key := openRig(t)
	auth := bearer(key) + "\r\n"
	hidden := "GET /hidden HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"
	length := strconv.Itoa(len(hidden))
	for _, c := range []struct {
		name   string
		status int // of the first answer
		text   string
	}{
		{"CL.TE", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Content-Length: " + length + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden},
		{"TE.CL", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + strconv.FormatInt(int64(len(hidden)), 16) + "\r\n" + hidden + "\r\n0\r\n\r\n"},
		{"TE.TE", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden},
		{"identity", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer-Encoding: identity\r\n\r\n" + hidden},
		{"TE space", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer-Encoding : chunked\r\nContent-Length: " + length + "\r\n\r\n" + hidden},
		{"TE underscore", 200, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"TE on 1.0", 400, "POST /a HTTP/1.0\r\nHost: a\r\n" + auth + "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + hidden},
		{"two lengths", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Content-Length: 0\r\nContent-Length: " + length + "\r\n\r\n" + hidden},
		{"signed length", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Content-Length: +" + length + "\r\n\r\n" + hidden},
		{"folded length", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Content-Length:\r\n " + length + "\r\n\r\n" + hidden},
		{"GET with body", 400, "GET /a HTTP/1.1\r\nHost: a\r\n" + auth + "Content-Length: " + length + "\r\n\r\n" + hidden},
		{"HEAD with body", 400, "HEAD /a HTTP/1.1\r\nHost: a\r\n" + auth + "Content-Length: " + length + "\r\n\r\n" + hidden},
		{"bare LF", 400, "POST /a HTTP/1.1\r\nHost: a\n" + auth + "Content-Length: " + length + "\r\n\r\n" + hidden},
		{"LF LF", 400, "GET /a HTTP/1.1\r\nHost: a\r\n" + auth + "X: y\n\n" + hidden},
		{"bare CR", 400, "GET /a HTTP/1.1\r\nHost: a\r\n" + auth + "X: y\rGET /hidden HTTP/1.1\r\n\r\n" + hidden},
		{"chunk extension", 200, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n0;\r\n\r\n" + hidden},
		{"chunk LF", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n" + hidden},
		{"trailer identity", 400, "POST /a HTTP/1.1\r\nHost: a\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Tollgate-Token: tok_forged000001\r\n\r\n" + hidden},
		{"absolute", 400, "GET http://user:pw@evil/a HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n" + hidden},
		{"user in host", 400, "GET /a HTTP/1.1\r\nHost: user:pw@a\r\n" + auth + "\r\n" + hidden},
		{"two slashes", 400, "GET //evil.test/x?u=http://y HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n" + hidden},
		{"asterisk", 400, "OPTIONS * HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n" + hidden},
		{"CONNECT", 501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n" + hidden},
		{"spoofed identity", 200, "GET /a HTTP/1.1\r\nHost: a\r\n" + auth + "x-tollgate-token: tok_forged000001\r\nX_Tollgate_Token: tok_forged000002\r\n\r\n"},
		{"nominated identity", 200, "GET /a HTTP/1.1\r\nHost: a\r\n" + auth + "Connection: close, X-Tollgate-Token, X-Request-Id\r\n\r\n"},
		{"upgrade", 200, "GET /a HTTP/1.1\r\nHost: a\r\n" + auth + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n"},
		{"preface", 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden},
		{"0.9", 400, "GET /a\r\n" + hidden},
		{"leading line", 200, "\r\nGET /a HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"},
		{"leading lines", 400, "\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"},
		{"bare LF behind the request line", 400, "GET /a HTTP/1.1\nHost: a\r\n" + auth + "\r\n"},
		{"two spaces", 400, "GET  /a HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"},
		{"space behind target", 400, "GET /a  HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"},
		{"lower-case method", 501, "get /a HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n" + hidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(r.origin.requests())
			statuses, forwarded := r.exchange(t, c.text)
			seen := r.origin.requests()[before:]
			if len(statuses) == 0 || statuses[0] != c.status {
				t.Errorf("answered %v, want %d first", statuses, c.status)
			}
			if c.status != 200 && len(statuses) != 1 {
				t.Errorf("the connection lived on: %v", statuses)
			}
			if len(seen) != forwarded {
				t.Errorf("the upstream saw %d requests, %d were answered from it: %+v", len(seen), forwarded, seen)
			}
			for _, s := range seen {
				if s.target == "/hidden" && forwarded < 2 {
					t.Errorf("a hidden request reached the upstream: %+v", seen)
				}
				checkIdentity(t, s)
			}
		})
	}
}

func checkIdentity(t testing.TB, s seenRequest) {
	t.Helper()
	for name, values := range s.header {
		folded := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if strings.HasPrefix(folded, "x-tollgate-") && len(values) != 1 {
			t.Errorf("%s is %v", name, values)
		}
		if folded == "x-tollgate-token" && (name != "X-Tollgate-Token" || values[0] != "tok_good00000000") {
			t.Errorf("%s is %v", name, values)
		}
		switch folded {
		case "authorization", "expect", "upgrade", "http2-settings", "transfer-encoding", "trailer", "proxy-authorization":
			t.Errorf("%s reached the upstream", name)
		}
	}
	if len(s.header["X-Tollgate-Token"]) != 1 || len(s.header["X-Request-Id"]) != 1 {
		t.Errorf("identity is missing: %v", s.header)
	}
}

// The request fixtures of llhttp, anonymous and with a good key: the process
// lives, an anonymous one never reaches the upstream, and one with a key reaches
// it as exactly the requests that were answered.
func TestRequestFixturesOfLlhttp(t *testing.T) {
	r, key := openRig(t)
	files, err := filepath.Glob(filepath.Join(vectors(t), "llhttp", "request", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	firstLine := regexp.MustCompile(`(?s)^((?:\r?\n)*[^\r\n]*HTTP/[0-9.]+\r\n)`)
	n := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range fixtures(string(data)) {
			n++
			before := len(r.origin.requests())
			r.exchange(t, text)
			if seen := r.origin.requests()[before:]; len(seen) != 0 {
				t.Errorf("%s: anonymous %q reached the upstream: %+v", filepath.Base(file), text, seen)
			}
			before = len(r.origin.requests())
			_, forwarded := r.exchange(t, firstLine.ReplaceAllString(text, "${1}"+bearer(key)+"\r\n"))
			seen := r.origin.requests()[before:]
			if len(seen) != forwarded {
				t.Errorf("%s: %q reached the upstream as %d requests, %d were answered", filepath.Base(file), text, len(seen), forwarded)
			}
			for _, s := range seen {
				checkIdentity(t, s)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d fixtures", n)
	}
	if a := r.raw(t, request("GET", "/alive", "", bearer(key))); a.status != 200 {
		t.Errorf("after all of them: %+v", a)
	}
}

// fixtures takes the ```http blocks out of llhttp's markdown and undoes its
// notation: lines end in CRLF, a backslash at the end joins, escapes are C's.
func fixtures(markdown string) (all []string) {
	hex := regexp.MustCompile(`\\x([0-9a-fA-F]{2})`)
	for _, part := range strings.Split(markdown, "```http\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		block = strings.ReplaceAll(block, "\\\n", "")
		block = strings.ReplaceAll(block, "\n", "\r\n")
		block = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\f`, "\f").Replace(block)
		block = hex.ReplaceAllStringFunc(block, func(s string) string {
			b, _ := strconv.ParseUint(s[2:], 16, 8)
			return string([]byte{byte(b)})
		})
		all = append(all, block)
	}
	return all
}

func vectors(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TOLLGATE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	if _, err := os.Stat(dir); err != nil {
		if strings.Contains(os.Getenv("TOLLGATE_TEST_REQUIRE"), "vectors") {
			t.Fatalf("TOLLGATE_TEST_REQUIRE names vectors, and there are none: %v", err)
		}
		t.Skipf("no test vectors at %s (set TOLLGATE_VECTORS)", dir)
	}
	return dir
}
