package main

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tollgate/admin/webhook"
	"tollgate/policy/token"
)

// houseMetrics are the metrics of what stands behind both planes: the store,
// the cache and the change log. The gateway has its own.
type houseMetrics struct {
	registry   *prometheus.Registry
	storeTime  *prometheus.HistogramVec
	storeUp    prometheus.Gauge
	revocation prometheus.Histogram
	hooks      *prometheus.CounterVec
	jobPanics  *prometheus.CounterVec // by job

	certificates *prometheus.GaugeVec // by what they are used for
}

var storeBuckets = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5}

func newHouseMetrics(r *prometheus.Registry) *houseMetrics {
	m := &houseMetrics{
		registry: r,
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tollgate_store_seconds", Help: "Time of store operations.", Buckets: storeBuckets,
		}, []string{"op"}),
		storeUp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tollgate_store_up", Help: "1 when the last store operation could be carried out, else 0.",
		}),
		revocation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "tollgate_revocation_seconds",
			Help:    "From the time a change was written to when it is in force on this node.",
			Buckets: storeBuckets,
		}),
	}
	m.hooks = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tollgate_webhooks_total", Help: "Attempts to deliver a webhook event, by outcome: sent, failed or dead.",
	}, []string{"outcome"})
	m.certificates = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tollgate_certificate_not_after_seconds", Help: "When a certificate of ours ends, in seconds since 1970, by what it is used for.",
	}, []string{"use"})
	m.jobPanics = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tollgate_job_panics_total", Help: "Panics of work beside the requests, which began again; each is a bug.",
	}, []string{"job"})
	r.MustRegister(m.jobPanics, m.certificates, m.hooks, m.storeTime, m.storeUp, m.revocation, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observeStore hears of every store operation.
func (m *houseMetrics) observeStore(op string, took time.Duration, err error) {
	m.storeTime.WithLabelValues(op).Observe(took.Seconds())
	if err != nil {
		m.storeUp.Set(0)
		return
	}
	m.storeUp.Set(1)
}

// observeHook hears of every attempt to deliver an event.
func (m *houseMetrics) observeHook(o webhook.Outcome, _ time.Duration) {
	m.hooks.WithLabelValues(string(o)).Inc()
}

// applied hears of every change after the cache has.
func (m *houseMetrics) applied(c token.Change) {
	if c.At != 0 {
		m.revocation.Observe(max(0, time.Since(c.At.Time()).Seconds()))
	}
}

// watch registers what is read from the house when it is scraped.
func (m *houseMetrics) watch(h *house) {
	gauge := func(name, help string, read func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	gauge("tollgate_staleness_seconds", "Since the change log was last read to its end.", func() float64 { return h.staleness().Seconds() })
	gauge("tollgate_changes_applied_sequence", "Number of the last change in force on this node.", func() float64 { return float64(h.store.Applied()) })
	gauge("tollgate_cache_bytes", "What the remembered records cost, in bytes.", func() float64 { return float64(h.cache.Stats().Bytes) })
	gauge("tollgate_cache_max_bytes", "What the remembered records may cost, in bytes.", func() float64 { return float64(h.cache.Stats().MaxBytes) })
	if h.words != nil {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "tollgate_log_dropped_total",
			Help: "Lines of the log, but for requests, dropped because their sink was too slow or failed."}, func() float64 { return float64(h.words.dropped.Load()) }))
	}
	m.registry.MustRegister(&cacheEvents{house: h, event: prometheus.NewDesc("tollgate_cache_events_total", "What the hot cache did.", []string{"event"}, nil)})
	m.registry.MustRegister(newCertificateReloads(h))
	b := buildOf()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollgate_build_info", Help: "1, labelled with what this binary was built from.",
		ConstLabels: prometheus.Labels{"version": b.version, "commit": b.commit, "go": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(build)
}

// cacheEvents reads the cache's own counters when it is scraped, so that the
// hot path pays for none of it.
type cacheEvents struct {
	house *house
	event *prometheus.Desc
}

// Describe names the metric.
func (c *cacheEvents) Describe(out chan<- *prometheus.Desc) { out <- c.event }

// Collect sends one counter for each kind of event.
func (c *cacheEvents) Collect(out chan<- prometheus.Metric) {
	s := c.house.cache.Stats()
	for _, e := range []struct {
		name  string
		count uint64
	}{
		{"hit", s.Hits}, {"miss", s.Misses}, {"stale", s.Stale}, {"unknown", s.Unknown},
		{"remembered", s.Remembered}, {"dropped", s.Dropped}, {"rejected", s.Rejected},
		{"evicted", s.Evicted}, {"uncovered", s.Uncovered}, {"forgotten", s.Forgotten},
	} {
		out <- prometheus.MustNewConstMetric(c.event, prometheus.CounterValue, float64(e.count), e.name)
	}
}
