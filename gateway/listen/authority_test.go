package listen

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// pair is a certificate and its key, in PEM and for use.
type pair struct {
	cert, key []byte
	use       tls.Certificate
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10 * 365 * day),
	})
	return a
}

// sign makes a key and a certificate for it, signed by the authority, or by
// itself where there is none yet.
func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(a.t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	fatal(a.t, err)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	fatal(a.t, err)
	cert, err := x509.ParseCertificate(der)
	fatal(a.t, err)
	return cert, key
}

// issue makes a certificate for a.test and 127.0.0.1, changed as asked.
func (a *authority) issue(change func(*x509.Certificate)) pair {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "a.test"}, DNSNames: []string{"a.test"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	cert, key := a.sign(template)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(a.t, err)
	p := pair{cert: asPEM("CERTIFICATE", cert.Raw), key: asPEM("PRIVATE KEY", der)}
	p.use, err = tls.X509KeyPair(p.cert, p.key)
	fatal(a.t, err)
	return p
}

func (a *authority) pem() []byte { return asPEM("CERTIFICATE", a.cert.Raw) }

func asPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// folder is a directory with tls.crt, tls.key and, where there is one, ca.crt.
func folder(t testing.TB, p pair, ca []byte) Files {
	t.Helper()
	dir := t.TempDir()
	f := Files{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	put(t, f.Cert, p.cert)
	put(t, f.Key, p.key)
	if ca != nil {
		f.CA = filepath.Join(dir, "ca.crt")
		put(t, f.CA, ca)
	}
	return f
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	fatal(t, os.WriteFile(path, data, 0o600))
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
