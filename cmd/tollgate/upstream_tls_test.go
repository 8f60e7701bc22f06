package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/configs"
)

// upstreamPair is a configured pair that ends at the time.
func upstreamPair(t *testing.T, end time.Time) configs.UpstreamTLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return configs.UpstreamTLS{
		CertText: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		KeyText:  configs.NewSecret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
	}
}

// A file that was written anew under its old name makes another version, so that
// a reload finds it, and the same text makes the same.
func TestUpstreamTLSVersion(t *testing.T) {
	one, two := upstreamPair(t, time.Now().Add(time.Hour)), upstreamPair(t, time.Now().Add(time.Hour))
	trusting := one
	trusting.CAText = two.CertText
	seen := map[[32]byte]bool{}
	for _, pair := range []configs.UpstreamTLS{{}, one, two, trusting, {CAText: one.CertText}} {
		spec, err := upstreamTLSOf(&pair)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := upstreamTLSOf(&pair)
		if seen[spec.Version] || again.Version != spec.Version {
			t.Error("different texts have one version, or one text two")
		}
		seen[spec.Version] = true
		if (spec.Cert != nil) != (pair.CertText != "") || (spec.Roots != nil) != (pair.CAText != "") {
			t.Error("what was configured is not what is used")
		}
	}
	mixed := one
	mixed.KeyText = two.KeyText
	if _, err := upstreamTLSOf(&mixed); err == nil {
		t.Error("a certificate with another's key was taken")
	}
}

// A reload that brings a certificate which has ended is refused, and says which
// and when.
func TestReloadKeepsTheOldCertificate(t *testing.T) {
	now := time.Now()
	cfg := &configs.Config{Upstreams: map[string]configs.Upstream{
		"good": {TLS: upstreamPair(t, now.Add(time.Hour))}, "plain": {},
	}}
	if err := refuseEnded(&configs.Config{}, cfg, now); err != nil {
		t.Error(err)
	}
	cfg.Upstreams["bad"] = configs.Upstream{TLS: upstreamPair(t, time.Date(2020, 2, 3, 0, 0, 0, 0, time.UTC))}
	err := refuseEnded(&configs.Config{}, cfg, now)
	if err == nil || !strings.Contains(err.Error(), "upstreams.bad.tls.cert") || !strings.Contains(err.Error(), "2020-02-03") || strings.Contains(err.Error(), "good") {
		t.Errorf("got %v", err)
	}
}

// The metric tells when our certificates for upstreams end, and forgets those of
// upstreams that are gone.
func TestUpstreamCertificateMetric(t *testing.T) {
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	registry := prometheus.NewRegistry()
	m := newHouseMetrics(registry)
	ends := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]float64{}
		for _, f := range families {
			for _, one := range f.GetMetric() {
				if f.GetName() == "tollgate_certificate_not_after_seconds" {
					found[one.GetLabel()[0].GetValue()] = one.GetGauge().GetValue()
				}
			}
		}
		return found
	}
	old := &configs.Config{Upstreams: map[string]configs.Upstream{"bank": {TLS: upstreamPair(t, end)}, "plain": {}}}
	m.tellUpstreamCerts(nil, old)
	if got := ends(); len(got) != 1 || got["upstream bank"] != float64(end.Unix()) {
		t.Errorf("got %v; want upstream bank: %d", got, end.Unix())
	}
	m.tellUpstreamCerts(old, &configs.Config{})
	if got := ends(); len(got) != 0 {
		t.Errorf("got %v; want nothing", got)
	}
}

// Certificates of upstreams that are renewed on the disk are shown from then on,
// without a reload, while what else was written into the configuration waits for
// one; a pair that is none changes nothing and is said once, at the second look.
func TestUpstreamCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	write := func(p configs.UpstreamTLS) {
		s.put("bank.crt", p.CertText)
		s.put("bank.key", string(p.KeyText.Reveal()))
	}
	first, second := upstreamPair(t, time.Now().Add(time.Hour)), upstreamPair(t, time.Now().Add(2*time.Hour))
	write(first)
	bank := "\n  bank: {targets: [\"https://bank.test\"], tls: {cert: bank.crt, key: bank.key}}\n"
	if !s.reload(strings.Replace(siteConfig, "\nupstreams:\n", "\nupstreams:"+bank, 1)) {
		t.Fatalf("the configuration is not taken: %s", s.log)
	}
	inForce := func() string { return s.house.config.Load().Upstreams["bank"].TLS.CertText }
	s.write(siteConfig + "rate: {per_token: 1/m}")
	write(second)
	s.house.renewUpstreams(t.Context())
	if inForce() != second.CertText {
		t.Error("the renewed pair is not in force")
	}
	if s.house.config.Load().Rate.PerToken != "" {
		t.Error("the rest of the file was put in force with it")
	}
	s.put("bank.crt", first.CertText)
	for range 4 {
		s.house.renewUpstreams(t.Context())
	}
	if inForce() != second.CertText {
		t.Error("a pair that is none was put in force")
	}
	if n := strings.Count(s.log.String(), "new certificates of upstreams are not used"); n != 1 {
		t.Errorf("it was said %d times; want once", n)
	}
}

// One upstream whose certificate has ended, or whose files are no pair, keeps
// nobody else's from being renewed, and an ended one that is in force keeps no
// other change of the configuration out: else the night in which one partner's
// certificate is forgotten takes the other partners down with it.
func TestOneUpstreamsCertificateHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	write := func(name string, p configs.UpstreamTLS) {
		s.put(name+".crt", p.CertText)
		s.put(name+".key", string(p.KeyText.Reveal()))
	}
	ended, good := upstreamPair(t, time.Now().Add(-time.Hour)), upstreamPair(t, time.Now().Add(time.Hour))
	write("bank", good)
	write("card", good)
	two := ""
	for _, name := range []string{"bank", "card"} {
		two += "\n  " + name + ": {targets: [\"https://" + name + ".test\"], tls: {cert: " + name + ".crt, key: " + name + ".key}}"
	}
	config := strings.Replace(siteConfig, "\nupstreams:\n", "\nupstreams:"+two+"\n", 1)
	if !s.reload(config) {
		t.Fatalf("the configuration is not taken: %s", s.log)
	}
	inForce := func(name string) string { return s.house.config.Load().Upstreams[name].TLS.CertText }
	for name, bad := range map[string]configs.UpstreamTLS{"ended": ended, "no pair": {CertText: ended.CertText, KeyText: good.KeyText}} {
		next := upstreamPair(t, time.Now().Add(2*time.Hour))
		write("bank", bad)
		write("card", next)
		s.house.renewUpstreams(t.Context())
		if inForce("card") != next.CertText || inForce("bank") != good.CertText {
			t.Errorf("%s: renewed: %v; what is bad was taken: %v", name, inForce("card") == next.CertText, inForce("bank") != good.CertText)
		}
	}

	// What was good when it was put in force ends there.
	cfg := *s.house.config.Load()
	cfg.Upstreams = maps.Clone(cfg.Upstreams)
	bank := cfg.Upstreams["bank"]
	bank.TLS.CertText, bank.TLS.KeyText = ended.CertText, ended.KeyText
	cfg.Upstreams["bank"] = bank
	s.house.config.Store(&cfg)
	write("bank", ended)
	next := upstreamPair(t, time.Now().Add(3*time.Hour))
	write("card", next)
	s.house.renewUpstreams(t.Context())
	if inForce("card") != next.CertText {
		t.Error("beside one that has ended another certificate is not renewed")
	}
	if !s.reload(config + "rate: {per_token: 1/m}\n") {
		t.Errorf("beside a certificate that has ended nothing else can be changed: %s", s.log)
	}
}
