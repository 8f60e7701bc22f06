package admin

import (
	"time"

	"tollgate/policy/token"
)

// tokenView is a token in an answer. Its phones and warnings stand in answers
// about one token only; lists count the phones.
type tokenView struct {
	ID               string            `json:"id"`
	MerchantID       string            `json:"merchant_id"`
	ParentID         *string           `json:"parent_id" doc:"The token that made it; null for none"`
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	Environment      string            `json:"environment" enum:"live,test"`
	Status           string            `json:"status" enum:"ACTIVE,EXPIRED,DISABLED,REVOKED"`
	Enabled          bool              `json:"enabled"`
	Mode             string            `json:"mode" enum:"enforce,monitor"`
	EnhancedSecurity bool              `json:"enhanced_security"`
	IPWhitelist      []string          `json:"ip_whitelist" nullable:"false"`
	ClientCerts      []string          `json:"client_cert_sha256" nullable:"false"`
	AllowedMethods   []string          `json:"allowed_methods" nullable:"false"`
	Permissions      []string          `json:"permissions" nullable:"false"`
	Composition      token.Composition `json:"composition"`
	Restricts        token.Restricts   `json:"restricts"`
	Rate             string            `json:"rate"`
	Quota            string            `json:"quota"`
	QuotaUsed        *quotaUsedView    `json:"quota_used,omitempty" doc:"Of a token with a quota, in answers about it alone; nodes report every few seconds"`
	Phones           []phoneView       `json:"phones,omitzero" doc:"The first thousand; GET phones lists all"`
	PhoneCount       int               `json:"phone_count"`
	Webhook          token.Webhook     `json:"webhook"`
	KeyHint          string            `json:"key_hint" doc:"The last four characters of the newest key"`
	ClientID         string            `json:"client_id"`
	Generations      generationsView   `json:"generations"`
	CreatedAt        time.Time         `json:"created_at"`
	UpdatedAt        time.Time         `json:"updated_at"`
	ExpiresAt        *time.Time        `json:"expires_at"`
	RevokedAt        *time.Time        `json:"revoked_at"`
	LastUsedAt       *time.Time        `json:"last_used_at"`
	LastUsedIP       string            `json:"last_used_ip"`
	Version          int64             `json:"version"`
	Warnings         []token.Warning   `json:"warnings,omitzero"`
}

// quotaUsedView is how many requests were let through in the current day and
// month, both in UTC.
type quotaUsedView struct {
	Day   int64 `json:"day"`
	Month int64 `json:"month"`
}

// generationsView lists the generations of each secret, newest first.
type generationsView struct {
	Key           []generationView `json:"key" nullable:"false"`
	ClientSecret  []generationView `json:"client_secret" nullable:"false"`
	SigningSecret []generationView `json:"signing_secret" nullable:"false"`
}

type generationView struct {
	Generation int        `json:"generation"`
	Hint       string     `json:"hint" doc:"The last four characters"`
	CreatedAt  time.Time  `json:"created_at"`
	EndsAt     *time.Time `json:"ends_at" doc:"When it is refused; null while it lives"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// viewToken is a token as lists show it at now.
func viewToken(t *token.Token, now token.Instant) tokenView {
	v := tokenView{
		ID:               string(t.Handle),
		MerchantID:       t.Merchant,
		Name:             t.Name,
		Description:      t.Description,
		Environment:      t.Environment.String(),
		Status:           string(t.StatusAt(now)),
		Enabled:          t.Enabled,
		Mode:             t.Mode.String(),
		EnhancedSecurity: t.Enhanced,
		IPWhitelist:      orEmpty(t.Bounds.IPRanges),
		ClientCerts:      orEmpty(t.Bounds.ClientCerts),
		AllowedMethods:   orEmpty(t.Bounds.Methods),
		Permissions:      orEmpty(t.Bounds.Permissions),
		Composition:      t.Bounds.Composition,
		Restricts:        t.Bounds.Restricts,
		Rate:             t.Bounds.Rate,
		Quota:            t.Bounds.Quota,
		PhoneCount:       t.Numbers,
		Webhook:          orSingle(t.Webhook),
		ClientID:         t.ClientID,
		CreatedAt:        t.CreatedAt.Time(),
		UpdatedAt:        t.UpdatedAt.Time(),
		ExpiresAt:        moment(t.ExpiresAt),
		RevokedAt:        moment(t.RevokedAt),
		LastUsedAt:       moment(t.LastUsedAt),
		LastUsedIP:       t.LastUsedIP,
		Version:          t.Version,
	}
	if t.Parent != "" {
		parent := string(t.Parent)
		v.ParentID = &parent
	}
	if v.Composition == nil {
		v.Composition = token.Composition{}
	}
	v.Generations, v.KeyHint = viewGenerations(t.Credentials)
	return v
}

// viewGenerations sorts a token's credentials by what they are for, newest
// first, and gives the hint of the newest key.
func viewGenerations(list []token.Credential) (generationsView, string) {
	view := generationsView{Key: []generationView{}, ClientSecret: []generationView{}, SigningSecret: []generationView{}}
	for _, c := range newestFirst(list) {
		g := generationView{
			Generation: c.Generation, Hint: c.Hint, CreatedAt: c.CreatedAt.Time(),
			EndsAt: moment(c.EndsAt), LastUsedAt: moment(c.LastUsedAt),
		}
		switch c.Kind {
		case token.KindKey:
			view.Key = append(view.Key, g)
		case token.KindClient:
			view.ClientSecret = append(view.ClientSecret, g)
		case token.KindSigning:
			view.SigningSecret = append(view.SigningSecret, g)
		}
	}
	if len(view.Key) == 0 {
		return view, ""
	}
	return view, view.Key[0].Hint
}

// webhookOrder is a webhook as it is sent.
type webhookOrder struct {
	URL    string `json:"url,omitempty" doc:"Where events are sent: https, to a public address; empty: nowhere"`
	Format string `json:"format,omitempty" enum:"single,multiple" doc:"An event as one JSON object on one line, or as one JSON object a line for each field"`
}

// orSingle gives a webhook that was never set the format it would have.
func orSingle(w token.Webhook) token.Webhook {
	if w.Format == "" {
		w.Format = webhookSingle
	}
	return w
}
