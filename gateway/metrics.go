package gateway

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/policy/token"
)

// meters are the data plane's metrics. No label ever holds what a client chose:
// routes and upstreams are the configuration's, dialects and reasons ours, and
// codes have three digits.
type meters struct {
	requests        *prometheus.CounterVec
	requestSeconds  *prometheus.HistogramVec
	gatewaySeconds  *prometheus.HistogramVec
	upstreamSeconds *prometheus.HistogramVec
	upstreamHealthy *prometheus.GaugeVec
	circuit         *prometheus.GaugeVec
	ejections       *prometheus.CounterVec
	upstreamFaults  *prometheus.CounterVec
	cutStreams      *prometheus.CounterVec
	issued          *prometheus.CounterVec
	throttled       prometheus.Counter
	reloads         *prometheus.CounterVec
	lastReload      prometheus.Gauge
	panics          prometheus.Counter
	logDropped      prometheus.Counter
	connections     *prometheus.CounterVec
	untrusted       prometheus.Counter
}

// requestBuckets begin at 10 µs, which is where the gateway's own time is.
var requestBuckets = []float64{
	10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10, 30,
}

func newMeters(r prometheus.Registerer) (*meters, error) {
	m := &meters{
		requests: counters("tollgate_requests_total", "Requests by route, dialect, outcome, exact reason and HTTP status.",
			"route", "dialect", "outcome", "reason", "code"),
		requestSeconds:  histograms("tollgate_request_seconds", "Time from a request's arrival to its answer, without reading its body.", "route"),
		gatewaySeconds:  histograms("tollgate_gateway_seconds", "The gateway's own share of a request's time, without the upstream.", "route"),
		upstreamSeconds: histograms("tollgate_upstream_seconds", "Time from the first attempt at an upstream to the end of its answer.", "upstream"),
		upstreamHealthy: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tollgate_upstream_healthy",
			Help: "1 while a target passes its active health check, else 0."}, []string{"upstream", "target"}),
		circuit: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tollgate_upstream_circuit",
			Help: "Whether a target that fails is left out: 0 no, 1 for every caller, 2 a trial request is under way, 3 for callers whose own requests alone failed."},
			[]string{"upstream", "target"}),
		ejections: counters("tollgate_upstream_ejections_total",
			"How often a target was left out, or stayed it after a trial, by whom for: all callers, or one.", "upstream", "target", "scope"),
		upstreamFaults: counters("tollgate_upstream_faults_total",
			"Upstream connections ended for what came over them, by the kind of fault.", "upstream", "fault"),
		cutStreams: counters("tollgate_upstream_cut_streams_total",
			"Streamed answers that broke behind their head, which the access log shows with their first status.", "upstream"),
		issued: counters("tollgate_tokens_issued_total", "Requests for an access token, by dialect and outcome.", "dialect", "outcome"),
		throttled: counter("tollgate_auth_throttled_total",
			"Credentials refused unseen, because too many unknown ones came from their source."),
		reloads:    counters("tollgate_config_reloads_total", "Configuration reloads by outcome.", "outcome"),
		lastReload: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollgate_config_last_reload_success", Help: "1 when the last reload was applied, 0 when the old configuration was kept."}),
		panics:     counter("tollgate_panics_total", "Panics that were recovered from; each is a bug."),
		logDropped: counter("tollgate_access_log_dropped_total", "Access log lines dropped because their sink was too slow or failed."),
		connections: counters("tollgate_connections_refused_total",
			"Client connections closed at once by limit, and failures to accept one.", "reason"),
		untrusted: counter("tollgate_untrusted_forwarded_total",
			"Requests that brought the configured forwarding header from a peer that is no trusted proxy; what it says is ignored."),
	}
	for _, c := range []prometheus.Collector{
		m.requests, m.requestSeconds, m.gatewaySeconds, m.upstreamSeconds, m.upstreamHealthy, m.circuit, m.ejections, m.upstreamFaults, m.cutStreams, m.issued,
		m.throttled, m.reloads, m.lastReload, m.panics, m.logDropped, m.connections, m.untrusted,
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	m.lastReload.Set(1)
	for _, outcome := range [...]string{"applied", "refused"} {
		m.reloads.WithLabelValues(outcome) // there before the first, for alerts on an increase
	}
	return m, nil
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histograms(name, help, label string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: requestBuckets}, []string{label})
}

// routeMeters are the children of one route label, found once when a plan is
// applied. The counters, of which few of the many possible ones are ever used,
// are found at their first use and kept in a map that is copied to grow: the hot
// path reads it without a lock and without hashing a string.
type routeMeters struct {
	label    string
	requests *prometheus.CounterVec
	seconds  prometheus.Observer
	own      prometheus.Observer
	growing  sync.Mutex
	gone     bool // the route is: what still comes in is not exported
	counters atomic.Pointer[map[requestKind]prometheus.Counter]
}

// requestKind is one child of a route. Dialects are few and fixed, so their
// names compare by pointer in practice.
type requestKind struct {
	dialect string
	outcome token.Outcome
	reason  token.Reason
	code    uint16
}

func (m *meters) route(label string) *routeMeters {
	r := &routeMeters{
		label: label, requests: m.requests,
		seconds: m.requestSeconds.WithLabelValues(label), own: m.gatewaySeconds.WithLabelValues(label),
	}
	r.counters.Store(&map[requestKind]prometheus.Counter{})
	return r
}

// removeRoute ends the export of a route that is gone, also for requests that
// are still under way on it.
func (m *meters) removeRoute(label string, r *routeMeters) {
	r.growing.Lock()
	r.gone = true
	r.growing.Unlock()
	m.requests.DeletePartialMatch(prometheus.Labels{"route": label})
	m.requestSeconds.DeleteLabelValues(label)
	m.gatewaySeconds.DeleteLabelValues(label)
}

func (m *meters) removeUpstream(name string) {
	m.upstreamSeconds.DeleteLabelValues(name)
	m.cutStreams.DeleteLabelValues(name)
	of := prometheus.Labels{"upstream": name}
	m.upstreamHealthy.DeletePartialMatch(of)
	m.circuit.DeletePartialMatch(of)
	m.ejections.DeletePartialMatch(of)
	m.upstreamFaults.DeletePartialMatch(of)
}

func (m *meters) removeTarget(upstream, target string) {
	of := prometheus.Labels{"upstream": upstream, "target": target}
	m.upstreamHealthy.DeletePartialMatch(of)
	m.circuit.DeletePartialMatch(of)
	m.ejections.DeletePartialMatch(of)
}

func (r *routeMeters) count(k requestKind) {
	if c, ok := (*r.counters.Load())[k]; ok {
		c.Inc()
		return
	}
	r.growing.Lock()
	defer r.growing.Unlock()
	grown := maps.Clone(*r.counters.Load())
	c, ok := grown[k]
	switch {
	case ok:
	case r.gone:
		return
	default:
		c = r.requests.WithLabelValues(r.label, k.dialect, string(k.outcome), k.reason.Code(), strconv.Itoa(int(k.code)))
		grown[k] = c
		r.counters.Store(&grown)
	}
	c.Inc()
}

// count counts the request under its route.
func (p *passage) count(took time.Duration) {
	g := p.gateway
	m := g.unrouted
	switch {
	case p.route != nil:
		m = p.route.meters
	case p.own != nil:
		m = p.own.meters
	}
	code := p.record.status
	if code < 100 || code > 999 {
		code = 0
	}
	m.count(requestKind{p.dialectName(), p.outcome(), p.exact(), uint16(code)})
	m.seconds.Observe(took.Seconds())
	m.own.Observe((took - p.record.upstreamTook).Seconds())
	if p.record.attempts > 0 {
		if u := p.snapshot.upstreams[p.record.upstream]; u != nil {
			u.seconds.Observe(p.record.upstreamTook.Seconds())
		}
	}
	if p.record.reason == token.AuthThrottled {
		g.meters.throttled.Inc()
	}
	if p.own != nil && p.own.issues {
		g.meters.issued.WithLabelValues(p.visit.Dialect, string(p.outcome())).Inc()
	}
}
