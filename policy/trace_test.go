package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tollgate/policy/token"
)

// explained is the checks of a case as lines.
func explained(c *Case) (Verdict, []string) {
	var trace Trace
	v := Decide(c, &trace)
	var lines []string
	for _, check := range trace.Checks {
		mark := "ok  "
		if !check.Passed {
			mark = "FAIL"
		}
		lines = append(lines, mark+" "+check.Name+": "+check.Detail)
	}
	return v, lines
}

func TestExplainHasOneCheckForEachRowInOrder(t *testing.T) {
	for _, use := range []FactsUse{NoFacts, FactsNone, FactsRead} {
		c := payment(compiled(t, token.Bounds{}))
		c.Route.Facts = use
		var trace Trace
		Decide(c, &trace)
		var rows []int
		for _, check := range trace.Checks {
			rows = append(rows, check.Row)
			if !check.Passed || check.Detail == "" || check.Name == "" {
				t.Errorf("facts %v: %+v", use, check)
			}
		}
		if !slices.Equal(rows, []int{7, 8, 9, 10, 11, 12, 13, 14}) {
			t.Errorf("facts %v: the rows are %v", use, rows)
		}
	}
}

func TestExplainEndsWithTheRowThatRefuses(t *testing.T) {
	f := func(c *Case, want string) {
		t.Helper()
		v, lines := explained(c)
		last := lines[len(lines)-1]
		if v.Allowed || last != "FAIL "+want {
			t.Errorf("%v: the last line is\n%s\nwant\nFAIL %s", v.Reason, last, want)
		}
	}
	at := func(addr string, r *Rules) *Case {
		c := payment(r)
		c.Source.Addr = netip.MustParseAddr(addr)
		return c
	}
	r := compiled(t, token.Bounds{IPRanges: []string{"192.0.2.0/24"}, Methods: []string{"GET"}})

	env := payment(r)
	env.Route.Environment, env.Environment = token.EnvTest, token.EnvTest
	f(env, "environment: the token is for live, the route for test, the request asks for test")
	f(at("203.0.113.9", r), "ip: 203.0.113.9 is outside the token's 1 range")
	both := compiledFor(t, []string{"10.0.0.0/8"}, token.Bounds{IPRanges: manyRanges(7)})
	f(at("203.0.113.9", both), "ip: 203.0.113.9 is outside the token's 7 ranges and the merchant's 1 range")
	dark := payment(r)
	dark.Source.Unknown = true
	f(dark, "ip: the client's address, which cannot be told, is outside the token's 1 range")
	post := at("192.0.2.1", r)
	post.HTTPMethod = "POST"
	f(post, "http_method: POST; the token allows GET, HEAD")

	perm := payment(compiled(t, token.Bounds{}))
	perm.Route.Permission = "payments:write"
	f(perm, "permission: payments:write is not granted to the token")
	perm.Principal.Live.Permissions, perm.Principal.Scope = []string{"payments:write"}, []string{"x"}
	f(perm, "permission: payments:write is not granted to the credential, whose scope is narrower than its token")
	perm.Principal.Scope, perm.Principal.Live.Parent = nil, &token.Live{Rules: compiled(t, token.Bounds{})}
	perm.Route.Environment = token.EnvAny
	f(perm, "permission: payments:write is not granted to its parent token")

	body := payment(r)
	body.Source.Addr, body.HTTPMethod, body.FactsReason = netip.MustParseAddr("192.0.2.1"), "GET", token.BodyAmbiguous
	f(body, "body: two readers could read the request differently")

	f(payment(checkout(t), "country=CI"), `facts: the token is restricted and the request lacks operator, method, phone; it says country "CI"`)
	f(payment(checkout(t), "country=CI", "country1=ML"), `facts: two places of the request say different things: country "CI", country "ML"`)
	unread := payment(checkout(t))
	unread.Route.Facts = NoFacts
	f(unread, "facts: the token is restricted and the route does not say where its facts are; give the route facts, or `facts: none` where no money moves")

	f(payment(checkout(t), "country=SN", "operator=OM", "method=collect", listed), `composition: the country "SN" is not composed`)
	f(payment(checkout(t), "country=ML", "operator=WAVE", "method=collect", listed), `composition: the operator "WAVE" is not composed in "ML"`)
	f(payment(checkout(t), "country=ML", "operator=OM", "method=card", listed), `composition: the method "card" is not composed for the operator "OM" in "ML"`)
	f(payment(checkout(t), "country=CI", "operator=OM", "method=collect", "phone=0101010101"), "phones: the phone ********01 is no enabled number of the token")
	f(payment(checkout(t), "country=CI", "operator=OM", "method=collect", "phone=tel:0101"), "phones: the phone ******01 is no enabled number of the token: "+phoneFaults[phoneCharacter])

	empty := compiled(t, token.Bounds{Restricts: token.Restricts{Composition: true}})
	silent := payment(empty)
	silent.Route.AllowMissing = true
	f(silent, "composition: the token's composition is empty")
}

func TestExplainGoesOnWhereMonitorModeLetsPass(t *testing.T) {
	c := payment(checkout(t), "country=SN")
	c.Route.Mode, c.Route.Permission = token.Monitor, "payments:write"
	v, lines := explained(c)
	if !v.Allowed || v.WouldDeny != token.PermissionMissing || !strings.HasPrefix(lines[3], "FAIL permission") || !strings.HasPrefix(lines[5], "FAIL facts") {
		t.Errorf("%+v\n%s", v, strings.Join(lines, "\n"))
	}
}

func TestExplainNeverShowsAWholePhone(t *testing.T) {
	numbers := []string{"+2250707070707", "0505050505", "tel:0101010101", "+2250909090909"}
	for _, facts := range [][]string{
		{"country=CI"}, {"country=CI", "operator=OM", "method=collect"}, {"country=CI", "country1=ML"}, {"country=SN", "operator=OM", "method=collect"},
	} {
		for _, number := range numbers {
			_, lines := explained(payment(checkout(t), append(facts, "phone="+number)...))
			all := strings.Join(lines, "\n")
			for _, digits := range []string{"070707", "050505", "010101", "090909"} {
				if strings.Contains(all, digits) {
					t.Errorf("a phone can be read in\n%s", all)
				}
			}
		}
	}
}

func TestExplainIsBoundedWhateverTheRequest(t *testing.T) {
	var pairs []string
	for range 1000 {
		pairs = append(pairs, "country="+strings.Repeat("C", 1000), "operator=O\n\x00\xff")
	}
	_, lines := explained(payment(checkout(t), pairs...))
	if all := strings.Join(lines, "\n"); len(all) > 4000 || strings.Contains(all, "\x00") || strings.Contains(all, "\xff") {
		t.Errorf("explain answers %d bytes: %.300q", len(all), all)
	}
}
