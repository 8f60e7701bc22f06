package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/configs"
	"tollgate/policy/token"
)

// site is the whole product in a temporary folder, with real sockets and a real
// database, and an origin behind it that counts what reaches it.
type site struct {
	t        *testing.T
	dir      string
	file     string
	house    *house
	running  *running
	origin   *origin
	log      *lines
	adminKey string
	merchant string
	outage   bool // the test took the store away: closing has to fail
}

// siteConfig is what most tests need: a money route that reads four facts, a
// status route that moves none.
const siteConfig = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: sqlite:tollgate.db
upstreams:
  origin: {targets: [ORIGIN]}
routes:
  - match: {path: /v1/payments, methods: [POST]}
    upstream: origin
    dialects: [payment, oauth]
    facts:
      country: [json:/country]
      operator: [json:/operator]
      method: [json:/method]
      phone: [json:/customer/phone]
  - match: {path: "/v1/payments/{id}", methods: [GET]}
    upstream: origin
    dialects: [payment, oauth]
    facts: none
`

// newSite starts a site on a configuration in which ORIGIN stands for the
// origin's URL; it ends with the test.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), origin: newOrigin(t), log: &lines{}}
	s.file = filepath.Join(s.dir, "tollgate.yaml")
	s.write(config)
	s.start()
	t.Cleanup(s.stop)
	key, err := addAdminKey(context.Background(), s.house.store, token.AdminKey{Name: "test", Role: token.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	s.adminKey = key
	s.addMerchant("Boutique")
	return s
}

// addMerchant makes a merchant, whose tokens are made from then on.
func (s *site) addMerchant(name string) {
	s.t.Helper()
	var merchant merchantView
	s.api("POST", "/admin/v1/merchants", fmt.Sprintf(`{"name":%q}`, name), http.StatusCreated, &merchant)
	s.merchant = merchant.ID
}

func (s *site) write(config string) {
	s.t.Helper()
	if err := os.WriteFile(s.file, []byte(strings.ReplaceAll(config, "ORIGIN", s.origin.url())), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) start() {
	s.t.Helper()
	cfg, problems := configs.Load(s.file, nil)
	if len(problems) > 0 {
		s.t.Fatal(problems)
	}
	with, err := newSetup(s.log, cfg.Log.Level)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.house, err = openHouse(s.t.Context(), cfg, with); err != nil {
		s.t.Fatal(err)
	}
	if s.running, err = s.house.serve(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) stop() {
	if s.running == nil {
		return
	}
	if err := s.running.drain(); err != nil {
		s.t.Errorf("drain: %v", err)
	}
	if err := s.house.close(); (err != nil) != s.outage {
		s.t.Errorf("close: %v", err)
	}
	s.running = nil
}

func (s *site) addr() string { return s.running.gateway.Addr().String() }

// api makes one call of the admin API, wants a status, and decodes into out.
func (s *site) api(method, path, body string, status int, out any) {
	s.t.Helper()
	got, answer := s.try(method, path, body)
	if got != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, path, got, status, answer)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(answer), out); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// composeKey is a well-formed live key: 12 characters of a handle, 28 of chance.
func composeKey(body string) string {
	return string(token.Compose(token.KindKey, token.EnvLive, []byte(body)))
}

// try makes one call of the admin API.
func (s *site) try(method, path, body string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequest(method, "http://"+s.running.admin.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.adminKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// made is a token and its credentials.
type made struct {
	Token       tokenView
	Credentials struct {
		Key          string
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
}

const composed = `"composition":{"CI":{"ORANGE":["collect"],"MTN":["collect"]}}`

// token makes a token with a key and client credentials; members are further
// members of its body, such as `"ip_whitelist":["192.0.2.1"]`.
func (s *site) token(members ...string) made {
	s.t.Helper()
	body := fmt.Sprintf(`{"merchant_id":%q,"name":"t","credentials":["key","client"]`, s.merchant)
	if !strings.Contains(strings.Join(members, ","), `"environment"`) {
		body += `,"environment":"live"`
	}
	for _, m := range members {
		body += "," + m
	}
	var m made
	s.api("POST", "/admin/v1/tokens", body+"}", http.StatusCreated, &m)
	return m
}

// jwt trades a token's client credentials for a JWT.
func (s *site) jwt(m made) string {
	s.t.Helper()
	answer := s.send(tokenRequest(m.Credentials.ClientID, m.Credentials.ClientSecret))
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(answer.body, &grant); err != nil || grant.AccessToken == "" {
		s.t.Fatalf("no JWT: %d %s", answer.status, answer.body)
	}
	return grant.AccessToken
}

func tokenRequest(id, secret string) string {
	req, _ := http.NewRequest("POST", "http://x/", nil)
	req.SetBasicAuth(id, secret)
	const body = "grant_type=client_credentials"
	return fmt.Sprintf("POST /api/token HTTP/1.1\r\nHost: gw\r\nAuthorization: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		req.Header.Get("Authorization"), len(body), body)
}

// pay is a payment request as it goes over the wire.
func pay(credential, body string, headers ...string) string {
	head := "POST /v1/payments HTTP/1.1\r\nHost: gw\r\n"
	if credential != "" {
		head += "Authorization: Bearer " + credential + "\r\n"
	}
	for _, h := range headers {
		head += h + "\r\n"
	}
	if !strings.Contains(head, "Content-Type:") {
		head += "Content-Type: application/json\r\n"
	}
	return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

func get(credential, path string, headers ...string) string {
	head := "GET " + path + " HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer " + credential + "\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + "\r\n"
}

// reply is one answer of the gateway.
type reply struct {
	status int
	header http.Header
	body   []byte
	last   bool // the gateway closes the connection after it
}

// send writes raw bytes on a connection of their own and reads one answer.
func (s *site) send(raw string) reply {
	s.t.Helper()
	r, err := exchange(s.addr(), raw)
	if err != nil {
		s.t.Fatalf("%v for %.200q", err, raw)
	}
	return r
}

func exchange(addr, raw string) (reply, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return reply{}, err
	}
	go io.WriteString(conn, raw) //nolint:errcheck // an answer may come before all is read
	return readReply(bufio.NewReader(conn))
}

func readReply(r *bufio.Reader) (reply, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, body, resp.Close}, err
}

// lines collects log lines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is all there is so far.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// event waits for the access-log line of a request, which a buffered writer
// brings a moment after the answer.
func (s *site) event(requestID string) map[string]any {
	s.t.Helper()
	var found map[string]any
	s.eventually("the log line of "+requestID, func() bool {
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, `"request_id":"`+requestID+`"`) && strings.Contains(line, `"msg":"request"`) {
				return json.Unmarshal([]byte(line), &found) == nil
			}
		}
		return false
	})
	return found
}

// eventually waits for something that happens by itself, without a fixed sleep.
func (s *site) eventually(what string, done func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		if done() {
			return
		}
	}
	s.t.Fatalf("%s does not come", what)
}

// metric is the sum of a metric's series whose text has all the pieces.
func (s *site) metric(name string, pieces ...string) float64 {
	s.t.Helper()
	resp, err := http.Get("http://" + s.running.admin.Addr().String() + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
series:
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, p := range pieces {
			if !strings.Contains(line, p) {
				continue series
			}
		}
		var v float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
			s.t.Fatalf("%v in %s", err, line)
		}
		sum += v
	}
	return sum
}
