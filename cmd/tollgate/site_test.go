package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tollgate/configs"
	"tollgate/policy/token"
)

// site is the whole product in a temporary folder, with real sockets and a real
// database, and an origin behind it that counts what reaches it.
type site struct {
	client
	dir     string
	file    string
	house   *house
	running *running
	origin  *origin
	log     *lines
	outage  bool // the test took the store away: closing has to fail
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
	s := &site{client: client{t: t}, dir: t.TempDir(), origin: newOrigin(t), log: &lines{}}
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
	s.gateway, s.admin = s.running.gateway.Addr().String(), s.running.admin.Addr().String()
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
