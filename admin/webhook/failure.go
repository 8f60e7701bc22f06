package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
)

// failure is why an attempt failed, in words that may be shown to the merchant:
// neither an address a name has here nor anything the other side sent.
type failure string

// Error is the words.
func (f failure) Error() string { return string(f) }

// Why attempts fail, but for the status of an answer.
const (
	failNoAddress    failure = "the host name could not be resolved"
	failNotPublic    failure = "the host has an address that is not a public one"
	failNoConnection failure = "no connection could be made"
	failCertificate  failure = "the server's certificate could not be verified"
	failBroken       failure = "the connection broke before a whole answer came"
	failTooSlow      failure = "no answer came in time"
	failUnsigned     failure = "the secret to sign with could not be read"
	failUnreadable   failure = "the event could not be written"
	failInternal     failure = "something went wrong here; the log has it"
)

// failStatus is an answer that does not take the event.
func failStatus(status int) failure {
	if status >= 300 && status < 400 {
		return failure("it answered " + strconv.Itoa(status) + ", a redirect, which is not followed")
	}
	return failure("it answered " + strconv.Itoa(status) + " " + http.StatusText(status))
}

// wordFailure says why a request got no answer.
func wordFailure(ctx context.Context, err error) failure {
	var own failure
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
		return failTooSlow
	case errors.As(err, &own):
		return own
	case errors.As(err, &certificate):
		return failCertificate
	}
	return failBroken
}
