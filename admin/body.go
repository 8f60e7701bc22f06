package admin

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// document is a request body as it was sent, to be read as a T. It stands
// between huma and the reader below because huma would tell the shape of a body
// before its meaning is looked at, in two answers, and would quote what was
// sent. In the OpenAPI document it is a T.
type document[T any] struct{ raw []byte }

// Schema is T's.
func (document[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// take keeps a copy of the body, whose buffer is huma's.
func (d *document[T]) take(body []byte) { d.raw = append([]byte(nil), body...) }

// jsonFormat is how huma reads and writes JSON here: as json/v2 does, which
// refuses duplicate members and tells the case of names apart.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			// A name that came in before it was checked must not make the answer fail.
			return json.MarshalWrite(w, v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
		},
		Unmarshal: func(data []byte, v any) error {
			if d, ok := v.(interface{ take([]byte) }); ok {
				d.take(data)
				return nil
			}
			return json.Unmarshal(data, v, json.RejectUnknownMembers(true))
		},
	}
}

// form reads the bodies of one operation. It is made while operations are
// registered, because huma's registry is not safe to ask for a type later.
type form[T any] struct {
	shapes huma.Registry
	schema *huma.Schema
}

func formOf[T any](shapes huma.Registry) form[T] {
	return form[T]{shapes: shapes, schema: shapes.Schema(reflect.TypeFor[T](), true, "")}
}

// submitted is a body that was read: its members as JSON values, and what was
// wrong with their shape. What has a wrong shape is taken out.
type submitted struct {
	members map[string]any
	faults  faults
}

// read parses a body and holds it against T's schema. The error is a 400: not
// JSON, a duplicate member, a member spelled in another case, not an object.
func (f form[T]) read(d document[T]) (*submitted, error) {
	var value any
	if err := json.Unmarshal(d.raw, &value); err != nil {
		return nil, refuse(http.StatusBadRequest, codeMalformed, wordSyntax(err))
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, refuse(http.StatusBadRequest, codeMalformed, "The body must be a JSON object.")
	}
	if field := otherCase(f.shapes, f.schema, members, ""); field != "" {
		p := refuse(http.StatusBadRequest, codeMalformed, "A member is spelled in another case than its field; errors names it.")
		p.Errors = []fieldProblem{{Field: field, Message: "names are told apart by case; write it as the document at /admin/openapi.json does"}}
		return nil, p
	}
	s := &submitted{members: members}
	for _, place := range checkShape(f.shapes, f.schema, members, &s.faults) {
		leaveOut(members, place)
	}
	return s, nil
}

// as decodes what is left of the members into out, which must accept it: the
// schema was generated from its type.
func (s *submitted) as(out any) {
	if err := convert(s.members, out); err != nil {
		s.faults.add("", "the body cannot be read: its values do not fit together")
	}
}

// convert turns one Go form of a JSON value into another.
func convert(from, to any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to, json.RejectUnknownMembers(true))
}

// wordSyntax says where a body stopped being JSON, without quoting it.
func wordSyntax(err error) string {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return "The body is not valid JSON."
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return "The body has two members of one name at byte " + strconv.FormatInt(syntax.ByteOffset, 10) + "."
	}
	return "The body is not valid JSON in UTF-8: it breaks off or goes wrong at byte " + strconv.FormatInt(syntax.ByteOffset, 10) + "."
}

// isJSON reports whether a Content-Type is one of those that bodies here have.
// That a body must say so keeps out what a foreign page can send without asking:
// forms and text/plain.
func isJSON(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || (kind != "application/json" && kind != "application/merge-patch+json") {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}
