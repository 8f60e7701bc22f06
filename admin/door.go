package admin

import (
	"errors"
	"io"
	"net/http"
	"path"
	"runtime"
	"strings"
	"time"

	"go.uber.org/zap"

	"tollgate/policy/token"
)

// door is what every request passes on its way to the mux and back: it names
// the request, refuses what no browser and no stranger should send, turns the
// mux's own plain answers into problems, and writes the one log line.
type door struct {
	mux     *http.ServeMux
	origins *http.CrossOriginProtection
	hosts   hostCheck
	logger  *zap.Logger
	now     func() time.Time
	random  io.Reader
}

// ServeHTTP answers one request.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := d.now()
	v := &visit{addr: peerOf(r)}
	out := &answer{ResponseWriter: w}
	harden(out.Header())
	r = r.WithContext(withVisit(r.Context(), v))
	defer func() {
		if fault := recover(); fault != nil {
			d.recovered(out, v, fault)
		}
		d.log(r, v, out, d.now().Sub(began))
	}()
	if err := d.name(out, v); err != nil {
		writeProblem(out, v, refuse(http.StatusServiceUnavailable, codeCannotDecide,
			"No random number could be read; try again.").because(err))
		return
	}
	if p := d.turnAway(r); p != nil {
		writeProblem(out, v, p)
		return
	}
	d.mux.ServeHTTP(out, r)
}

// name gives the request its id: 128 random bits, in the answer from here on.
func (d *door) name(out *answer, v *visit) error {
	id, err := requestID(d.random)
	if err != nil {
		return err
	}
	v.requestID = id
	out.Header().Set("X-Request-Id", id)
	return nil
}

// turnAway is the first reason for which a request gets no further than the
// door, or nil. No browser page but our own may write, and a host name that is
// not ours on a loopback listener is a rebound one.
func (d *door) turnAway(r *http.Request) *problem {
	if !d.hosts.accepts(r.Host) {
		return refuse(http.StatusMisdirectedRequest, codeMisdirected,
			"This listener answers to localhost and loopback addresses only.")
	}
	if unsafe(r.Method) && r.Header.Get("Sec-Fetch-Mode") == "no-cors" || d.origins.Check(r) != nil {
		return refuse(http.StatusForbidden, codeCrossOrigin,
			"A page of another origin may not write here.")
	}
	// The mux would redirect to the cleaned path, which no API client wants and
	// which would show the raw path in an answer.
	if escaped := r.URL.EscapedPath(); path.Clean("/"+escaped) != trimSlash(escaped) {
		return noSuchPath()
	}
	handler, pattern := d.mux.Handler(r)
	if pattern != "" {
		return nil
	}
	return unrouted(handler, r)
}

// unrouted words what the mux says of a request that nothing takes: another
// method would do, or no path is like this.
func unrouted(says http.Handler, r *http.Request) *problem {
	heard := &probe{header: http.Header{}}
	says.ServeHTTP(heard, r)
	if heard.status != http.StatusMethodNotAllowed {
		return noSuchPath()
	}
	allow := heard.header.Get("Allow")
	return refuse(http.StatusMethodNotAllowed, codeMethod,
		"This path takes "+allow+".").with("Allow", allow)
}

func noSuchPath() *problem {
	return refuse(http.StatusNotFound, codeNotFound, "No call of this API has this path; /admin/openapi.json lists them.")
}

// recovered answers a panic as an internal error, unless the answer has begun.
// http.ErrAbortHandler is net/http's own and goes on.
func (d *door) recovered(out *answer, v *visit, fault any) {
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(fault)
	}
	words := "left out: it could quote a request"
	switch f := fault.(type) {
	case runtime.Error: // numbers and types
		words = f.Error()
	case string:
		if strings.HasPrefix(f, "BUG:") {
			words = f
		}
	}
	d.logger.Error("admin panic", zap.String("request_id", v.requestID), zap.String("panic", words), zap.Stack("stack"))
	if out.status == 0 {
		writeProblem(out, v, internalError())
	}
}

func internalError() *problem {
	return refuse(http.StatusInternalServerError, codeInternal, "Something went wrong here; the log has it under the request id.")
}

// known is a method for the log: one that HTTP has, for anything else is a
// client's own word, which could be a secret.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	}
	return token.Hidden
}

// log writes the request's one event. It carries the route's pattern, never the
// raw path, which can hold a phone number.
func (d *door) log(r *http.Request, v *visit, out *answer, took time.Duration) {
	fields := []zap.Field{
		zap.String("request_id", v.requestID),
		zap.String("method", known(r.Method)),
		zap.String("route", r.Pattern),
		zap.Int("status", out.status),
		zap.String("code", v.code),
		zap.String("actor_kind", v.actor.Kind),
		zap.String("actor", v.actor.ID),
		zap.String("role", string(v.role)),
		zap.String("client_ip", v.ip()),
		zap.Int64("bytes_out", out.bytes),
		zap.Duration("took", took),
	}
	if v.cause != nil && r.Context().Err() == nil { // a client that went away is no fault of ours
		d.logger.Error("admin request", append(fields, zap.Error(v.cause))...)
		return
	}
	d.logger.Info("admin request", fields...)
}
