package admin

import (
	"context"
	"errors"

	"tollgate/admin/webhook"
	"tollgate/policy/token"
)

type webhookSecret struct {
	Body struct {
		WebhookSecret string `json:"webhook_secret" doc:"whk_…: signs the events of tokens that have no signing secret"`
	}
}

// webhookSecret shows what the events of a merchant's tokens are signed with.
// It is derived and can be shown again; each time is in the audit log.
func (s *service) webhookSecret(ctx context.Context, v *visit, in *MerchantPath) (*webhookSecret, error) {
	m, err := s.merchant(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	if len(s.hookKey) == 0 {
		return nil, mintFault(errors.New("admin: there is no key to derive webhook secrets from"))
	}
	target := token.AuditTarget{Kind: "merchant", ID: m.ID}
	if err := s.store.Note(ctx, v.act("merchant.webhook_secret"), target, m.ID, map[string]any{"shown": true}); err != nil {
		return nil, err
	}
	out := &webhookSecret{}
	out.Body.WebhookSecret = webhook.MerchantSecret(s.hookKey, m.ID)
	return out, nil
}
