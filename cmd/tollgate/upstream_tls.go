package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"tollgate/configs"
	"tollgate/gateway"
)

// upstreamTLSOf makes what handshakes need of texts that configs has checked.
func upstreamTLSOf(t *configs.UpstreamTLS) (gateway.TLSSpec, error) {
	spec := gateway.TLSSpec{ServerName: t.ServerName}
	key := t.KeyText.Reveal()
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(t.CAText), []byte(t.CertText), key} {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	sum.Sum(spec.Version[:0])
	if t.CAText != "" {
		spec.Roots = x509.NewCertPool()
		if !spec.Roots.AppendCertsFromPEM([]byte(t.CAText)) {
			return spec, errors.New("tls.ca holds no certificate")
		}
	}
	if t.CertText != "" {
		cert, err := tls.X509KeyPair([]byte(t.CertText), key)
		if err != nil {
			return spec, errors.New("tls.cert and tls.key are no pair")
		}
		spec.Cert = func() *tls.Certificate { return &cert }
	}
	return spec, nil
}

// certEnd is when our certificate for an upstream ends; the zero time without
// one.
func certEnd(t *configs.UpstreamTLS) time.Time {
	if t.CertText == "" {
		return time.Time{}
	}
	cert, err := tls.X509KeyPair([]byte(t.CertText), t.KeyText.Reveal())
	if err != nil {
		return time.Time{}
	}
	return cert.Leaf.NotAfter
}

// refuseEnded keeps the old configuration where a new one comes with a
// certificate that has ended. One that is in force already, and ended there,
// keeps no other change out: refusing it would mend nothing. At the start there
// is none to keep: then the metric tells, and the upstream that asks for it.
func refuseEnded(old, cfg *configs.Config, now time.Time) error {
	var all []error
	for name, u := range cfg.Upstreams {
		if u.TLS.CertText != old.Upstreams[name].TLS.CertText {
			all = append(all, refuseEndedOf(name, &u.TLS, now))
		}
	}
	return errors.Join(all...)
}

// refuseEndedOf is refuseEnded for the new certificate of one upstream.
func refuseEndedOf(name string, t *configs.UpstreamTLS, now time.Time) error {
	if end := certEnd(t); !end.IsZero() && end.Before(now) {
		return fmt.Errorf("upstreams.%s.tls.cert: the certificate ended on %s; put one that is valid there", name, end.UTC().Format(time.DateOnly))
	}
	return nil
}

// upstreamUse is the word for an upstream's certificate in the metrics.
func upstreamUse(name string) string { return "upstream " + name }

// tellUpstreamCerts tells when our certificates for upstreams end. old may be
// nil.
func (m *houseMetrics) tellUpstreamCerts(old, cfg *configs.Config) {
	if old != nil {
		for name := range old.Upstreams {
			m.certificates.DeleteLabelValues(upstreamUse(name))
		}
	}
	for name, u := range cfg.Upstreams {
		if end := certEnd(&u.TLS); !end.IsZero() {
			m.certificates.WithLabelValues(upstreamUse(name)).Set(float64(end.Unix()))
		}
	}
}
