package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"tollgate/admin/webhook"
	"tollgate/policy/token"
)

// verify checks a signature header as the package comment tells receivers to.
func verify(t *testing.T, r received, secret string) bool {
	t.Helper()
	fields := strings.Split(r.header.Get("X-Tollgate-Webhook-Signature"), ",")
	stamp, ok := strings.CutPrefix(fields[0], "t=")
	if _, err := strconv.ParseInt(stamp, 10, 64); !ok || err != nil {
		t.Fatalf("no t= in %q", fields)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + r.body))
	for _, f := range fields[1:] {
		if f == "v1="+hex.EncodeToString(mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// TestEventsReachTheMerchant: creating, rotating and revoking a token are told
// to its URL, and to its merchant's when it has none, once each, signed, in the
// format that was asked for.
func TestEventsReachTheMerchant(t *testing.T) {
	r := newRig(t)
	own, general := serve(t, nil), serve(t, nil)
	s := r.sender()
	m := r.merchant
	m.Webhook = token.Webhook{URL: general.URL + "/all?x=1", Format: "multiple"}
	if _, err := r.store.ChangeMerchant(t.Context(), act, m, 0); err != nil {
		t.Fatal(err)
	}
	for i, url := range []string{own.URL + "/own", ""} {
		tok := r.token(url, "single", "T")
		secret := token.Credential{Kind: token.KindKey, Generation: 1, Digest: token.DigestOf([]byte{byte(i)}), Hint: "hint"}
		if _, err := r.store.RotateCredential(t.Context(), act, tok.Handle, secret, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := r.store.RevokeToken(t.Context(), act, tok.Handle); err != nil {
			t.Fatal(err)
		}
	}
	for s.Deliver(t.Context()) > 0 {
	}
	check := func(list []received, target, mediaType string) {
		t.Helper()
		events, ids := map[string]bool{}, map[string]bool{}
		for _, got := range list {
			events[got.header.Get("X-Tollgate-Webhook-Event")] = true
			ids[got.header.Get("X-Tollgate-Webhook-Id")] = true
			if got.method != "POST" || got.target != target || got.header.Get("Content-Type") != mediaType ||
				got.header.Get("X-Tollgate-Webhook-Key") != m.ID || !verify(t, got, webhook.MerchantSecret(hookKey, m.ID)) {
				t.Errorf("%+v", got)
			}
			for _, line := range strings.Split(strings.TrimSuffix(got.body, "\n"), "\n") {
				var object map[string]any
				if err := json.Unmarshal([]byte(line), &object); err != nil || (mediaType == "application/x-ndjson") != (len(object) == 1) {
					t.Errorf("%v: %s", err, line)
				}
			}
		}
		if len(list) != 3 || len(ids) != 3 || !events["token.created"] || !events["token.rotated"] || !events["token.revoked"] {
			t.Errorf("%d events: %v", len(list), events)
		}
	}
	check(own.got(), "/own", "application/json")
	check(general.got(), "/all?x=1", "application/x-ndjson")
	if r.pass(time.Hour); s.Deliver(t.Context()) != 0 || r.count(webhook.Sent) != 6 {
		t.Errorf("events came twice; outcomes %v", r.outcomes)
	}
}

// TestExpiringTokensAreTold: a token that ends within seven days and then
// within one is told of once for each.
func TestExpiringTokensAreTold(t *testing.T) {
	r := newRig(t)
	srv := serve(t, nil)
	tok := r.token(srv.URL, "", "T")
	ends := tok
	ends.ExpiresAt = token.At(r.clock().Add(10 * 24 * time.Hour))
	if _, err := r.store.ReplaceToken(t.Context(), act, ends, tok.Version); err != nil {
		t.Fatal(err)
	}
	s := r.sender()
	days := map[string]int{}
	for day := range 12 {
		if _, err := r.store.QueueExpiring(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Deliver(t.Context())
		for _, got := range srv.got() {
			if _, ok := days[got.body]; !ok && got.header.Get("X-Tollgate-Webhook-Event") == "token.expiring" {
				days[got.body] = day
			}
		}
		r.pass(24 * time.Hour)
	}
	if len(days) != 2 {
		t.Errorf("%d notices: %v", len(days), days)
	}
	for body, day := range days {
		if want := map[int]string{3: `"days":7`, 9: `"days":1,`}[day]; want == "" || !strings.Contains(body, want) {
			t.Errorf("on day %d: %s", day, body)
		}
	}
}

// TestSigningSecretsSign: a token's own signing secrets sign its events, both of
// a rotation; one that cannot be read sends nothing; and the buffers are cleared.
func TestSigningSecretsSign(t *testing.T) {
	r := newRig(t)
	srv := serve(t, nil)
	tok := r.token(srv.URL, "single", "T")
	handed := [][]byte{[]byte("sig_live_new"), []byte("sig_live_old")}
	var fault error
	s := r.sender(func(o *webhook.Options) {
		o.Secrets = func(_ context.Context, h token.Handle) ([][]byte, error) {
			if h != tok.Handle {
				return nil, errors.New("asked for " + string(h))
			}
			return handed, fault
		}
	})
	fault = errors.New("the store is away")
	s.Deliver(t.Context())
	if n := len(srv.got()); n != 0 || r.count(webhook.Failed) != 1 {
		t.Fatalf("%d events were sent unsigned, outcomes %v", n, r.outcomes)
	}
	fault = nil
	r.pass(time.Hour)
	s.Deliver(t.Context())
	got := srv.got()
	if len(got) != 1 || got[0].header.Get("X-Tollgate-Webhook-Key") != string(tok.Handle) {
		t.Fatalf("%+v", got)
	}
	if !verify(t, got[0], "sig_live_new") || !verify(t, got[0], "sig_live_old") || verify(t, got[0], webhook.MerchantSecret(hookKey, r.merchant.ID)) {
		t.Errorf("signature %s", got[0].header.Get("X-Tollgate-Webhook-Signature"))
	}
	for _, b := range handed {
		if strings.Trim(string(b), "\x00") != "" {
			t.Errorf("a secret was left in memory: %q", b)
		}
	}
}

// TestBackOffUntilDead: a merchant that does not take an event is asked again
// after pauses that grow up to a longest, never twice within one, and after the
// last attempt never again.
func TestBackOffUntilDead(t *testing.T) {
	r := newRig(t)
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	r.token(srv.URL, "single", "T")
	s := r.sender(func(o *webhook.Options) { o.Attempts, o.First, o.Longest = 6, time.Minute, 4*time.Minute })
	var pauses []time.Duration
	for attempt := 1; attempt <= 6; attempt++ {
		waited := time.Duration(0)
		for s.Deliver(t.Context()) == 0 {
			if waited += time.Second; waited > time.Hour {
				t.Fatalf("attempt %d does not come", attempt)
			}
			r.pass(time.Second)
		}
		pauses = append(pauses, waited)
	}
	for i, most := range []time.Duration{0, 1, 2, 4, 4, 4} {
		if most *= time.Minute; pauses[i] > most+time.Second || pauses[i] < most/2 {
			t.Errorf("pause %d is %v, want %v to %v", i, pauses[i], most/2, most)
		}
	}
	if r.count(webhook.Failed) != 5 || r.count(webhook.Dead) != 1 {
		t.Errorf("outcomes %v", r.outcomes)
	}
	if r.pass(1000 * time.Hour); s.Deliver(t.Context()) != 0 || len(srv.got()) != 6 {
		t.Errorf("a dead event is sent; %d requests", len(srv.got()))
	}
}

// TestOnlySuccessTakesAnEvent: redirects are not followed, and nothing but a
// 2xx counts.
func TestOnlySuccessTakesAnEvent(t *testing.T) {
	trap := serve(t, nil)
	for status, want := range map[int]webhook.Outcome{
		200: webhook.Sent, 201: webhook.Sent, 204: webhook.Sent, 299: webhook.Sent,
		300: webhook.Failed, 301: webhook.Failed, 302: webhook.Failed, 303: webhook.Failed, 307: webhook.Failed, 308: webhook.Failed,
		400: webhook.Failed, 404: webhook.Failed, 410: webhook.Failed, 429: webhook.Failed, 500: webhook.Failed, 503: webhook.Failed,
	} {
		r := newRig(t)
		srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", trap.URL+"/secret")
			w.WriteHeader(status)
		})
		r.token(srv.URL, "single", "T")
		r.sender().Deliver(t.Context())
		if r.count(want) != 1 || len(srv.got()) != 1 {
			t.Errorf("%d: outcomes %v after %d requests", status, r.outcomes, len(srv.got()))
		}
	}
	if n := len(trap.got()); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestRefusedTargetsSeeNothing: without the operator's leave no event reaches a
// loopback server, by address or by a name that leads there, and plain http is
// not spoken; what the URL itself shows is given up at once.
func TestRefusedTargetsSeeNothing(t *testing.T) {
	srv := serve(t, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	for _, c := range []struct {
		url   string
		rules webhook.Rules
		want  webhook.Outcome
	}{
		{srv.URL, webhook.Rules{}, webhook.Dead},
		{srv.URL, webhook.Rules{HTTP: true}, webhook.Dead},
		{"http://localhost:" + port + "/", webhook.Rules{HTTP: true}, webhook.Failed},
		{"http://hook.example:" + port + "/", webhook.Rules{HTTP: true}, webhook.Failed},
		{"http://[::ffff:127.0.0.1]:" + port + "/", webhook.Rules{HTTP: true}, webhook.Dead},
		{"http://hook.example:" + port + "/", webhook.Rules{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, webhook.Dead},
	} {
		r := newRig(t)
		r.token(c.url, "single", "T")
		r.sender(func(o *webhook.Options) { o.Rules, o.Resolver = c.rules, loopbackNames{} }).Deliver(t.Context())
		if r.count(c.want) != 1 {
			t.Errorf("%s under %+v: outcomes %v", c.url, c.rules, r.outcomes)
		}
	}
	if n := len(srv.got()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// loopbackNames leads every name to a loopback address.
type loopbackNames struct{}

func (loopbackNames) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// TestNoProxyOfTheEnvironment: HTTP_PROXY changes nothing: a proxy would dial
// in our place whatever we judged.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxy := serve(t, nil)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	r := newRig(t)
	srv := serve(t, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	r.token("http://hook.example:"+port+"/", "single", "T")
	r.sender(func(o *webhook.Options) { o.Resolver = loopbackNames{} }).Deliver(t.Context())
	if len(proxy.got()) != 0 || len(srv.got()) != 1 || srv.got()[0].host != "hook.example:"+port {
		t.Errorf("the proxy got %v, the server %v", proxy.got(), srv.got())
	}
}

// TestCertificatesAreVerified: over TLS the name in the URL must be the
// certificate's, and its root one that is trusted, though an address is dialled.
func TestCertificatesAreVerified(t *testing.T) {
	log := &server{}
	srv := httptest.NewTLSServer(log.handler(nil))
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "https://"), ":")
	for _, c := range []struct {
		host  string
		roots *x509.CertPool
		want  webhook.Outcome
	}{{"example.com", roots, webhook.Sent}, {"example.net", roots, webhook.Failed}, {"example.com", x509.NewCertPool(), webhook.Failed}} {
		r := newRig(t)
		r.token("https://"+c.host+":"+port+"/", "single", "T")
		r.sender(func(o *webhook.Options) {
			o.Roots, o.Resolver, o.Rules.HTTP = c.roots, loopbackNames{}, false
		}).Deliver(t.Context())
		if r.count(c.want) != 1 {
			t.Errorf("%s: outcomes %v", c.host, r.outcomes)
		}
	}
	if n := len(log.got()); n != 1 {
		t.Errorf("%d requests arrived", n)
	}
}

// TestNothingSecretIsLogged: neither the path and query of a URL, nor a secret,
// nor what the other side says, is in the log or in what is kept of a failure.
func TestNothingSecretIsLogged(t *testing.T) {
	r := newRig(t)
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Canary", "canary-header")
		w.WriteHeader(500)
		fmt.Fprint(w, "canary-body")
	})
	for _, url := range []string{srv.URL + "/canary-path?canary-query", "http://127.0.0.1:1/canary-path", "http://10.0.0.1/canary-path"} {
		r.token(url, "single", "T")
	}
	s := r.sender(func(o *webhook.Options) {
		o.Attempts = 2
		o.Secrets = func(context.Context, token.Handle) ([][]byte, error) { return [][]byte{[]byte("sig_canary")}, nil }
	})
	s.Deliver(t.Context())
	r.pass(time.Hour)
	s.Deliver(t.Context())
	lines := r.logs.All()
	if len(lines) < 5 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, e := range lines {
		if text := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(text, "canary") || strings.Contains(text, "whk_") {
			t.Error(text)
		}
	}
}
