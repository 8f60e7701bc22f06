package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// strictRequest is a request as RFC 9112 in its strictest reading has it.
type strictRequest struct {
	method, target string
	fields         []field
	body           string
}

type field struct{ name, value string }

// values are those of every field whose name is exactly that.
func (q *strictRequest) values(name string) (all []string) {
	for _, f := range q.fields {
		if strings.EqualFold(f.name, name) {
			all = append(all, f.value)
		}
	}
	return all
}

var (
	strictLine   = regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[!-~]*) HTTP/1\.1$`)
	strictTarget = regexp.MustCompile(`^(/([A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})*)+(\?([A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*)?$`)
	strictName   = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	strictHost   = regexp.MustCompile(`^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?$`)
	strictLength = regexp.MustCompile(`^(0|[1-9][0-9]{0,17})$`)
)

// readStrict reads one request and judges every byte of it. io.EOF is the end
// between two requests; any other error is a fault of whoever sent it.
func readStrict(r *bufio.Reader) (*strictRequest, error) {
	if _, err := r.Peek(1); err != nil {
		return nil, io.EOF // the end, or a reset of an idle connection
	}
	line, err := strictText(r)
	if err != nil {
		return nil, err
	}
	parts := strictLine.FindStringSubmatch(line)
	if parts == nil || !strictTarget.MatchString(parts[2]) {
		return nil, fmt.Errorf("request line %q", line)
	}
	q := &strictRequest{method: parts[1], target: parts[2]}
	for {
		line, err := strictText(r)
		if err != nil {
			return q, err
		}
		if line == "" {
			break
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !strictName.MatchString(name) || !strings.HasPrefix(value, " ") || strings.Trim(value, " \t") != value[1:] {
			return q, fmt.Errorf("header line %q", line)
		}
		q.fields = append(q.fields, field{name, value[1:]})
	}
	if err := q.framing(); err != nil {
		return q, err
	}
	n := 0
	if lengths := q.values("Content-Length"); len(lengths) == 1 {
		n, _ = strconv.Atoi(lengths[0])
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return q, fmt.Errorf("a body cut short: %w", err)
	}
	q.body = string(body)
	return q, nil
}

// strictText is a line without its CRLF; a control byte but a tab is a fault.
func strictText(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("a line cut short, %q: %w", line, errors.Join(err, io.ErrUnexpectedEOF))
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", fmt.Errorf("a line that ends in a bare LF: %q", line)
	}
	for _, c := range []byte(text) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "", fmt.Errorf("a control byte in %q", line)
		}
	}
	return text, nil
}

// framing is what RFC 9112 §6 and §3.2 leave of a request that is framed by a
// length: one Host, one length or none, no coding, nothing that is a list or a
// fault where two are.
func (q *strictRequest) framing() error {
	hosts, lengths := q.values("Host"), q.values("Content-Length")
	switch {
	case len(hosts) != 1 || !strictHost.MatchString(hosts[0]):
		return fmt.Errorf("Host is %q", hosts)
	case len(lengths) > 1 || len(lengths) == 1 && !strictLength.MatchString(lengths[0]):
		return fmt.Errorf("Content-Length is %q", lengths)
	case len(lengths) == 1 && lengths[0] != "0" && (q.method == "GET" || q.method == "HEAD"):
		return fmt.Errorf("a %s has a body of %s bytes", q.method, lengths[0])
	case len(lengths) == 0 && (q.method == "POST" || q.method == "PUT" || q.method == "PATCH"):
		return fmt.Errorf("a %s has no length", q.method)
	}
	for _, name := range singletons {
		if all := q.values(name); len(all) > 1 {
			return fmt.Errorf("%s is %q", name, all)
		}
	}
	return nil
}

// singletons are the headers that RFC 9110, RFC 6265 and RFC 6454 know one of.
var singletons = []string{"Content-Type", "Content-Encoding", "Content-Location", "Content-Range", "Date", "From", "Referer", "User-Agent", "Origin", "Cookie",
	"Range", "If-Range", "If-Modified-Since", "If-Unmodified-Since", "Max-Forwards", "Idempotency-Key", "X-Environment", "Connection"}

// whose is what an identity has to say.
type whose struct{ handle, merchant, environment, client, proto string }

var goodKey = whose{"tok_good00000000", "mer_good00000000", "live", "127.0.0.1", "http"}

var requestIDText = regexp.MustCompile(`^[0-9a-f]{32}$`)

// identity judges what the request says about whose it is: once, ours, and not a
// word of the client's, in no spelling that folds to one.
func (q *strictRequest) identity(want whose) error {
	for name, value := range map[string]string{"X-Tollgate-Token": want.handle, "X-Tollgate-Merchant": want.merchant, "X-Tollgate-Environment": want.environment,
		"X-Forwarded-For": want.client, "X-Forwarded-Proto": want.proto} {
		if all := q.values(name); len(all) != 1 || all[0] != value {
			return fmt.Errorf("%s is %q, want %s once", name, all, value)
		}
	}
	if ids := q.values("X-Request-Id"); len(ids) != 1 || !requestIDText.MatchString(ids[0]) {
		return fmt.Errorf("X-Request-Id is %q", ids)
	}
	for _, f := range q.fields {
		if err := f.crosses(); err != nil {
			return err
		}
	}
	return nil
}

// crosses reports a field that may not reach an upstream, whoever wrote it.
func (f field) crosses() error {
	folded := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(f.name))
	switch folded {
	case "authorization", "token", "x-api-key", "access-token", "x-signature",
		"transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect", "http2-settings",
		"forwarded", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "cf-connecting-ip",
		"x-http-method", "x-http-method-override", "x-method-override", "x-rewrite-url", "x-client-cert", "client-cert", "client-cert-chain":
		return fmt.Errorf("%s: %q crossed", f.name, f.value)
	case "connection":
		if f.value != "close" {
			return fmt.Errorf("%s: %q crossed", f.name, f.value)
		}
	}
	for _, ours := range []string{"X-Tollgate-Token", "X-Tollgate-Merchant", "X-Tollgate-Environment", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} {
		if f.name == ours {
			return nil
		}
	}
	for _, prefix := range []string{"x-tollgate-", "x-forwarded-", "x-original-", "proxy-"} {
		if strings.HasPrefix(folded, prefix) {
			return fmt.Errorf("%s: %q crossed", f.name, f.value)
		}
	}
	if strings.Contains(f.name, "_") {
		return fmt.Errorf("%s crossed with its underscore", f.name)
	}
	return nil
}

// judge is an upstream that takes every byte it receives for what it is. It
// numbers the requests and tells the number, so that an answer shows which of
// them it belongs to.
type judge struct {
	url    string
	want   whose // every request is theirs
	mu     sync.Mutex
	count  int      // requests so far: the number of the last
	seen   []string // targets of those that were not told yet
	faults []string
}

func newJudge(t testing.TB) *judge {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	j := &judge{url: "http://" + l.Addr().String(), want: goodKey}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go j.serve(c)
		}
	}()
	return j
}

func (j *judge) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		q, err := readStrict(r)
		if err == io.EOF {
			return
		}
		if err == nil {
			err = q.identity(j.want)
		}
		n := j.note(q, err)
		if err != nil {
			return
		}
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Origin: %d %s\r\nContent-Length: 4\r\n\r\n", n, q.target)
		if q.method != "HEAD" {
			head += "done"
		}
		if _, err := io.WriteString(c, head); err != nil {
			return
		}
	}
}

func (j *judge) note(q *strictRequest, fault error) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	target := ""
	if q != nil {
		target = q.target
	}
	j.count++
	j.seen = append(j.seen, target)
	if fault != nil {
		j.faults = append(j.faults, fault.Error())
	}
	return j.count
}

// news tells what came since it was asked last: the targets, the number of the
// first, and what was wrong.
func (j *judge) news() (first int, seen, faults []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen, faults = j.seen, j.faults
	j.seen, j.faults = nil, nil
	return j.count - len(seen) + 1, seen, faults
}
