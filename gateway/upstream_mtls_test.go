package gateway

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// guests is a TLS origin that lets only those in whose certificate its
// authority signed, and remembers who came.
type guests struct {
	*origin
	target string
	mu     sync.Mutex
	came   []string // serial numbers, one a handshake
}

func newGuests(t *testing.T, house, visitors *authority, version uint16) *guests {
	t.Helper()
	g := &guests{}
	config := &tls.Config{Certificates: []tls.Certificate{house.certify(t, nil)}, MaxVersion: version,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: visitors.roots(),
		VerifyConnection: func(s tls.ConnectionState) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.came = append(g.came, s.PeerCertificates[0].Subject.CommonName)
			return nil
		}}
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.origin = newOriginOn(t, tls.NewListener(plain, config), "https", honest)
	_, port, _ := net.SplitHostPort(plain.Addr().String())
	g.target = "https://localhost:" + port
	return g
}

func (g *guests) names() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprint(g.came)
}

func visitor(t *testing.T, a *authority, name string) *tls.Certificate {
	t.Helper()
	c := a.certify(t, func(c *x509.Certificate) {
		c.Subject.CommonName, c.ExtKeyUsage = name, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	return &c
}

// TestMTLSUpstream guarantees that an upstream which asks for our certificate is
// shown it, the renewed one from the next connection on, and no session of before
// stands in for it.
func TestMTLSUpstream(t *testing.T) {
	house, visitors := newAuthority(t), newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		g := newGuests(t, house, visitors, version)
		var ours atomic.Pointer[tls.Certificate]
		ours.Store(visitor(t, visitors, "first"))
		f := newFront(t, []string{g.target}, withSpec(func(s *UpstreamSpec) {
			s.TLS = TLSSpec{Roots: house.roots(), Cert: ours.Load}
		}))
		c := f.client(t)
		for i := range 3 {
			c.wantAnswer("POST", fmt.Sprint("m", i))
		}
		until(t, "the slot is back", func() bool { return len(f.up.slots) == 0 })
		f.up.targets[0].expire(time.Time{})
		ours.Store(visitor(t, visitors, "second"))
		c.wantAnswer("POST", "renewed")
		if got := g.names(); got != "[first second]" {
			t.Errorf("%s: %s came; want first, then second, once each", tls.VersionName(version), got)
		}
	}
}

// TestMTLSRefused guarantees that without the certificate that an upstream asks
// for, or with one it does not accept, no request of ours is executed there, and
// that nothing goes out in plain text instead.
func TestMTLSRefused(t *testing.T) {
	house, visitors, strangers := newAuthority(t), newAuthority(t), newAuthority(t)
	f := func(name string, version uint16, cert func() *tls.Certificate, statuses ...int) {
		t.Helper()
		g := newGuests(t, house, visitors, version)
		fr := newFront(t, []string{g.target}, withSpec(func(s *UpstreamSpec) { s.TLS = TLSSpec{Roots: house.roots(), Cert: cert} }))
		got := fr.client(t).ask("POST", "/pay", "m", "x")
		if got.status != statuses[0] {
			t.Errorf("%s, %s: got %v; want %d", name, tls.VersionName(version), got, statuses[0])
		}
		if n := g.executed("m"); n != 0 {
			t.Errorf("%s: executed %d times; want never", name, n)
		}
	}
	stranger := visitor(t, strangers, "stranger")
	expired := visitors.certify(t, func(c *x509.Certificate) {
		c.NotAfter, c.ExtKeyUsage = time.Now().Add(-time.Minute), []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	// TLS 1.3 tells the client of a refusal only when the request has gone out.
	for version, status := range map[uint16]int{tls.VersionTLS12: 503, tls.VersionTLS13: 502} {
		f("no certificate", version, nil, status)
		f("a stranger's", version, func() *tls.Certificate { return stranger }, status)
		f("an expired one", version, func() *tls.Certificate { return &expired }, status)
		f("none to be had", version, func() *tls.Certificate { return nil }, 503)
	}
}

// TestServerName guarantees that the configured name is the one that is sent and
// the one that is verified, instead of the target's and not beside it.
func TestServerName(t *testing.T) {
	a := newAuthority(t)
	f := func(name, onCertificate string, want int) {
		t.Helper()
		var sent string
		config := &tls.Config{
			Certificates:     []tls.Certificate{a.certify(t, func(c *x509.Certificate) { c.DNSNames = []string{onCertificate} })},
			VerifyConnection: func(s tls.ConnectionState) error { sent = s.ServerName; return nil },
		}
		plain, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		o := newOriginOn(t, tls.NewListener(plain, config), "https", func(c net.Conn, r *bufio.Reader, q query) { honest(c, r, q) })
		_, port, _ := net.SplitHostPort(plain.Addr().String())
		fr := newFront(t, []string{"https://localhost:" + port}, withSpec(func(s *UpstreamSpec) {
			s.TLS = TLSSpec{Roots: a.roots(), ServerName: name}
		}))
		if g := fr.client(t).ask("GET", "/", "m", ""); g.status != want || want == 200 && sent != name {
			t.Errorf("name %q, certificate for %q: got %v, sent %q; want %d", name, onCertificate, g, sent, want)
		}
		if n := o.executed("m"); (n == 1) != (want == 200) {
			t.Errorf("executed %d times", n)
		}
	}
	f("api.example.com", "api.example.com", 200)
	f("api.example.com", "localhost", 503)
}

// TestChangedTLSIsAnotherUpstream guarantees that a reload notices an authority
// or a certificate that changed, though the file names did not.
func TestChangedTLSIsAnotherUpstream(t *testing.T) {
	a := newAuthority(t)
	ours := func() *tls.Certificate { return nil }
	spec := UpstreamSpec{Targets: []string{"https://a"}, TLS: TLSSpec{Roots: a.roots(), Cert: ours, ServerName: "b", Version: [sha256.Size]byte{1}}}
	u, err := newUpstream("u", spec, upstreamContext{})
	if err != nil {
		t.Fatal(err)
	}
	if !u.sameAs(spec) {
		t.Error("an equal spec counts as changed")
	}
	for i, change := range []func(*TLSSpec){
		func(s *TLSSpec) { s.Version[0] = 2 },
		func(s *TLSSpec) { s.ServerName = "c" },
		func(s *TLSSpec) { s.Roots = nil },
		func(s *TLSSpec) { s.Cert = nil },
	} {
		other := spec
		change(&other.TLS)
		if u.sameAs(other) {
			t.Errorf("change %d went unnoticed", i)
		}
	}
}
