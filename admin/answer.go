package admin

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-json-experiment/json"
)

// answer counts what is written, for the log.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the final status.
func (a *answer) WriteHeader(status int) {
	if status >= 200 && a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes of the body.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the connection's deadlines.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// harden sets what every answer of this listener carries: nothing is cached,
// sniffed, framed or told to other sites. There is no CORS header, so that no
// foreign page reads an answer.
func harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// writeProblem answers with a problem where huma is not there to do it.
func writeProblem(w http.ResponseWriter, v *visit, p *problem) {
	v.settle(p)
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	body, err := json.Marshal(p)
	if err != nil {
		panic("BUG: admin: a problem cannot be written: " + err.Error())
	}
	w.WriteHeader(p.Status)
	// A client that went away cannot be told so.
	_, _ = w.Write(append(body, '\n'))
}

// settle completes a problem with the request's id and notes it for the log.
func (v *visit) settle(p *problem) {
	p.RequestID = v.requestID
	v.code = p.Code
	if p.cause != nil {
		v.cause = p.cause
	}
}

// probe hears what a handler would answer.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(status int)      { p.status = status }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// requestID is 128 random bits in hexadecimal digits.
func requestID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

// peerOf is the address of the other end of the connection; the zero address
// when there is none, as on a Unix socket.
func peerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// unsafe reports whether a method may change something.
func unsafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

// trimSlash is a path without its final slash, which path.Clean takes as well.
func trimSlash(p string) string {
	if len(p) > 1 {
		p = strings.TrimSuffix(p, "/")
	}
	return "/" + strings.TrimPrefix(p, "/")
}
