package policy

import (
	"net/netip"
	"testing"

	"tollgate/policy/token"
)

// busy is a token with every bound there is, and a request that passes them all
// after two look-ups in a parent.
func busy(t testing.TB, phone string) *Case {
	t.Helper()
	bounds := token.Bounds{
		IPRanges: manyRanges(100), Methods: []string{"POST"}, Permissions: []string{"payments:write"},
		Composition: token.Composition{"CI": {"ORANGE": {"collect", "disburse"}, "MTN": {"collect"}}, "ML": {"ORANGE": {"collect"}}, "FR": {"X": {"y"}}},
	}
	r := compiledFor(t, []string{"10.0.0.0/8"}, bounds, enabled("CI", "+2250707070707"), enabled("FR", "+33612345678"), enabled("BJ", "+2290197654321"))
	c := payment(r, "country=civ", "operator=om", "method=COLLECT", "phone="+phone)
	c.Source.Addr, c.HTTPMethod = netip.MustParseAddr("::ffff:10.0.0.1"), "POST"
	c.Route.Permission, c.Principal.Live.Permissions = "payments:write", []string{"payments:write"}
	parent := *c.Principal.Live
	c.Principal.Live.Parent = &parent
	return c
}

func TestADecisionDoesNotAllocate(t *testing.T) {
	if racing {
		t.Skip("the race detector allocates")
	}
	f := func(name string, c *Case) {
		t.Helper()
		want := Decide(c, nil).Reason
		if n := testing.AllocsPerRun(200, func() {
			if Decide(c, nil).Reason != want {
				t.Fatal("the verdict changed")
			}
		}); n != 0 {
			t.Errorf("%s (%v): %v allocations", name, want, n)
		}
	}
	f("canonical phone", busy(t, "+2250707070707"))
	f("national phone", busy(t, "07 07 07 07 07"))
	f("bare digits", busy(t, "2250707070707"))
	f("00", busy(t, "002250707070707"))
	f("unlisted phone", busy(t, "0101010101"))
	f("foreign phone, spaced", busy(t, "+33 6 12 34 56 78"))
	f("renumbered phone", busy(t, "+22997654321"))
	f("unreadable phone", busy(t, "tel:+2250707070707"))

	foreign := busy(t, "0612345678")
	foreign.Facts.Countries[0].Value, foreign.Facts.Operators[0].Value, foreign.Facts.Methods[0].Value = []byte("fr"), []byte("X"), []byte("y")
	f("foreign national phone", foreign)

	foreign.Facts.Phones[0].Value = []byte("06 12-34.56 78")
	f("foreign national phone, spaced", foreign)

	sources := busy(t, "0707070707")
	for _, pair := range []string{"country1=CI", "operator1=ORANGE", "method1=collect", "phone1=+2250707070707"} {
		sources.Facts.Add(toldOne(pair))
	}
	f("two sources", sources)
	sources.Facts.Methods[1].Value = []byte("card")
	f("two sources that disagree", sources)

	unread := payment(compiled(t, token.Bounds{}))
	unread.Route.Facts, unread.Facts = NoFacts, nil
	f("no facts", unread)

	silent := busy(t, "+2250707070707")
	silent.Facts.Countries, silent.Route.AllowMissing = nil, true
	f("no country", silent)

	watched := busy(t, "0101010101")
	watched.Route.Mode = token.Monitor
	f("monitored", watched)
}

func TestOwnDoesNotAllocate(t *testing.T) {
	if racing {
		t.Skip("the race detector allocates")
	}
	r := compiled(t, token.Bounds{Composition: token.Composition{"CI": {"OM": {"collect"}}}}, enabled("CI", "+2250707070707"))
	if n := testing.AllocsPerRun(200, func() {
		if r.Own().Country != "CI" {
			t.Fatal("the country is lost")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCatalogueLookUpsDoNotAllocate(t *testing.T) {
	if racing {
		t.Skip("the race detector allocates")
	}
	c := testCatalogue(t)
	country, dial, operator, method := []byte("civ"), []byte("+225"), []byte("orange-money-ci"), []byte("Collect")
	if n := testing.AllocsPerRun(200, func() {
		_, a := c.Country(country)
		_, b := c.CountryByDial(dial)
		_, d := c.Operator("ci", operator)
		_, e := c.Method(method)
		if !a || !b || !d || !e {
			t.Fatal("a look-up failed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
