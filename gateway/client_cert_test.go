package gateway_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/policy/token"
)

// issued makes a client certificate that ends at a time, signed by another.
func issued(t testing.TB, by tls.Certificate, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Leaf, &key.PublicKey, by.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func onlyWith(certs ...tls.Certificate) func(*token.Live, *token.Bounds) {
	return func(_ *token.Live, b *token.Bounds) {
		for _, c := range certs {
			sum := sha256.Sum256(c.Certificate[0])
			b.ClientCerts = append(b.ClientCerts, hex.EncodeToString(sum[:]))
		}
		b.Restricts.ClientCert = true
	}
}

// A stolen key is refused without its client certificate, with one that nobody
// vouched for, and over plain HTTP, with a body or without, however its body is
// announced; a certificate counts for its own connection only.
func TestClientCertificateIsABound(t *testing.T) {
	site := selfSigned(t)
	clients := x509.NewCertPool()
	clients.AddCert(site.Leaf)
	until := time.Now().Add(time.Hour)
	own, other, unknown := issued(t, site, until), issued(t, site, until), issued(t, selfSigned(t), until)
	r := newRig(t)
	key := r.roster.add(t, "good", onlyWith(own))
	// A server that takes any certificate: what is not proved must not count.
	lax := r.behind(t, gateway.Entry{TLS: &tls.Config{Certificates: []tls.Certificate{site}, ClientAuth: tls.RequestClientCert}})
	strict := r.behind(t, gateway.Entry{TLS: &tls.Config{Certificates: []tls.Certificate{site}, ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven}})
	large := request("POST", "/v1/payments/1", strings.Repeat("x", 5000), bearer(key), jsonType)
	for name, c := range map[string]struct {
		address string
		cert    *tls.Certificate
		want    [3]int // GET, POST, POST of a body that is too large
	}{
		"own":       {strict, &own, [3]int{200, 200, 413}},
		"none":      {strict, nil, [3]int{403, 403, 403}},
		"another's": {strict, &other, [3]int{403, 403, 403}},
		"unproved":  {lax, &own, [3]int{403, 403, 403}},
		"made up":   {lax, &unknown, [3]int{403, 403, 403}},
		"no TLS":    {r.address, nil, [3]int{403, 403, 403}},
	} {
		for i, raw := range []string{
			request("GET", "/v1/status/1", "", bearer(key)), request("POST", "/v1/payments/1", goodBody, bearer(key), jsonType), large,
		} {
			conn := dialTo(t, c.address)
			if c.address != r.address {
				stream := tls.Client(conn.conn, &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if c.cert == nil {
						return &tls.Certificate{}, nil
					}
					return c.cert, nil
				}})
				conn.conn, conn.r = stream, bufio.NewReader(stream)
			}
			conn.write(raw)
			a := conn.answer(methodOf(raw))
			if a.status != c.want[i] || a.status == 403 && a.code() != "client_cert_not_allowed" {
				t.Errorf("%s, request %d: %d %s, want %d", name, i, a.status, a.body, c.want[i])
			}
		}
	}
}

// A certificate that ends while its connection is open stops counting at that
// moment, not when the client next connects.
func TestClientCertificateEndsOnAnOpenConnection(t *testing.T) {
	site := selfSigned(t)
	clients := x509.NewCertPool()
	clients.AddCert(site.Leaf)
	own := issued(t, site, time.Now().Add(time.Hour))
	r := newRig(t)
	key := r.roster.add(t, "good", onlyWith(own))
	address := r.behind(t, gateway.Entry{TLS: &tls.Config{Certificates: []tls.Certificate{site}, ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven}})
	c := dialTo(t, address)
	stream := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}})
	c.conn, c.r = stream, bufio.NewReader(stream)
	for at, want := range []int{200, 403} {
		r.now.Store(time.Now().Add(time.Duration(at) * 61 * time.Minute).UnixMicro())
		c.write(request("GET", "/v1/status/1", "", bearer(key)))
		if a := c.answer("GET"); a.status != want {
			t.Errorf("%d hours later: %d %s, want %d", at, a.status, a.body, want)
		}
	}
}
