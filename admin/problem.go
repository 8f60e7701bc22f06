package admin

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tollgate/policy/token"
)

// The codes of the admin API's own refusals. Words that a package token reason
// already has are taken from there.
const (
	codeMalformed      = "malformed_request"
	codeMissing        = "credentials_missing"
	codeAmbiguous      = "credentials_ambiguous"
	codeUnknownKey     = "credentials_invalid"
	codeThrottled      = "auth_throttled"
	codeForbidden      = "forbidden"
	codeSuspended      = "merchant_suspended"
	codeCrossOrigin    = "cross_origin"
	codeNotFound       = "not_found"
	codeMethod         = "method_not_allowed"
	codeConflict       = "conflict"
	codePhoneTaken     = "phone_taken"
	codeTokenRevoked   = "token_revoked"
	codePrecondition   = "precondition_failed"
	codeTooLarge       = "body_too_large"
	codeUnsupported    = "unsupported_media_type"
	codeMisdirected    = "misdirected_request"
	codeInvalid        = "validation_failed"
	codeRateLimited    = "rate_limited"
	codeRequestTimeout = "request_timeout"
	codeCannotDecide   = "cannot_decide"
	codeInternal       = "internal_error"
)

// problem is the RFC 9457 body of every refusal of this API. Of what was
// submitted it quotes the word that is wrong, never what can be told to be a
// secret or somebody's number.
type problem struct {
	Type      string         `json:"type" format:"uri" doc:"urn:tollgate:reason: and the code"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail" doc:"One sentence: what was wrong and what would do"`
	Code      string         `json:"code"`
	RequestID string         `json:"request_id"`
	Errors    []fieldProblem `json:"errors,omitempty" doc:"Every bad field, for a 422"`
	Holder    string         `json:"holder,omitempty" doc:"The token that has the number, for callers who may read it"`

	header http.Header
	cause  error // for the log alone
}

// fieldProblem names one bad field.
type fieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// refuse is a problem with the given status, code and sentence.
func refuse(status int, code, detail string) *problem {
	return &problem{
		Type:   "urn:tollgate:reason:" + code,
		Title:  http.StatusText(status),
		Status: status,
		Detail: detail,
		Code:   code,
	}
}

// refuseFields is the 422 that names each bad field.
func refuseFields(bad token.FieldErrors) *problem {
	p := refuse(http.StatusUnprocessableEntity, codeInvalid, countFields(len(bad)))
	for _, e := range bad {
		p.Errors = append(p.Errors, fieldProblem{Field: token.Redact(e.Field), Message: redactQuoted(e.Message)})
	}
	return p
}

// redactQuoted hides what may be a secret in the quoted parts of a message,
// which are what was submitted; the rest is our own words.
func redactQuoted(message string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(message, '"')
		if open < 0 {
			return b.String() + message
		}
		end := open + 1
		for end < len(message) && message[end] != '"' {
			if message[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(message))
		b.WriteString(message[:open+1] + token.Redact(message[open+1:end]))
		message = message[end:]
		if message != "" {
			b.WriteByte('"')
			message = message[1:]
		}
	}
}

func countFields(n int) string {
	if n == 1 {
		return "One field must be put right; errors names it."
	}
	return strconv.Itoa(n) + " fields must be put right; errors names them."
}

// with adds a header of the answer, such as Retry-After.
func (p *problem) with(name, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// retryIn adds Retry-After in whole seconds, one at the least.
func (p *problem) retryIn(d time.Duration) *problem {
	seconds := max(1, int((d+time.Second-1)/time.Second))
	return p.with("Retry-After", strconv.Itoa(seconds))
}

// because keeps the cause for the log.
func (p *problem) because(err error) *problem {
	p.cause = err
	return p
}

// Error is the code: what a log line may show.
func (p *problem) Error() string { return p.Code }

// Unwrap is the cause, for the log.
func (p *problem) Unwrap() error { return p.cause }

// GetStatus is huma's name for the status.
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders is huma's name for the headers.
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType is huma's question which type the body has.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// isNotFound reports whether an error is the answer of notFound.
func isNotFound(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Code == codeNotFound
}
