package configs

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// A listener's certificate is proved before anything begins: what could not
// serve is refused at its place, without a byte of the key.
func TestListenerTLS(t *testing.T) {
	dir := t.TempDir()
	_, key := writePair(t, dir, "own")
	cert, _ := writePair(t, dir, "other")
	write(t, filepath.Join(dir, "cas.crt"), cert+cert)
	write(t, filepath.Join(dir, "half.crt"), cert[:len(cert)/2])
	f := func(tls, want string) *Config {
		t.Helper()
		path := filepath.Join(dir, "tollgate.yaml")
		write(t, path, fmt.Sprintf("tls: %s\nadmin:\n  listen: 0.0.0.0:9090\n  tls: %s\n", tls, tls))
		c, problems := Load(path, nil)
		for _, at := range []string{"1:", "4:"} {
			found := want == ""
			for _, p := range problems {
				text := strings.TrimPrefix(p.String(), path+":")
				found = found || strings.HasPrefix(text, at) && strings.Contains(text, want)
				if strings.Contains(text, strings.Split(key, "\n")[1]) || want == "" {
					t.Errorf("%s: %s", tls, p)
				}
			}
			if !found {
				t.Errorf("%s: %v\nwant %q in line %s", tls, problems, want, at)
			}
		}
		return c
	}
	c := f("{cert: own.crt, key: own.key}", "")
	if !c.TLS.On() || !c.Admin.TLS.On() || c.TLS.Cert != File(filepath.Join(dir, "own.crt")) {
		t.Errorf("read as %+v", c.TLS)
	}
	if got := c.BaseURL(); got != "https://127.0.0.1:8080" {
		t.Errorf("URLs begin with %s", got)
	}
	f("{cert: own.crt, key: own.key, client_ca: cas.crt, client_auth: required}", "")
	f("{cert: other.crt, key: own.key}", "tls.key: it is not the key of the certificate in cert")
	f("{cert: own.crt}", "tls.cert: there is no key for it")
	f("{key: own.key}", "tls.key: there is no certificate for it")
	f("{cert: half.crt, key: own.key}", "tls.cert: there is no certificate in it")
	f("{cert: own.key, key: own.key}", "tls.cert: there is no certificate in it")
	f("{cert: own.crt, key: own.key, client_ca: half.crt}", "tls.client_ca: there is no certificate in it")
	f("{cert: own.crt, key: own.key, client_ca: own.key}", "tls.client_ca: it holds a")
	f("{cert: own.crt, key: own.key, client_ca: none.crt}", "tls.client_ca:")
	f("{cert: own.crt, key: own.key, client_auth: required}", "tls.client_auth: nobody could connect")
	f("{client_ca: cas.crt}", "tls.client_ca: client certificates are shown over TLS alone")
	f("{client_auth: often}", "tls.client_auth:")
}
