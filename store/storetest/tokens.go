package storetest

import (
	"strings"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy/token"
)

var tokenTests = []test{
	{"EveryFieldComesBackAsItWasWritten", everyFieldComesBack},
	{"WhatWasLeftOutStaysOut", whatWasLeftOut},
	{"NothingIsTakenTwice", nothingIsTakenTwice},
	{"AWrongTokenIsRefusedWhole", aWrongTokenIsRefusedWhole},
	{"WhatIsNotThereIsNotFound", whatIsNotThereIsNotFound},
	{"ReplacingWritesWhatMayChange", replacingWritesWhatMayChange},
	{"ReplacingLeavesAloneWhatMayNotChange", replacingLeavesAlone},
	{"AnOlderVersionIsStale", anOlderVersionIsStale},
	{"ARevokedTokenTakesNoWriteButRevoke", aRevokedTokenTakesNoWrite},
	{"AChildNeedsAParentThatMayHaveOne", aChildNeedsAParent},
	{"AnActSaysWhoActs", anActSaysWhoActs},
}

func everyFieldComesBack(h *house) {
	t := h.draft(h.addMerchant())
	t.Name, t.Description = "Caisse «été»", "one\ntwo"
	t.Mode, t.Enhanced = token.Monitor, true
	t.ExpiresAt = h.clock.instant().Add(1e9)
	t.Webhook = token.Webhook{URL: "https://example.com/h?x=1", Format: "multiple"}
	t.Bounds = token.Bounds{
		IPRanges: []string{"192.0.2.0/24", "2001:db8::/32"}, Methods: []string{"GET", "POST"},
		Permissions: []string{"payments:write"}, Composition: wide(), Rate: "100/s burst 200",
		ClientCerts: []string{someCert, strings.Repeat("6d", 32)}, Quota: "100/day 2000/month",
	}
	t.Credentials = []token.Credential{h.key(), h.client(), h.signing()}
	numbers := []token.Number{{Country: "CI", E164: "+2250707070707", Enabled: true}, {Country: "ML", E164: "+22370000000"}}
	added, err := h.AddToken(ctx, act(""), t, numbers)
	h.ok(err)

	found := h.find(t.Handle)
	if diff := cmp.Diff(added, found, anyOrder); diff != "" {
		h.t.Errorf("what AddToken answered and what is found differ (-added +found):\n%s", diff)
	}
	t.ClientID, t.CreatedAt, t.UpdatedAt, t.Version, t.Numbers = found.ClientID, found.CreatedAt, found.UpdatedAt, 1, 2
	t.Bounds.Restricts = token.Restricts{Composition: true, Phones: true, IP: true, Methods: true, ClientCert: true}
	for i := range t.Credentials {
		t.Credentials[i].Generation, t.Credentials[i].CreatedAt = 1, found.CreatedAt
	}
	if diff := cmp.Diff(t, found, anyOrder); diff != "" {
		h.t.Errorf("what was asked for and what is found differ (-asked +found):\n%s", diff)
	}
	if len(found.ClientID) != 32 || found.CreatedAt == 0 {
		h.t.Errorf("client id %q, created at %d", found.ClientID, found.CreatedAt)
	}
}

// A token with nothing but a name: empty lists are nil on every way, no flag is
// set, and a client id comes with a client secret only.
func whatWasLeftOut(h *house) {
	t := h.draft(h.addMerchant())
	t.Credentials = nil
	added, err := h.AddToken(ctx, act(""), t, nil)
	h.ok(err)
	t.CreatedAt, t.UpdatedAt, t.Version = added.CreatedAt, added.UpdatedAt, 1
	replaced, err := h.ReplaceToken(ctx, act(""), added, 1)
	h.ok(err)
	list, _, err := h.ListTokens(ctx, token.Filter{})
	h.ok(err)
	for name, got := range map[string]token.Token{"added": added, "replaced": replaced, "found": h.find(t.Handle), "listed": list[0]} {
		got.Version, got.UpdatedAt = t.Version, t.UpdatedAt
		if diff := cmp.Diff(t, got); diff != "" {
			h.t.Errorf("%s (-asked +%s):\n%s", name, name, diff)
		}
	}
	l, err := h.LoadToken(ctx, t.Handle)
	h.ok(err)
	if diff := cmp.Diff(token.Bounds{}, l.Bounds); diff != "" || l.Restricts != (token.Restricts{}) || l.Numbers != nil {
		h.t.Errorf("loaded (-nothing +loaded):\n%s", diff)
	}
}

// A handle, a client id and a digest belong to one token of the installation,
// a digest whatever kind of secret it is of.
func nothingIsTakenTwice(h *house) {
	merchant := h.addMerchant()
	first := h.draft(merchant)
	first.ClientID = strings.Repeat("0a", 16)
	first.Credentials = append(first.Credentials, h.client())
	_, err := h.AddToken(ctx, act(""), first, nil)
	h.ok(err)

	for what, take := range map[string]func(*token.Token){
		"handle":    func(t *token.Token) { t.Handle = first.Handle },
		"client id": func(t *token.Token) { t.ClientID = first.ClientID },
		"digest": func(t *token.Token) {
			t.Credentials = []token.Credential{{Kind: token.KindClient, Digest: first.Credentials[0].Digest}}
		},
	} {
		second := h.draft(merchant)
		take(&second)
		_, err := h.AddToken(ctx, act(""), second, nil)
		h.t.Log(what)
		h.refused(err, token.ErrExists)
	}
	_, err = h.RotateCredential(ctx, act(""), first.Handle, token.Credential{Kind: token.KindKey, Digest: first.Credentials[1].Digest}, 0)
	h.refused(err, token.ErrExists)
	if t := h.find(first.Handle); t.Version != 1 {
		h.t.Errorf("a refused rotation left version %d", t.Version)
	}
}

// Each fault names its field, and nothing at all is written: no token, no
// number, no change, no audit row.
func aWrongTokenIsRefusedWhole(h *house) {
	merchant := h.addMerchant()
	before := h.traces()
	ci := token.Number{Country: "CI", E164: "+2250707070707", Enabled: true}
	for _, c := range []struct {
		field   string
		edit    func(*token.Token)
		numbers []token.Number
	}{
		{"id", func(t *token.Token) { t.Handle = "tok_short" }, nil},
		{"merchant_id", func(t *token.Token) { t.Merchant = "mer_none00000000" }, nil},
		{"environment", func(t *token.Token) { t.Environment = token.EnvAny }, nil},
		{"name", func(t *token.Token) { t.Name = "" }, nil},
		{"name", func(t *token.Token) { t.Name = "a\x00b" }, nil},
		{"description", func(t *token.Token) { t.Description = "\xff" }, nil},
		{"client_id", func(t *token.Token) { t.ClientID = "ABC" }, nil},
		{"credentials", func(t *token.Token) { t.Credentials = []token.Credential{h.key(), h.key()} }, nil},
		{"credentials", func(t *token.Token) { t.Credentials = []token.Credential{{Kind: token.KindKey}} }, nil},
		{"credentials", func(t *token.Token) {
			t.Credentials = []token.Credential{{Kind: token.KindAdmin, Digest: h.digest()}}
		}, nil},
		{"credentials", func(t *token.Token) {
			t.Credentials = []token.Credential{{Kind: token.KindSigning, Digest: h.digest()}}
		}, nil},
		{"composition.CI", func(t *token.Token) { t.Bounds.Composition["CI"] = nil }, nil},
		{"composition.CI.MTN", func(t *token.Token) { t.Bounds.Composition["CI"]["MTN"] = nil }, nil},
		{"bounds", func(t *token.Token) { t.Bounds.IPRanges = []string{"192.0.2.300"} }, nil},
		{"bounds", func(t *token.Token) { t.Bounds.ClientCerts = []string{"5c"} }, nil},
		{"bounds", func(t *token.Token) { t.Bounds.Quota = "5/week" }, nil},
		{"country", func(t *token.Token) { delete(t.Bounds.Composition, "CI") }, []token.Number{ci}},
		{"country", func(t *token.Token) { t.Bounds.Composition = nil }, []token.Number{ci}},
		{"number", nil, []token.Number{ci, ci}},
		{"number", nil, []token.Number{{Country: "CI", E164: "0707070707"}}},
		{"parent_id", func(t *token.Token) { t.Parent = "tok_000000000000" }, nil},
	} {
		t := h.draft(merchant)
		t.Bounds.Composition = wide()
		if c.edit != nil {
			c.edit(&t)
		}
		_, err := h.AddToken(ctx, act(""), t, c.numbers)
		h.wrong(err, c.field)
	}
	if after := h.traces(); after != before {
		h.t.Errorf("refused tokens left traces: %+v, before %+v", after, before)
	}
}

func whatIsNotThereIsNotFound(h *house) {
	none := token.Handle("tok_none00000000")
	digest := h.digest()
	_, _, errClient := h.LoadClient(ctx, strings.Repeat("0", 32))
	_, _, errNumbers := h.ListNumbers(ctx, none, token.Page{})
	for name, err := range map[string]error{
		"FindToken":            second(h.FindToken(ctx, none)),
		"FindMerchant":         second(h.FindMerchant(ctx, "mer_none")),
		"FindAdminKeyByDigest": second(h.FindAdminKeyByDigest(ctx, &digest)),
		"ReplaceToken":         second(h.ReplaceToken(ctx, act(""), token.Token{Handle: none, Name: "x"}, 0)),
		"RevokeToken":          second(h.RevokeToken(ctx, act(""), none)),
		"RotateCredential":     second(h.RotateCredential(ctx, act(""), none, h.key(), 0)),
		"AddNumber":            second(h.AddNumber(ctx, act(""), none, token.Number{})),
		"ChangeNumber":         second(h.ChangeNumber(ctx, act(""), none, "+22370000000", true)),
		"EndNumber":            h.EndNumber(ctx, act(""), none, "+22370000000"),
		"ChangeMerchant":       second(h.ChangeMerchant(ctx, act(""), token.Merchant{ID: "mer_none", Name: "x"}, 0)),
		"EndAdminKey":          second(h.EndAdminKey(ctx, act(""), "key_none")),
		"LoadCredential":       second(h.LoadCredential(ctx, token.KindKey, &digest)),
		"LoadToken":            second(h.LoadToken(ctx, none)),
		"LoadClient":           errClient,
		"ListNumbers":          errNumbers,
		"Meta":                 second(h.Meta(ctx, "none")),
	} {
		if err != token.ErrNotFound {
			h.t.Errorf("%s: %v, want not found", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func third[T, U any](_ T, _ U, err error) error { return err }

func replacingWritesWhatMayChange(h *house) {
	t := h.addToken()
	h.clock.advance(1e9)
	t.Name, t.Description, t.Mode, t.Enabled, t.Enhanced = "Other", "text", token.Monitor, false, true
	t.ExpiresAt = h.clock.instant()
	t.Webhook = token.Webhook{URL: "https://example.com/", Format: "single"}
	t.Bounds.IPRanges, t.Bounds.Methods = []string{"192.0.2.7"}, []string{"GET"}
	t.Bounds.Permissions, t.Bounds.Rate = []string{"a:b"}, "1/s"
	t.Bounds.ClientCerts, t.Bounds.Quota = []string{someCert}, "5/day"
	t.Bounds.Composition = token.Composition{"ML": {"ORANGE": {"collect"}}}
	replaced, err := h.ReplaceToken(ctx, act(""), t, t.Version)
	h.ok(err)
	found := h.find(t.Handle)
	if diff := cmp.Diff(replaced, found, anyOrder); diff != "" {
		h.t.Errorf("what ReplaceToken answered and what is found differ (-answered +found):\n%s", diff)
	}
	t.Version, t.UpdatedAt = 2, found.UpdatedAt
	t.Bounds.Restricts = token.Restricts{Composition: true, IP: true, Methods: true, ClientCert: true}
	if diff := cmp.Diff(t, found, anyOrder); diff != "" {
		h.t.Errorf("what was asked for and what is found differ (-asked +found):\n%s", diff)
	}
	if found.UpdatedAt <= found.CreatedAt {
		h.t.Errorf("updated at %d, created at %d", found.UpdatedAt, found.CreatedAt)
	}
}

func replacingLeavesAlone(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client()) })
	other := h.addMerchant()
	for field, edit := range map[string]func(*token.Token){
		"merchant_id": func(t *token.Token) { t.Merchant = other },
		"environment": func(t *token.Token) { t.Environment = token.EnvTest },
		"parent_id":   func(t *token.Token) { t.Parent = t.Handle },
		"client_id":   func(t *token.Token) { t.ClientID = strings.Repeat("0", 32) },
	} {
		changed := t
		edit(&changed)
		h.wrong(second(h.ReplaceToken(ctx, act(""), changed, 0)), field)
	}
	// What is not the caller's to say is as it was, whatever the caller says.
	changed := t
	changed.CreatedAt, changed.RevokedAt, changed.LastUsedAt, changed.LastUsedIP = 1, 2, 3, "x"
	changed.Credentials, changed.Numbers, changed.Version = nil, 99, 1000
	h.ok(second(h.ReplaceToken(ctx, act(""), changed, 0)))
	found := h.find(t.Handle)
	t.Version, t.UpdatedAt = 2, found.UpdatedAt
	if diff := cmp.Diff(t, found, anyOrder); diff != "" {
		h.t.Errorf("(-was +is):\n%s", diff)
	}
}

func anOlderVersionIsStale(h *house) {
	t := h.addToken()
	t.Name = "first"
	h.ok(second(h.ReplaceToken(ctx, act(""), t, 1)))
	t.Name = "second"
	h.refused(second(h.ReplaceToken(ctx, act(""), t, 1)), token.ErrStale)
	if found := h.find(t.Handle); found.Name != "first" || found.Version != 2 {
		h.t.Errorf("after a stale write: %q at version %d", found.Name, found.Version)
	}
	// A change of its numbers and credentials is a change of the token.
	h.ok(second(h.AddNumber(ctx, act(""), t.Handle, token.Number{Country: "ML", E164: "+22370000000"})))
	h.refused(second(h.ReplaceToken(ctx, act(""), t, 2)), token.ErrStale)
	h.ok(second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)))
	h.refused(second(h.ReplaceToken(ctx, act(""), t, 3)), token.ErrStale)

	m, err := h.FindMerchant(ctx, t.Merchant)
	h.ok(err)
	m.Name = "New"
	h.ok(second(h.ChangeMerchant(ctx, act(""), m, m.Version)))
	h.refused(second(h.ChangeMerchant(ctx, act(""), m, m.Version)), token.ErrStale)
}

func aRevokedTokenTakesNoWrite(h *house) {
	t := h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), t.Handle, token.Number{Country: "ML", E164: "+22370000000", Enabled: true})))
	revoked, err := h.RevokeToken(ctx, act(""), t.Handle)
	h.ok(err)
	if revoked.RevokedAt == 0 || revoked.Version != 3 || revoked.Numbers != 0 {
		h.t.Errorf("revoked at %d, version %d, %d numbers", revoked.RevokedAt, revoked.Version, revoked.Numbers)
	}
	before := h.traces()
	for name, err := range map[string]error{
		"ReplaceToken":     second(h.ReplaceToken(ctx, act(""), t, 0)),
		"stale as well":    second(h.ReplaceToken(ctx, act(""), t, 1)),
		"RotateCredential": second(h.RotateCredential(ctx, act(""), t.Handle, h.key(), 0)),
		"AddNumber":        second(h.AddNumber(ctx, act(""), t.Handle, token.Number{Country: "ML", E164: "+22370000001"})),
		"ChangeNumber":     second(h.ChangeNumber(ctx, act(""), t.Handle, "+22370000000", false)),
		"EndNumber":        h.EndNumber(ctx, act(""), t.Handle, "+22370000000"),
	} {
		if err != token.ErrRevoked {
			h.t.Errorf("%s: %v, want revoked", name, err)
		}
	}
	again, err := h.RevokeToken(ctx, act(""), t.Handle)
	h.ok(err)
	if diff := cmp.Diff(revoked, again, anyOrder); diff != "" {
		h.t.Errorf("revoking again answers another token (-first +again):\n%s", diff)
	}
	if after := h.traces(); after != before {
		h.t.Errorf("writes to a revoked token left traces: %+v, before %+v", after, before)
	}
}

func aChildNeedsAParent(h *house) {
	merchant := h.addMerchant()
	parent := h.addToken(func(t *token.Token) { t.Merchant = merchant })
	child := h.addToken(func(t *token.Token) { t.Merchant, t.Parent = merchant, parent.Handle })
	if found := h.find(child.Handle); found.Parent != parent.Handle {
		h.t.Errorf("the child's parent is %q", found.Parent)
	}
	foreign := h.addToken()
	for _, c := range []struct {
		field string
		edit  func(*token.Token)
	}{
		{"parent_id", func(t *token.Token) { t.Parent = child.Handle }},
		{"parent_id", func(t *token.Token) { t.Parent = foreign.Handle }},
		{"environment", func(t *token.Token) { t.Environment = token.EnvTest }},
	} {
		t := h.draft(merchant)
		t.Parent = parent.Handle
		c.edit(&t)
		h.wrong(second(h.AddToken(ctx, act(""), t, nil)), c.field)
	}
	h.ok(second(h.RevokeToken(ctx, act(""), parent.Handle)))
	t := h.draft(merchant)
	t.Parent = parent.Handle
	h.refused(second(h.AddToken(ctx, act(""), t, nil)), token.ErrRevoked)
}

func anActSaysWhoActs(h *house) {
	before := h.traces()
	_, err := h.AddMerchant(ctx, token.Act{Action: "merchant.create"}, token.Merchant{Name: "x"})
	if err == nil || h.traces() != before {
		h.t.Errorf("an act of nobody was written: error %v", err)
	}
}
