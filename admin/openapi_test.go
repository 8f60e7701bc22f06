package admin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// TestOpenAPIDocument: the document is valid JSON without duplicate members,
// 3.1, asks nobody for a credential, lists every route the interfaces name with
// an answer and a refusal, and every reference in it leads somewhere.
func TestOpenAPIDocument(t *testing.T) {
	r := newRig(t)
	p := r.want(200, "GET", "/admin/openapi.json", "", "Authorization", "")
	if !jsontext.Value(p.body).IsValid() {
		t.Fatal("the document is not valid JSON")
	}
	if v := p.text("openapi"); !strings.HasPrefix(v, "3.1") {
		t.Errorf("version %q", v)
	}
	for _, route := range []string{
		"POST /admin/v1/merchants", "GET /admin/v1/merchants", "GET /admin/v1/merchants/{id}", "PATCH /admin/v1/merchants/{id}",
		"POST /admin/v1/tokens", "GET /admin/v1/tokens", "GET /admin/v1/tokens/{id}", "PATCH /admin/v1/tokens/{id}",
		"DELETE /admin/v1/tokens/{id}", "POST /admin/v1/tokens/{id}/revoke", "POST /admin/v1/tokens/{id}/rotate",
		"GET /admin/v1/tokens/{id}/phones", "POST /admin/v1/tokens/{id}/phones",
		"PATCH /admin/v1/tokens/{id}/phones/{e164}", "DELETE /admin/v1/tokens/{id}/phones/{e164}",
		"POST /admin/v1/explain", "GET /admin/v1/audit", "GET /admin/v1/catalog",
		"POST /admin/v1/keys", "GET /admin/v1/keys", "DELETE /admin/v1/keys/{id}",
		"POST /admin/v1/tokens/{id}/generate", "POST /admin/v1/merchants/{id}/webhook_secret",
		"POST /admin/v1/users", "GET /admin/v1/users", "GET /admin/v1/users/{id}", "PATCH /admin/v1/users/{id}",
		"DELETE /admin/v1/users/{id}", "POST /admin/v1/users/{id}/password",
	} {
		method, path, _ := strings.Cut(route, " ")
		op := p.at("paths", path, strings.ToLower(method))
		if op == nil {
			t.Errorf("the document lacks %s", route)
			continue
		}
		responses := op.(map[string]any)["responses"].(map[string]any)
		ok := slices.ContainsFunc([]string{"200", "201", "204"}, func(s string) bool { return responses[s] != nil })
		if !ok || responses["default"] == nil {
			t.Errorf("%s: responses %v", route, responses)
		}
	}
	schemas := p.at("components", "schemas").(map[string]any)
	for _, rest := range strings.Split(p.body, `"$ref":"`)[1:] {
		ref, _, _ := strings.Cut(rest, `"`)
		if _, ok := schemas[strings.TrimPrefix(ref, "#/components/schemas/")]; !ok {
			t.Errorf("%s leads nowhere", ref)
		}
	}
	for _, theirs := range []string{"ErrorModel", "$schema", "\"value\""} {
		if strings.Contains(p.body, theirs) {
			t.Errorf("the document speaks of %s", theirs)
		}
	}
	for _, path := range []string{"/admin/docs", "/docs", "/schemas", "/admin/openapi.yaml", "/admin/openapi-3.0.json"} {
		r.want(404, "GET", path, "")
	}
	for schema, members := range map[string][]string{
		"TokenOrder": {"client_cert_sha256", "quota"}, "TokenPatch": {"client_cert_sha256", "quota", "restricts"},
		"Token": {"client_cert_sha256", "quota", "quota_used", "restricts"}, "ExplainRequest": {"client_ip", "client_cert_sha256"},
		"Restricts": {"client_cert"}, "RestrictsPatch": {"client_cert"},
	} {
		s, _ := schemas[schema].(map[string]any)
		properties, _ := s["properties"].(map[string]any)
		for _, member := range members {
			if properties[member] == nil {
				t.Errorf("%s lacks %s", schema, member)
			}
		}
	}
	order := schemas["TokenOrder"].(map[string]any)
	if order["additionalProperties"] != false {
		t.Error("an order seems to take members that are no fields")
	}
}
