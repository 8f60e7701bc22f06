package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

var auditTests = []test{
	{"EveryWriteIsAudited", everyWriteIsAudited},
	{"AnAlteredRowBreaksTheChain", anAlteredRow},
	{"AMadeUpLastRowBreaksTheChain", aMadeUpRow},
	{"RowsAreOnlyAppended", rowsAreOnlyAppended},
	{"NoSecretAndNoFullNumberIsInARow", noSecretInARow},
	{"RowsAreFoundByEachOfTheirParts", rowsAreFound},
	{"ANoteChangesNothing", aNoteChangesNothing},
}

func everyWriteIsAudited(h *house) {
	merchant := h.addMerchant()
	t := h.addToken(func(t *token.Token) { t.Merchant = merchant })
	m, err := h.FindMerchant(ctx, merchant)
	h.ok(err)
	m.Active = false
	h.ok(second(h.ChangeMerchant(ctx, act("merchant.suspend"), m, 0)))
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), time.Hour)))
	h.ok(second(h.AddNumber(ctx, act(""), t.Handle, abidjan)))
	h.ok(second(h.ChangeNumber(ctx, act(""), t.Handle, abidjan.E164, false)))
	h.ok(h.EndNumber(ctx, act(""), t.Handle, abidjan.E164))
	t = h.find(t.Handle)
	t.Name = "Other"
	h.ok(second(h.ReplaceToken(ctx, act(""), t, 0)))
	h.ok(second(h.RevokeToken(ctx, act(""), t.Handle)))
	key, err := h.AddAdminKey(ctx, act(""), token.AdminKey{Name: "ops", Role: token.RoleMerchant, Merchant: merchant, Digest: h.digest()})
	h.ok(err)
	h.ok(second(h.EndAdminKey(ctx, act(""), key.ID)))
	h.ok(h.AddSigningKey(ctx, act(""), token.SealedKey{ID: "k1", Alg: token.EdDSA, Sealed: []byte("x")}))
	h.ok(h.SetMeta(ctx, act(""), "word", []byte("x")))

	rows, _, err := h.ListAudit(ctx, token.AuditFilter{})
	h.ok(err)
	slices.Reverse(rows)
	var got []string
	for _, r := range rows {
		got = append(got, r.Action+" "+r.Target.Kind)
		if r.Actor != act("").Actor || r.IP != "192.0.2.7" || r.RequestID != "req-1" || r.At == 0 {
			h.t.Errorf("row %d does not say who: %+v", r.Sequence, r)
		}
	}
	want := []string{"merchant.create merchant", "token.create token", "merchant.suspend merchant", "token.rotate token",
		"phone.add phone", "phone.change phone", "phone.remove phone", "token.change token", "token.revoke token",
		"admin_key.create admin_key", "admin_key.end admin_key", "signing_key.create signing_key", "meta.set meta"}
	if !slices.Equal(got, want) {
		h.t.Errorf("audited %q\nwant    %q", got, want)
	}
	for i, want := range map[int]string{
		2: `{"status":"active","version":1} {"status":"suspended","version":2}`,
		7: `{"name":"Checkout","version":5} {"name":"Other","version":6}`,
	} {
		if got := string(rows[i].Before) + " " + string(rows[i].After); i < len(rows) && got != want {
			h.t.Errorf("row %d tells %s, want %s", i+1, got, want)
		}
	}
	if n, err := h.VerifyAudit(ctx); err != nil || int(n) != len(want) {
		h.t.Errorf("verified %d rows, %v", n, err)
	}
}

func anAlteredRow(h *house) {
	for range 6 {
		h.addMerchant()
	}
	if n, err := h.VerifyAudit(ctx); err != nil || n != 6 {
		h.t.Fatalf("verified %d, %v", n, err)
	}
	for _, c := range []struct {
		alter, undo string
		row         int64
	}{
		{`UPDATE audit SET actor_id = 'someone' WHERE seq = 3`, `UPDATE audit SET actor_id = 'storetest' WHERE seq = 3`, 3},
		{`UPDATE audit SET at = at + 1 WHERE seq = 1`, `UPDATE audit SET at = at - 1 WHERE seq = 1`, 1},
		{`UPDATE audit SET state_before = '{}' WHERE seq = 2`, `UPDATE audit SET state_before = NULL WHERE seq = 2`, 2},
		{`UPDATE audit SET ip = '' WHERE seq = 6`, `UPDATE audit SET ip = '192.0.2.7' WHERE seq = 6`, 6},
		{`UPDATE audit SET seq = 7 WHERE seq = 6`, `UPDATE audit SET seq = 6 WHERE seq = 7`, 6},
		{`DELETE FROM audit WHERE seq = 6`, ``, 6},
		{`DELETE FROM audit WHERE seq = 4`, ``, 4},
	} {
		h.db.Tamper(h.t, c.alter)
		var broken *store.AuditError
		if _, err := h.VerifyAudit(ctx); !errors.As(err, &broken) || broken.Sequence != c.row {
			h.t.Errorf("%s: %v, want row %d", c.alter, err, c.row)
		}
		if c.undo != "" {
			h.db.Tamper(h.t, c.undo)
			if _, err := h.VerifyAudit(ctx); err != nil {
				h.t.Fatalf("%s: %v", c.undo, err)
			}
		}
	}
}

// A last row that was made up to fit the one before is found out by the head,
// which is not in the table.
func aMadeUpRow(h *house) {
	for range 3 {
		h.addMerchant()
	}
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{})
	h.ok(err)
	last := rows[0]
	last.Actor.ID = "someone"
	last.Hash, err = store.HashAudit(&last)
	h.ok(err)
	h.db.Tamper(h.t, `UPDATE audit SET actor_id = 'someone', hash = $1 WHERE seq = 3`, last.Hash[:])
	var broken *store.AuditError
	if _, err := h.VerifyAudit(ctx); !errors.As(err, &broken) || broken.Sequence != 3 {
		h.t.Errorf("a made-up row: %v", err)
	}
}

func rowsAreOnlyAppended(h *house) {
	for range 2 {
		h.addMerchant()
	}
	for _, statement := range []string{
		`UPDATE audit SET ip = 'x'`,
		`DELETE FROM audit`,
		`INSERT INTO audit SELECT 1, at, actor_kind, actor_id, action, target_kind, target_id, merchant, 'x', request_id,
			state_before, state_after, prev_hash, hash FROM audit WHERE seq = 2`,
	} {
		if err := h.db.Try(statement); err == nil {
			h.t.Errorf("%s was let through", statement)
		}
	}
	if n, err := h.VerifyAudit(ctx); err != nil || n != 2 {
		h.t.Errorf("verified %d, %v", n, err)
	}
}

func noSecretInARow(h *house) {
	t := h.draft(h.addMerchant())
	t.Bounds.Composition = wide()
	t.Webhook.URL = "https://hooks.example.com/services/CANARYPATH?k=CANARYQUERY"
	t.Credentials = []token.Credential{h.key(), h.client(), {Kind: token.KindSigning, Digest: h.digest(), Hint: "wxyz", Sealed: []byte("CANARYSEALED")}}
	h.ok(second(h.AddToken(ctx, act(""), t, []token.Number{abidjan})))
	h.ok(second(h.ChangeNumber(ctx, act(""), t.Handle, abidjan.E164, false)))
	h.ok(h.EndNumber(ctx, act(""), t.Handle, abidjan.E164))
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.signing(), 0)))
	h.ok(h.SetMeta(ctx, act(""), "word", []byte("CANARYMETA")))
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{})
	h.ok(err)
	for _, r := range rows {
		text := fmt.Sprintf("%+v %s %s", r.Target, r.Before, r.After)
		for _, canary := range []string{"CANARY", abidjan.E164, abidjan.E164[1:], "wxyz", fmt.Sprintf("%x", t.Credentials[0].Digest[:])} {
			if strings.Contains(text, canary) {
				h.t.Errorf("row %d shows %s: %s", r.Sequence, canary, text)
			}
		}
	}
}

func rowsAreFound(h *house) {
	t := h.addToken()
	h.clock.advance(time.Hour)
	middle := h.clock.instant()
	other := act("")
	other.Actor = token.Actor{Kind: "admin_key", ID: "key_1"}
	h.ok(second(h.RevokeToken(ctx, other, t.Handle)))
	for name, c := range map[string]struct {
		filter token.AuditFilter
		want   []int64
	}{
		"all":         {token.AuditFilter{}, []int64{3, 2, 1}},
		"merchant":    {token.AuditFilter{Merchant: t.Merchant}, []int64{3, 2, 1}},
		"no merchant": {token.AuditFilter{Merchant: "mer_x"}, nil},
		"actor kind":  {token.AuditFilter{Actor: token.Actor{Kind: "admin_key"}}, []int64{3}},
		"actor id":    {token.AuditFilter{Actor: token.Actor{ID: "storetest"}}, []int64{2, 1}},
		"target":      {token.AuditFilter{Target: token.AuditTarget{Kind: "token", ID: string(t.Handle)}}, []int64{3, 2}},
		"action":      {token.AuditFilter{Action: "token.revoke"}, []int64{3}},
		"from":        {token.AuditFilter{From: middle}, []int64{3}},
		"until":       {token.AuditFilter{Until: middle}, []int64{2, 1}},
	} {
		rows, next, err := h.ListAudit(ctx, c.filter)
		h.ok(err)
		var got []int64
		for _, r := range rows {
			got = append(got, r.Sequence)
		}
		if !slices.Equal(got, c.want) || next != "" {
			h.t.Errorf("%s: rows %v, want %v", name, got, c.want)
		}
	}
	var got []int64
	cursor := ""
	for page := 0; page == 0 || cursor != ""; page++ {
		rows, next, err := h.ListAudit(ctx, token.AuditFilter{Page: token.Page{Limit: 2, Cursor: cursor}})
		h.ok(err)
		for _, r := range rows {
			got = append(got, r.Sequence)
		}
		cursor = next
	}
	if !slices.Equal(got, []int64{3, 2, 1}) {
		h.t.Errorf("paged %v", got)
	}
}

func aNoteChangesNothing(h *house) {
	head, err := h.Head(ctx)
	h.ok(err)
	h.ok(h.Note(ctx, act("explain"), token.AuditTarget{Kind: "token", ID: "tok_x"}, "mer_x",
		map[string]any{"allowed": false, "reason": "ip_not_allowed", "status": 403}))
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{})
	h.ok(err)
	if len(rows) != 1 || rows[0].Action != "explain" || rows[0].Before != nil ||
		string(rows[0].After) != `{"allowed":false,"reason":"ip_not_allowed","status":403}` {
		h.t.Errorf("the row is %+v", rows)
	}
	if now, _ := h.Head(ctx); now != head {
		h.t.Errorf("a note moved the head from %d to %d", head, now)
	}
	if err := h.Note(ctx, act("x"), token.AuditTarget{}, "", map[string]any{"f": 1.5}); err == nil {
		h.t.Error("a number with a fraction has no canonical form here, and was written")
	}
}
