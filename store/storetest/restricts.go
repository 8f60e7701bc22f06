package storetest

import (
	"errors"
	"strings"

	"tollgate/policy/token"
)

var restrictsTests = []test{
	{"AFlagIsSetWhenItsBoundIsFirstGiven", aFlagIsSet},
	{"EmptyingABoundNeverClearsItsFlag", emptyingNeverClears},
	{"AFlagIsClearedWhenSaidSoAndAuditedByItself", aFlagIsCleared},
	{"AFlagIsNotClearedWhileItsBoundIsThere", aFlagIsNotCleared},
	{"RemovingACountryTakesItsNumbersAndLeavesTheFlag", removingACountry},
}

var none = token.Restricts{}

// someCert stands for a client certificate.
var someCert = strings.Repeat("5c", 32)

func aFlagIsSet(h *house) {
	t := h.addToken(func(t *token.Token) { t.Bounds.Composition = nil })
	if t.Bounds.Restricts != none {
		h.t.Fatalf("a token without bounds restricts %+v", t.Bounds.Restricts)
	}
	// Nobody asks for a flag here: the bound brings it.
	want := none
	for _, step := range []struct {
		give func(*token.Bounds)
		flag *bool
	}{
		{func(b *token.Bounds) { b.IPRanges = []string{"192.0.2.7"} }, &want.IP},
		{func(b *token.Bounds) { b.Methods = []string{"GET"} }, &want.Methods},
		{func(b *token.Bounds) { b.ClientCerts = []string{someCert} }, &want.ClientCert},
		{func(b *token.Bounds) { b.Composition = wide() }, &want.Composition},
	} {
		step.give(&t.Bounds)
		t.Bounds.Restricts = h.find(t.Handle).Bounds.Restricts
		var err error
		t, err = h.ReplaceToken(ctx, act(""), t, t.Version)
		h.ok(err)
		*step.flag = true
		h.restricts(t.Handle, want)
	}
	h.ok(second(h.AddNumber(ctx, act(""), t.Handle, token.Number{Country: "CI", E164: "+2250707070707"})))
	want.Phones = true
	h.restricts(t.Handle, want)
}

func (h *house) restricts(handle token.Handle, want token.Restricts) {
	h.t.Helper()
	if got := h.find(handle).Bounds.Restricts; got != want {
		h.t.Errorf("the token restricts %+v, want %+v", got, want)
	}
	l, err := h.LoadToken(ctx, handle)
	h.ok(err)
	if l.Restricts != want {
		h.t.Errorf("the live record restricts %+v, want %+v", l.Restricts, want)
	}
}

// The flags a caller read go back unchanged: emptying the lists beside them
// leaves a token that passes nothing, not one that passes all.
func emptyingNeverClears(h *house) {
	t := h.addToken(func(t *token.Token) {
		t.Bounds.IPRanges, t.Bounds.Methods, t.Bounds.ClientCerts = []string{"192.0.2.7"}, []string{"GET"}, []string{someCert}
	})
	n := token.Number{Country: "CI", E164: "+2250707070707", Enabled: true}
	h.ok(second(h.AddNumber(ctx, act(""), t.Handle, n)))
	h.ok(second(h.ChangeNumber(ctx, act(""), t.Handle, n.E164, false)))
	all := token.Restricts{Composition: true, Phones: true, IP: true, Methods: true, ClientCert: true}
	h.restricts(t.Handle, all)
	h.ok(h.EndNumber(ctx, act(""), t.Handle, n.E164))
	h.restricts(t.Handle, all)
	t = h.find(t.Handle)
	t.Bounds.IPRanges, t.Bounds.Methods, t.Bounds.Composition, t.Bounds.ClientCerts = nil, nil, nil, nil
	h.ok(second(h.ReplaceToken(ctx, act(""), t, t.Version)))
	h.restricts(t.Handle, all)
}

func aFlagIsCleared(h *house) {
	t := h.addToken(func(t *token.Token) { t.Bounds.IPRanges = []string{"192.0.2.7"} })
	t.Bounds.IPRanges, t.Bounds.Restricts.IP = nil, false
	t, err := h.ReplaceToken(ctx, act("token.patch"), t, t.Version)
	h.ok(err)
	h.restricts(t.Handle, token.Restricts{Composition: true})
	rows, _, err := h.ListAudit(ctx, token.AuditFilter{Action: "restriction_cleared"})
	h.ok(err)
	if len(rows) != 1 || rows[0].Target.ID != string(t.Handle) ||
		string(rows[0].Before) != `{"restricts":{"ip":true}}` || string(rows[0].After) != `{"restricts":{"ip":false}}` {
		h.t.Errorf("the audit rows of the clearing are %+v", rows)
	}
	// A change that clears nothing has no such row.
	t.Name = "other"
	h.ok(second(h.ReplaceToken(ctx, act(""), t, t.Version)))
	if rows, _, _ := h.ListAudit(ctx, token.AuditFilter{Action: "restriction_cleared"}); len(rows) != 1 {
		h.t.Errorf("%d rows restriction_cleared, want 1", len(rows))
	}
}

// A bound that stands in the record and holds nothing would look safe and be
// open.
func aFlagIsNotCleared(h *house) {
	t := h.addToken(func(t *token.Token) {
		t.Bounds.IPRanges, t.Bounds.Methods, t.Bounds.ClientCerts = []string{"192.0.2.7"}, []string{"GET"}, []string{someCert}
	})
	h.ok(second(h.AddNumber(ctx, act(""), t.Handle, token.Number{Country: "CI", E164: "+2250707070707"})))
	t = h.find(t.Handle)
	for field, clear := range map[string]func(*token.Restricts){
		"restricts.composition": func(r *token.Restricts) { r.Composition = false },
		"restricts.phones":      func(r *token.Restricts) { r.Phones = false },
		"restricts.ip":          func(r *token.Restricts) { r.IP = false },
		"restricts.methods":     func(r *token.Restricts) { r.Methods = false },
		"restricts.client_cert": func(r *token.Restricts) { r.ClientCert = false },
	} {
		changed := t
		clear(&changed.Bounds.Restricts)
		h.wrong(second(h.ReplaceToken(ctx, act(""), changed, 0)), field)
	}
	h.restricts(t.Handle, token.Restricts{Composition: true, Phones: true, IP: true, Methods: true, ClientCert: true})

	// With the bound gone in the same change it is fine, phones included: the
	// composition takes the numbers along.
	t.Bounds.Composition, t.Bounds.ClientCerts, t.Bounds.Restricts = nil, nil, token.Restricts{IP: true, Methods: true}
	h.ok(second(h.ReplaceToken(ctx, act(""), t, 0)))
	h.restricts(t.Handle, token.Restricts{IP: true, Methods: true})
}

func removingACountry(h *house) {
	t := h.addToken()
	for _, n := range []token.Number{
		{Country: "CI", E164: "+2250707070707", Enabled: true}, {Country: "ML", E164: "+22370000000", Enabled: true},
	} {
		h.ok(second(h.AddNumber(ctx, act(""), t.Handle, n)))
	}
	t = h.find(t.Handle)
	delete(t.Bounds.Composition, "CI")
	t, err := h.ReplaceToken(ctx, act(""), t, t.Version)
	h.ok(err)
	if got := h.numbers(t.Handle); len(got) != 1 || got[0] != "+22370000000" || t.Numbers != 1 {
		h.t.Errorf("left are %v, the answer counts %d", got, t.Numbers)
	}
	// The freed number is free for others.
	other := h.addToken()
	h.ok(second(h.AddNumber(ctx, act(""), other.Handle, token.Number{Country: "CI", E164: "+2250707070707"})))

	t.Bounds.Composition = nil
	h.ok(second(h.ReplaceToken(ctx, act(""), t, t.Version)))
	if got := h.numbers(t.Handle); len(got) != 0 {
		h.t.Errorf("an empty composition left %v", got)
	}
	h.restricts(t.Handle, token.Restricts{Composition: true, Phones: true})
	var wrong token.FieldErrors
	if _, err := h.AddNumber(ctx, act(""), t.Handle, token.Number{Country: "CI", E164: "+2250101010101"}); !errors.As(err, &wrong) {
		h.t.Errorf("a number without its country: %v", err)
	}
}
