package gateway

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// certify makes a server certificate, which change may spoil.
func (a *authority) certify(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "origin"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsFront is a front before a TLS origin at https://localhost.
func tlsFront(t *testing.T, config *tls.Config, roots *x509.CertPool, script func(net.Conn, *bufio.Reader, query)) (*front, *origin) {
	t.Helper()
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := plain
	if config != nil {
		l = tls.NewListener(plain, config)
	}
	o := newOriginOn(t, l, "https", script)
	_, port, _ := net.SplitHostPort(plain.Addr().String())
	u, err := newUpstream("secure", UpstreamSpec{Targets: []string{"https://localhost:" + port}, Timeout: 10 * time.Second},
		upstreamContext{}, func(u *upstream) { u.spec.TLS.Roots = roots })
	if err != nil {
		t.Fatal(err)
	}
	f := &front{route: &route{}}
	f.serve(t, u)
	return f, o
}

// TestTLSUpstream guarantees that https targets are spoken to over verified
// TLS, with the target's name, and that connections are kept there too.
func TestTLSUpstream(t *testing.T) {
	a := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var name, protocol string
		config := &tls.Config{Certificates: []tls.Certificate{a.certify(t, nil)}, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"},
			VerifyConnection: func(s tls.ConnectionState) error {
				name, protocol = s.ServerName, s.NegotiatedProtocol
				return nil
			}}
		f, o := tlsFront(t, config, a.roots(), honest)
		c, d := f.client(t), f.client(t)
		for i := range 10 {
			c.wantAnswer("POST", fmt.Sprint("c", i))
			d.wantAnswer("GET", fmt.Sprint("d", i))
		}
		if name != "localhost" || protocol != "http/1.1" {
			t.Errorf("%s: server name %q, protocol %q; want localhost, http/1.1", tls.VersionName(version), name, protocol)
		}
		if n := o.dialed(); n != 1 {
			t.Errorf("%s: 20 requests in turn took %d connections; want 1", tls.VersionName(version), n)
		}
	}
}

// TestTLSRefused guarantees that a target which cannot prove who it is, or only
// speaks what we do not, is sent nothing: 503, and never plain text instead.
func TestTLSRefused(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	f := func(name string, config *tls.Config, roots *x509.CertPool) {
		t.Helper()
		fr, o := tlsFront(t, config, roots, honest)
		if g := fr.client(t).ask("POST", "/pay", "m", "x"); g.status != 503 || g.body != "upstream_unreachable" {
			t.Errorf("%s got %v; want 503 upstream_unreachable", name, g)
		}
		if r := fr.lastRecord(); r.sent || len(o.seen) != 0 {
			t.Errorf("%s: something was sent: %v", name, o.seen)
		}
	}
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	f("unknown authority", with(other.certify(t, nil)), a.roots())
	f("system roots", with(a.certify(t, nil)), nil)
	f("another name", with(a.certify(t, func(c *x509.Certificate) { c.DNSNames = []string{"evil.test"} })), a.roots())
	f("expired", with(a.certify(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), a.roots())
	f("not yet valid", with(a.certify(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), a.roots())
	f("a client's certificate", with(a.certify(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })), a.roots())
	old := with(a.certify(t, nil))
	old.MaxVersion = tls.VersionTLS11
	f("TLS 1.1", old, a.roots())
	odd := with(a.certify(t, nil))
	odd.NextProtos = []string{"odd"}
	f("another protocol only", odd, a.roots())
	f("no TLS at all", nil, a.roots())
}

// TestTLSVerificationCannotBeSwitchedOff guarantees it for whatever a target is.
func TestTLSVerificationCannotBeSwitchedOff(t *testing.T) {
	for _, spec := range []TLSSpec{{}, {Cert: func() *tls.Certificate { return nil }}} {
		c := tlsFor("h", &spec)
		if c.InsecureSkipVerify || c.MinVersion < tls.VersionTLS12 || c.ServerName != "h" || c.RootCAs != nil || c.VerifyConnection != nil {
			t.Errorf("the configuration verifies less than all: %+v", c)
		}
	}
}

// TestTLSWordBetweenRequests guarantees that TLS hides no second answer: not
// one in the record of the first, not one in a record of its own that was read
// along, not the first bytes of one.
func TestTLSWordBetweenRequests(t *testing.T) {
	a := newAuthority(t)
	cert := a.certify(t, nil)
	second := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nHIJACK"
	long := strings.Repeat("x", 12000) // longer than the read buffer, shorter than a record
	f := func(name string, dials int, script func(c net.Conn)) {
		t.Helper()
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, MaxVersion: version}
			fr, o := tlsFront(t, config, a.roots(), hostile(func(c net.Conn, _ *bufio.Reader, _ query) { script(c) }))
			c, d := fr.client(t), fr.client(t)
			if g := c.ask("GET", "/", "attack", ""); g.status != 200 || g.err != nil || strings.Contains(g.body, "HIJACK") {
				t.Errorf("%s: got %v; want the first answer", name, g)
			}
			until(t, "the connection is not fit for use", func() bool {
				_, quiet := fr.up.idle()
				return quiet == 0 && len(fr.up.slots) == 0
			})
			d.wantAnswer("POST", "d")
			c.wantAnswer("GET", "c")
			if n := o.dialed(); n != dials {
				t.Errorf("%s: %d connections; want %d", name, n, dials)
			}
		}
	}
	f("in one record", 3, func(c net.Conn) { io.WriteString(c, head200+"Content-Length: 3\r\n\r\nown"+second) })
	f("behind a long body, in its record", 3, func(c net.Conn) {
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head200, len(long))
		io.WriteString(c, long+second)
	})
	f("in a record of its own", 3, func(c net.Conn) {
		io.WriteString(c, head200+"Content-Length: 3\r\n\r\nown")
		io.WriteString(c, second)
	})
	f("close_notify", 2, func(c net.Conn) {
		io.WriteString(c, head200+"Content-Length: 3\r\n\r\nown")
		c.(*tls.Conn).CloseWrite()
	})
}

// TestRecordsFollowsFraming guarantees that a record of which only a part has
// come is noticed, however the reads fall.
func TestRecordsFollowsFraming(t *testing.T) {
	text := []byte{23, 3, 3, 0, 4, 'a', 'b', 'c', 'd', 21, 3, 3, 0, 0, 23, 3, 3, 1, 0}
	text = append(text, make([]byte, 256)...)
	whole := map[int]bool{0: true, 9: true, 14: true, len(text): true}
	for step := 1; step <= len(text); step++ {
		var r records
		for at := 0; at < len(text); {
			n := min(step, len(text)-at)
			r.follow(text[at : at+n])
			at += n
			if between := r.have == 0 && r.left == 0; between != whole[at] {
				t.Fatalf("in steps of %d, after %d bytes: between records is %v; want %v", step, at, between, whole[at])
			}
		}
	}
}
