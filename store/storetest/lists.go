package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/policy/token"
)

var listTests = []test{
	{"PagingNeitherRepeatsNorSkips", pagingIsStable},
	{"AStatusListsWhatTheTokenSays", aStatusLists},
	{"SearchingTakesWildcardsForWhatTheyAre", searchingIsLiteral},
	{"AMerchantsListIsItsOwn", aMerchantsListIsItsOwn},
	{"ACursorOfAnotherListIsRefused", aCursorOfAnotherList},
	{"MerchantsAreListedAndSearched", merchantsAreListed},
	{"ListsCarryCredentialsAndCounts", listsCarryCredentials},
}

func handles(list []token.Token) (out []token.Handle) {
	for i := range list {
		out = append(out, list[i].Handle)
	}
	return out
}

func pagingIsStable(h *house) {
	merchant := h.addMerchant()
	var want []token.Handle
	for range 10 {
		want = append(want, h.addToken(func(t *token.Token) { t.Merchant = merchant }).Handle)
	}
	slices.Reverse(want)
	var got []token.Handle
	cursor := ""
	for page := 0; page == 0 || cursor != ""; page++ {
		list, next, err := h.ListTokens(ctx, token.Filter{Page: token.Page{Limit: 3, Cursor: cursor}})
		h.ok(err)
		got = append(got, handles(list)...)
		cursor = next
		// What comes and goes between pages moves nothing.
		h.addToken(func(t *token.Token) { t.Merchant = merchant })
		h.ok(second(h.RevokeToken(ctx, act(""), want[1])))
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("listed %v\nwant   %v", got, want)
	}
	// The clock plays no part, even when it goes back.
	h.clock.advance(-time.Hour)
	last := h.addToken()
	list, _, err := h.ListTokens(ctx, token.Filter{})
	h.ok(err)
	if list[0].Handle != last.Handle {
		h.t.Errorf("the newest is %v, want %v", list[0].Handle, last.Handle)
	}
}

func aStatusLists(h *house) {
	now := h.clock.instant()
	made := map[token.Status]token.Handle{
		token.Active:   h.addToken(func(t *token.Token) { t.ExpiresAt = now.Add(time.Hour) }).Handle,
		token.Expired:  h.addToken(func(t *token.Token) { t.ExpiresAt, t.Enabled = now, false }).Handle,
		token.Disabled: h.addToken(func(t *token.Token) { t.Enabled = false }).Handle,
		token.Revoked:  h.addToken(func(t *token.Token) { t.ExpiresAt, t.Enabled = now, false }).Handle,
	}
	h.ok(second(h.RevokeToken(ctx, act(""), made[token.Revoked])))
	for status, handle := range made {
		if found := h.find(handle); found.StatusAt(h.clock.instant()) != status {
			h.t.Fatalf("the %s token is %s", status, found.StatusAt(h.clock.instant()))
		}
		list, _, err := h.ListTokens(ctx, token.Filter{Status: status})
		h.ok(err)
		if got := handles(list); !slices.Equal(got, []token.Handle{handle}) {
			h.t.Errorf("%s lists %v, want %v", status, got, handle)
		}
	}
	for status, want := range map[token.Status]int{"": 3, token.StatusAll: 4} {
		if list, _, err := h.ListTokens(ctx, token.Filter{Status: status}); err != nil || len(list) != want {
			h.t.Errorf("status %q lists %d, %v; want %d", status, len(list), err, want)
		}
	}
	_, _, err := h.ListTokens(ctx, token.Filter{Status: "active"})
	h.wrong(err, "status")
}

func searchingIsLiteral(h *house) {
	names := []string{"100% CI", "100 CI", "a_b", "aXb", `back\slash`, "Plain"}
	byName := map[string]token.Handle{}
	for _, name := range names {
		byName[name] = h.addToken(func(t *token.Token) { t.Name, t.Description = name, "shop of "+name }).Handle
	}
	for q, want := range map[string][]string{
		"%": {"100% CI"}, "100%": {"100% CI"}, "a_": {"a_b"}, "a_b": {"a_b"}, `\`: {`back\slash`}, `k\s`: {`back\slash`},
		"plain": {"Plain"}, "SHOP OF PL": {"Plain"}, "ci": {"100% CI", "100 CI"}, "'": nil, "nothing": nil,
		string(byName["aXb"]): {"aXb"},
	} {
		list, _, err := h.ListTokens(ctx, token.Filter{Query: q})
		h.ok(err)
		var got []string
		for i := range slices.Backward(list) {
			got = append(got, list[i].Name)
		}
		if !slices.Equal(got, want) {
			h.t.Errorf("%q finds %q, want %q", q, got, want)
		}
	}
	for _, q := range []string{strings.Repeat("x", 201), "\xff", "a\x00"} {
		_, _, err := h.ListTokens(ctx, token.Filter{Query: q})
		h.wrong(err, "q")
	}
}

func aMerchantsListIsItsOwn(h *house) {
	mine, foreign := h.addToken(), h.addToken()
	list, _, err := h.ListTokens(ctx, token.Filter{Merchant: mine.Merchant, Query: "Checkout"})
	h.ok(err)
	if got := handles(list); !slices.Equal(got, []token.Handle{mine.Handle}) {
		h.t.Errorf("listed %v, want %v", got, mine.Handle)
	}
	merchants, _, err := h.ListMerchants(ctx, token.MerchantFilter{ID: mine.Merchant})
	h.ok(err)
	if len(merchants) != 1 || merchants[0].ID != mine.Merchant {
		h.t.Errorf("listed %v", merchants)
	}
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Merchant: mine.Merchant})
	h.ok(err)
	for _, r := range rows {
		if r.Merchant != mine.Merchant || strings.Contains(string(r.After), foreign.Merchant) {
			h.t.Errorf("a row of another merchant: %+v", r)
		}
	}
	if len(rows) != 2 { // the merchant and its token
		h.t.Errorf("%d audit rows, want 2", len(rows))
	}
}

func aCursorOfAnotherList(h *house) {
	merchant := h.addMerchant()
	for range 2 {
		h.addToken(func(t *token.Token) { t.Merchant = merchant })
	}
	_, tokens, err := h.ListTokens(ctx, token.Filter{Page: token.Page{Limit: 1}})
	h.ok(err)
	for _, cursor := range []string{"x", "!!!", "dG9rZW5z", "dG9rZW5zOi0xOg", "dG9rZW5zOjkyMjMzNzIwMzY4NTQ3NzU4MDg6"} {
		_, _, err := h.ListTokens(ctx, token.Filter{Page: token.Page{Cursor: cursor}})
		h.wrong(err, "cursor")
	}
	_, _, err = h.ListMerchants(ctx, token.MerchantFilter{Page: token.Page{Cursor: tokens}})
	h.wrong(err, "cursor")
	_, _, err = h.ListAudit(ctx, token.AuditFilter{Page: token.Page{Cursor: tokens}})
	h.wrong(err, "cursor")
	for limit, want := range map[int]int{-5: 1, 0: 2, 1 << 30: 2} {
		if list, _, err := h.ListTokens(ctx, token.Filter{Page: token.Page{Limit: limit}}); err != nil || len(list) != want {
			h.t.Errorf("limit %d lists %d, %v; want %d", limit, len(list), err, want)
		}
	}
}

func merchantsAreListed(h *house) {
	var want []string
	for i := range 5 {
		m, err := h.AddMerchant(ctx, act(""), token.Merchant{ID: fmt.Sprintf("mer_%012d", i), Name: fmt.Sprintf("Shop_%d", i), Active: true})
		h.ok(err)
		want = append([]string{m.ID}, want...)
	}
	var got []string
	cursor := ""
	for page := 0; page == 0 || cursor != ""; page++ {
		list, next, err := h.ListMerchants(ctx, token.MerchantFilter{Page: token.Page{Limit: 2, Cursor: cursor}})
		h.ok(err)
		for _, m := range list {
			got = append(got, m.ID)
		}
		cursor = next
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("listed %v, want %v", got, want)
	}
	list, _, err := h.ListMerchants(ctx, token.MerchantFilter{Query: "p_3"})
	h.ok(err)
	if len(list) != 1 || list[0].Name != "Shop_3" || list[0].Version != 1 || !list[0].Active {
		h.t.Errorf("found %+v", list)
	}
	h.refused(second(h.AddMerchant(ctx, act(""), token.Merchant{ID: want[0], Name: "again"})), token.ErrExists)
	h.wrong(second(h.AddMerchant(ctx, act(""), token.Merchant{})), "name")
	h.wrong(second(h.AddMerchant(ctx, act(""), token.Merchant{Name: "x", IPRanges: []string{"nowhere"}})), "ip_whitelist")
}

func listsCarryCredentials(h *house) {
	t := h.addToken(func(t *token.Token) { t.Credentials = append(t.Credentials, h.client()) })
	h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), t.Handle, abidjan)))
	list, _, err := h.ListTokens(ctx, token.Filter{})
	h.ok(err)
	if len(list) != 2 || len(list[1].Credentials) != 2 || list[1].Numbers != 1 || len(list[0].Credentials) != 1 || list[0].Numbers != 0 {
		h.t.Errorf("listed %+v", list)
	}
}
