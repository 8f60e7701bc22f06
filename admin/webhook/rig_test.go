package webhook_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/admin/webhook"
	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
	"tollgate/store/sqlite"
)

var act = token.Act{Actor: token.Actor{Kind: "system", ID: "test"}, Action: ""}

var hookKey = bytes.Repeat([]byte{9}, webhook.KeyLength)

// rig is a store with a merchant in it, and a clock.
type rig struct {
	t        *testing.T
	store    *store.Store
	merchant token.Merchant
	logs     *observer.ObservedLogs
	now      atomic.Int64
	made     int

	mu       sync.Mutex
	outcomes map[webhook.Outcome]int
}

func (r *rig) clock() time.Time     { return time.UnixMicro(r.now.Load()).UTC() }
func (r *rig) pass(d time.Duration) { r.now.Add(d.Microseconds()) }

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, outcomes: map[webhook.Outcome]int{}}
	r.now.Store(time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC).UnixMicro())
	c, err := policy.NewCatalogue([]policy.Country{{Alpha2: "CI", Alpha3: "CIV", Name: "CI", Dial: "225", Lengths: []int{10}}}, []string{"collect"})
	if err != nil {
		t.Fatal(err)
	}
	r.store, err = sqlite.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "tollgate.db"), Catalogue: func() *policy.Catalogue { return c }, Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if r.merchant, err = r.store.AddMerchant(t.Context(), act, token.Merchant{Name: "M", Active: true}); err != nil {
		t.Fatal(err)
	}
	return r
}

// sender sends the rig's events to loopback addresses; change may alter it.
func (r *rig) sender(change ...func(*webhook.Options)) *webhook.Sender {
	r.t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	r.logs = logs
	o := webhook.Options{
		Outbox: r.store, Calendar: r.store, Key: hookKey,
		Rules:   webhook.Rules{HTTP: true, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Observe: r.observe, Logger: zap.New(core), Now: r.clock,
	}
	for _, f := range change {
		f(&o)
	}
	s, err := webhook.New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) observe(o webhook.Outcome, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[o]++
}

func (r *rig) count(o webhook.Outcome) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcomes[o]
}

// token makes a token with a webhook, and with it the event token.created.
func (r *rig) token(url, format, name string) token.Token {
	r.t.Helper()
	r.made++
	h := token.HandleOf([]byte("00000000" + string([]byte{byte('0' + r.made/1000%10), byte('0' + r.made/100%10), byte('0' + r.made/10%10), byte('0' + r.made%10)})))
	t, err := r.store.AddToken(context.Background(), act, token.Token{
		Handle: h, Merchant: r.merchant.ID, Name: name, Environment: token.EnvLive, Enabled: true,
		Webhook: token.Webhook{URL: url, Format: format},
	}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

// received is one request as a merchant's server got it.
type received struct {
	method, target, host string
	header               http.Header
	body                 string
}

// server is a merchant's server. answer says what it does; nil: 200.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	list []received
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(s.handler(answer))
	t.Cleanup(s.Close)
	return s
}

func (s *server) handler(answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		s.mu.Lock()
		s.list = append(s.list, received{req.Method, req.RequestURI, req.Host, req.Header, string(body)})
		s.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	})
}

func (s *server) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.list...)
}
