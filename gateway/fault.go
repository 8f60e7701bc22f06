package gateway

import (
	"errors"
	"syscall"
	"time"
)

// fault is one thing that can go wrong with an upstream. Faults are constants:
// comparable, free to return, and they never quote a byte of an answer.
type fault string

// Error is the fault's own text.
func (f fault) Error() string { return string(f) }

// What an upstream can do wrong once something was sent to it.
const (
	faultNoAnswer  = fault("the connection ended without an answer")
	faultCut       = fault("the answer was cut short")
	faultHead      = fault("the answer's head is malformed")
	faultHeadSize  = fault("the answer's head is larger than 32 KiB or has more than 256 fields")
	faultStatus    = fault("the answer's status is not between 200 and 599")
	faultSwitch    = fault("the upstream switched protocols unasked")
	faultInterim   = fault("too many interim answers, or one of an unknown kind")
	faultFraming   = fault("the answer's length is announced in more than one way, or in one we do not read")
	faultUnframed  = fault("the answer has neither Content-Length nor chunked framing, so a cut one would look whole")
	faultChunk     = fault("the answer's chunked framing is malformed")
	faultBodySize  = fault("the answer is larger than the limit and its route does not stream")
	faultMemory    = fault("there is no memory for the rest of the answer")
	faultUnasked   = fault("the upstream sent bytes that nobody asked for, such as a second answer")
	faultHandshake = fault("the upstream did not agree on HTTP/1.1")
	faultIdleEnd   = fault("the upstream ended an idle connection")
	faultNoCert    = fault("the upstream asks for a certificate and there is none to show it")
)

// class is a fault's word in the metrics.
func class(err error) string {
	switch err {
	case faultNoAnswer:
		return "no_answer"
	case faultCut:
		return "cut"
	case faultHead:
		return "head"
	case faultHeadSize:
		return "head_size"
	case faultStatus:
		return "status"
	case faultSwitch:
		return "switch"
	case faultInterim:
		return "interim"
	case faultFraming:
		return "framing"
	case faultUnframed:
		return "unframed"
	case faultChunk:
		return "chunk"
	case faultBodySize:
		return "body_size"
	case faultUnasked:
		return "unasked"
	case faultIdleEnd:
		return "idle_end"
	}
	switch {
	case isTimeout(err):
		return "timeout"
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return "reset"
	}
	return "other"
}

// verdict is what the outcome of one request says about its target.
type verdict uint8

const (
	saysNothing verdict = iota
	isAlive
	hasFailed
)

// verdictOn is what an error after sending says. patience is how long the
// target was given for its answer, own the timeout of its upstream.
//
// A target that sent a head which can be told for one is alive, however little
// we may use it: a client can ask a healthy one for an answer that is too
// large. A timeout counts only when the target had about the time that its
// upstream grants: what is slow by a route's own, shorter one, or after a wait
// for a slot, is no failure of the target.
func verdictOn(err error, patience, own time.Duration) verdict {
	switch err {
	case faultHeadSize, faultStatus, faultSwitch, faultInterim, faultFraming, faultUnframed, faultBodySize:
		return isAlive
	}
	if isTimeout(err) && patience < own/4*3 {
		return saysNothing
	}
	return hasFailed
}
