package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/policy/token"
)

// client speaks to a running tollgate, in this process or in another.
type client struct {
	t        *testing.T
	gateway  string // address of the data plane
	admin    string // address of the admin side
	adminKey string
	merchant string          // whose tokens are made
	https    *http.Transport // to the admin side; nil: plain HTTP
}

// ask makes one call of the admin listener.
func (s *client) ask(req *http.Request) (*http.Response, error) {
	if s.https == nil {
		return http.DefaultTransport.RoundTrip(req)
	}
	req.URL.Scheme = "https"
	return s.https.RoundTrip(req)
}

// addMerchant makes a merchant, whose tokens are made from then on.
func (s *client) addMerchant(name string) {
	s.t.Helper()
	var merchant merchantView
	s.api("POST", "/admin/v1/merchants", fmt.Sprintf(`{"name":%q}`, name), http.StatusCreated, &merchant)
	s.merchant = merchant.ID
}

// api makes one call of the admin API, wants a status, and decodes into out.
func (s *client) api(method, path, body string, status int, out any) {
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
func (s *client) try(method, path, body string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequest(method, "http://"+s.admin+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.adminKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.ask(req)
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
		Key           string
		ClientID      string `json:"client_id"`
		ClientSecret  string `json:"client_secret"`
		SigningSecret string `json:"signing_secret"`
	}
}

const composed = `"composition":{"CI":{"ORANGE":["collect"],"MTN":["collect"]}}`

// token makes a token with a key and client credentials; members are further
// members of its body, such as `"ip_whitelist":["192.0.2.1"]`.
func (s *client) token(members ...string) made {
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
func (s *client) jwt(m made) string {
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
func (s *client) send(raw string) reply {
	s.t.Helper()
	r, err := exchange(s.gateway, raw)
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

// eventually waits for something that happens by itself, without a fixed sleep.
func (s *client) eventually(what string, done func() bool) {
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
func (s *client) metric(name string, pieces ...string) float64 {
	s.t.Helper()
	req, err := http.NewRequest("GET", "http://"+s.admin+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.ask(req)
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

// wantStatus sends a request and wants a status.
func (s *client) wantStatus(raw string, want int) {
	s.t.Helper()
	if got := s.send(raw); got.status != want {
		s.t.Errorf("answered %d %s, want %d", got.status, got.body, want)
	}
}
