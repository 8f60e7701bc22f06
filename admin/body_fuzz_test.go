package admin

import (
	stdjson "encoding/json"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"tollgate/policy/token"
)

// FuzzPatchBody: whatever a body holds, it is refused or read, and what was read
// without a fault means the same to encoding/json, which is the reader that
// forgives most; merging it into a token never fails.
func FuzzPatchBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name":"x"}`, `{"Name":"x"}`, `{"name":"x","name":"y"}`, `{"composition":{"CI":{"OM":null}}}`,
		`{"restricts":{"ip":false},"ip_whitelist":[]}`, `{"restricts":{"client_cert":false},"client_cert_sha256":["AB:CD"],"quota":"5/day 9/month"}`, `{"webhook":null,"expires_at":null,"mode":"monitor"}`,
		`{"enabled":7,"allowed_methods":[1,"GET"],"x":{"y":[{}]}}`, `{"webhook":{"url":1}}`, "{\"name\":\"\xff\"}", `[[[[`,
	} {
		f.Add([]byte(seed))
	}
	shapes := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	patches := formOf[tokenPatch](shapes)
	strictCasing()
	f.Fuzz(func(t *testing.T, body []byte) {
		sent, err := patches.read(document[tokenPatch]{raw: body})
		if err != nil {
			return
		}
		bad := sent.faults.clone()
		var after tokenPatch
		patch(patchable(&token.Token{Name: "before", Enabled: true}), sent, &after, &bad)
		if bad.problem() != nil {
			if len(sent.faults.list) == 0 {
				t.Fatalf("%s has the right shape and cannot be merged: %v", body, bad.list)
			}
			return
		}
		var lax struct {
			Name    *string `json:"name"`
			Enabled *bool   `json:"enabled"`
		}
		if err := stdjson.Unmarshal(body, &lax); err != nil {
			t.Fatalf("%s was read, encoding/json says %v", body, err)
		}
		if lax.Name != nil && *lax.Name != after.Name || lax.Enabled != nil && *lax.Enabled != *after.Enabled {
			t.Fatalf("%s: read %q, encoding/json reads %q", body, after.Name, *lax.Name)
		}
	})
}
