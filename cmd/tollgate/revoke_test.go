package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// A revocation is in force when it is answered: the very next request on the
// key, and on a JWT minted before, is 401, a hundred times in a row under load,
// and not one of them reaches the upstream.
func TestRevokedIsRefusedAtTheNextRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	stop := s.load(s.token(composed).Credentials.Key, 4)
	defer stop()
	for i := range 100 {
		m := s.token(composed)
		jwt := s.jwt(m)
		for _, credential := range []string{m.Credentials.Key, jwt} {
			if got := s.send(get(credential, "/v1/payments/before", "X-Doomed: 1")); got.status != 200 {
				t.Fatalf("round %d: %d before the revocation: %s", i, got.status, got.body)
			}
		}
		var doomed atomic.Int64
		s.origin.does(func(conn net.Conn, r *http.Request) bool {
			if r.Header.Get("X-Doomed") != "" {
				doomed.Add(1)
			}
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			return err == nil
		})
		s.api("POST", "/admin/v1/tokens/"+m.Token.ID+"/revoke", "", http.StatusOK, nil)
		for _, credential := range []string{m.Credentials.Key, jwt} {
			for _, raw := range []string{get(credential, "/v1/payments/after", "X-Doomed: 1"), pay(credential, good, "X-Doomed: 1")} {
				if got := s.send(raw); got.status != 401 {
					t.Fatalf("round %d: %d after the revocation was answered", i, got.status)
				}
			}
		}
		if n := doomed.Load(); n != 0 {
			t.Fatalf("round %d: the upstream saw %d requests of a revoked token", i, n)
		}
	}
}

// The same holds for every other change that narrows a token: it is in force
// when it is answered, and undone the same way.
func TestEveryChangeIsInForceWhenAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	stop := s.load(s.token(composed).Credentials.Key, 2) // of a merchant that nothing happens to
	defer stop()
	s.addMerchant("Changing")
	m := s.token(composed, `"phones":[{"country":"CI","number":"0707070707"}]`)
	jwt := s.jwt(m)
	at := "/admin/v1/tokens/" + m.Token.ID
	changes := []struct{ method, path, body, undo string }{
		{"PATCH", at, `{"enabled":false}`, `{"enabled":true}`},
		{"PATCH", at, `{"composition":{"CI":{"ORANGE":[]}}}`, `{"composition":{"CI":{"ORANGE":["collect"]}}}`},
		{"PATCH", at + "/phones/+2250707070707", `{"enabled":false}`, `{"enabled":true}`},
		{"PATCH", "/admin/v1/merchants/" + s.merchant, `{"status":"suspended"}`, `{"status":"active"}`},
		{"PATCH", "/admin/v1/merchants/" + s.merchant, `{"ip_whitelist":["192.0.2.1"]}`, `{"ip_whitelist":[]}`},
	}
	for range 20 {
		for _, c := range changes {
			for _, credential := range []string{m.Credentials.Key, jwt} {
				if got := s.send(pay(credential, good)); got.status != 200 {
					t.Fatalf("before %s: %d %s", c.body, got.status, got.body)
				}
			}
			s.api(c.method, c.path, c.body, http.StatusOK, nil)
			for _, credential := range []string{m.Credentials.Key, jwt} {
				if got := s.send(pay(credential, good)); got.status != 401 && got.status != 403 {
					t.Fatalf("after %s: %d", c.body, got.status)
				}
			}
			s.api(c.method, c.path, c.undo, http.StatusOK, nil)
		}
	}
}

// load keeps connections busy with good requests until the returned function is
// called, which fails the test if any of them was answered anything but 200.
func (s *site) load(key string, connections int) (stop func()) {
	s.t.Helper()
	var all sync.WaitGroup
	var done atomic.Bool
	var served atomic.Int64
	faults := make(chan error, connections)
	for range connections {
		all.Go(func() {
			if err := s.hammer(key, &done, &served); err != nil {
				faults <- err
			}
		})
	}
	return func() {
		done.Store(true)
		all.Wait()
		close(faults)
		for err := range faults {
			s.t.Error(err)
		}
		if served.Load() == 0 {
			s.t.Error("the load did not run")
		}
	}
}

func (s *site) hammer(key string, done *atomic.Bool, served *atomic.Int64) error {
	conn, err := net.Dial("tcp", s.gateway)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	raw := pay(key, good)
	for !done.Load() {
		if _, err := io.WriteString(conn, raw); err != nil {
			return err
		}
		got, err := readReply(r)
		if err != nil {
			return err
		}
		if got.status != 200 {
			return fmt.Errorf("under load: %d %s", got.status, got.body)
		}
		served.Add(1)
		if got.last {
			return s.hammer(key, done, served)
		}
	}
	return nil
}
