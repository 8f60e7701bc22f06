package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/configs"
	"tollgate/gateway/listen"
)

// listeners are where a listener's certificate is configured, by the word for
// it in logs and metrics.
var listeners = []struct {
	use string
	tls func(*configs.Config) *configs.TLS
}{
	{"listen", func(c *configs.Config) *configs.TLS { return &c.TLS }},
	{"admin.listen", func(c *configs.Config) *configs.TLS { return &c.Admin.TLS }},
}

// certFiles are the files of a listener's certificate.
func certFiles(t *configs.TLS) listen.Files {
	return listen.Files{Cert: string(t.Cert), Key: string(t.Key), CA: string(t.ClientCA), Required: t.ClientAuth == "required"}
}

// openCertificates loads the certificates of the listeners that speak TLS.
func (h *house) openCertificates(context.Context) error {
	h.certificates = map[string]*listen.Certificates{}
	for _, l := range listeners {
		t := l.tls(h.config.Load())
		if !t.On() {
			continue
		}
		c, err := listen.Open(listen.Options{Use: l.use, Files: certFiles(t), Logger: h.log, Now: time.Now, Observe: h.metrics.tellCertificates})
		if err != nil {
			return fmt.Errorf("%s: %w", tlsKey(l.use), err)
		}
		h.certificates[l.use] = c
	}
	return nil
}

// tlsKey is the key of a listener's certificate: tls, admin.tls.
func tlsKey(use string) string {
	if use == "listen" {
		return "tls"
	}
	return "admin.tls"
}

// keepTLS leaves TLS on or off as it is: a socket cannot change between them
// without breaking whoever is about to connect.
func (h *house) keepTLS(old, cfg *configs.Config) {
	for _, l := range listeners {
		if was, is := l.tls(old), l.tls(cfg); was.On() != is.On() {
			h.warnFixed(tlsKey(l.use))
			*is = *was
		}
	}
}

// prepareCertificates loads what is in other files than before. Those of a new
// certificate whose time it is not keep the old configuration.
func prepareCertificates(old, cfg *configs.Config) (map[string]*listen.Material, error) {
	next := map[string]*listen.Material{}
	for _, l := range listeners {
		files := certFiles(l.tls(cfg))
		if files == certFiles(l.tls(old)) {
			continue
		}
		m, err := listen.Load(files, time.Now())
		if err == nil {
			err = m.Standing(time.Now())
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tlsKey(l.use), err)
		}
		next[l.use] = m
	}
	return next, nil
}

// reloadCertificates reads the files again that are in force. What is wrong with
// them is logged and counted, and the old ones stay.
func (h *house) reloadCertificates() {
	for _, c := range h.certificates {
		_ = c.Reload()
	}
}

// tellCertificates hears of every change of a listener's certificate.
func (m *houseMetrics) tellCertificates(s listen.Status) {
	m.certificates.WithLabelValues(s.Use).Set(float64(s.NotAfter.Unix()))
	m.certificates.DeleteLabelValues(s.Use + " client_ca")
	if !s.CANotAfter.IsZero() {
		m.certificates.WithLabelValues(s.Use + " client_ca").Set(float64(s.CANotAfter.Unix()))
	}
}

// certificateReloads reads how often certificates were renewed when it is
// scraped.
type certificateReloads struct {
	house         *house
	reloads, good *prometheus.Desc
}

func newCertificateReloads(h *house) *certificateReloads {
	return &certificateReloads{
		house:   h,
		reloads: prometheus.NewDesc("tollgate_certificate_reloads_total", "Changes of a listener's certificate files, by outcome: applied or refused.", []string{"use", "outcome"}, nil),
		good:    prometheus.NewDesc("tollgate_certificate_last_reload_success", "1 when a listener's certificate files hold what is in force, 0 when they could not be used.", []string{"use"}, nil),
	}
}

// Describe names the metrics.
func (c *certificateReloads) Describe(out chan<- *prometheus.Desc) {
	out <- c.reloads
	out <- c.good
}

// Collect sends them for each listener that speaks TLS.
func (c *certificateReloads) Collect(out chan<- prometheus.Metric) {
	for use, certs := range c.house.certificates {
		s, good := certs.Status(), 0.0
		if s.Good {
			good = 1
		}
		out <- prometheus.MustNewConstMetric(c.reloads, prometheus.CounterValue, float64(s.Applied), use, "applied")
		out <- prometheus.MustNewConstMetric(c.reloads, prometheus.CounterValue, float64(s.Refused), use, "refused")
		out <- prometheus.MustNewConstMetric(c.good, prometheus.GaugeValue, good, use)
	}
}
