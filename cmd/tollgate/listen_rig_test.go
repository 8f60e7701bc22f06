package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// ca signs certificates for tests.
type ca struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	text []byte // of cert, in PEM
}

func newCA(t *testing.T) *ca {
	t.Helper()
	a := &ca{t: t}
	der, key := a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(1000 * time.Hour)})
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key, a.text = cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func (a *ca) sign(template *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		a.t.Fatal(err)
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// issue makes a certificate for gateway.test, for servers and clients alike, and
// writes it with its key as NAME.crt and NAME.key.
func (a *ca) issue(dir, name string) tls.Certificate {
	a.t.Helper()
	return a.issueUntil(dir, name, time.Now().Add(500*time.Hour))
}

func (a *ca) issueUntil(dir, name string, end time.Time) tls.Certificate {
	a.t.Helper()
	der, key := a.sign(&x509.Certificate{DNSNames: []string{"gateway.test"}, NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyText := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	write(a.t, filepath.Join(dir, name+".key"), string(keyText))
	write(a.t, filepath.Join(dir, name+".crt"), string(certText))
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func fingerprint(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// trusts is a client's config that takes a's certificates and shows its own.
func (a *ca) trusts(own ...tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, ServerName: "gateway.test", Certificates: own}
}

// secured connects over TLS behind what a balancer writes first.
func secured(t *testing.T, address, header string, config *tls.Config) (*tls.Conn, *bufio.Reader) {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(raw, header)
	c := tls.Client(raw, config)
	return c, bufio.NewReader(c)
}

// shown is the serial number of the certificate that a listener shows now.
func shown(t *testing.T, address, header string, config *tls.Config) string {
	t.Helper()
	c, _ := secured(t, address, header, config)
	defer c.Close()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func serialOf(c tls.Certificate) string { return c.Leaf.SerialNumber.String() }

// overTLS has the admin side spoken to over TLS from here on.
func (s *client) overTLS(config *tls.Config) {
	s.https = &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
}
