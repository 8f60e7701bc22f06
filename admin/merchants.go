package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"tollgate/policy"
	"tollgate/policy/token"
)

// The two standings of a merchant.
const (
	merchantActive    = "active"
	merchantSuspended = "suspended"
)

// merchantView is a merchant in an answer.
type merchantView struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Status      string        `json:"status" enum:"active,suspended" doc:"A suspended merchant's tokens are refused"`
	IPWhitelist []string      `json:"ip_whitelist" nullable:"false" doc:"Hold for every token of the merchant; empty: none is asked for"`
	Webhook     token.Webhook `json:"webhook" doc:"For tokens that have none of their own"`
	CreatedAt   time.Time     `json:"created_at"`
	UpdatedAt   time.Time     `json:"updated_at"`
	Version     int64         `json:"version"`
}

func viewMerchant(m *token.Merchant) merchantView {
	status := merchantSuspended
	if m.Active {
		status = merchantActive
	}
	return merchantView{
		ID: m.ID, Name: m.Name, Status: status, IPWhitelist: orEmpty(m.IPRanges), Webhook: orSingle(m.Webhook),
		CreatedAt: m.CreatedAt.Time(), UpdatedAt: m.UpdatedAt.Time(), Version: m.Version,
	}
}

// merchantOrder is what a merchant is made of.
type merchantOrder struct {
	Name        string       `json:"name"`
	IPWhitelist []string     `json:"ip_whitelist,omitempty"`
	Webhook     webhookOrder `json:"webhook,omitempty" doc:"For tokens that have none of their own"`
}

// merchantPatch is an RFC 7396 merge patch of a merchant.
type merchantPatch struct {
	Name        string       `json:"name,omitempty"`
	Status      string       `json:"status,omitempty" enum:"active,suspended"`
	IPWhitelist []string     `json:"ip_whitelist,omitempty" doc:"null empties it"`
	Webhook     webhookOrder `json:"webhook,omitempty" doc:"null: nothing is sent"`
}

type merchantAnswer struct {
	ETag string `header:"ETag"`
	Body merchantView
}

func answerMerchant(m *token.Merchant) *merchantAnswer {
	return &merchantAnswer{ETag: etag(m.Version), Body: viewMerchant(m)}
}

// MerchantPath is the path of one merchant. It is exported for huma, like
// TokenPath.
type MerchantPath struct {
	ID string `path:"id" maxLength:"100" doc:"mer_…"`
}

func (s *service) addMerchant(ctx context.Context, v *visit, in *struct{ Body document[merchantOrder] }) (*merchantAnswer, error) {
	sent, err := s.forms.merchant.read(in.Body)
	if err != nil {
		return nil, err
	}
	var order merchantOrder
	sent.as(&order)
	f := &sent.faults
	checkName(f, "name", order.Name)
	m := token.Merchant{
		Name: order.Name, Active: true, IPRanges: ranges(f, order.IPWhitelist),
		Webhook: s.checkWebhook(f, token.Webhook{}, token.Webhook(order.Webhook)),
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	if m, err = s.store.AddMerchant(ctx, v.act("merchant.create"), m); err != nil {
		return nil, err
	}
	return answerMerchant(&m), nil
}

func (s *service) findMerchant(ctx context.Context, v *visit, in *MerchantPath) (*merchantAnswer, error) {
	m, err := s.merchant(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	return answerMerchant(&m), nil
}

// merchant finds a merchant that the caller may read.
func (s *service) merchant(ctx context.Context, v *visit, id string) (token.Merchant, error) {
	if !v.mayRead(id) {
		return token.Merchant{}, notFound("merchant")
	}
	m, err := s.store.FindMerchant(ctx, id)
	return m, missing(err, "merchant")
}

type merchantQuery struct {
	PageQuery
	Query string `query:"q" maxLength:"200" doc:"A piece of the name or the id"`
}

func (s *service) listMerchants(ctx context.Context, v *visit, in *merchantQuery) (*listAnswer[merchantView], error) {
	list, next, err := s.store.ListMerchants(ctx, token.MerchantFilter{Page: in.page(), ID: v.scope(), Query: in.Query})
	if err != nil {
		return nil, err
	}
	return listed(list, next, viewMerchant), nil
}

type merchantChange struct {
	MerchantPath
	Condition
	Body document[merchantPatch] `contentType:"application/merge-patch+json"`
}

func (s *service) changeMerchant(ctx context.Context, v *visit, in *merchantChange) (*merchantAnswer, error) {
	sent, err := s.forms.merchantPatch.read(in.Body)
	if err != nil {
		return nil, err
	}
	match, err := in.parse()
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		m, err := s.merchant(ctx, v, in.ID)
		if err != nil {
			return nil, err
		}
		if !match.holds(m.Version) {
			return nil, stale()
		}
		changed, err := s.patchMerchant(m, sent)
		if err != nil {
			return nil, err
		}
		if sameMerchant(&m, &changed) {
			return answerMerchant(&m), nil
		}
		m, err = s.store.ChangeMerchant(ctx, v.act("merchant.change"), changed, m.Version)
		if errors.Is(err, token.ErrStale) && match.any() {
			if attempt < maxAttempts {
				continue
			}
			return nil, busy()
		}
		if err != nil {
			return nil, missing(err, "merchant")
		}
		return answerMerchant(&m), nil
	}
}

// patchMerchant is the merchant as it is after the patch. It may be called
// again with a newer merchant.
func (s *service) patchMerchant(m token.Merchant, sent *submitted) (token.Merchant, error) {
	view := viewMerchant(&m)
	f := sent.faults.clone()
	var after merchantPatch
	before := merchantPatch{Name: view.Name, Status: view.Status, IPWhitelist: view.IPWhitelist, Webhook: webhookOrder(view.Webhook)}
	patch(before, sent, &after, &f)
	checkName(&f, "name", after.Name)
	if after.Status == "" {
		f.add("status", "write active or suspended")
	}
	m.Name, m.Active = after.Name, after.Status == merchantActive
	m.IPRanges = ranges(&f, after.IPWhitelist)
	m.Webhook = s.checkWebhook(&f, m.Webhook, token.Webhook(after.Webhook))
	return m, f.problem()
}

// sameMerchant reports whether a patch changed nothing.
func sameMerchant(a, b *token.Merchant) bool {
	return a.Name == b.Name && a.Active == b.Active && slices.Equal(a.IPRanges, b.IPRanges) && orSingle(a.Webhook) == orSingle(b.Webhook)
}

// ranges brings a merchant's addresses into the form that is kept.
func ranges(f *faults, list []string) []string {
	kept, _, bad := policy.NormaliseRanges("ip_whitelist", list)
	f.addAll(bad)
	return kept
}

func stale() *problem {
	return refuse(http.StatusPreconditionFailed, codePrecondition,
		"The record has another version than If-Match asks for; read it again and repeat the change.")
}

// orEmpty is the list, or an empty one: answers hold [] and never null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
