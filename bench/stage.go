package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// stage is the origin, both subjects, and one token.
type stage struct {
	folder         string
	origin         *subject
	bare, tollgate *subject
	key, jwt       string
}

// The subject's core, and the one that load and origin share.
const (
	subjectCore = "0"
	otherCore   = "1"
)

const bootstrapKey = "bench-bootstrap-key-of-a-run-on-loopback"

// setUp starts everything and makes a token. The load itself runs in this
// process, which the caller may pin to the other core.
func setUp(binary string) (s *stage, err error) {
	s = &stage{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.folder, err = os.MkdirTemp("", "tollgate-bench-"); err != nil {
		return s, err
	}
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	addresses, err := freeAddresses(4)
	if err != nil {
		return s, err
	}
	originAt, bareAt, gatewayAt, adminAt := addresses[0], addresses[1], addresses[2], addresses[3]
	if s.origin, err = start("origin", originAt, otherCore, nil, self, "origin", originAt); err != nil {
		return s, err
	}
	if s.bare, err = start("bare proxy", bareAt, subjectCore, []string{"GOMAXPROCS=1"}, self, "bare", bareAt, originAt); err != nil {
		return s, err
	}
	file := filepath.Join(s.folder, "tollgate.yaml")
	if err = os.WriteFile(file, []byte(configuration(gatewayAt, adminAt, originAt)), 0o600); err != nil {
		return s, err
	}
	environ := []string{"GOMAXPROCS=1", "TOLLGATE_ADMIN_BOOTSTRAP_KEY=" + bootstrapKey}
	if s.tollgate, err = start("tollgate", gatewayAt, subjectCore, environ, binary, "serve", "-c", file); err != nil {
		return s, err
	}
	return s, s.makeToken(gatewayAt, adminAt)
}

func configuration(gateway, admin, origin string) string {
	return fmt.Sprintf(`listen: %s
admin: {listen: %s}
store: sqlite:tollgate.db
tokens: {access_ttl: 1h}
upstreams:
  origin: {targets: ["http://%s"]}
routes:
  - match: {path: "/v1/payments/{id}", methods: [GET]}
    upstream: origin
    dialects: [payment, oauth]
    facts: none
  - match: {path: /v1/payments, methods: [POST]}
    upstream: origin
    dialects: [payment, oauth]
    facts:
      country: [json:/country]
      operator: [json:/operator]
      method: [json:/method]
      phone: [json:/customer/phone]
`, gateway, admin, origin)
}

func (s *stage) makeToken(gateway, admin string) error {
	var merchant struct{ ID string }
	if err := post("http://"+admin+"/admin/v1/merchants", `{"name":"bench"}`, &merchant); err != nil {
		return err
	}
	var made struct {
		Credentials struct {
			Key          string
			ClientID     string `json:"client_id"`
			ClientSecret string `json:"client_secret"`
		}
	}
	body := fmt.Sprintf(`{"merchant_id":%q,"name":"bench","environment":"live","credentials":["key","client"],"ip_whitelist":["127.0.0.0/8"],
		"allowed_methods":["GET","POST"],"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"+2250707070707"}]}`, merchant.ID)
	if err := post("http://"+admin+"/admin/v1/tokens", body, &made); err != nil {
		return err
	}
	s.key = made.Credentials.Key
	req, err := http.NewRequest("POST", "http://"+gateway+"/api/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		return err
	}
	req.SetBasicAuth(made.Credentials.ClientID, made.Credentials.ClientSecret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	if err := send(req, &grant); err != nil {
		return err
	}
	s.jwt = grant.AccessToken
	return nil
}

func post(url, body string, out any) error {
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+bootstrapKey)
	req.Header.Set("Content-Type", "application/json")
	return send(req, out)
}

func send(req *http.Request, out any) error {
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d: %s", req.URL.Path, resp.StatusCode, answer)
	}
	return json.NewDecoder(bytes.NewReader(answer)).Decode(out)
}

// cases are what peers were measured by (shared/reference/performance.md).
func (s *stage) cases() []loadCase {
	const payment = `{"country":"CI","operator":"ORANGE","method":"collect","customer":{"phone":"+2250707070707"},"note":"`
	body := payment + strings.Repeat("x", 512-len(payment)-2) + `"}`
	return []loadCase{
		{name: "GET, key + IP + method", method: "GET", path: "/v1/payments/pay_1", authorization: "Bearer " + s.key},
		{name: "GET, JWT + IP + method", method: "GET", path: "/v1/payments/pay_1", authorization: "Bearer " + s.jwt},
		{name: "POST 512 B, key + four facts", method: "POST", path: "/v1/payments", authorization: "Bearer " + s.key, body: body},
	}
}

func (s *stage) close() {
	for _, subject := range []*subject{s.tollgate, s.bare, s.origin} {
		if subject != nil {
			subject.stop()
		}
	}
	if s.folder != "" {
		os.RemoveAll(s.folder)
	}
}

// freeAddresses finds loopback ports that nobody listens on just now.
func freeAddresses(n int) ([]string, error) {
	var list []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		list = append(list, listener.Addr().String())
	}
	return list, nil
}
