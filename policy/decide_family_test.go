package policy

import (
	"net/netip"
	"testing"

	"tollgate/policy/token"
)

// child is a case of a token whose parent has the given rules.
func child(own, parent *Rules, pairs ...string) *Case {
	c := payment(own, pairs...)
	c.Principal.Live.Parent = &token.Live{Environment: token.EnvLive, Rules: parent}
	return c
}

func TestAChildIsNeverFreerThanItsParent(t *testing.T) {
	free := compiled(t, token.Bounds{})
	all := []string{"country=CI", "operator=OM", "method=collect", listed}

	expect(t, child(free, checkout(t), all...), token.Allowed)
	expect(t, child(free, checkout(t), all[:3]...), token.FactMissing)
	expect(t, child(free, checkout(t), "country=SN", "operator=OM", "method=collect", listed), token.CountryNotAllowed)
	expect(t, child(free, checkout(t), "country=CI", "operator=WAVE", "method=collect", listed), token.OperatorNotAllowed)
	expect(t, child(free, checkout(t), "country=CI", "operator=OM", "method=card", listed), token.PaymentMethodNotAllowed)
	expect(t, child(free, checkout(t), "country=CI", "operator=OM", "method=collect", "phone=+2250101010101"), token.PhoneNotAllowed)
	expect(t, child(checkout(t), free, "country=SN", "operator=OM", "method=collect", listed), token.CountryNotAllowed)

	narrow := compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}, Methods: []string{"GET"}})
	c := child(free, narrow)
	c.Source.Addr, c.HTTPMethod = netip.MustParseAddr("203.0.113.1"), "GET"
	expect(t, c, token.IPNotAllowed)
	c.Source.Addr, c.HTTPMethod = netip.MustParseAddr("192.0.2.1"), "POST"
	expect(t, c, token.HTTPMethodNotAllowed)
	c.HTTPMethod = "HEAD"
	expect(t, c, token.Allowed)
	c.Source.Unknown = true
	expect(t, c, token.IPNotAllowed)
	c.Source.Unknown = false

	c.Principal.Live.Parent.Environment, c.Route.Environment = token.EnvTest, token.EnvLive
	expect(t, c, token.EnvironmentMismatch)
	c.Route.Environment = token.EnvAny

	c.Route.Permission, c.Principal.Live.Permissions = "payments:write", []string{"payments:write"}
	expect(t, c, token.PermissionMissing)
	c.Principal.Live.Parent.Permissions = []string{"payments:write"}
	expect(t, c, token.Allowed)

	unread := child(free, checkout(t))
	unread.Route.Facts = NoFacts
	expect(t, unread, token.FactMissing)

	grandchild := child(free, free, "country=SN", "operator=OM", "method=collect", listed)
	grandchild.Principal.Live.Parent.Parent = &token.Live{Environment: token.EnvLive, Rules: checkout(t)}
	expect(t, grandchild, token.CountryNotAllowed)
}

// wouldDeny decides a case that monitor mode lets pass.
func wouldDeny(t *testing.T, c *Case, want token.Reason) {
	t.Helper()
	if v := expect(t, c, token.Allowed); v.WouldDeny != want {
		t.Errorf("would deny with %v, want %v", v.WouldDeny, want)
	}
}

func TestMonitorModeNotesWhatItCoversAndLetsPass(t *testing.T) {
	f := func(want token.Reason, change func(*Case)) {
		t.Helper()
		byRoute := payment(checkout(t), "country=CI", "operator=OM", "method=collect", listed)
		change(byRoute)
		expect(t, byRoute, want)
		byRoute.Route.Mode = token.Monitor
		wouldDeny(t, byRoute, want)

		byRoute.Route.Mode, byRoute.Principal.Live.Mode = token.Enforce, token.Monitor
		wouldDeny(t, byRoute, want)
	}
	f(token.HTTPMethodNotAllowed, func(c *Case) {
		c.Principal.Live.Rules, c.HTTPMethod = compiled(t, token.Bounds{Methods: []string{"GET"}}), "POST"
	})
	f(token.PermissionMissing, func(c *Case) { c.Route.Permission = "payments:write" })
	f(token.BodyAmbiguous, func(c *Case) { c.FactsReason = token.BodyAmbiguous })
	f(token.BodyUnsupported, func(c *Case) { c.FactsReason = token.BodyUnsupported })
	f(token.FactMissing, func(c *Case) { c.Facts.Phones = nil })
	f(token.FactMissing, func(c *Case) { c.Route.Facts = NoFacts })
	f(token.FactConflict, func(c *Case) { c.Facts.Guard = token.FactConflict })
	f(token.CountryNotAllowed, func(c *Case) { c.Facts.Countries[0].Value = []byte("SN") })
	f(token.OperatorNotAllowed, func(c *Case) { c.Facts.Operators[0].Value = []byte("WAVE") })
	f(token.PaymentMethodNotAllowed, func(c *Case) { c.Facts.Methods[0].Value = []byte("card") })
	f(token.PhoneNotAllowed, func(c *Case) { c.Facts.Phones[0].Value = []byte("0101010101") })
}

func TestMonitorModeNeverLetsTheOtherRowsPass(t *testing.T) {
	f := func(want token.Reason, change func(*Case)) {
		t.Helper()
		c := payment(compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}, Methods: []string{"GET"}}))
		c.Source.Addr, c.HTTPMethod = netip.MustParseAddr("192.0.2.1"), "POST" // row 9 would deny
		c.Route.Mode, c.Principal.Live.Mode = token.Monitor, token.Monitor
		wouldDeny(t, c, token.HTTPMethodNotAllowed)
		change(c)
		if v := expect(t, c, want); v.WouldDeny != token.Allowed {
			t.Errorf("a refused request says that it would be denied: %v", v.WouldDeny)
		}
	}
	f(token.EnvironmentMismatch, func(c *Case) { c.Route.Environment = token.EnvTest })
	f(token.EnvironmentMismatch, func(c *Case) { c.Environment = token.EnvTest })
	f(token.IPNotAllowed, func(c *Case) { c.Source.Addr = netip.MustParseAddr("203.0.113.1") })
	f(token.BodyTooLarge, func(c *Case) { c.FactsReason = token.BodyTooLarge })
	f(token.RequestTimeout, func(c *Case) { c.FactsReason = token.RequestTimeout })
	f(token.CannotDecide, func(c *Case) { c.Principal.Live.Parent = &token.Live{Environment: token.EnvLive} })
}

// A token that another token made enforces, whatever its own mode says or its
// parent's: only a route can monitor it.
func TestAChildAlwaysEnforces(t *testing.T) {
	c := child(compiled(t, token.Bounds{}), checkout(t))
	c.Principal.Live.Parent.Mode = token.Monitor
	expect(t, c, token.FactMissing)
	c.Principal.Live.Mode = token.Monitor
	expect(t, c, token.FactMissing)
	c.Route.Mode = token.Monitor
	wouldDeny(t, c, token.FactMissing)
}
