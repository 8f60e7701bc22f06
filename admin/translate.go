package admin

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tollgate/policy/token"
)

// problems is huma's last step before an answer is written: it completes our
// problems with the request's id, and turns huma's own errors into ours,
// without the submitted values that huma would quote.
func (s *service) problems(ctx huma.Context, _ string, body any) (any, error) {
	v := visitOf(ctx.Context())
	switch e := body.(type) {
	case *problem:
		v.settle(e)
		return e, nil
	case *huma.ErrorModel:
		p := translate(e)
		v.settle(p)
		return p, nil
	}
	return body, nil
}

// translate words one of huma's errors. What it may find wrong here are the
// parameters of a path, a query or a header, and the transport of a body.
func translate(e *huma.ErrorModel) *problem {
	switch e.Status {
	case http.StatusUnprocessableEntity:
		var f faults
		for _, d := range e.Errors {
			_, field, _ := strings.Cut(d.Location, ".")
			f.add(clip(field), wordParameter(d.Message))
		}
		return refuseFields(f.list)
	case http.StatusRequestEntityTooLarge:
		return refuse(e.Status, codeTooLarge, "The body may have 1 MiB at the most.")
	case http.StatusRequestTimeout:
		return refuse(e.Status, codeRequestTimeout, "The body did not arrive in time.")
	case http.StatusBadRequest:
		return refuse(e.Status, codeMalformed, "The request needs a JSON body.")
	}
	p := internalError()
	return p.because(token.Error("huma: " + e.Detail))
}

func wordParameter(message string) string {
	if message == "unknown query parameter" {
		return "there is no such query parameter here"
	}
	return message
}
