package gateway_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
)

// An answer that is streamed may take longer than an answer that is written at
// once, also to a request without a body.
func TestStreamOutlivesTheWriteTimeout(t *testing.T) {
	const timeout = 100 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	slow := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pause := time.NewTicker(3 * timeout) // a slow upstream, not a wait for something of ours
		defer pause.Stop()
		for range 3 {
			io.WriteString(w, strings.Repeat("x", 10000))
			w.(http.Flusher).Flush()
			<-pause.C
		}
	})}
	go slow.Serve(l)
	t.Cleanup(func() { slow.Close() })
	r := newRig(t, withOptions(func(o *gateway.Options) { o.Limits.WriteTimeout = timeout }), withPlan(func(p *gateway.Plan) {
		p.Upstreams["payments"] = gateway.UpstreamSpec{Targets: []string{"http://" + l.Addr().String()}}
		p.Routes[1].Stream = true
	}))
	key := r.roster.add(t, "good", nil)
	if a := r.raw(t, request("GET", "/v1/status/1", "", bearer(key))); a.status != 200 || len(a.body) != 30000 {
		t.Errorf("got %d with %d bytes, want all 30000", a.status, len(a.body))
	}
}

// A TLS listener keeps its TLS behind the guard: requests are served, the
// upstream is told https, and a refusal of an unread body arrives.
func TestServesTLS(t *testing.T) {
	r := newRig(t, withOptions(func(o *gateway.Options) { o.Limits.ReadHeaderTimeout = 500 * time.Millisecond }))
	key := r.roster.add(t, "good", nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert := selfSigned(t)
	ended := make(chan error, 1)
	go func() {
		ended <- r.gateway.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
	}()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	dial := func() *wireClient {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "gateway.test"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return &wireClient{t, conn, bufio.NewReader(conn)}
	}
	c := dial()
	c.write(request("GET", "/v1/status/1", "", bearer(key)))
	if a := c.answer("GET"); a.status != 200 {
		t.Fatalf("got %+v", a)
	}
	if seen := r.origin.requests(); len(seen) != 1 || seen[0].header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("the upstream saw %+v", seen)
	}
	c.write(request("POST", "/v1/payments/1", strings.Repeat("x", 4000), bearer(madeUpKey())))
	if a := c.answer("POST"); a.status != 401 || !a.closed {
		t.Errorf("got %+v", a)
	}
	dial().write("GET / HTTP/1.1\r\n") // half a request does not hold up the end for ever
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.gateway.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"gateway.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// A shutdown that runs out of time cuts what is left and says so.
func TestShutdownIsBounded(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	hold := make(chan struct{})
	r.origin.mu.Lock()
	r.origin.hold = hold
	r.origin.mu.Unlock()
	defer close(hold)
	c := r.dial(t)
	c.write(request("GET", "/v1/status/1", "", bearer(key)))
	until(t, "the upstream has the request", func() bool { return len(r.origin.requests()) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.gateway.Shutdown(ctx); err == nil {
		t.Error("Shutdown did not tell that it cut a request")
	}
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("the request under way was not cut")
	}
}

// A gateway is not built from half of what it needs, and serves nobody before
// it has a plan.
func TestIncompleteOptionsAreRefused(t *testing.T) {
	whole := newRig(t).options
	for name, change := range map[string]func(*gateway.Options){
		"Verifier":     func(o *gateway.Options) { o.Verifier = nil },
		"Dialects":     func(o *gateway.Options) { o.Dialects = nil },
		"Problem":      func(o *gateway.Options) { o.Problem = nil },
		"Logger":       func(o *gateway.Options) { o.Logger = nil },
		"Registerer":   func(o *gateway.Options) { o.Registerer = nil },
		"Now":          func(o *gateway.Options) { o.Now = nil },
		"Rand":         func(o *gateway.Options) { o.Rand = nil },
		"two dialects": func(o *gateway.Options) { o.Dialects = append(o.Dialects, o.Dialects[0]) },
		"registering":  func(*gateway.Options) {}, // a second time on one registry
	} {
		o := whole
		change(&o)
		if _, err := gateway.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
