package policy

import (
	"strings"
	"testing"

	"tollgate/policy/token"
)

// Rows 11 to 14: what the request is about.

// checkout is a token for Côte d'Ivoire and Mali with one Ivorian number.
func checkout(t testing.TB) *Rules {
	return compiled(t, token.Bounds{Composition: token.Composition{
		"CI": {"ORANGE": {"collect", "disburse"}, "MTN": {"collect"}},
		"ML": {"ORANGE": {"collect"}},
	}}, enabled("CI", "+2250707070707"), token.Number{Country: "CI", E164: "+2250505050505"})
}

const listed = "phone=+2250707070707"

func TestRow11EveryBodyIsJudgedWhateverTheToken(t *testing.T) {
	f := func(r *Rules, body, want token.Reason) {
		t.Helper()
		c := payment(r, "country=CI", "operator=OM", "method=collect", listed)
		c.FactsReason = body
		expect(t, c, want)
	}
	for _, r := range []*Rules{checkout(t), compiled(t, token.Bounds{})} {
		f(r, token.BodyAmbiguous, token.BodyAmbiguous)
		f(r, token.BodyUnsupported, token.BodyUnsupported)
		f(r, token.BodyTooLarge, token.BodyTooLarge)
		f(r, token.Allowed, token.Allowed)
	}
}

func TestRow12WhatTheTokenRestrictsMustBeFound(t *testing.T) {
	all := []string{"country=CI", "operator=OM", "method=collect", listed}
	for i := range all {
		rest := append(append([]string{}, all[:i]...), all[i+1:]...)
		expect(t, payment(checkout(t), rest...), token.FactMissing)
		expect(t, payment(compiled(t, token.Bounds{}), rest...), token.Allowed)

		allowing := payment(checkout(t), rest...)
		allowing.Route.AllowMissing = true
		expect(t, allowing, token.Allowed)
	}
	expect(t, payment(checkout(t), all...), token.Allowed)

	onlyPhones := compiled(t, token.Bounds{}, enabled("CI", "+2250707070707"))
	expect(t, payment(onlyPhones, listed), token.Allowed)
	expect(t, payment(onlyPhones, "country=CI"), token.FactMissing)
	onlyComposition := compiled(t, token.Bounds{Composition: token.Composition{"CI": {"ORANGE": {"collect"}}}})
	expect(t, payment(onlyComposition, "country=CI", "operator=OM", "method=collect"), token.Allowed)

	unread := payment(checkout(t))
	unread.Facts = nil
	expect(t, unread, token.FactMissing)
}

func TestRow12AHollowPlaceIsMissingEvenWhereAbsenceIsAllowed(t *testing.T) {
	for k := token.FactCountry; int(k) < token.FactKinds; k++ {
		c := payment(checkout(t), "country=CI", "operator=OM", "method=collect", listed)
		c.Route.AllowMissing = true
		c.Facts.Hollow[k] = true // another source held a value: it does not help
		expect(t, c, token.FactMissing)

		free := payment(compiled(t, token.Bounds{}))
		free.Facts.Hollow[k] = true
		expect(t, free, token.Allowed)
	}
}

func TestRow12AGuardBindsEveryRestrictedToken(t *testing.T) {
	for _, guard := range []token.Reason{token.FactMissing, token.FactConflict} {
		c := payment(checkout(t), "country=CI", "operator=OM", "method=collect", listed)
		c.Facts.Guard = guard
		expect(t, c, guard)

		c.Facts.Guard, c.FactsReason = token.Allowed, guard
		expect(t, c, guard)

		free := payment(compiled(t, token.Bounds{}))
		free.Facts.Guard = guard
		expect(t, free, token.Allowed)
	}
}

func TestRow12SourcesMustAgree(t *testing.T) {
	f := func(want token.Reason, pairs ...string) {
		t.Helper()
		expect(t, payment(compiled(t, token.Bounds{}), pairs...), want)
	}
	f(token.FactConflict, "country0=CI", "country1=ML")
	f(token.Allowed, "country0=CI", "country1=civ")
	f(token.Allowed, "country0=FR", "country1=fr")
	f(token.FactConflict, "country0=FR", "country1=DE")
	f(token.FactConflict, "country0=CI", "country1=nowhere")

	f(token.Allowed, "country=CI", "operator0=OM", "operator1=ORANGE_MONEY_CI")
	f(token.FactConflict, "country=CI", "operator0=OM", "operator1=MTN")
	f(token.Allowed, "country=CI", "operator0=MOMO", "operator1=MTN")
	f(token.FactConflict, "country=ML", "operator0=MOMO", "operator1=MTN") // MOMO is MOOV there
	f(token.FactConflict, "operator0=OM", "operator1=ORANGE")              // no country says that they are one
	f(token.Allowed, "operator0=OM", "operator1=om")
	f(token.Allowed, "country=CI", "operator0=NEWPAY", "operator1=NEWPAY")
	f(token.FactConflict, "country=CI", "operator0=NEWPAY", "operator1=OLDPAY")

	f(token.Allowed, "method0=collect", "method1=COLLECT")
	f(token.FactConflict, "method0=collect", "method1=disburse")

	f(token.Allowed, "country=CI", "phone0=0707070707", "phone1=+2250707070707")
	f(token.FactConflict, "country=CI", "phone0=0707070707", "phone1=+2250505050505")
	f(token.FactConflict, "phone0=0707070707", "phone1=+2250707070707") // no country: they cannot be compared
	f(token.FactConflict, "country=CI", "phone0=x", "phone1=y")
	f(token.Allowed, "country=CI", "phone0=x", "phone1=x")
}

func TestRow12AWordItsTableDoesNotKnowAgreesWithNothingKnown(t *testing.T) {
	for _, pairs := range [][]string{{"method0=collect", "method1=collect"}, {"country=CI", "operator0=OM", "operator1=OM"}, {"country0=CI", "country1=CI"}} {
		c := payment(compiled(t, token.Bounds{}), pairs...)
		expect(t, c, token.Allowed)
		kind, _ := toldOne(pairs[len(pairs)-1])
		c.Facts.Of(kind)[1].Unknown = true
		expect(t, c, token.FactConflict)
	}
}

func TestRow12ElementsOfOneArrayMayDifferAndSourcesAgreeAsSets(t *testing.T) {
	f := func(want token.Reason, pairs ...string) {
		t.Helper()
		expect(t, payment(compiled(t, token.Bounds{}), pairs...), want)
	}
	f(token.Allowed, "country=CI", "operator0=OM", "operator0=MTN")
	f(token.Allowed, "country=CI", "operator0=OM", "operator0=MTN", "operator1=MOMO", "operator1=ORANGE", "operator1=OM")
	f(token.FactConflict, "country=CI", "operator0=OM", "operator0=MTN", "operator1=OM")
	f(token.FactConflict, "country=CI", "operator0=OM", "operator1=OM", "operator1=MTN")

	many := []string{"country=CI", "method0=collect", "method1=collect"}
	for i := range maxDifferent + 1 {
		many = append(many, "method0=m"+strings.Repeat("x", i), "method1=m"+strings.Repeat("x", i))
	}
	f(token.FactConflict, many...) // too many to compare

	long := []string{"country=CI", "method0=collect"}
	for range maxCompared {
		long = append(long, "method1=collect")
	}
	f(token.FactConflict, long...)
	f(token.Allowed, long[:maxCompared+1]...)

	far := payment(compiled(t, token.Bounds{}), "country=CI", "country1=CI")
	far.Facts.Countries[1].Source = 64
	expect(t, far, token.FactConflict)
}

func TestRow12ARouteWithoutFactsRefusesARestrictedToken(t *testing.T) {
	f := func(r *Rules, use FactsUse, want token.Reason) {
		t.Helper()
		c := payment(r, "country=CI", "operator=OM", "method=collect", listed)
		c.Route.Facts, c.Route.AllowMissing = use, true
		if use != FactsRead {
			c.Facts = nil
		}
		expect(t, c, want)
	}
	free := compiled(t, token.Bounds{IPRanges: nil})
	for _, r := range []*Rules{
		checkout(t),
		compiled(t, token.Bounds{Composition: token.Composition{"CI": {"ORANGE": {"collect"}}}}),
		compiled(t, token.Bounds{}, enabled("CI", "+2250707070707")),
		compiled(t, token.Bounds{Restricts: token.Restricts{Phones: true}}),
		compiled(t, token.Bounds{Restricts: token.Restricts{Composition: true}}),
	} {
		f(r, NoFacts, token.FactMissing)
		f(r, FactsNone, token.Allowed)
	}
	f(free, NoFacts, token.Allowed)
	f(free, FactsNone, token.Allowed)
	f(free, FactsRead, token.Allowed)
}

// A payment to a country, by an operator or by a method that the token does not
// compose is denied, and the reason names the first that failed.
func TestRow13CountryThenOperatorThenMethod(t *testing.T) {
	f := func(want token.Reason, pairs ...string) Verdict {
		t.Helper()
		return expect(t, payment(checkout(t), append(pairs, listed)...), want)
	}
	f(token.Allowed, "country=civ", "operator=orange-money-ci", "method=DISBURSE")
	f(token.Allowed, "country=ML", "operator=OMML", "method=collect")
	v := f(token.CountryNotAllowed, "country=SN", "operator=OM", "method=collect")
	if string(v.Country) != "SN" || v.Operator != nil || v.Method != nil {
		t.Errorf("the verdict names %q %q %q", v.Country, v.Operator, v.Method)
	}
	v = f(token.OperatorNotAllowed, "country=CIV", "operator=WAVE_CI", "method=card")
	if string(v.Country) != "CIV" || string(v.Operator) != "WAVE_CI" || v.Method != nil {
		t.Errorf("the verdict names %q %q %q, not what was sent", v.Country, v.Operator, v.Method)
	}
	v = f(token.PaymentMethodNotAllowed, "country=CI", "operator=MOMO", "method=disburse")
	if string(v.Country) != "CI" || string(v.Operator) != "MOMO" || string(v.Method) != "disburse" {
		t.Errorf("the verdict names %q %q %q, not what was sent", v.Country, v.Operator, v.Method)
	}
	f(token.OperatorNotAllowed, "country=ML", "operator=ORANGE_MONEY_CI", "method=collect") // an alias of another country
	f(token.PaymentMethodNotAllowed, "country=CI", "operator=OM", "method=payout")          // no method has an alias
	f(token.CountryNotAllowed, "country=CI ", "operator=OM", "method=collect")
	f(token.CountryNotAllowed, "country=225", "operator=OM", "method=collect")
}

func TestRow13AllValuesMustPass(t *testing.T) {
	f := func(want token.Reason, pairs ...string) {
		t.Helper()
		expect(t, payment(checkout(t), append(pairs, listed)...), want)
	}
	f(token.Allowed, "country=CI", "operator=OM", "operator=MTN", "method=collect")
	f(token.PaymentMethodNotAllowed, "country=CI", "operator=OM", "operator=MTN", "method=disburse")
	f(token.PaymentMethodNotAllowed, "country=CI", "operator=OM", "method=collect", "method=card")
	f(token.OperatorNotAllowed, "country=CI", "operator=OM", "operator=WAVE", "method=collect")
	f(token.CountryNotAllowed, "country=CI", "country=SN", "operator=OM", "method=collect")
	f(token.Allowed, "country=CI", "country=ML", "operator=OM", "method=collect")
	f(token.OperatorNotAllowed, "country=CI", "country=ML", "operator=MTN", "method=collect")
	f(token.PaymentMethodNotAllowed, "country=CI", "country=ML", "operator=OM", "method=disburse")
	f(token.Allowed, "country=CI", "country=CIV", "country=ci", "operator=OM", "operator=ORANGE", "method=collect", "method=disburse")
}

func TestRow13WhereALevelMayBeMissingTheRestMustBePossibleSomewhere(t *testing.T) {
	f := func(want token.Reason, pairs ...string) {
		t.Helper()
		c := payment(checkout(t), append(pairs, listed)...)
		c.Route.AllowMissing = true
		expect(t, c, want)
	}
	f(token.Allowed, "operator=ORANGE", "method=collect")
	f(token.Allowed, "operator=MTN", "method=collect")
	f(token.OperatorNotAllowed, "operator=WAVE", "method=collect")
	f(token.PaymentMethodNotAllowed, "operator=MTN", "method=disburse")
	f(token.OperatorNotAllowed, "operator=MTN", "operator=OMML", "method=collect") // each somewhere, never together
	f(token.Allowed, "country=CI", "method=disburse")
	f(token.PaymentMethodNotAllowed, "country=ML", "method=disburse")
	f(token.PaymentMethodNotAllowed, "method=card")
	f(token.Allowed, "method=disburse")
	f(token.Allowed, "country=CI", "operator=OM")
	f(token.Allowed)
}

func TestRow13AnEmptyCompositionThatIsAskedForDeniesEverything(t *testing.T) {
	r := compiled(t, token.Bounds{Restricts: token.Restricts{Composition: true}})
	v := expect(t, payment(r, "country=CI", "operator=OM", "method=collect"), token.CountryNotAllowed)
	if string(v.Country) != "CI" {
		t.Errorf("the verdict names %q", v.Country)
	}
	silent := payment(r)
	silent.Route.AllowMissing = true
	expect(t, silent, token.CountryNotAllowed)
}

func TestRow13CodesTheCatalogueDoesNotKnowAreComparedAsTheyStand(t *testing.T) {
	r := compiled(t, token.Bounds{Composition: token.Composition{"CI": {"NewPay": {"instant"}}, "fr": {"LYDIA": {"collect"}}}})
	f := func(want token.Reason, pairs ...string) {
		t.Helper()
		expect(t, payment(r, pairs...), want)
	}
	f(token.Allowed, "country=CI", "operator=NewPay", "method=instant")
	f(token.OperatorNotAllowed, "country=CI", "operator=newpay", "method=instant")
	f(token.PaymentMethodNotAllowed, "country=CI", "operator=NewPay", "method=INSTANT")
	f(token.Allowed, "country=FR", "operator=LYDIA", "method=collect")
	f(token.Allowed, "country=fr", "operator=LYDIA", "method=Collect")
	f(token.CountryNotAllowed, "country=FRA", "operator=LYDIA", "method=collect")
}

func TestRow13AWordItsTableDoesNotKnowMatchesNothing(t *testing.T) {
	r := compiled(t, token.Bounds{Composition: token.Composition{"CI": {"MERCHANT": {"MERCHANT"}, "ORANGE": {"collect"}}}})
	f := func(k token.FactKind, want token.Reason) {
		t.Helper()
		c := payment(r, "country=CI", "operator=ORANGE", "method=collect")
		c.Facts.Of(k)[0].Unknown = true
		expect(t, c, want)
	}
	f(token.FactCountry, token.CountryNotAllowed)
	f(token.FactOperator, token.OperatorNotAllowed)
	f(token.FactMethod, token.PaymentMethodNotAllowed)
	c := payment(r, "country=CI", "operator=MERCHANT", "method=MERCHANT")
	expect(t, c, token.Allowed)
	c.Facts.Methods[0].Unknown = true
	expect(t, c, token.PaymentMethodNotAllowed)
}

func TestRow14EveryPhoneMustBeAnEnabledNumber(t *testing.T) {
	f := func(want token.Reason, pairs ...string) Verdict {
		t.Helper()
		return expect(t, payment(checkout(t), append(pairs, "operator=OM", "method=collect")...), want)
	}
	f(token.Allowed, "country=CI", listed)
	f(token.Allowed, "country=CI", "phone=0707070707")
	f(token.Allowed, "country=CI", "phone=0707070707", "phone=225 07 07 07 07 07")
	v := f(token.PhoneNotAllowed, "country=CI", "phone=0707070707", "phone=0505050505") // disabled
	if string(v.Phone) != "0505050505" {
		t.Errorf("the verdict names %q", v.Phone)
	}
	f(token.PhoneNotAllowed, "country=CI", "phone=0101010101")
	f(token.PhoneNotAllowed, "country=ML", "phone=76123456") // the whitelist is token-wide
	f(token.PhoneNotAllowed, "country=ML", "phone=0707070707")
	f(token.Allowed, "country=ML", listed)
	f(token.PhoneNotAllowed, "country=CI", "country=ML", "phone=0707070707") // which of the two is it?
	f(token.Allowed, "country=CI", "country=ML", listed)
	unknown := payment(checkout(t), "country=CI", "operator=OM", "method=collect", listed)
	unknown.Facts.Phones[0].Unknown = true
	expect(t, unknown, token.PhoneNotAllowed)
	for _, raw := range hostileSpellings {
		f(token.PhoneNotAllowed, "country=CI", "phone="+raw)
	}
	f(token.PhoneNotAllowed, "country=CI", "phone="+strings.Repeat("0707070707", 10))
}

func TestRow14ANationalNumberWithoutACountryCannotBeCompared(t *testing.T) {
	r := compiled(t, token.Bounds{}, enabled("CI", "+2250707070707"))
	expect(t, payment(r, "phone=0707070707"), token.PhoneNotAllowed)
	expect(t, payment(r, "phone=2250707070707"), token.PhoneNotAllowed)
	expect(t, payment(r, "phone=002250707070707"), token.Allowed)
	expect(t, payment(r, "country=nowhere", "phone=0707070707"), token.PhoneNotAllowed)
	expect(t, payment(r, "country=CI", "country=nowhere", "phone=0707070707"), token.PhoneNotAllowed)

	digits := payment(r, "phone=2250707070707")
	digits.Facts.Phones[0].Digits = true
	expect(t, digits, token.Allowed)

	var countries []string
	for a := range maxPlaces + 1 {
		countries = append(countries, "country=X"+string(rune('A'+a)))
	}
	expect(t, payment(r, append(countries, "country=CI", "phone=0707070707")...), token.PhoneNotAllowed)
	expect(t, payment(r, append(countries, listed)...), token.Allowed)

	var full places
	for _, code := range []string{"CI", "ML", "BJ", "KE", "NG", "SN", "CM", "GA", "CI", "ML"} {
		countries = append(countries, "country="+code)
	}
	if full.gather(r.catalogue, told(countries[maxPlaces+1:]...).Countries); len(full.list()) != maxPlaces {
		t.Errorf("naming %d countries twice makes %d places", maxPlaces, len(full.list()))
	}
}

func TestRow14DisablingOrRemovingNeverWidensAccess(t *testing.T) {
	disabled := compiled(t, token.Bounds{}, token.Number{Country: "CI", E164: "+2250707070707"})
	expect(t, payment(disabled, "country=CI", listed), token.PhoneNotAllowed)
	removed := compiled(t, token.Bounds{Restricts: token.Restricts{Phones: true}})
	expect(t, payment(removed, "country=CI", listed), token.PhoneNotAllowed)
	expect(t, payment(removed, "country=CI"), token.FactMissing)
	never := compiled(t, token.Bounds{})
	expect(t, payment(never, "country=CI", listed), token.Allowed)
}
