package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// sampleUpstream is the payment API that the demo stands in front of: it takes
// every payment, remembers none, and tells who tollgate said was asking.
type sampleUpstream struct {
	server   *http.Server
	listener net.Listener
	served   atomic.Int64 // requests that reached it
}

// startSampleUpstream listens on a free port of the loopback address.
func startSampleUpstream() (*sampleUpstream, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("sample payment API: %w", err)
	}
	u := &sampleUpstream{listener: listener}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments", u.pay)
	mux.HandleFunc("GET /v1/payments/{id}", u.status)
	mux.HandleFunc("POST /v1/paiements", u.pay)
	mux.HandleFunc("POST /v1/links", u.link)
	mux.HandleFunc("GET /v1/statements/{month}", u.statement)
	u.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go u.server.Serve(listener) //nolint:errcheck // ends with Close, which is the only way it ends
	return u, nil
}

func (u *sampleUpstream) address() string { return "http://" + u.listener.Addr().String() }

// Close ends the server; requests in flight have a second.
func (u *sampleUpstream) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return u.server.Shutdown(ctx)
}

func (u *sampleUpstream) pay(w http.ResponseWriter, r *http.Request) {
	var order map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&order); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "the sample payment API reads a JSON object"})
		return
	}
	u.take(w, r, order["country"], order["operator"], order["amount"])
}

// link takes the order that a signed parameter holds. tollgate has proved the
// signature, so that what stands inside can be read as it is.
func (u *sampleUpstream) link(w http.ResponseWriter, r *http.Request) {
	var signed struct{ Data map[string]any }
	parts := strings.Split(r.URL.Query().Get("signature"), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[len(parts)/2])
	if err == nil {
		err = json.Unmarshal(payload, &signed)
	}
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "the sample payment API reads a signed order"})
		return
	}
	u.take(w, r, signed.Data["countryCode"], signed.Data["operator"], signed.Data["amountCents"])
}

func (u *sampleUpstream) take(w http.ResponseWriter, r *http.Request, country, operator, amount any) {
	answer(w, http.StatusCreated, map[string]any{
		"id": fmt.Sprintf("pay_%06d", u.served.Add(1)), "status": "PENDING",
		"country": country, "operator": operator, "amount": amount,
		"asked_by": r.Header.Get("X-Tollgate-Token"), "request_id": r.Header.Get("X-Request-Id"),
	})
}

func (u *sampleUpstream) statement(w http.ResponseWriter, r *http.Request) {
	u.served.Add(1)
	answer(w, http.StatusOK, map[string]any{"month": r.PathValue("month"), "payments": 0, "asked_by": r.Header.Get("X-Tollgate-User")})
}

func (u *sampleUpstream) status(w http.ResponseWriter, r *http.Request) {
	u.served.Add(1)
	answer(w, http.StatusOK, map[string]any{
		"id": r.PathValue("id"), "status": "SUCCESSFUL", "asked_by": r.Header.Get("X-Tollgate-Token"),
	})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck // the client has gone; there is nobody to tell
}
