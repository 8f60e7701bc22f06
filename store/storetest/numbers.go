package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tollgate/policy/token"
	"tollgate/store"
)

var numberTests = []test{
	{"ANumberBelongsToOneToken", aNumberBelongsToOneToken},
	{"RevokingFreesNumbers", revokingFreesNumbers},
	{"AnExpiredTokensNumberCanBeClaimed", anExpiredTokensNumber},
	{"ADisabledNumberStaysAndIsHeld", aDisabledNumberStays},
	{"AHeldNumberStopsAWholeCreation", aHeldNumberStopsACreation},
	{"NumbersAreListedOnceEach", numbersAreListedOnceEach},
	{"WithinAMerchantTwoMerchantsMayShareANumber", withinAMerchant},
	{"NarrowingWithDuplicatesIsRefusedWithAList", narrowingIsRefused},
}

var abidjan = token.Number{Country: "CI", E164: "+2250707070707", Enabled: true}

// held sees that the number is held by the token.
func (h *house) held(err error, by token.Token) {
	h.t.Helper()
	var held *token.HeldError
	if !errors.As(err, &held) || held.Holder != by.Handle || held.Merchant != by.Merchant || held.Number != abidjan.E164 {
		h.t.Fatalf("error %v (%+v), want held by %s", err, held, by.Handle)
	}
}

func aNumberBelongsToOneToken(h *house) {
	first, other := h.addToken(), h.addToken()
	n, err := h.AddNumber(ctx, act(""), first.Handle, abidjan)
	h.ok(err)
	if n.CreatedAt == 0 || n.E164 != abidjan.E164 || !n.Enabled {
		h.t.Errorf("added %+v", n)
	}
	_, err = h.AddNumber(ctx, act(""), other.Handle, abidjan)
	h.held(err, first)
	h.refused(second(h.AddNumber(ctx, act(""), first.Handle, abidjan)), token.ErrExists)
	if t := h.find(other.Handle); t.Version != 1 || t.Bounds.Restricts.Phones {
		h.t.Errorf("a refused number left version %d, restricts %+v", t.Version, t.Bounds.Restricts)
	}
	for field, n := range map[string]token.Number{
		"number":  {Country: "CI", E164: "2250707070707"},
		"country": {Country: "SN", E164: "+221770000000"},
	} {
		h.wrong(second(h.AddNumber(ctx, act(""), other.Handle, n)), field)
	}
	h.ok(h.EndNumber(ctx, act(""), first.Handle, abidjan.E164))
	h.refused(h.EndNumber(ctx, act(""), first.Handle, abidjan.E164), token.ErrNotFound)
	h.ok(second(h.AddNumber(ctx, act(""), other.Handle, abidjan)))
	// Another token's number is not there for this one.
	h.refused(second(h.ChangeNumber(ctx, act(""), first.Handle, abidjan.E164, false)), token.ErrNotFound)
	h.refused(h.EndNumber(ctx, act(""), first.Handle, abidjan.E164), token.ErrNotFound)
}

func revokingFreesNumbers(h *house) {
	first, other := h.addToken(), h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), first.Handle, abidjan)))
	h.ok(second(h.RevokeToken(ctx, act(""), first.Handle)))
	h.ok(second(h.AddNumber(ctx, act(""), other.Handle, abidjan)))
	if got := h.numbers(first.Handle); len(got) != 0 {
		h.t.Errorf("the revoked token still has %v", got)
	}
}

func anExpiredTokensNumber(h *house) {
	expiry := h.clock.instant().Add(60e9)
	first, other := h.addToken(func(t *token.Token) { t.ExpiresAt = expiry }), h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), first.Handle, abidjan)))
	_, err := h.AddNumber(ctx, act(""), other.Handle, abidjan)
	h.held(err, first)

	h.clock.advance(60e9)
	h.heard.take()
	h.ok(second(h.AddNumber(ctx, act(""), other.Handle, abidjan)))
	if got, was := h.numbers(other.Handle), h.numbers(first.Handle); len(got) != 1 || len(was) != 0 {
		h.t.Errorf("the claimer has %v, the expired token %v", got, was)
	}
	// Both tokens changed, for the caches and for the audit log.
	var touched []string
	for _, c := range h.heard.take() {
		touched = append(touched, c.Entity.ID)
	}
	slices.Sort(touched)
	if want := []string{string(first.Handle), string(other.Handle)}; !slices.Equal(touched, want) {
		h.t.Errorf("changes of %v, want %v", touched, want)
	}
	old := h.find(first.Handle)
	if old.Version != 3 || !old.Bounds.Restricts.Phones {
		h.t.Errorf("the expired token is at version %d and restricts %+v", old.Version, old.Bounds.Restricts)
	}
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Action: "phone.claimed"})
	h.ok(err)
	if len(rows) != 1 || !strings.HasPrefix(rows[0].Target.ID, string(first.Handle)) || rows[0].Merchant != first.Merchant {
		h.t.Errorf("the audit rows of the claim are %+v", rows)
	}
}

func aDisabledNumberStays(h *house) {
	first, other := h.addToken(), h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), first.Handle, abidjan)))
	n, err := h.ChangeNumber(ctx, act(""), first.Handle, abidjan.E164, false)
	h.ok(err)
	if n.Enabled || h.numbers(first.Handle)[0] != "-"+abidjan.E164 {
		h.t.Errorf("disabled: %+v, listed %v", n, h.numbers(first.Handle))
	}
	_, err = h.AddNumber(ctx, act(""), other.Handle, abidjan)
	h.held(err, first)
	before := h.traces()
	h.ok(second(h.ChangeNumber(ctx, act(""), first.Handle, abidjan.E164, false)))
	if h.traces() != before {
		h.t.Error("disabling a disabled number left traces")
	}
	n, err = h.ChangeNumber(ctx, act(""), first.Handle, abidjan.E164, true)
	h.ok(err)
	if !n.Enabled || h.numbers(first.Handle)[0] != abidjan.E164 {
		h.t.Errorf("enabled: %+v, listed %v", n, h.numbers(first.Handle))
	}
}

func aHeldNumberStopsACreation(h *house) {
	first := h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), first.Handle, abidjan)))
	before := h.traces()
	t := h.draft(first.Merchant)
	t.Bounds.Composition = wide()
	_, err := h.AddToken(ctx, act(""), t, []token.Number{{Country: "ML", E164: "+22370000000"}, abidjan})
	h.held(err, first)
	h.refused(second(h.FindToken(ctx, t.Handle)), token.ErrNotFound)
	if h.traces() != before {
		h.t.Error("a creation that was refused left traces")
	}
	other := h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), other.Handle, token.Number{Country: "ML", E164: "+22370000000"})))
}

func numbersAreListedOnceEach(h *house) {
	t := h.draft(h.addMerchant())
	t.Bounds.Composition = wide()
	var numbers []token.Number
	for i := range 25 {
		numbers = append(numbers, token.Number{Country: "CI", E164: fmt.Sprintf("+22507000000%02d", i), Enabled: i%2 == 0})
	}
	h.ok(second(h.AddToken(ctx, act(""), t, numbers[:20])))
	for _, n := range numbers[20:] {
		h.ok(second(h.AddNumber(ctx, act(""), t.Handle, n)))
	}
	var got []string
	cursor := ""
	for page := 0; page == 0 || cursor != ""; page++ {
		list, next, err := h.ListNumbers(ctx, t.Handle, token.Page{Limit: 7, Cursor: cursor})
		h.ok(err)
		for _, n := range list {
			got = append(got, n.E164)
		}
		cursor = next
	}
	slices.SortFunc(numbers[:20], func(a, b token.Number) int { return strings.Compare(a.E164, b.E164) })
	var want []string
	for _, n := range slices.Backward(numbers) {
		want = append(want, n.E164)
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("listed %v\nwant   %v", got, want)
	}
}

func within(scope string) func(*store.Options) {
	return func(o *store.Options) { o.UniqueWithin = scope }
}

func withinAMerchant(h *house) {
	s := h.open(within(store.WithinMerchant))
	first, other := h.addToken(), h.addToken()
	same := h.addToken(func(t *token.Token) { t.Merchant = first.Merchant })
	h.ok(second(s.AddNumber(ctx, act(""), first.Handle, abidjan)))
	h.ok(second(s.AddNumber(ctx, act(""), other.Handle, abidjan)))
	_, err := s.AddNumber(ctx, act(""), same.Handle, abidjan)
	h.held(err, first)
	h.ok(second(s.ChangeNumber(ctx, act(""), first.Handle, abidjan.E164, false)))
	h.ok(s.EndNumber(ctx, act(""), other.Handle, abidjan.E164))
	if got := h.numbers(first.Handle); len(got) != 1 || got[0] != "-"+abidjan.E164 {
		h.t.Errorf("the first merchant's token has %v", got)
	}
}

func narrowingIsRefused(h *house) {
	first, other := h.addToken(), h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), first.Handle, abidjan)))
	s := h.open(within(store.WithinMerchant)) // what is there moves along
	_, err := s.AddNumber(ctx, act(""), h.addToken(func(t *token.Token) { t.Merchant = first.Merchant }).Handle, abidjan)
	h.held(err, first)
	h.ok(second(s.AddNumber(ctx, act(""), other.Handle, abidjan)))

	_, err = h.tryOpen(within(store.WithinInstallation))
	if err == nil {
		h.t.Fatal("opened with one number of two tokens")
	}
	for _, word := range []string{string(first.Handle), string(other.Handle), "phones.unique_within", token.MaskPhone(abidjan.E164)} {
		if !strings.Contains(err.Error(), word) {
			h.t.Errorf("the error does not say %s: %v", word, err)
		}
	}
	if strings.Contains(err.Error(), abidjan.E164) {
		h.t.Errorf("the error shows the number: %v", err)
	}
	h.ok(s.EndNumber(ctx, act(""), other.Handle, abidjan.E164))
	again := h.open(within(store.WithinInstallation))
	_, err = again.AddNumber(ctx, act(""), other.Handle, abidjan)
	h.held(err, first)
}
