package storetest

import (
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
)

var userTests = []test{
	{"AUserIsKeptAsItWasAdded", aUserIsKept},
	{"AnAddressBelongsToOneUser", oneAddress},
	{"ChangingIsWholeAndKnowsItsVersion", changingAUser},
	{"EndingAUserFreesItsAddress", endingAUser},
	{"ADashboardUserIsLoadedWithItsMerchant", aDashboardUser},
	{"UsersAreListedNewestFirst", usersAreListed},
	{"ABadUserIsRefused", badUsers},
	{"NoPasswordIsAudited", noPasswordIsAudited},
}

const phc = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"

func (h *house) addUser(edit ...func(*token.User)) token.User {
	h.t.Helper()
	u := token.User{Email: "ama@shop.example", Role: token.RoleAdmin, Enabled: true, PasswordHash: phc}
	for _, e := range edit {
		e(&u)
	}
	added, err := h.AddUser(ctx, act(""), u)
	h.ok(err)
	return added
}

func aUserIsKept(h *house) {
	merchant := h.addMerchant()
	h.heard.take()
	u := h.addUser(func(u *token.User) { u.Role, u.Merchant = token.RoleMerchant, merchant })
	if !strings.HasPrefix(u.ID, "usr_") || u.Version != 1 || u.CreatedAt == 0 || u.UpdatedAt != u.CreatedAt || u.LastUsedAt != 0 {
		h.t.Errorf("added %+v", u)
	}
	if heard := h.heard.take(); len(heard) != 1 || heard[0].Entity != (token.Entity{Kind: token.EntityUser, ID: u.ID}) {
		h.t.Errorf("heard %+v", heard)
	}
	for _, find := range []func() (token.User, error){
		func() (token.User, error) { return h.FindUser(ctx, u.ID) },
		func() (token.User, error) { return h.FindUserByEmail(ctx, "ama@shop.example") },
	} {
		found, err := find()
		if diff := cmp.Diff(u, found); diff != "" || err != nil {
			h.t.Errorf("%v (-added +found):\n%s", err, diff)
		}
	}
	h.refused(second(h.FindUser(ctx, "usr_000000000000")), token.ErrNotFound)
	h.refused(second(h.FindUserByEmail(ctx, "Ama@shop.example")), token.ErrNotFound)
	before := h.traces()
	at := h.clock.instant()
	h.ok(h.Touch(ctx, []token.Use{{User: u.ID, Kind: token.KindPassword, At: at}}))
	h.ok(h.Touch(ctx, []token.Use{{User: u.ID, Kind: token.KindPassword, At: at - 1}, {User: "usr_000000000000", At: at}}))
	if found, err := h.FindUser(ctx, u.ID); err != nil || found.LastUsedAt != at || found.Version != 1 || h.traces() != before {
		h.t.Errorf("touched: %+v, %v", found, err)
	}
}

func oneAddress(h *house) {
	h.addUser()
	before := h.traces()
	h.refused(second(h.AddUser(ctx, act(""), token.User{Email: "ama@shop.example", Role: token.RoleAuditor, PasswordHash: phc})), token.ErrExists)
	other := token.User{Email: "kofi@shop.example", Role: token.RoleAuditor, PasswordHash: phc}
	if h.traces() != before {
		h.t.Error("a refused user left a trace")
	}
	added, err := h.AddUser(ctx, act(""), other)
	h.ok(err)
	added.Email = "ama@shop.example"
	h.refused(second(h.ChangeUser(ctx, act(""), added, 0)), token.ErrExists)
}

func changingAUser(h *house) {
	merchant := h.addMerchant()
	u := h.addUser()
	h.ok(h.Touch(ctx, []token.Use{{User: u.ID, At: 5}}))
	h.heard.take()
	change := u
	change.Email, change.Role, change.Merchant, change.Enabled = "esi@shop.example", token.RoleMerchant, merchant, false
	change.PasswordHash, change.CreatedAt, change.LastUsedAt, change.Version = "", 0, 0, 99
	changed, err := h.ChangeUser(ctx, act(""), change, 1)
	h.ok(err)
	if heard := h.heard.take(); len(heard) != 1 || heard[0].Entity != (token.Entity{Kind: token.EntityUser, ID: u.ID}) {
		h.t.Errorf("heard %+v", heard)
	}
	want := token.User{ID: u.ID, Email: "esi@shop.example", Role: token.RoleMerchant, Merchant: merchant, PasswordHash: phc,
		CreatedAt: u.CreatedAt, UpdatedAt: changed.UpdatedAt, LastUsedAt: 5, Version: 2}
	found, err := h.FindUser(ctx, u.ID)
	h.ok(err)
	if diff := cmp.Diff(want, changed) + cmp.Diff(want, found); diff != "" || changed.UpdatedAt <= u.UpdatedAt {
		h.t.Errorf("(-want +changed, found):\n%s", diff)
	}
	h.refused(second(h.ChangeUser(ctx, act(""), change, 1)), token.ErrStale)
	change.PasswordHash = phc + "x"
	if changed, err = h.ChangeUser(ctx, act(""), change, 2); err != nil || changed.PasswordHash != phc+"x" {
		h.t.Errorf("a new password: %v", err)
	}
	change.ID = "usr_000000000000"
	h.refused(second(h.ChangeUser(ctx, act(""), change, 0)), token.ErrNotFound)
}

func endingAUser(h *house) {
	u := h.addUser()
	h.heard.take()
	h.ok(h.EndUser(ctx, act(""), u.ID))
	if heard := h.heard.take(); len(heard) != 1 || heard[0].Entity != (token.Entity{Kind: token.EntityUser, ID: u.ID}) {
		h.t.Errorf("heard %+v", heard)
	}
	h.refused(second(h.FindUser(ctx, u.ID)), token.ErrNotFound)
	h.refused(h.EndUser(ctx, act(""), u.ID), token.ErrNotFound)
	if again := h.addUser(); again.ID == u.ID {
		h.t.Error("the id came again")
	}
}

func aDashboardUser(h *house) {
	m, err := h.AddMerchant(ctx, act(""), token.Merchant{Name: "Shop", Active: true, IPRanges: []string{"192.0.2.0/24"}})
	h.ok(err)
	u := h.addUser(func(u *token.User) { u.Role, u.Merchant = token.RoleMerchant, m.ID })
	p, hash, err := h.LoadUser(ctx, u.Email)
	h.ok(err)
	want := &token.Principal{Kind: token.KindPassword, User: u.ID, Live: &token.Live{
		Merchant: m.ID, Environment: token.EnvLive, MerchantActive: true, Enabled: true,
	}}
	if diff := cmp.Diff(want, p, ignoreRules); diff != "" || hash != phc || p.Live.Rules == nil {
		h.t.Errorf("(-want +loaded):\n%s", diff)
	}
	if p.Standing(h.clock.instant()) != token.Allowed || p.Permits("payments:write") {
		h.t.Errorf("it stands as %v", p.Standing(h.clock.instant()))
	}
	stands := func(want token.Reason) {
		h.t.Helper()
		p, _, err := h.LoadUser(ctx, u.Email)
		if err != nil || p.Standing(h.clock.instant()) != want {
			h.t.Errorf("%+v, %v; want %v", p, err, want)
		}
	}
	m.Active = false
	h.ok(second(h.ChangeMerchant(ctx, act(""), m, 0)))
	stands(token.MerchantSuspended)
	m.Active = true
	h.ok(second(h.ChangeMerchant(ctx, act(""), m, 0)))
	u.Enabled = false
	h.ok(second(h.ChangeUser(ctx, act(""), u, 0)))
	stands(token.TokenDisabled)
	h.ok(h.EndUser(ctx, act(""), u.ID))
	h.refused(third(h.LoadUser(ctx, u.Email)), token.ErrNotFound)
	// The back office's people are no merchant's.
	h.addUser(func(u *token.User) { u.Email = "root@tollgate.example" })
	h.refused(third(h.LoadUser(ctx, "root@tollgate.example")), token.ErrNotFound)
}

func usersAreListed(h *house) {
	merchant := h.addMerchant()
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		u := h.addUser(func(u *token.User) {
			u.Email = name + "@shop.example"
			if name < "d" {
				u.Merchant = merchant
			}
		})
		want = append([]string{u.Email}, want...)
	}
	var got []string
	for cursor, first := "", true; first || cursor != ""; first = false {
		list, next, err := h.ListUsers(ctx, token.UserFilter{Page: token.Page{Limit: 2, Cursor: cursor}})
		h.ok(err)
		for _, u := range list {
			got = append(got, u.Email)
		}
		cursor = next
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("listed %v, want %v", got, want)
	}
	if list, _, err := h.ListUsers(ctx, token.UserFilter{Merchant: merchant}); err != nil || len(list) != 3 {
		h.t.Errorf("the merchant's: %d, %v", len(list), err)
	}
	if list, _, err := h.ListUsers(ctx, token.UserFilter{Query: "D@SHOP"}); err != nil || len(list) != 1 {
		h.t.Errorf("asked for d: %d, %v", len(list), err)
	}
}

func badUsers(h *house) {
	good := token.User{Email: "ama@shop.example", Role: token.RoleAdmin, PasswordHash: phc}
	for field, spoils := range map[string][]func(*token.User){
		"email": {
			func(u *token.User) { u.Email = "" }, func(u *token.User) { u.Email = "ama" }, func(u *token.User) { u.Email = "@shop.example" },
			func(u *token.User) { u.Email = "ama@" }, func(u *token.User) { u.Email = "a@b@c" }, func(u *token.User) { u.Email = "Ama@shop.example" },
			func(u *token.User) { u.Email = "a ma@shop.example" }, func(u *token.User) { u.Email = "a:ma@shop.example" },
			func(u *token.User) { u.Email = strings.Repeat("a", 250) + "@b.ci" }, func(u *token.User) { u.Email = "\xff@b.ci" },
		},
		"role":        {func(u *token.User) { u.Role = "root" }},
		"merchant_id": {func(u *token.User) { u.Role = token.RoleMerchant }, func(u *token.User) { u.Merchant = "mer_000000000000" }},
		"password":    {func(u *token.User) { u.PasswordHash = "" }, func(u *token.User) { u.PasswordHash = "hunter2" }},
	} {
		for _, spoil := range spoils {
			u := good
			spoil(&u)
			h.wrong(second(h.AddUser(ctx, act(""), u)), field)
		}
	}
	if before := h.traces(); before.head != 0 {
		h.t.Errorf("a refused user left %+v", before)
	}
}

func noPasswordIsAudited(h *house) {
	u := h.addUser()
	u.PasswordHash = phc + "y"
	h.ok(second(h.ChangeUser(ctx, act(""), u, 0)))
	h.ok(h.EndUser(ctx, act(""), u.ID))
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Target: token.AuditTarget{Kind: "user", ID: u.ID}})
	h.ok(err)
	var actions []string
	for _, r := range rows {
		actions = append(actions, r.Action)
		if strings.Contains(string(r.Before)+string(r.After), "argon2") {
			h.t.Errorf("%s: %s → %s", r.Action, r.Before, r.After)
		}
	}
	if !slices.Equal(actions, []string{"user.end", "user.change", "user.create"}) {
		h.t.Errorf("audited %v", actions)
	}
	if !strings.Contains(string(rows[1].After), `"password_changed":true`) {
		h.t.Errorf("the change says %s", rows[1].After)
	}
}
