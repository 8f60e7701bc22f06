package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// OpenAPIPath is where the API's own description is.
const OpenAPIPath = "/admin/openapi.json"

// apiConfig is huma without its pages: no documentation page, which would load
// scripts from elsewhere, no schema files, no links to them in answers.
func apiConfig(problems huma.Transformer) huma.Config {
	format := jsonFormat()
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "tollgate admin API",
				Version:     "v1",
				Description: "Merchants, tokens, phone numbers and admin keys; explanations and the audit log. Times are RFC 3339 in UTC. Errors are RFC 9457 problems; a 422 names every bad field. Lists are newest first.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", nameSchema),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"admin_key": {Type: "http", Scheme: "bearer", Description: "An admin key, tga_…, or the bootstrap key"},
				},
			},
		},
		Formats:          map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:    "application/json",
		NoFormatFallback: false,
		Transformers:     []huma.Transformer{problems},
	}
}

// nameSchema names a schema after its Go type, in capitals as is usual there.
func nameSchema(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	return strings.TrimSuffix(name, "View")
}

// problemResponse describes what every refusal looks like.
func problemResponse(shapes huma.Registry) *huma.Response {
	return &huma.Response{
		Description: "A refusal: RFC 9457 problem details",
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: shapes.Schema(reflect.TypeFor[problem](), true, "")},
		},
	}
}

// mountOpenAPI writes the document once and serves those bytes. huma's own
// handler would write it at the first request, without a lock.
func mountOpenAPI(mux *http.ServeMux, doc *huma.OpenAPI) error {
	delete(doc.Components.Schemas.Map(), "ErrorModel") // huma's own errors never leave here
	delete(doc.Components.Schemas.Map(), "ErrorDetail")
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("admin: write the OpenAPI document: %w", err)
	}
	mux.HandleFunc("GET "+OpenAPIPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // the client may be gone
	})
	return nil
}
