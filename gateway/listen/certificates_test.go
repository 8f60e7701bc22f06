package listen

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// TLS 1.2 and 1.3 are spoken with HTTP/1.1 alone inside; what is older, and a
// client that only speaks something else, is refused.
func TestOldTLSIsRefused(t *testing.T) {
	a := newAuthority(t, "site")
	c, _ := open(t, folder(t, a.issue(nil), nil))
	address := echo(t, c.Server())
	for version, want := range map[uint16]bool{tls.VersionTLS13: true, tls.VersionTLS12: true, tls.VersionTLS11: false, tls.VersionTLS10: false} {
		config := clientOf(a)
		config.MinVersion, config.MaxVersion = version, version
		config.NextProtos = []string{"h2", "http/1.1"}
		conn, _, err := greet(t, address, config)
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		} else if err == nil && conn.ConnectionState().NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: %q is spoken inside", tls.VersionName(version), conn.ConnectionState().NegotiatedProtocol)
		}
	}
	config := clientOf(a)
	config.NextProtos = []string{"h2"}
	if _, _, err := greet(t, address, config); err == nil {
		t.Error("a client that speaks nothing but HTTP/2 was let in")
	}
}

// A pair that cannot serve, however it came about, is not taken over: the old
// one goes on, an error names the file and what is wrong, once, and the metrics
// alarm until it is mended.
func TestBadPairKeepsTheOldOne(t *testing.T) {
	a := newAuthority(t, "site")
	at := func(from, to time.Duration) pair {
		return a.issue(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) })
	}
	other, expired, early := a.issue(nil), at(-time.Hour, -time.Minute), at(time.Hour, 2*time.Hour)
	spoilt := bytes.Replace(a.pem(), []byte("\nMII"), []byte("\n*II"), 1)
	for name, bad := range map[string]struct {
		cert, key []byte
		names     []string
	}{
		"another key":       {other.cert, nil, []string{"tls.key", "no key for"}},
		"another cert":      {nil, other.key, []string{"tls.crt", "no key for"}},
		"empty cert":        {[]byte{}, nil, []string{"tls.crt", "empty"}},
		"empty key":         {nil, []byte{}, []string{"tls.key", "empty"}},
		"half a cert":       {other.cert[:len(other.cert)/2], other.key, []string{"tls.crt", "no certificate"}},
		"half a key":        {other.cert, other.key[:len(other.key)/2], []string{"tls.key"}},
		"half a chain":      {append(slices.Clone(other.cert), a.pem()[:200]...), other.key, []string{"tls.crt", "part of one"}},
		"a hole in a chain": {slices.Concat(other.cert, spoilt, a.pem()), other.key, []string{"tls.crt", "part of one"}},
		"no PEM":            {[]byte("hello\n"), nil, []string{"tls.crt", "no certificate"}},
		"key in the cert":   {other.key, other.key, []string{"tls.crt", "no certificate"}},
		"cert in the key":   {other.cert, other.cert, []string{"tls.key"}},
		"broken DER":        {asPEM("CERTIFICATE", []byte("hello")), nil, []string{"tls.crt", "certificate 1 cannot be read"}},
		"expired":           {expired.cert, expired.key, []string{"tls.crt", "has expired"}},
		"not valid yet":     {early.cert, early.key, []string{"tls.crt", "not valid yet"}},
		"a file of 2 MiB":   {bytes.Repeat([]byte("x"), 2<<20), nil, []string{"tls.crt", "larger"}},
		"a folder, no file": {nil, nil, []string{"tls.crt", "cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			first := a.issue(nil)
			f := folder(t, first, nil)
			c, said := open(t, f)
			address := echo(t, c.Server())
			if bad.cert != nil {
				put(t, f.Cert, bad.cert)
			}
			if bad.key != nil {
				put(t, f.Key, bad.key)
			}
			if bad.cert == nil && bad.key == nil {
				fatal(t, os.Remove(f.Cert))
				fatal(t, os.Mkdir(f.Cert, 0o700))
			}
			for range 3 { // polls
				if err := c.reload(false); err == nil {
					t.Fatal("it was taken over")
				}
			}
			conn, _, err := greet(t, address, clientOf(a))
			fatal(t, err)
			if serial(conn) != first.use.Leaf.SerialNumber.Text(16) {
				t.Error("another certificate is shown")
			}
			for _, piece := range append(bad.names, `"level":"error"`, `"use":"listen"`) {
				if !strings.Contains(said.String(), piece) {
					t.Errorf("the log lacks %q: %s", piece, said)
				}
			}
			if s := c.Status(); s.Good || s.Refused != 1 || s.Applied != 0 {
				t.Errorf("the status is %+v", s)
			}
			if c.Reload() == nil || c.Status().Refused != 2 {
				t.Error("a reload that was asked for is not answered for")
			}
			os.Remove(f.Cert)
			put(t, f.Cert, first.cert)
			put(t, f.Key, first.key)
			if err := c.reload(false); err != nil || !c.Status().Good {
				t.Errorf("mended: %v, %+v", err, c.Status())
			}
		})
	}
}

// A renewed certificate is not refused for a cross-signed root behind it that has
// ended, which clients who know a newer one never look at: the old one would run
// out meanwhile.
func TestEndedRootBehindAGoodCertificateIsNoFault(t *testing.T) {
	a := newAuthority(t, "site")
	c, _ := open(t, folder(t, a.issue(nil), nil))
	old := a.issue(func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = "old root", true, true, x509.KeyUsageCertSign
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	next := a.issue(nil)
	f := c.current.Load().files
	put(t, f.Cert, slices.Concat(next.cert, old.cert))
	put(t, f.Key, next.key)
	if err := c.reload(false); err != nil {
		t.Fatal(err)
	}
	if s := c.Status(); !s.Good || s.Applied != 1 || !s.NotAfter.Equal(next.use.Leaf.NotAfter) {
		t.Errorf("the status is %+v", s)
	}
	conn, _, err := greet(t, echo(t, c.Server()), clientOf(a))
	fatal(t, err)
	if serial(conn) != next.use.Leaf.SerialNumber.Text(16) {
		t.Error("the old certificate is shown")
	}
}

// An authority that cannot be read is not passed over among others: its clients
// would be refused, and nobody would know why.
func TestSpoiltAuthorityIsNotPassedOver(t *testing.T) {
	a, b := newAuthority(t, "one"), newAuthority(t, "two")
	for _, spoilt := range [][]byte{bytes.Replace(a.pem(), []byte("\nMII"), []byte("\n*II"), 1), a.pem()[:100]} {
		if _, err := Load(folder(t, a.issue(nil), slices.Concat(b.pem(), spoilt, b.pem())), time.Now()); err == nil || !strings.Contains(err.Error(), "ca.crt") {
			t.Errorf("%q: %v", spoilt[:40], err)
		}
	}
}

// What cannot serve at all is refused at the start; a certificate that has
// expired is served, and said loudly, as is a key that everybody may read.
func TestOpenRefusesWhatCannotServe(t *testing.T) {
	a := newAuthority(t, "site")
	good, other := a.issue(nil), a.issue(nil)
	f := folder(t, good, []byte("nothing\n"))
	log := zap.NewNop()
	for _, files := range []Files{{Cert: f.Cert + "x", Key: f.Key}, {Cert: f.Cert, Key: f.Key + "x"}, {Cert: f.Key, Key: f.Key}, f} {
		if _, err := Open(Options{Use: "listen", Files: files, Logger: log, Now: time.Now}); err == nil {
			t.Errorf("%+v was opened", files)
		}
	}
	put(t, f.Key, other.key)
	f.CA = ""
	if _, err := Open(Options{Use: "listen", Files: f, Logger: log, Now: time.Now}); err == nil || strings.Contains(err.Error(), string(other.key)) {
		t.Errorf("somebody else's key: %v", err)
	}
	old := a.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	f = folder(t, old, nil)
	fatal(t, os.Chmod(f.Key, 0o644))
	_, said := open(t, f)
	for _, piece := range []string{`"level":"error"`, "has expired", "chmod 640"} {
		if !strings.Contains(said.String(), piece) {
			t.Errorf("the log lacks %q: %s", piece, said)
		}
	}
}

// An expired certificate gives way to any that can serve, even to one that has
// expired too: the operator knows.
func TestExpiredCertificateGivesWay(t *testing.T) {
	a := newAuthority(t, "site")
	expired := func(ago time.Duration) pair {
		return a.issue(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*day), time.Now().Add(-ago)
		})
	}
	f := folder(t, expired(time.Hour), nil)
	c, _ := open(t, f)
	for i, next := range []pair{expired(time.Minute), a.issue(nil)} {
		put(t, f.Cert, next.cert)
		put(t, f.Key, next.key)
		if err := c.Reload(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}
