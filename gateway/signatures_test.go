package gateway_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tollgate/gateway"
	"tollgate/policy/token"
)

const when = 1_700_000_000

// A request that is signed whole passes when the MAC is over its very method,
// target and body, once; anything else of it changed, and the upstream sees
// nothing.
func TestSignedRequestIsProvenOverWhatCame(t *testing.T) {
	const target = "/v1/payments/a%2Db?x=%7e&y"
	other := strings.Replace(goodBody, "500", "900", 1)
	f := func(name, want string, seen int, text func(n *notary) []string) {
		t.Run(name, func(t *testing.T) {
			r, n, _ := newSignedRig(t)
			texts := text(n)
			var a answer
			for _, one := range texts {
				a = r.raw(t, one)
			}
			if a.code() != want || (want == "") != (a.status == 200) {
				t.Errorf("got %+v, want %s", a, want)
			}
			if got := r.origin.requests(); len(got) != seen {
				t.Errorf("the upstream saw %d requests, want %d: %v", len(got), seen, got)
			} else if seen > 0 && (got[0].target != target || got[0].body != goodBody) {
				t.Errorf("forwarded %+v", got[0])
			}
		})
	}
	right := func(n *notary) string { return n.signed(when, "POST", target, goodBody, jsonType) }
	swap := func(old, new string) func(n *notary) []string {
		return func(n *notary) []string { return []string{strings.Replace(right(n), old, new, 1)} }
	}
	f("right", "", 1, func(n *notary) []string { return []string{right(n)} })
	f("a second time", "token_invalid", 1, func(n *notary) []string { return []string{right(n), right(n)} })
	f("another body", "token_invalid", 0, swap(goodBody, other))
	f("another spelling of the target", "token_invalid", 0, swap("a%2Db", "a-b"))
	f("another spelling of the query", "token_invalid", 0, swap("%7e", "%7E"))
	f("one parameter more", "token_invalid", 0, swap("&y", "&y&z"))
	f("another time", "token_invalid", 0, swap("t=1700000000", "t=1700000001"))
	f("another client", "token_invalid", 0, swap(client, "f"+client[1:]))
	f("no client", "token_invalid", 0, swap("X-Client-Id: "+client+"\r\n", ""))
	f("another method", "token_invalid", 0, func(n *notary) []string {
		return []string{strings.Replace(n.signed(when, "PUT", "/v1/status/1", "", jsonType), "PUT", "GET", 1)}
	})
	f("a right one after a wrong one", "", 1, func(n *notary) []string {
		return []string{strings.Replace(right(n), goodBody, other, 1), right(n)}
	})
}

// A stranger's body is not read: what the head tells, the client and rows 7 to
// 10 included, is judged before it, and the MAC is looked at only behind it.
func TestSignedRequestIsJudgedBeforeItsBody(t *testing.T) {
	for _, c := range []struct {
		change func(*token.Live, *token.Bounds)
		want   string
		head   func(text string) string
	}{
		{nil, "token_invalid", func(text string) string { return strings.Replace(text, client, "f"+client[1:], 1) }},
		{func(l *token.Live, _ *token.Bounds) { l.Environment = token.EnvTest }, "environment_mismatch", nil},
		{func(_ *token.Live, b *token.Bounds) { b.Methods = []string{"GET"} }, "http_method_not_allowed", nil},
		{func(_ *token.Live, b *token.Bounds) { b.Permissions = nil }, "permission_missing", nil},
	} {
		r, n, q := newSignedRig(t)
		*q = *r.roster.principalOf(r.roster.add(t, "bounded", c.change))
		q.Kind = token.KindMAC
		text := n.signed(when, "POST", "/v1/payments/1", goodBody, jsonType, "Expect: 100-continue")
		if c.head != nil {
			text = c.head(text)
		}
		a := r.raw(t, strings.TrimSuffix(text, goodBody)) // the body never comes
		if a.code() != c.want {
			t.Errorf("got %+v, want %s", a, c.want)
		}
		if used, verified, _ := n.count(); used != 0 || verified != 0 || len(r.origin.requests()) != 0 {
			t.Errorf("%s: %d used, %d verified, upstream %v", c.want, used, verified, r.origin.requests())
		}
		if e := r.events(t, 1)[0]; e["token"] != "" || c.head == nil && e["claimed_token"] != string(q.Live.Handle) {
			t.Errorf("%s: who did not prove it is logged as the token: %v", c.want, e)
		}
	}
}

// A right MAC counts once even when something behind it refuses; a memory that
// cannot be asked is no verdict; the log has the exact word.
func TestSignedRequestIsRecordedOnlyWhenRight(t *testing.T) {
	r, n, _ := newSignedRig(t)
	refused := n.signed(when, "POST", "/v1/payments/1", strings.Replace(goodBody, "CI", "ML", 1), jsonType)
	f := func(text, want, logged string, used int) {
		t.Helper()
		if a := r.raw(t, text); a.code() != want {
			t.Errorf("got %+v, want %q", a, want)
		}
		all := r.events(t, 1)
		if e := all[len(all)-1]; e["reason"] != logged {
			t.Errorf("logged %v, want %s", e, logged)
		}
		if n, _, _ := n.count(); n != used {
			t.Errorf("%d used, want %d", n, used)
		}
		if seen := r.origin.requests(); len(seen) != 0 {
			t.Errorf("forwarded %v", seen)
		}
		r.log.reset()
	}
	f(strings.Replace(refused, "ML", "SN", 1), "token_invalid", "signature_invalid", 0)
	f(refused, "country_not_allowed", "country_not_allowed", 1)
	f(refused, "token_invalid", "replayed", 1)
	n.mu.Lock()
	n.away = true
	n.mu.Unlock()
	f(n.signed(when+1, "POST", "/v1/payments/1", goodBody, jsonType), "cannot_decide", "cannot_decide", 1)
}

// Monitor mode and explain prove and record nothing, of either kind.
func TestMonitorAndExplainUseNothingUp(t *testing.T) {
	replay := withPlan(func(p *gateway.Plan) { p.Routes[0].RefuseReplay = true })
	for _, mode := range []token.Mode{token.Enforce, token.Monitor} {
		r, n, q := newSignedRig(t, replay, withPlan(func(p *gateway.Plan) { p.Routes[0].Rule.Mode = mode }))
		jws := n.jws(q, `{"data":{"country":"CI","payment":{"operator":"ORANGE"},"payer":{"phone":"+2250707070707"}}}`)
		texts := []string{
			n.signed(when, "POST", "/v1/payments/1", goodBody, jsonType),
			request("GET", "/v1/payments/1?signature="+jws, ""),
		}
		for _, text := range texts {
			e, err := r.gateway.Explain(context.Background(), explainOf(text))
			if err != nil || !e.Allowed {
				t.Errorf("explained as %+v, %v", e, err)
			}
			r.raw(t, text)
			a := r.raw(t, text)
			if replayed := a.code() == "token_invalid"; replayed != (mode == token.Enforce) {
				t.Errorf("%v, a second time: %+v", mode, a)
			}
		}
		wrong := strings.Replace(texts[0], goodBody, strings.Replace(goodBody, "500", "900", 1), 1)
		if a := r.raw(t, wrong); a.code() != "token_invalid" {
			t.Errorf("%v: a wrong MAC: %+v", mode, a)
		}
		if e, err := r.gateway.Explain(context.Background(), explainOf(wrong)); err != nil || e.Reason != token.SignatureInvalid {
			t.Errorf("a wrong MAC is explained as %+v, %v", e, err)
		}
		used, _, examined := n.count()
		if want := map[token.Mode]int{token.Enforce: 2, token.Monitor: 0}[mode]; used != want || examined != 2 {
			t.Errorf("%v: %d used, want %d; %d examined", mode, used, want, examined)
		}
	}
}

// A request that is explained as a token's own is about what its parameters say,
// whoever signed them.
func TestExplainReadsSignedParameters(t *testing.T) {
	r, n, q := newSignedRig(t)
	f := func(country, want string) {
		t.Helper()
		jws := n.jws(q, `{"data":{"country":"`+country+`","payment":{"operator":"ORANGE"},"payer":{"phone":"+2250707070707"}}}`)
		x := explainOf(request("GET", "/v1/payments/1?signature="+jws[:len(jws)-2]+"AA", ""))
		x.Principal = q
		if e, err := r.gateway.Explain(context.Background(), x); err != nil || e.Reason.Code() != want {
			t.Errorf("%s is explained as %+v, %v", country, e, err)
		}
	}
	f("CI", "allowed")
	f("ML", "country_not_allowed")
	if used, verified, _ := n.count(); used+verified != 0 {
		t.Errorf("%d used, %d verified", used, verified)
	}
}

// explainOf is the request to explain that a text over the wire would be.
func explainOf(text string) gateway.ExplainRequest {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	word := strings.Fields(lines[0])
	q := gateway.ExplainRequest{Method: word[0], Path: word[1], Body: []byte(body), ClientIP: loopback()}
	for _, l := range lines[1:] {
		if name, value, _ := strings.Cut(l, ": "); name != "Host" {
			q.Headers = append(q.Headers, gateway.HeaderField{Name: name, Value: value})
		}
	}
	return q
}

// Signed parameters are judged by what was signed, and by nothing that stands
// beside them unsigned; the pair is cut from what is forwarded, and nothing else
// is.
func TestSignedParameters(t *testing.T) {
	const good = `{"data":{"country":"CI","payment":{"operator":"ORANGE"},"payer":{"phone":"+2250707070707"},"amount":500}}`
	f := func(name, payload, before, after, body, want string, headers ...string) {
		t.Run(name, func(t *testing.T) {
			r, n, q := newSignedRig(t)
			jws := n.jws(q, payload)
			method := "GET"
			if body != "" {
				method = "POST"
			}
			a := r.raw(t, request(method, "/v1/payments/1"+before+"signature="+jws+after, body, headers...))
			if a.code() != want {
				t.Errorf("got %+v, want %q", a, want)
			}
			seen := r.origin.requests()
			if want != "" {
				if len(seen) != 0 {
					t.Errorf("forwarded %v", seen)
				}
				return
			}
			target := "/v1/payments/1" + strings.TrimSuffix(before+strings.TrimPrefix(after, "&"), "?")
			if after == "" {
				target = strings.TrimSuffix(target, "&")
			}
			if len(seen) != 1 || seen[0].target != target || seen[0].body != body {
				t.Errorf("forwarded %+v, want %s", seen, target)
			}
		})
	}
	f("alone", good, "?", "", "", "")
	f("first", good, "?", "&lang=fr&x=%7E", "", "")
	f("middle", good, "?lang=fr&&", "&x=a=b", "", "")
	f("last", good, "?lang=%66r&", "", "", "")
	f("with a body of nothing inspected", good, "?", "", `{"note":"merci"}`, "", jsonType)

	const beside = "body_ambiguous"
	f("unsigned phone in the query", good, "?msisdn=%2B2250707070707&", "", "", beside)
	f("empty unsigned phone", good, "?", "&msisdn=", "", beside)
	f("unsigned name of a signed value", good, "?country=ML&", "", "", beside)
	f("unsigned name of what holds one", good, "?", "&payer%5Bphone%5D=1", "", beside)
	f("unsigned data", good, "?", "&data.country=ML", "", beside)
	f("unsigned country in the body", good, "?", "", `{"country":"CI"}`, beside, jsonType)
	f("unsigned null in the body", good, "?", "", `{"phone":null}`, beside, jsonType)
	f("data in the body", good, "?", "", `{"data":{"country":"ML"}}`, beside, jsonType)
	f("payer in the body", good, "?", "", `{"payer":{"phone":"1"}}`, beside, jsonType)

	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	f("another country", swap("CI", "ML"), "?", "", "", "country_not_allowed")
	f("another phone", swap("0707070707", "0701010101"), "?", "", "", "phone_not_allowed")
	f("no phone", swap("phone", "fone"), "?", "", "", "fact_missing")
	f("null phone", swap(`"+2250707070707"`, "null"), "?", "", "", "fact_missing")
	f("a phone twice", swap(`"payer":{`, `"payer":{"phone":"1",`), "?", "", "", "body_ambiguous")
	f("a lookalike", swap(`"payer":{`, `"payer":{"Phone":"1",`), "?", "", "", "body_ambiguous")
	f("another type", swap(`"CI"`, `["CI"]`), "?", "", "", "body_ambiguous")
}

// What is signed may be forwarded as it came, where the route says so, and a
// parameter of the same name that is not ours always is.
func TestSignatureThatIsForwarded(t *testing.T) {
	r, n, q := newSignedRig(t, withPlan(func(p *gateway.Plan) { p.Routes[0].ForwardCredentials = true }))
	payload := `{"data":{"country":"CI","payment":{"operator":"ORANGE"},"payer":{"phone":"+2250707070707"}}}`
	target := "/v1/payments/1?a=1&signature=" + n.jws(q, payload) + "&b=2"
	if a := r.raw(t, request("GET", target, "")); a.status != 200 {
		t.Fatalf("got %+v", a)
	}
	if got := r.origin.requests()[0].target; got != target {
		t.Errorf("forwarded %s", got)
	}
	r = newRig(t) // its routes do not list signature
	key := r.roster.add(t, "good", nil)
	for i, query := range []string{"signature=9f86d081", "signature=", "signature", "xsignature=a.b.c", "s=1&signature=a.b.c.d"} {
		r.raw(t, request("GET", "/v1/status/1?"+query, "", bearer(key)))
		if got := r.origin.requests()[i].target; got != "/v1/status/1?"+query {
			t.Errorf("%s was forwarded as %s", query, got)
		}
	}
}

// Signed parameters that a route does not read cannot be smuggled past it to an
// upstream that would: under an escaped or odd name they are refused, whatever
// else authenticates the request, and nothing is sent. A route that forwards
// credentials forwards them, byte for byte.
func TestASignatureDoesNotCrossUnderAnotherName(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	queries := []string{"sign%61ture=a.b.c", "x=1&%73ignature=a.b.c", "x=1;signature=a.b.c", "Signature=a.b.c&x=1", "signature[]=a.b.c", "signature=a%2Eb.c", "signature=a.b.c;x=1"}
	for _, query := range queries {
		if a := r.raw(t, request("GET", "/v1/status/1?"+query, "", bearer(key))); a.status != 400 || a.code() != "malformed_request" {
			t.Errorf("%s is answered %+v", query, a)
		}
	}
	if n := len(r.origin.requests()); n != 0 {
		t.Errorf("the upstream saw %d requests", n)
	}
	r = newRig(t, withPlan(func(p *gateway.Plan) { p.Routes[1].ForwardCredentials = true }))
	key = r.roster.add(t, "good", nil)
	for i, query := range queries {
		r.raw(t, request("GET", "/v1/status/1?"+query, "", bearer(key)))
		if got := r.origin.requests(); len(got) != i+1 || got[i].target != "/v1/status/1?"+query {
			t.Fatalf("%s was forwarded as %v", query, got)
		}
	}
}

// A route that refuses replays takes signed parameters once, and only what was
// forwarded counts.
func TestSignedParametersAreTakenOnce(t *testing.T) {
	payload := `{"data":{"country":"CI","payment":{"operator":"ORANGE"},"payer":{"phone":"+2250707070707"}}}`
	for _, refuse := range []bool{false, true} {
		r, n, q := newSignedRig(t, withPlan(func(p *gateway.Plan) { p.Routes[0].RefuseReplay = refuse }))
		jws := n.jws(q, payload)
		text := request("GET", "/v1/payments/1?signature="+jws, "")
		if a := r.raw(t, request("GET", "/v1/payments/1?msisdn=1&signature="+jws, "")); a.code() != "body_ambiguous" {
			t.Errorf("got %+v", a)
		}
		if used, _, _ := n.count(); used != 0 {
			t.Error("a refused request used the parameters up")
		}
		for i := range 3 {
			want := 200
			if i > 0 && refuse {
				want = 401
			}
			if a := r.raw(t, text); a.status != want {
				t.Errorf("refuse %v, time %d: %+v", refuse, i+1, a)
			}
		}
		if seen, want := len(r.origin.requests()), map[bool]int{true: 1, false: 3}[refuse]; seen != want {
			t.Errorf("the upstream saw %d, want %d", seen, want)
		}
		if e := r.events(t, 4)[3]; refuse && e["reason"] != "replayed" {
			t.Errorf("logged %v", e)
		}
	}
}

// Of many at once with the same signed parameters one is forwarded.
func TestSignedParametersOfManyAtOnce(t *testing.T) {
	r, n, q := newSignedRig(t, withPlan(func(p *gateway.Plan) { p.Routes[0].RefuseReplay = true }))
	payload := `{"data":{"country":"CI","payment":{"operator":"ORANGE"},"payer":{"phone":"+2250707070707"}}}`
	text := request("GET", "/v1/payments/1?signature="+n.jws(q, payload), "")
	statuses := make(chan int)
	for range 16 {
		go func() { statuses <- r.raw(t, text).status }()
	}
	count := map[int]int{}
	for range 16 {
		count[<-statuses]++
	}
	if count[200] != 1 || count[401] != 15 || len(r.origin.requests()) != 1 {
		t.Errorf("answers %v, the upstream saw %d", count, len(r.origin.requests()))
	}
}

// A plan is refused whose route lists a dialect that it cannot serve.
func TestRouteMustFitItsDialects(t *testing.T) {
	f := func(advice string, change rigOption) {
		t.Helper()
		r, _, _ := newSignedRig(t)
		change(r)
		err := r.gateway.Apply(r.plan)
		if err == nil || !strings.Contains(err.Error(), advice) {
			t.Errorf("got %v, want %q", err, advice)
		}
	}
	route := func(i int, change func(*gateway.RouteSpec)) rigOption {
		return withPlan(func(p *gateway.Plan) { change(&p.Routes[i]) })
	}
	f("no permission", route(0, func(s *gateway.RouteSpec) { s.Dialects = append(s.Dialects, "basic") }))
	f("no permission", route(1, func(s *gateway.RouteSpec) { s.Rule.Permission = "payments:read" }))
	f("replay:", route(1, func(s *gateway.RouteSpec) { s.Dialects, s.RefuseReplay = []string{"payment"}, true }))
	f("signed:", route(0, func(s *gateway.RouteSpec) { s.Dialects = []string{"payment"} }))

	r := newRig(t, withOptions(func(o *gateway.Options) { o.Dialects = allDialects() }))
	r.plan.Routes[1].Dialects = []string{"signature"}
	if err := r.gateway.Apply(r.plan); err == nil || !strings.Contains(err.Error(), "prove") {
		t.Errorf("signatures that nobody proves: %v", err)
	}
	a := r.raw(t, request("GET", "/api/whoami", "", "X-Client-Id: "+client, fmt.Sprintf("X-Signature: t=1,v1=%064d", 1)))
	if a.status == 200 {
		t.Errorf("the card of an unproven client: %+v", a)
	}
}

// Every spelling of every carrier but one is ambiguous, worded by the first
// listed dialect that was spoken.
func TestTwoDialectsInOneRequest(t *testing.T) {
	r, n, q := newSignedRig(t, withPlan(func(p *gateway.Plan) {
		p.Routes[1].Dialects = []string{"service", "apikey", "envelope", "payment", "basic", "signature"}
	}))
	key := r.roster.add(t, "good", nil)
	carriers := []struct{ name, header, query, words string }{
		{"service", "token: " + key, "", `{"error":{"code":`},
		{"apikey", "X-API-KEY: " + key, "", `{"httpStatus":false`},
		{"envelope", bearer("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"), "", `{"statusCode":400`},
		{"parameters", "", "?signature=" + url.QueryEscape(n.jws(q, `{"data":{}}`)), `"code":"credentials_ambiguous"`},
		{"request", "X-Client-Id: " + client + "\r\nX-Signature: t=1,v1=" + strings.Repeat("a", 64), "", `"code":"credentials_ambiguous"`},
	}
	for i, a := range carriers {
		for _, b := range carriers[i+1:] {
			var headers []string
			for _, h := range []string{b.header, a.header} {
				if h != "" {
					headers = append(headers, h)
				}
			}
			got := r.raw(t, request("GET", "/v1/status/1"+a.query+b.query, "", headers...))
			if got.status != 400 || !strings.Contains(got.body, a.words) {
				t.Errorf("%s and %s: %+v", a.name, b.name, got)
			}
		}
	}
	if a := r.raw(t, request("GET", "/v1/status/1?signature=", "", "Authorization: Bearer")); a.status != 400 {
		t.Errorf("two carriers with nothing in them: %+v", a)
	}
	for _, pair := range [][2]string{{"token", key}, {"X-API-KEY", key}, {"ACCESS-TOKEN", "tgo_x"}, {"X-Signature", "t=1"}, {"X-Client-Id", client}, {"Authorization", "Bearer " + key}} {
		line := pair[0] + ": " + pair[1]
		if a := r.raw(t, request("GET", "/v1/status/1", "", line, strings.ToLower(pair[0])+": "+pair[1])); a.code() != "malformed_request" {
			t.Errorf("%s twice: %+v", pair[0], a)
		}
	}
	if seen := r.origin.requests(); len(seen) != 0 {
		t.Errorf("forwarded %v", seen)
	}
}
