package listen

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

// Where a client CA is named, a certificate that it vouches for is proved, one
// that it does not, that has expired or is for servers only is refused, and no
// certificate is let in unless one is required.
func TestClientCertificates(t *testing.T) {
	site, clients, strangers := newAuthority(t, "site"), newAuthority(t, "clients"), newAuthority(t, "clients")
	known := clients.issue(nil)
	expired := clients.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	server := clients.issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	f := folder(t, site.issue(nil), clients.pem())
	for _, required := range []bool{false, true} {
		f.Required = required
		c, _ := open(t, f)
		if c.Status().CANotAfter != clients.cert.NotAfter {
			t.Errorf("the CA's end is %v", c.Status().CANotAfter)
		}
		address := echo(t, c.Server())
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for name, try := range map[string]struct {
				cert *tls.Certificate
				want string // the greeting; "" for a refusal
			}{
				"known": {&known.use, "false 1\n"}, "none": {nil, map[bool]string{false: "false 0\n"}[required]},
				"unknown CA": {ptr(strangers.issue(nil).use), ""}, "own CA": {ptr(site.issue(nil).use), ""},
				"expired": {&expired.use, ""}, "server": {&server.use, ""},
			} {
				config := clientOf(site)
				config.MinVersion, config.MaxVersion = version, version
				if try.cert != nil { // also where the server did not ask for its CA
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return try.cert, nil }
				}
				_, got, err := greet(t, address, config)
				if got != try.want || (err == nil) != (try.want != "") {
					t.Errorf("%s, required %t, %s: %q, %v", tls.VersionName(version), required, name, got, err)
				}
			}
		}
	}
}

func ptr[T any](v T) *T { return &v }

// A client whose CA is no longer trusted cannot come back on the session of
// before; and a session does save the handshake while nothing changes.
func TestSessionDoesNotOutliveItsCA(t *testing.T) {
	site, before, after := newAuthority(t, "site"), newAuthority(t, "before"), newAuthority(t, "after")
	known := before.issue(nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		f := folder(t, site.issue(nil), before.pem())
		c, _ := open(t, f)
		address := echo(t, c.Server())
		config := clientOf(site)
		config.MinVersion, config.MaxVersion = version, version
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &known.use, nil }
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		for i, want := range []string{"false 1\n", "true 1\n", "true 1\n"} {
			if i == 2 {
				c.turnTickets() // the key of before still opens
			}
			if _, got, err := greet(t, address, config); got != want || err != nil {
				t.Fatalf("%s, visit %d: %q, %v", tls.VersionName(version), i, got, err)
			}
		}
		put(t, f.CA, after.pem())
		fatal(t, c.Reload())
		if _, got, err := greet(t, address, config); err == nil {
			t.Errorf("%s: after the CA changed the client is greeted with %q", tls.VersionName(version), got)
		}
		config.GetClientCertificate = nil
		if _, got, err := greet(t, address, config); got != "false 0\n" {
			t.Errorf("%s: without a certificate, but with the session: %q, %v", tls.VersionName(version), got, err)
		}
	}
}

// As a client, what was loaded shows its pair to a server that asks for one, and
// takes nobody's certificate but its CA's.
func TestMaterialServesAClient(t *testing.T) {
	a, clients := newAuthority(t, "site"), newAuthority(t, "clients")
	server, _ := open(t, folder(t, a.issue(nil), clients.pem()))
	address := echo(t, server.Server())
	pair, stranger := folder(t, clients.issue(nil), a.pem()), folder(t, clients.issue(nil), clients.pem())
	for want, files := range map[string]Files{"false 1\n": pair, "false 0\n": {CA: pair.CA}, "": stranger} {
		m, err := Load(files, time.Now())
		fatal(t, err)
		config := m.Client()
		config.ServerName = "a.test"
		if _, got, err := greet(t, address, config); got != want || (err == nil) != (want != "") {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
