package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tollgate/policy/token"
)

// operation is one line of the table in routes.go.
type operation struct {
	method, path string
	id, summary  string
	need         need
	status       int // of the answer; 0: 200
}

const needKey = "need"

// handle registers an operation and the function that carries it out. What the
// function returns as an error becomes a problem in one place, here.
func handle[I, O any](s *service, op operation, do func(context.Context, *visit, *I) (*O, error)) {
	huma.Register(s.api, huma.Operation{
		OperationID:   op.id,
		Method:        op.method,
		Path:          op.path,
		Summary:       op.summary,
		DefaultStatus: op.status,
		Responses:     map[string]*huma.Response{"default": problemResponse(s.api.OpenAPI().Components.Schemas)},
		Security:      []map[string][]string{{"admin_key": {}}},
		Metadata:      map[string]any{needKey: op.need},

		// huma refuses a body of exactly its limit.
		MaxBodyBytes:                 maxBody + 1,
		SkipValidateBody:             true,
		RejectUnknownQueryParameters: true,
	}, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, visitOf(ctx), in)
		if err != nil {
			return nil, problemOf(err)
		}
		return out, nil
	})
}

// enter is what every operation begins with: who calls, whether the role may,
// and whether the body is of a kind that is read.
func (s *service) enter(ctx huma.Context, next func(huma.Context)) {
	v := visitOf(ctx.Context())
	r, w := humago.Unwrap(ctx)
	if err := s.identity.identify(r.Context(), v, r.Header); err != nil {
		writeProblem(w, v, problemOf(err))
		return
	}
	need, ok := ctx.Operation().Metadata[needKey].(need)
	if !ok || !need.allows(v.role) {
		writeProblem(w, v, forbidden("The role "+string(v.role)+" may not do this."))
		return
	}
	if ctx.Operation().RequestBody != nil {
		if !isJSON(r.Header.Get("Content-Type")) {
			writeProblem(w, v, refuse(http.StatusUnsupportedMediaType, codeUnsupported,
				"Send the body as Content-Type: application/json (application/merge-patch+json for a PATCH will do)."))
			return
		}
		r.Header.Set("Content-Type", "application/json") // which huma knows in this spelling only
	}
	if name := repeated(r.URL.Query()); name != "" {
		writeProblem(w, v, refuse(http.StatusBadRequest, codeMalformed,
			"A query parameter is given more than once."))
		return
	}
	next(ctx)
}

// repeated is a query parameter that is given more than once, "" when none is:
// which of two filters holds must not depend on who reads them.
func repeated(query map[string][]string) string {
	for name, values := range query {
		if len(values) > 1 {
			return name
		}
	}
	return ""
}

// problemOf turns what an operation returned into the problem it is answered
// with. An error of no known kind is a store that could not tell.
func problemOf(err error) *problem {
	var p *problem
	var fields token.FieldErrors
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &fields):
		return refuseFields(fields)
	case errors.Is(err, token.ErrStale):
		return refuse(http.StatusPreconditionFailed, codePrecondition,
			"The record has changed since it was read; read it again and repeat the change.")
	case errors.Is(err, token.ErrRevoked):
		return refuse(http.StatusConflict, codeTokenRevoked, "The token is revoked; nothing about it can be changed any more.")
	case errors.Is(err, token.ErrExists):
		return refuse(http.StatusConflict, codeConflict, "There is such a record already.")
	}
	return storeFault(err)
}

// storeFault is the answer when the store could not tell. Whether a write took
// place is then unknown, and the answer says so.
func storeFault(err error) *problem {
	return refuse(http.StatusServiceUnavailable, codeCannotDecide,
		"The store could not answer; whether a change was made is unknown. Read the record before trying again.").
		with("Retry-After", "1").because(err)
}

// mintFault is the answer when no secret could be made: no random numbers, or
// no master key to seal with. Nothing has changed then.
func mintFault(err error) *problem {
	return refuse(http.StatusServiceUnavailable, codeCannotDecide,
		"No secret could be made, and nothing was changed; the log says why, under the request id.").
		with("Retry-After", "1").because(err)
}

// busy is the answer to a change whose record moved at every attempt.
func busy() *problem {
	return refuse(http.StatusConflict, codeConflict, "The record keeps changing under this change; try again.").with("Retry-After", "1")
}

// missing turns token.ErrNotFound into the one answer for records that do not
// exist, and leaves every other error.
func missing(err error, noun string) error {
	if errors.Is(err, token.ErrNotFound) {
		return notFound(noun)
	}
	return err
}
