package admin

import (
	"github.com/danielgtaylor/huma/v2"

	"tollgate/policy/token"
)

// tokenPatch is what a merge patch of a token may hold; it is also the part of
// a token that can be patched.
type tokenPatch struct {
	Name             string           `json:"name,omitempty"`
	Description      string           `json:"description,omitempty"`
	ExpiresAt        *string          `json:"expires_at,omitempty" format:"date-time" doc:"null: never"`
	Enabled          *bool            `json:"enabled,omitempty"`
	IPWhitelist      []string         `json:"ip_whitelist,omitempty" doc:"Emptying it needs restricts.ip false in the same body"`
	ClientCerts      []string         `json:"client_cert_sha256,omitempty" doc:"Emptying it needs restricts.client_cert false in the same body"`
	AllowedMethods   []string         `json:"allowed_methods,omitempty" doc:"Emptying it needs restricts.methods false in the same body"`
	Permissions      []string         `json:"permissions,omitempty"`
	Composition      compositionPatch `json:"composition,omitempty" doc:"null under a country or an operator removes it, [] under an operator too; null here empties it and leaves restricts.composition"`
	EnhancedSecurity bool             `json:"enhanced_security,omitempty"`
	Rate             string           `json:"rate,omitempty"`
	Quota            string           `json:"quota,omitempty"`
	Mode             string           `json:"mode,omitempty" enum:"enforce,monitor" doc:"Needs the role admin"`
	Webhook          webhookOrder     `json:"webhook,omitempty"`
	Restricts        restrictsPatch   `json:"restricts,omitempty" doc:"Clearing a flag needs the role admin"`
}

// restrictsPatch are the flags that a patch may set or clear.
type restrictsPatch struct {
	Composition *bool `json:"composition,omitempty"`
	Phones      *bool `json:"phones,omitempty"`
	IP          *bool `json:"ip,omitempty"`
	Methods     *bool `json:"methods,omitempty"`
	ClientCert  *bool `json:"client_cert,omitempty"`
}

// compositionPatch is a composition in which every level may be null.
type compositionPatch map[string]map[string][]string

// Schema says that each level may be null, which a Go map cannot.
func (compositionPatch) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Nullable: true,
		AdditionalProperties: &huma.Schema{
			Type: huma.TypeObject, Nullable: true,
			AdditionalProperties: &huma.Schema{
				Type: huma.TypeArray, Nullable: true,
				Items: &huma.Schema{Type: huma.TypeString},
			},
		},
	}
}

// patchable is the token in the form that patches are merged into.
func patchable(t *token.Token) tokenPatch {
	r := t.Bounds.Restricts
	p := tokenPatch{
		Name: t.Name, Description: t.Description, Enabled: &t.Enabled,
		IPWhitelist: t.Bounds.IPRanges, AllowedMethods: t.Bounds.Methods, Permissions: t.Bounds.Permissions,
		Composition: compositionPatch(t.Bounds.Composition), EnhancedSecurity: t.Enhanced,
		ClientCerts: t.Bounds.ClientCerts, Quota: t.Bounds.Quota,
		Rate: t.Bounds.Rate, Mode: t.Mode.String(), Webhook: webhookOrder(t.Webhook),
		Restricts: restrictsPatch{Composition: &r.Composition, Phones: &r.Phones, IP: &r.IP, Methods: &r.Methods, ClientCert: &r.ClientCert},
	}
	if t.ExpiresAt != 0 {
		text := t.ExpiresAt.Time().Format(timeFormat)
		p.ExpiresAt = &text
	}
	return p
}
