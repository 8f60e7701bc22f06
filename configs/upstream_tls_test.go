package configs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes a self-signed certificate and its key in dir, and gives their
// texts.
func writePair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	write(t, filepath.Join(dir, name+".crt"), cert)
	write(t, filepath.Join(dir, name+".key"), key)
	return cert, key
}

// An upstream's certificates and key are read with the file that names them, so
// that what is wrong with them is known before anything begins, at its place and
// without a byte of the key.
func TestUpstreamTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, "own")
	secret := strings.Split(key, "\n")[1]
	other, _ := writePair(t, dir, "other")
	write(t, filepath.Join(dir, "both.crt"), cert+other)
	write(t, filepath.Join(dir, "mixed.crt"), cert+key)
	write(t, filepath.Join(dir, "broken.crt"), cert+"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	write(t, filepath.Join(dir, "hole.crt"), strings.Replace(cert, "\nMII", "\n*II", 1)+other)
	write(t, filepath.Join(dir, "cut.crt"), cert+other[:len(other)/2])
	f := func(tls, want string) *Config {
		t.Helper()
		path := filepath.Join(dir, "tollgate.yaml")
		write(t, path, fmt.Sprintf("upstreams:\n  a: {targets: [\"https://127.0.0.1:9000\"], tls: %s}\n", tls)+
			"routes:\n  - {match: {path: /a, methods: [GET]}, upstream: a, dialects: [oauth], facts: none}\n")
		c, problems := Load(path, nil)
		var got []string
		for _, p := range problems {
			got = append(got, strings.TrimPrefix(p.String(), path+":"))
			if strings.Contains(p.String(), secret) {
				t.Errorf("%s: a problem quotes the key: %s", tls, p)
			}
		}
		if text := strings.Join(got, "\n"); (text == "") != (want == "") || !strings.Contains(text, want) {
			t.Errorf("%s: %s\nwant %q", tls, text, want)
		}
		return c
	}
	c := f("{ca: both.crt, cert: own.crt, key: own.key, server_name: api.example.com}", "")
	if got := c.Upstreams["a"].TLS; got.CAText != cert+other || got.CertText != cert || string(got.KeyText.Reveal())+"\n" != key || got.ServerName != "api.example.com" {
		t.Errorf("what was read is not what is in the files: %+v", got)
	}
	if text := string(c.Redacted()); strings.Contains(text, "PRIVATE KEY") || !strings.Contains(text, "own.key") {
		t.Errorf("the configuration shows the key, or not its file:\n%s", text)
	}
	f("{server_name: 127.0.0.1}", "")
	anything := func(string, *UpstreamTLS) error { return nil }
	f("{cert: own.crt, key: own.key}", "")
	if same, err := c.RenewUpstreams(anything); same != c || err != nil {
		t.Errorf("files that hold what they held changed something: %v", err)
	}
	write(t, filepath.Join(dir, "own.crt"), other)
	if _, err := c.RenewUpstreams(anything); err == nil || !strings.Contains(err.Error(), "upstreams.a.tls.key: it is not the key") || strings.Contains(err.Error(), secret) {
		t.Errorf("a certificate that came before its key: %v", err)
	}
	_, renewed := writePair(t, dir, "own")
	next, err := c.RenewUpstreams(anything)
	if err != nil || next == c || string(next.Upstreams["a"].TLS.KeyText.Reveal())+"\n" != renewed || string(c.Upstreams["a"].TLS.KeyText.Reveal())+"\n" != key {
		t.Errorf("a renewed pair: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "both.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RenewUpstreams(anything); err == nil || !strings.Contains(err.Error(), "upstreams.a.tls.ca:") {
		t.Errorf("an authority that is gone: %v", err)
	}
	f("{cert: other.crt, key: own.key}", "2:72: upstreams.a.tls.key: it is not the key of the certificate in cert")
	f("{cert: own.key, key: own.key}", "upstreams.a.tls.cert: there is no certificate in it")
	f("{ca: mixed.crt}", `upstreams.a.tls.ca: it holds a "PRIVATE KEY"`)
	f("{ca: broken.crt}", "upstreams.a.tls.ca: certificate 2 in it cannot be read")
	f("{ca: hole.crt}", "upstreams.a.tls.ca: part of it cannot be read")
	f("{ca: cut.crt}", "upstreams.a.tls.ca: part of it cannot be read")
	f("{ca: own.key}", "upstreams.a.tls.ca: it holds a")
	f("{cert: own.crt}", "upstreams.a.tls.cert: there is no key for it")
	f("{key: own.key}", "upstreams.a.tls.key: there is no certificate for it")
	f("{server_name: api_?}", "upstreams.a.tls.server_name:")
}
