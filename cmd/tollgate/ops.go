package main

import (
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ops are the admin listener's handlers that are not the admin API.
func (h *house) ops(profiling bool) map[string]http.Handler {
	handlers := map[string]http.Handler{
		"GET /healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "ok\n") //nolint:errcheck // whoever asked has gone
		}),
		"GET /readyz":  http.HandlerFunc(h.readyz),
		"GET /metrics": promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{Registry: h.registry}),
	}
	if profiling {
		handlers["GET /debug/pprof/"] = http.HandlerFunc(pprof.Index)
		handlers["GET /debug/pprof/profile"] = http.HandlerFunc(pprof.Profile)
		handlers["GET /debug/pprof/trace"] = http.HandlerFunc(pprof.Trace)
	}
	return handlers
}

// readyz says whether requests should be sent here: configuration applied,
// store reached, cache warmed, not draining.
func (h *house) readyz(w http.ResponseWriter, _ *http.Request) {
	if !h.gateway.Ready() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n") //nolint:errcheck // whoever asked has gone
}
