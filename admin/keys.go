package admin

import (
	"context"
	"time"

	"tollgate/policy/token"
)

// keyView is an admin key in an answer.
type keyView struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role" enum:"admin,operator,auditor,merchant"`
	MerchantID *string    `json:"merchant_id" doc:"Of the role merchant; null otherwise"`
	Hint       string     `json:"hint" doc:"The last four characters"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	EndedAt    *time.Time `json:"ended_at" doc:"null while it lives"`
}

func viewKey(k *token.AdminKey) keyView {
	v := keyView{
		ID: k.ID, Name: k.Name, Role: string(k.Role), Hint: k.Hint,
		CreatedAt: k.CreatedAt.Time(), LastUsedAt: moment(k.LastUsedAt), EndedAt: moment(k.EndedAt),
	}
	if k.Merchant != "" {
		v.MerchantID = &k.Merchant
	}
	return v
}

type keyOrder struct {
	Name       string  `json:"name"`
	Role       string  `json:"role" enum:"admin,operator,auditor,merchant"`
	MerchantID *string `json:"merchant_id,omitempty" doc:"For the role merchant, and only for it"`
}

// createdKey is the one answer that shows an admin key's secret.
type createdKey struct {
	Body struct {
		AdminKey keyView `json:"admin_key"`
		Key      string  `json:"key" doc:"tga_…, shown in this answer only"`
	}
}

type wrappedKey struct {
	Body struct {
		AdminKey keyView `json:"admin_key"`
	}
}

type keyQuery struct {
	PageQuery
	Ended bool `query:"ended" doc:"Ended keys as well"`
}

type keyID struct {
	ID string `path:"id" maxLength:"100" doc:"key_…"`
}

func (s *service) addKey(ctx context.Context, v *visit, in *struct{ Body document[keyOrder] }) (*createdKey, error) {
	sent, err := s.forms.key.read(in.Body)
	if err != nil {
		return nil, err
	}
	var order keyOrder
	sent.as(&order)
	k, err := s.readKey(ctx, v, &order, &sent.faults)
	if err != nil {
		return nil, err
	}
	secret, kept, err := s.minter.Mint(token.KindAdmin, token.EnvAny, "", 1)
	if err != nil {
		return nil, mintFault(err)
	}
	k.Digest, k.Hint = kept.Digest, kept.Hint
	if k, err = s.store.AddAdminKey(ctx, v.act("admin_key.create"), k); err != nil {
		return nil, err
	}
	out := &createdKey{}
	out.Body.AdminKey, out.Body.Key = viewKey(&k), string(secret)
	return out, nil
}

// readKey reads an order into a key without a secret. A merchant's key has a
// merchant that exists; no other has one.
func (s *service) readKey(ctx context.Context, v *visit, order *keyOrder, f *faults) (token.AdminKey, error) {
	checkName(f, "name", order.Name)
	role, ok := token.ParseRole(order.Role)
	if !ok {
		f.add("role", "write admin, operator, auditor or merchant")
	}
	k := token.AdminKey{Name: order.Name, Role: role}
	switch {
	case role == token.RoleMerchant && (order.MerchantID == nil || *order.MerchantID == ""):
		f.add("merchant_id", "say which merchant's: mer_…")
	case role != token.RoleMerchant && order.MerchantID != nil:
		f.add("merchant_id", "only a key with the role merchant has one")
	case order.MerchantID != nil:
		k.Merchant = *order.MerchantID
		_, err := s.merchant(ctx, v, k.Merchant)
		if isNotFound(err) {
			f.add("merchant_id", "there is no such merchant")
		} else if err != nil {
			return k, err
		}
	}
	return k, f.problem()
}

func (s *service) listKeys(ctx context.Context, v *visit, in *keyQuery) (*listAnswer[keyView], error) {
	list, next, err := s.store.ListAdminKeys(ctx, token.AdminKeyFilter{Page: in.page(), Ended: in.Ended})
	if err != nil {
		return nil, err
	}
	return listed(list, next, viewKey), nil
}

func (s *service) endKey(ctx context.Context, v *visit, in *keyID) (*wrappedKey, error) {
	k, err := s.store.EndAdminKey(ctx, v.act("admin_key.end"), in.ID)
	if err != nil {
		return nil, missing(err, "admin key")
	}
	out := &wrappedKey{}
	out.Body.AdminKey = viewKey(&k)
	return out, nil
}
