package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edgeConfig is a site behind a balancer that speaks the PROXY protocol, with TLS
// on both listeners, and client certificates.
const edgeConfig = siteConfig + `
proxy_protocol: v1v2
trusted_proxies: [127.0.0.1]
tls: {cert: front.crt, key: front.key, client_ca: clients.crt}
`

const edgeAdmin = `admin: {listen: 127.0.0.1:0, tls: {cert: back.crt, key: back.key}}`

// edge starts a process on a configuration whose certificates site signs and
// whose clients have theirs from clients.
func edge(t *testing.T, site, clients *ca) (p *process, dir, file string, front tls.Certificate) {
	t.Helper()
	file = configFile(t, strings.Replace(edgeConfig, "admin: {listen: 127.0.0.1:0}", edgeAdmin, 1), newOrigin(t).url())
	dir = filepath.Dir(file)
	front = site.issue(dir, "front")
	site.issue(dir, "back")
	write(t, filepath.Join(dir, "clients.crt"), string(clients.text))
	write(t, filepath.Join(dir, "site.crt"), string(site.text))
	p = serving(t, file)
	p.overTLS(site.trusts())
	p.addMerchant("Boutique")
	return p, dir, file, front
}

const fromClient = "PROXY TCP4 203.0.113.7 192.0.2.9 5000 443\r\n"

// A key that was stolen is of no use without the client's certificate: not
// without one, not with another of the same authority, and not from where the
// client is not; the holder of both passes, and the upstream is told https and
// the client's own address.
func TestStolenKeyIsNothingWithoutTheCertificate(t *testing.T) {
	t.Parallel()
	site, clients := newCA(t), newCA(t)
	p, dir, _, _ := edge(t, site, clients)
	own, other := clients.issue(dir, "own"), clients.issue(dir, "other")
	key := p.token(composed, fmt.Sprintf(`"client_cert_sha256":[%q],"ip_whitelist":["203.0.113.7"]`, fingerprint(own))).Credentials.Key
	for name, try := range map[string]struct {
		config *tls.Config
		header string
		want   string
	}{
		"own":               {site.trusts(own), fromClient, "200"},
		"none":              {site.trusts(), fromClient, "403 client_cert_not_allowed"},
		"another":           {site.trusts(other), fromClient, "403 client_cert_not_allowed"},
		"own, elsewhere":    {site.trusts(own), strings.Replace(fromClient, "113.7", "113.8", 1), "403 ip_not_allowed"},
		"own, the balancer": {site.trusts(own), "PROXY UNKNOWN\r\n", "403 ip_not_allowed"},
	} {
		c, r := secured(t, p.gateway, try.header, try.config)
		for range 2 { // the second on the same connection
			io.WriteString(c, pay(key, good))
			got, err := readReply(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			status, reason, _ := strings.Cut(try.want, " ")
			if fmt.Sprint(got.status) != status || !strings.Contains(string(got.body), reason) {
				t.Errorf("%s: %d %s, want %s", name, got.status, got.body, try.want)
			}
		}
	}
	refused, _ := secured(t, p.gateway, fromClient, site.trusts(newCA(t).issue(dir, "stranger")))
	io.WriteString(refused, pay(key, good))
	if text, err := io.ReadAll(refused); len(text) > 0 || err == nil {
		t.Errorf("a certificate of nobody we know is answered %q, %v", text, err)
	}
}

// Certificates are renewed in a running process when their files change and on
// SIGHUP, on both listeners, with the configuration untouched; a bad pair leaves
// the old one in force, alarms in log and metrics, and refuses a reload whole;
// other files are taken over by a reload; and not one connection is lost.
func TestCertificatesAreRenewedWhileServing(t *testing.T) {
	t.Parallel()
	site, clients := newCA(t), newCA(t)
	p, dir, file, first := edge(t, site, clients)
	used, answers := secured(t, p.gateway, fromClient, site.trusts())
	still := func() {
		t.Helper()
		io.WriteString(used, "GET /-/healthz HTTP/1.1\r\nHost: gw\r\n\r\n")
		if got, err := readReply(answers); err != nil || got.status != 200 {
			t.Fatalf("the connection in use: %v, %v", got.status, err)
		}
	}
	shows := func(header, address string, want tls.Certificate) {
		t.Helper()
		p.eventually("the new certificate", func() bool { return shown(t, address, header, site.trusts()) == serialOf(want) })
		still()
	}
	shows(fromClient, p.gateway, first)
	shows(fromClient, p.gateway, site.issue(dir, "front"))
	shows("", p.admin, site.issue(dir, "back"))
	sum := func(outcome string) float64 {
		return p.metric("tollgate_certificate_reloads_total", `use="listen"`, `outcome="`+outcome+`"`)
	}
	if end := p.metric("tollgate_certificate_not_after_seconds", `use="listen"`); end != float64(first.Leaf.NotAfter.Unix()) && end < float64(first.Leaf.NotAfter.Unix()) {
		t.Errorf("the certificate ends at %f, want about %d", end, first.Leaf.NotAfter.Unix())
	}
	if p.metric("tollgate_certificate_not_after_seconds", `use="listen client_ca"`) != float64(clients.cert.NotAfter.Unix()) {
		t.Error("the end of the client CA is not told")
	}

	last := site.issue(dir, "front")
	shows(fromClient, p.gateway, last)
	refused := sum("refused")
	write(t, filepath.Join(dir, "front.key"), "half a k")
	p.eventually("the alarm", func() bool {
		return sum("refused") > refused && p.metric("tollgate_certificate_last_reload_success", `use="listen"`) == 0
	})
	if log := p.stderr.String(); !strings.Contains(log, "front.key is no key for") || !strings.Contains(log, `"level":"error"`) {
		t.Errorf("the log does not say which file and why: %s", log)
	}
	p.signal(syscall.SIGHUP)
	p.eventually("the refused reload", func() bool { return p.metric("tollgate_config_reloads_total", "refused") == 1 })
	shows(fromClient, p.gateway, last)

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	site.issue(dir, "front")
	site.issueUntil(dir, "ended", time.Now().Add(-time.Minute))
	write(t, file, strings.ReplaceAll(string(text), "front.", "ended."))
	refused = p.metric("tollgate_config_reloads_total", "refused")
	p.signal(syscall.SIGHUP)
	p.eventually("the refusal of a certificate that has ended", func() bool {
		return p.metric("tollgate_config_reloads_total", "refused") == refused+1 && strings.Contains(p.stderr.String(), "has expired")
	})
	moved := site.issue(dir, "moved")
	write(t, file, strings.ReplaceAll(string(text), "front.", "moved."))
	p.signal(syscall.SIGHUP)
	shows(fromClient, p.gateway, moved)
	shows(fromClient, p.gateway, site.issue(dir, "moved")) // the new files are watched

	write(t, file, strings.Replace(strings.ReplaceAll(string(text), edgeAdmin, "admin: {listen: 127.0.0.1:0}"), "proxy_protocol: v1v2", "proxy_protocol: off", 1))
	p.signal(syscall.SIGHUP)
	p.eventually("word that TLS and PROXY stay as they are", func() bool {
		log := p.stderr.String()
		return strings.Contains(log, `"key":"admin.tls"`) && strings.Contains(log, `"key":"proxy_protocol"`)
	})
	shows("", p.admin, mustLoad(t, dir, "back"))
}

// The command line reaches an admin side over TLS: by its authority, or, for the
// health check, by the very certificate of its configuration, whatever its name;
// and believes no other.
func TestCommandsSpeakTLS(t *testing.T) {
	t.Parallel()
	site := newCA(t)
	p, dir, file, _ := edge(t, site, newCA(t))
	other := filepath.Join(t.TempDir(), "other.crt")
	write(t, other, string(newCA(t).text))
	at := "https://" + p.admin
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.Replace(string(text), "admin: {listen: 127.0.0.1:0", "admin: {listen: \""+p.admin+"\"", 1))
	runs(t, exitDone, "healthcheck", "-c", file)
	write(t, file, strings.Replace(string(text), edgeAdmin, `admin: {listen: "`+p.admin+`", tls: {cert: front.crt, key: front.key}}`, 1))
	if _, said := runs(t, exitFailed, "healthcheck", "-c", file); !strings.Contains(said, "another certificate") {
		t.Errorf("it says %q", said)
	}
	if _, said := runs(t, exitFailed, "healthcheck", "--url", at+"/readyz", "--ca", other); !strings.Contains(said, "certificate") {
		t.Errorf("it says %q", said)
	}
	if _, said := runs(t, exitUsage, "healthcheck", "--url", at, "--ca", other+"x"); !strings.Contains(said, "no such file") {
		t.Errorf("it says %q", said)
	}
	list := []string{"token", "list", "--admin", at, "--key", bootstrap}
	if _, said := runs(t, exitFailed, append(list, "--tls-ca", other)...); !strings.Contains(said, "certificate") {
		t.Errorf("it says %q", said)
	}
	named := "https://" + strings.Replace(p.admin, "127.0.0.1", "localhost", 1)
	if _, said := runs(t, exitFailed, "token", "list", "--admin", named, "--key", bootstrap, "--tls-ca", filepath.Join(dir, "site.crt")); !strings.Contains(said, "gateway.test") {
		t.Errorf("another name than the certificate's is taken: %q", said)
	}
}

// The health check passes an admin listener that lets nobody in without a client
// certificate, once it is given one: else a supervisor would restart a gateway
// that is well. Without one it says what it lacks.
func TestHealthCheckShowsACertificate(t *testing.T) {
	t.Parallel()
	site, clients := newCA(t), newCA(t)
	required := "admin: {listen: 127.0.0.1:0, tls: {cert: back.crt, key: back.key, client_ca: clients.crt, client_auth: required}}"
	file := configFile(t, strings.Replace(siteConfig, "admin: {listen: 127.0.0.1:0}", required, 1), newOrigin(t).url())
	dir := filepath.Dir(file)
	site.issue(dir, "back")
	clients.issue(dir, "probe")
	site.issue(dir, "stranger")
	write(t, filepath.Join(dir, "clients.crt"), string(clients.text))
	p := serving(t, file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.Replace(string(text), "admin: {listen: 127.0.0.1:0", "admin: {listen: \""+p.admin+"\"", 1))
	pair := func(name string) []string {
		return []string{"--tls-cert", filepath.Join(dir, name+".crt"), "--tls-key", filepath.Join(dir, name+".key")}
	}
	check := []string{"healthcheck", "-c", file}
	runs(t, exitDone, append(check, pair("probe")...)...)
	runs(t, exitFailed, append(check, pair("stranger")...)...)
	if _, said := runs(t, exitUsage, check...); !strings.Contains(said, "--tls-cert") {
		t.Errorf("it says %q", said)
	}
	if _, said := runs(t, exitUsage, append(check, pair("probe")[:2]...)...); !strings.Contains(said, "--tls-key") {
		t.Errorf("it says %q", said)
	}
}

func mustLoad(t *testing.T, dir, name string) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
