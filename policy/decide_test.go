package policy

import (
	"net/netip"
	"testing"

	"tollgate/policy/token"
)

// Rows 7 to 10: what headers and address decide.

func TestRow7EnvironmentMustMatchTheRouteAndTheHeader(t *testing.T) {
	f := func(own, route, header token.Environment, want token.Reason) {
		t.Helper()
		c := payment(compiled(t, token.Bounds{}))
		c.Principal.Live.Environment, c.Route.Environment, c.Environment = own, route, header
		expect(t, c, want)
	}
	f(token.EnvLive, token.EnvLive, token.EnvAny, token.Allowed)
	f(token.EnvLive, token.EnvAny, token.EnvAny, token.Allowed)
	f(token.EnvTest, token.EnvAny, token.EnvTest, token.Allowed)
	f(token.EnvTest, token.EnvLive, token.EnvAny, token.EnvironmentMismatch)
	f(token.EnvLive, token.EnvTest, token.EnvAny, token.EnvironmentMismatch)
	f(token.EnvLive, token.EnvAny, token.EnvTest, token.EnvironmentMismatch)
	f(token.EnvLive, token.EnvLive, token.EnvTest, token.EnvironmentMismatch)
}

// from is a request from an address.
func from(r *Rules, addr string) *Case {
	c := payment(r)
	c.Source.Addr = netip.MustParseAddr(addr)
	return c
}

func TestRow8AddressMustBeInTheRangesOfTokenAndMerchant(t *testing.T) {
	f := func(own, merchant []string, addr string, want token.Reason) {
		t.Helper()
		expect(t, from(compiledFor(t, merchant, token.Bounds{IPRanges: own}), addr), want)
	}
	f(nil, nil, "203.0.113.1", token.Allowed)
	f([]string{"192.0.2.0/24"}, nil, "192.0.2.7", token.Allowed)
	f([]string{"192.0.2.0/24"}, nil, "192.0.3.7", token.IPNotAllowed)
	f([]string{"192.0.2.0/24"}, nil, "::ffff:192.0.2.7", token.Allowed)
	f([]string{"192.0.2.0/24"}, nil, "::c000:207", token.IPNotAllowed)
	f([]string{"192.0.2.7"}, nil, "192.0.2.8", token.IPNotAllowed)
	f([]string{"2001:db8::/32"}, nil, "2001:db8::1", token.Allowed)
	f([]string{"2001:db8::/32"}, nil, "2001:db8::1%eth0", token.Allowed) // the zone is dropped
	f([]string{"fe80::1"}, nil, "fe80::1%eth0", token.Allowed)
	f(nil, []string{"192.0.2.0/24"}, "203.0.113.1", token.IPNotAllowed)
	f([]string{"203.0.113.0/24"}, []string{"192.0.2.0/24"}, "203.0.113.1", token.IPNotAllowed)
	f([]string{"192.0.0.0/16"}, []string{"192.0.2.0/24"}, "192.0.2.1", token.Allowed)
	f(manyRanges(1000), nil, "10.0.0.1", token.Allowed)
	f(manyRanges(1000), nil, "11.0.0.1", token.IPNotAllowed)
	f(manyRanges(1000), nil, "::ffff:10.0.0.1", token.Allowed)
}

func TestRow8AnEmptiedListLetsNobodyIn(t *testing.T) {
	r := compiled(t, token.Bounds{Restricts: token.Restricts{IP: true}})
	expect(t, from(r, "192.0.2.7"), token.IPNotAllowed)
}

func TestRow8AnAddressThatCannotBeToldIsRefusedWhereRangesAreAsked(t *testing.T) {
	bound := from(compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}}), "192.0.2.7")
	bound.Source.Unknown = true
	expect(t, bound, token.IPNotAllowed)

	merchant := from(compiledFor(t, []string{"192.0.2.0/24"}, token.Bounds{}), "192.0.2.7")
	merchant.Source.Unknown = true
	expect(t, merchant, token.IPNotAllowed)

	free := from(compiled(t, token.Bounds{}), "192.0.2.7")
	free.Source = token.Source{Unknown: true}
	expect(t, free, token.Allowed)
}

func TestRow9HTTPMethodMustBeAllowed(t *testing.T) {
	f := func(methods []string, method string, want token.Reason) {
		t.Helper()
		c := payment(compiled(t, token.Bounds{Methods: methods}))
		c.HTTPMethod = method
		expect(t, c, want)
	}
	f(nil, "DELETE", token.Allowed)
	f([]string{"get"}, "GET", token.Allowed)
	f([]string{"GET"}, "HEAD", token.Allowed) // HEAD follows GET
	f([]string{"HEAD"}, "GET", token.HTTPMethodNotAllowed)
	f([]string{"GET", "POST"}, "POST", token.Allowed)
	f([]string{"GET", "POST"}, "PUT", token.HTTPMethodNotAllowed)
	f([]string{"GET"}, "get", token.HTTPMethodNotAllowed) // methods have a case: RFC 9110 §9.1
	f([]string{"GET"}, "TRACE", token.HTTPMethodNotAllowed)
	f([]string{"GET"}, "", token.HTTPMethodNotAllowed)

	emptied := payment(compiled(t, token.Bounds{Restricts: token.Restricts{Methods: true}}))
	emptied.HTTPMethod = "GET"
	expect(t, emptied, token.HTTPMethodNotAllowed)
}

func TestRow10PermissionMustBeGrantedAndInScope(t *testing.T) {
	f := func(granted, scope []string, asked string, want token.Reason) {
		t.Helper()
		c := payment(compiled(t, token.Bounds{Permissions: granted}))
		c.Principal.Live.Permissions, c.Principal.Scope, c.Route.Permission = granted, scope, asked
		expect(t, c, want)
	}
	f(nil, nil, "", token.Allowed)
	f([]string{"payments:write"}, nil, "payments:write", token.Allowed)
	f([]string{"payments:read"}, nil, "payments:write", token.PermissionMissing)
	f(nil, nil, "payments:write", token.PermissionMissing)
	f([]string{"payments:write"}, []string{"payments:write"}, "payments:write", token.Allowed)
	f([]string{"payments:write"}, []string{"payments:read"}, "payments:write", token.PermissionMissing)
	f([]string{"payments:write"}, []string{}, "payments:write", token.PermissionMissing)
	f([]string{"payments:read"}, []string{"payments:write"}, "payments:write", token.PermissionMissing) // a scope only narrows
}

func TestTheFirstRowThatRefusesNamesTheReason(t *testing.T) {
	r := compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}, Methods: []string{"GET"}, Composition: token.Composition{"CI": {"ORANGE": {"collect"}}}}, enabled("CI", "+2250707070707"))
	c := payment(r, "country=ML", "operator=MOOV", "method=card", "phone=+22376123456")
	c.Source.Addr, c.HTTPMethod, c.FactsReason = netip.MustParseAddr("203.0.113.1"), "POST", token.BodyAmbiguous
	c.Route.Environment, c.Route.Permission = token.EnvTest, "payments:write"

	expect(t, c, token.EnvironmentMismatch)
	c.Route.Environment = token.EnvLive
	expect(t, c, token.IPNotAllowed)
	c.Source.Addr = netip.MustParseAddr("192.0.2.1")
	expect(t, c, token.HTTPMethodNotAllowed)
	c.HTTPMethod = "HEAD"
	expect(t, c, token.PermissionMissing)
	c.Principal.Live.Permissions = []string{"payments:write"}
	expect(t, c, token.BodyAmbiguous)
	c.FactsReason = token.Allowed
	c.Facts.Hollow[token.FactMethod] = true
	expect(t, c, token.FactMissing)
	c.Facts.Hollow[token.FactMethod] = false
	expect(t, c, token.CountryNotAllowed)
	c.Facts.Countries[0].Value = []byte("CIV")
	expect(t, c, token.OperatorNotAllowed)
	c.Facts.Operators[0].Value = []byte("om")
	expect(t, c, token.PaymentMethodNotAllowed)
	c.Facts.Methods[0].Value = []byte("collect")
	expect(t, c, token.PhoneNotAllowed)
	c.Facts.Phones[0].Value = []byte("0707070707")
	expect(t, c, token.Allowed)
}

func TestThePhasesTogetherAreTheDecision(t *testing.T) {
	f := func(c *Case) {
		t.Helper()
		phases := Head(c, nil).Then(Address(c, nil)).Then(Subject(c, nil))
		whole := Decide(c, nil)
		if phases.Allowed != whole.Allowed || phases.WouldDeny != whole.WouldDeny || phases.Reason != whole.Reason {
			t.Errorf("the phases say %+v, the whole %+v", phases, whole)
		}
	}
	r := compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}, Methods: []string{"GET"}, Composition: token.Composition{"CI": {"ORANGE": {"collect"}}}})
	for _, mode := range []token.Mode{token.Enforce, token.Monitor} {
		for _, method := range []string{"GET", "POST"} {
			for _, country := range []string{"CI", "ML"} {
				for _, body := range []token.Reason{token.Allowed, token.BodyAmbiguous, token.BodyTooLarge} {
					c := payment(r, "country="+country, "operator=OM", "method=collect")
					c.Source.Addr, c.HTTPMethod = netip.MustParseAddr("192.0.2.1"), method
					c.Route.Mode, c.FactsReason = mode, body
					f(c)
					if mode == token.Monitor && Head(c, nil).Reason != token.Allowed {
						t.Error("monitor mode refused by the HTTP method")
					}
				}
			}
		}
	}
	if v := Head(&Case{Principal: &token.Principal{Live: &token.Live{Rules: compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}})}}, Route: &RouteRule{}}, nil); !v.Allowed {
		t.Errorf("the head phase judged an address it does not have: %v", v.Reason)
	}
}

func TestRulesThatWereNeverCompiledCannotDecide(t *testing.T) {
	c := payment(nil)
	c.Principal.Live.Rules = nil
	expect(t, c, token.CannotDecide)
	c.Route.Mode = token.Monitor
	expect(t, c, token.CannotDecide)

	c = payment(compiled(t, token.Bounds{}))
	c.Principal.Live.Parent = &token.Live{Environment: token.EnvLive}
	expect(t, c, token.CannotDecide)
	if v := Subject(c, nil); v.Reason != token.CannotDecide {
		t.Errorf("a parent without rules: %v", v.Reason)
	}
}
