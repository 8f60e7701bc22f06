package storetest

import (
	"bytes"
	"slices"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
)

var keyTests = []test{
	{"AnAdminKeyIsFoundUntilItEnds", anAdminKeyIsFound},
	{"AWrongAdminKeyIsRefused", aWrongAdminKey},
	{"SigningKeysAreKeptSealedNewestFirst", signingKeys},
	{"SealedRowsAreKnownToBeThere", sealedRows},
	{"MetaIsOverwritten", metaIsOverwritten},
}

func anAdminKeyIsFound(h *house) {
	added, err := h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "ops", Role: token.RoleOperator, Digest: h.digest(), Hint: "abcd"})
	h.ok(err)
	other, err := h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "own", Role: token.RoleMerchant, Merchant: h.addMerchant(), Digest: h.digest()})
	h.ok(err)
	found, err := h.FindAdminKeyByDigest(ctx, &added.Digest)
	h.ok(err)
	if diff := cmp.Diff(added, found); diff != "" || len(added.ID) != len("key_")+12 || added.CreatedAt == 0 {
		h.t.Errorf("%+v (-added +found):\n%s", added, diff)
	}
	ended, err := h.EndAdminKey(ctx, act(""), added.ID)
	h.ok(err)
	if ended.EndedAt == 0 || ended.Name != "ops" {
		h.t.Errorf("ended %+v", ended)
	}
	h.refused(second(h.FindAdminKeyByDigest(ctx, &added.Digest)), token.ErrNotFound)
	before := h.traces()
	again, err := h.EndAdminKey(ctx, act(""), added.ID)
	h.ok(err)
	if diff := cmp.Diff(ended, again); diff != "" || h.traces() != before {
		h.t.Errorf("ending again is something else (-first +again):\n%s", diff)
	}
	for all, want := range map[bool][]string{false: {other.ID}, true: {other.ID, added.ID}} {
		list, next, err := h.ListAdminKeys(ctx, token.AdminKeyFilter{Ended: all})
		h.ok(err)
		var got []string
		for _, k := range list {
			got = append(got, k.ID)
		}
		if !slices.Equal(got, want) || next != "" {
			h.t.Errorf("ended too %t: %v, want %v", all, got, want)
		}
	}
}

func aWrongAdminKey(h *house) {
	taken := h.digest()
	h.ok(second(h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "a", Role: token.RoleAdmin, Digest: taken})))
	for field, k := range map[string]token.AdminKey{
		"name":        {Role: token.RoleAdmin, Digest: h.digest()},
		"role":        {Name: "a", Role: "root", Digest: h.digest()},
		"digest":      {Name: "a", Role: token.RoleAdmin},
		"merchant_id": {Name: "a", Role: token.RoleMerchant, Digest: h.digest()},
	} {
		h.wrong(second(h.AddAdminKey(ctx, act(""), k)), field)
	}
	h.wrong(second(h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "a", Role: token.RoleAdmin, Merchant: h.addMerchant(), Digest: h.digest()})), "merchant_id")
	h.wrong(second(h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "a", Role: token.RoleMerchant, Merchant: "mer_x", Digest: h.digest()})), "merchant_id")
	h.refused(second(h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "a", Role: token.RoleAdmin, Digest: taken})), token.ErrExists)
}

func signingKeys(h *house) {
	for _, id := range []string{"b", "a"} {
		h.ok(h.AddSigningKey(ctx, act(""), token.SealedKey{ID: id, Alg: token.EdDSA, Sealed: []byte{0, 1, byte(len(id))}}))
	}
	list, err := h.SigningKeys(ctx)
	h.ok(err)
	if len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" || list[0].Alg != token.EdDSA ||
		!bytes.Equal(list[0].Sealed, []byte{0, 1, 1}) || list[0].CreatedAt == 0 {
		h.t.Errorf("listed %+v", list)
	}
	h.refused(h.AddSigningKey(ctx, act(""), token.SealedKey{ID: "a", Alg: token.HS256, Sealed: []byte{1}}), token.ErrExists)
	h.wrong(h.AddSigningKey(ctx, act(""), token.SealedKey{ID: "c", Alg: "none", Sealed: []byte{1}}), "alg")
	h.wrong(h.AddSigningKey(ctx, act(""), token.SealedKey{ID: "c", Alg: token.HS256}), "sealed")
}

func sealedRows(h *house) {
	sealed := func(want bool) {
		h.t.Helper()
		if got, err := h.HasSealed(ctx); err != nil || got != want {
			h.t.Errorf("sealed rows: %t, %v; want %t", got, err, want)
		}
	}
	h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client()) })
	sealed(false)
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.signing()) })
	sealed(true)
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	sealed(true)
}

func metaIsOverwritten(h *house) {
	for _, value := range []string{"one", "two"} {
		h.ok(h.SetMeta(ctx, act(""), "word", []byte(value)))
		if got, err := h.Meta(ctx, "word"); err != nil || string(got) != value {
			h.t.Errorf("%q, %v; want %q", got, err, value)
		}
	}
}
