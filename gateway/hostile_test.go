package gateway_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
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

// trial is a gateway that forwards every path and method that the edge lets
// pass, for one key, before an origin that judges every byte.
type trial struct {
	*rig
	judge *judge
	auth  string // the credential line of the key
	reach func() (net.Conn, error)
}

func newTrial(t testing.TB, changes ...func(*gateway.Plan)) *trial {
	j := newJudge(t)
	r := newRig(t, withPlan(func(p *gateway.Plan) {
		p.Upstreams["strict"] = gateway.UpstreamSpec{Targets: []string{j.url}, ConnectTimeout: 5 * time.Second, Timeout: 10 * time.Second}
		p.Routes = []gateway.RouteSpec{{Path: "/{all...}", Methods: []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, Upstream: "strict",
			Dialects: []string{"payment"}, Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsNone}, AllowChunked: true}}
		for _, change := range changes {
			change(p)
		}
	}))
	key := r.roster.add(t, "good", func(_ *token.Live, b *token.Bounds) { *b = token.Bounds{} })
	return &trial{r, j, bearer(key) + "\r\n", func() (net.Conn, error) { return net.Dial("tcp", r.address) }}
}

// reply is one answer of those that came on a connection.
type reply struct {
	status int
	code   string // of a refusal
	origin string // number and target of the request at the origin; "": it is the gateway's own answer
}

// send sends a request in pieces, says that it is done, and gathers every answer.
func (r *trial) send(t testing.TB, pieces []string) (all []reply) {
	t.Helper()
	conn, err := r.reach()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	method := methodOf(strings.Join(pieces, ""))
	go func() {
		for _, p := range pieces {
			if _, err := io.WriteString(conn, p); err != nil {
				break // refused early: the answer is what counts
			}
		}
		conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	br := bufio.NewReader(conn)
	for {
		if _, err := br.Peek(1); err != nil {
			return all
		}
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			t.Errorf("an answer that is none: %v", err)
			return all
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("half an answer: %v", err)
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		a := answer{resp.StatusCode, resp.Header, string(body), resp.Close}
		all = append(all, reply{a.status, a.code(), resp.Header.Get("X-Origin")})
		if method == "HEAD" && a.closed {
			return all // fasthttp forgets the method of what it could not read: a body may follow, and the end
		}
	}
}

// final are the refusals that end the connection: what follows need not be a
// request.
var final = map[string]bool{"malformed_request": true, "request_timeout": true, "length_required": true, "body_too_large": true,
	"expectation_failed": true, "headers_too_large": true, "http_version_unsupported": true, "method_not_implemented": true}

// check sends pieces and holds what came of them against the rules that hold for
// every request: each request that the origin saw is strict, ours, and answered
// to this client in order; and nothing comes behind an answer that ends the
// connection. It returns the answers and how many of them are the origin's.
func (r *trial) check(t testing.TB, pieces []string) (all []reply, forwarded int) {
	t.Helper()
	r.judge.news()
	all = r.send(t, pieces)
	first, seen, faults := r.judge.news()
	if len(faults) > 0 {
		t.Errorf("the origin received what is no strict request of ours: %q", faults)
	}
	for i, a := range all {
		if final[a.code] && i != len(all)-1 {
			t.Errorf("answers behind a refusal that ends the connection: %+v", all)
		}
		if a.origin == "" {
			continue
		}
		if forwarded < len(seen) {
			if want := fmt.Sprintf("%d %s", first+forwarded, seen[forwarded]); a.origin != want {
				t.Errorf("answer %d is that to %q, want that to %q", i, a.origin, want)
			}
		}
		forwarded++
	}
	if forwarded != len(seen) {
		t.Errorf("hidden: the origin saw %d requests (%q), %d were answered from it", len(seen), seen, forwarded)
	}
	return all, forwarded
}

// Requests made to be read in two ways, each without a key and with a good one,
// whole and in pieces: what reaches the upstream is well formed in the strictest
// reading, is exactly what was answered, and says once, and in our words, whose
// it is.
func TestHostileRequests(t *testing.T) {
	r := newTrial(t)
	runs := 0
	for i, a := range hostileCorpus(t) {
		for _, c := range []struct {
			who, auth  string
			want, seen int
		}{{"anonymous", "", a.anon, 0}, {"with a key", r.auth, a.want, a.seen}} {
			text := a.with(c.auth)
			for how, pieces := range map[string][]string{"whole": {text}, "in pieces": cut(text, i)} {
				runs++
				t.Run(a.class+"/"+a.name+"/"+c.who+"/"+how, func(t *testing.T) {
					all, seen := r.check(t, pieces)
					if len(all) == 0 || all[0].status != c.want {
						t.Errorf("answered %+v, want %d first", all, c.want)
					}
					if seen != c.seen {
						t.Errorf("the origin saw %d requests, want %d", seen, c.seen)
					}
				})
			}
		}
	}
	if a := r.raw(t, request("GET", "/alive", "", strings.TrimSpace(r.auth))); a.status != 200 {
		t.Errorf("after all of them: %+v", a)
	}
	t.Logf("%d runs", runs)
}

// A part of the corpus over TLS, and behind a balancer that speaks the PROXY
// protocol and TLS: what stands in front of a request changes nothing of how it
// is read, and the identity tells https and the balancer's word.
func TestHostileRequestsOverTLS(t *testing.T) {
	certificate := selfSigned(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	server, client := &tls.Config{Certificates: []tls.Certificate{certificate}}, &tls.Config{RootCAs: roots, ServerName: "gateway.test"}
	f := func(name, first string, want whose, entry func(*trial) gateway.Entry, changes ...func(*gateway.Plan)) {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t, changes...)
			address := r.behind(t, entry(r))
			r.judge.want = want
			r.reach = func() (net.Conn, error) {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					return nil, err
				}
				if _, err := io.WriteString(conn, first); err != nil {
					return nil, err
				}
				return tls.Client(conn, client), nil
			}
			for i, a := range hostileCorpus(t) {
				if i%5 != 0 {
					continue
				}
				all, seen := r.check(t, cut(a.with(r.auth), i))
				if len(all) == 0 || all[0].status != a.want || seen != a.seen {
					t.Errorf("%s/%s: answered %+v and %d seen, want %d and %d", a.class, a.name, all, seen, a.want, a.seen)
				}
			}
		})
	}
	over := goodKey
	over.proto = "https"
	f("TLS", "", over, func(*trial) gateway.Entry { return gateway.Entry{TLS: server} })
	over.client = "192.0.2.77"
	f("PROXY and TLS", "PROXY TCP4 192.0.2.77 192.0.2.1 5000 443\r\n", over, func(r *trial) gateway.Entry { return r.proxied(server) }, trustLoopback)
}

// cut cuts a short text into bytes, and a longer one at seven places.
func cut(text string, seed int) (pieces []string) {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	step := len(text)/7 + 1
	for len(text) > 0 {
		n := 1
		if step > 60 {
			n = 1 + random.IntN(2*step)
		}
		n = min(n, len(text))
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
	return pieces
}

// The request fixtures of llhttp, anonymous and with a good key, before the same
// judge: the process lives and an anonymous one never reaches the upstream.
func TestHostileFixturesOfLlhttp(t *testing.T) {
	r := newTrial(t)
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
		for i, text := range fixtures(string(data)) {
			n++
			t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(file), ".md"), i), func(t *testing.T) {
				if _, seen := r.check(t, []string{text}); seen != 0 {
					t.Errorf("anonymous %q reached the upstream", text)
				}
				known := firstLine.ReplaceAllString(text, "${1}"+r.auth)
				r.check(t, []string{known})
				r.check(t, cut(known, i))
			})
		}
	}
	if n < 100 {
		t.Errorf("only %d fixtures", n)
	}
	if a := r.raw(t, request("GET", "/alive", "", strings.TrimSpace(r.auth))); a.status != 200 {
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
