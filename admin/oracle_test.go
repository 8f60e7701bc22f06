package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/policy/token"
)

// TestPhoneAnswersAreNoOracle: who may read the holder of a number is told its
// handle; a merchant hears of its own tokens only, and gets twenty such answers
// a minute over all its keys, after which not even a free number is answered.
func TestPhoneAnswersAreNoOracle(t *testing.T) {
	r := newRig(t)
	own, foreign := r.merchant("Own"), r.merchant("Foreign")
	composition := `,"composition":{"CI":{"ORANGE":["collect"]}}`
	holder := r.token(foreign, composition+`,"phones":[{"country":"CI","number":"0707070707"}]`)
	mine := r.token(own, composition+`,"phones":[{"country":"CI","number":"0101010101"}]`)
	path := "/admin/v1/tokens/" + r.token(own, composition) + "/phones"
	first, second, operator := r.key("merchant", own), r.key("merchant", own), r.key("operator", "")
	taken := `{"country":"CI","number":"0707070707"}`

	if p := r.want(409, "POST", path, taken, "Authorization", operator); p.text("holder") != holder {
		t.Errorf("an operator is not told the holder: %s", p.body)
	}
	if p := r.want(409, "POST", path, `{"country":"CI","number":"0101010101"}`, "Authorization", first); p.text("holder") != mine {
		t.Errorf("a merchant is not told of its own token: %s", p.body)
	}
	for i := range 19 {
		p := r.want(409, "POST", path, taken, "Authorization", []string{first, second}[i%2])
		if strings.Contains(p.body, holder) || strings.Contains(p.body, foreign) || p.at("holder") != nil {
			t.Fatalf("a merchant is told who has another's number: %s", p.body)
		}
	}
	for _, attempt := range [][2]string{
		{path, taken}, {path, `{"country":"CI","number":"0505050505"}`},
		{"/admin/v1/tokens", `{"merchant_id":"` + own + `","name":"T","environment":"live"` + composition + `,"phones":[{"country":"CI","number":"0505050505"}]}`},
	} {
		for _, auth := range []string{first, second} {
			if p := r.send("POST", attempt[0], attempt[1], "Authorization", auth); p.status != 429 || p.header.Get("Retry-After") == "" {
				t.Errorf("the twenty-first answer: status %d: %s", p.status, p.body)
			}
		}
	}
	r.want(409, "POST", path, taken, "Authorization", operator)
	r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+own+`","name":"no phones","environment":"live"}`, "Authorization", first)
	r.pass(time.Minute)
	r.want(201, "POST", path, `{"country":"CI","number":"0505050505"}`, "Authorization", first)
	// Numbers that are free cost nothing.
	for i := range 30 {
		r.want(201, "POST", path, fmt.Sprintf(`{"country":"CI","number":"05060000%02d"}`, i), "Authorization", first)
	}
}

// TestHeldNumberOfAnOrderIsNamed: which of several numbers is another's.
func TestHeldNumberOfAnOrderIsNamed(t *testing.T) {
	r := newRig(t)
	m := r.merchant("M")
	order := `,"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"0101010101"},{"country":"CI","number":"0707070707"}]`
	r.token(m, `,"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"0707070707"}]`)
	p := r.want(409, "POST", "/admin/v1/tokens", `{"merchant_id":"`+m+`","name":"T","environment":"live"`+order+`}`)
	if !strings.Contains(p.body, `"field":"phones[1].number"`) || strings.Contains(p.body, "+2250707070707") {
		t.Errorf("%s", p.body)
	}
	if p := r.want(200, "GET", "/admin/v1/tokens", ""); len(p.at("items").([]any)) != 1 {
		t.Errorf("half of the order was carried out: %s", p.body)
	}
}

// TestExplainHandsOnTheRequest: the inquiry reaches the judge as it was sent,
// and the verdict comes back with every check.
func TestExplainHandsOnTheRequest(t *testing.T) {
	r := newRig(t)
	tok := r.token(r.merchant("M"), "")
	r.explain = admin.Explanation{
		Allowed: false, Reason: token.CountryNotAllowed, Status: 403,
		Checks: []admin.Check{{Name: "ip", Passed: true, Detail: "192.0.2.1"}, {Name: "country", Passed: false, Detail: "ML"}},
	}
	p := r.want(200, "POST", "/admin/v1/explain", `{"token_id":"`+tok+`","request":{"method":"POST","host":"api.example.com","path":"/v1/payments?x=1",
		"headers":{"Content-Type":"application/json","X-Twice":["a","b"]},"body":"{\"country\":\"ML\"}","client_ip":"::ffff:192.0.2.1","client_cert_sha256":"`+strings.Repeat("0A:", 31)+`0A"}}`)
	want := `{"allowed":false,"reason":"country_not_allowed","status":403,"token_id":"` + tok +
		`","checks":[{"check":"ip","passed":true,"detail":"192.0.2.1"},{"check":"country","passed":false,"detail":"ML"}]}`
	if p.body != want {
		t.Errorf("answer %s\nwant   %s", p.body, want)
	}
	got := fmt.Sprintf("%+v", r.explained[0])
	if want := `{Handle:` + tok + ` Credential: Method:POST Host:api.example.com Path:/v1/payments?x=1 Headers:[{Name:Content-Type Value:application/json} {Name:X-Twice Value:a} {Name:X-Twice Value:b}] Body:[123 34 99 111 117 110 116 114 121 34 58 34 77 76 34 125] ClientIP:192.0.2.1 ClientCert:[10` + strings.Repeat(" 10", 31) + `]}`; got != want {
		t.Errorf("inquiry %s\nwant    %s", got, want)
	}
	r.want(422, "POST", "/admin/v1/explain", `{"token_id":"`+tok+`","request":{"method":"GET","path":"/","client_cert_sha256":"0a"}}`)
	r.explain = admin.Explanation{Allowed: true, WouldDeny: token.PhoneNotAllowed, Status: 200}
	p = r.want(200, "POST", "/admin/v1/explain", `{"token_id":"`+tok+`","request":{"method":"GET","path":"/","body_base64":"AP8="}}`)
	if p.text("would_deny") != "phone_not_allowed" || p.text("reason") != "allowed" || string(r.explained[1].Body) != "\x00\xff" {
		t.Errorf("%s, body %q", p.body, r.explained[1].Body)
	}
}

// TestExplainIsNoOracle: a credential is judged for operators and admins only, a
// merchant asks about its own tokens, everyone so many times a minute; the audit
// log has the handle and the verdict, and neither credential nor body.
func TestExplainIsNoOracle(t *testing.T) {
	r := newRig(t)
	own := r.merchant("Own")
	tok, theirs := r.token(own, ""), r.token(r.merchant("Foreign"), "")
	r.explain = admin.Explanation{Reason: token.PhoneNotAllowed, Status: 403, Checks: []admin.Check{{Name: "phone", Detail: "+2250707070707"}}}
	ask := func(role, of, whose string, want int) {
		t.Helper()
		body := `{` + whose + `,"request":{"method":"POST","path":"/","body":"canary-body"}}`
		if p := r.send("POST", "/admin/v1/explain", body, "Authorization", r.key(role, of)); p.status != want {
			t.Errorf("%s asks about %s: status %d, want %d: %s", role, whose, p.status, want, p.body)
		}
	}
	credential := `"credential":"tg_live_canary"`
	ask("admin", "", credential, 200)
	ask("operator", "", credential, 200)
	ask("auditor", "", credential, 403)
	ask("merchant", own, credential, 403)
	ask("auditor", "", `"token_id":"`+theirs+`"`, 200)
	ask("merchant", own, `"token_id":"`+tok+`"`, 200)
	ask("merchant", own, `"token_id":"`+theirs+`"`, 404)
	ask("merchant", own, `"token_id":"tok_000000000000"`, 404)
	ask("admin", "", `"token_id":"`+tok+`","credential":"x"`, 422)

	audit := r.want(200, "GET", "/admin/v1/audit?action=token.explain", "").body
	for _, canary := range []string{"canary-body", "tg_live_canary", "0707070707"} {
		if strings.Contains(audit, canary) || strings.Contains(fmt.Sprint(logged(r)), canary) {
			t.Errorf("%s was kept: %s", canary, audit)
		}
	}
	if !strings.Contains(audit, `"target":{"kind":"token","id":"`+tok+`"}`) || !strings.Contains(audit, `"after":{"allowed":false,"reason":"phone_not_allowed"}`) {
		t.Errorf("the audit log does not tell whose token and the verdict: %s", audit)
	}

	auth := r.key("operator", "")
	for range 60 {
		r.want(200, "POST", "/admin/v1/explain", `{"token_id":"`+tok+`","request":{"method":"GET","path":"/"}}`, "Authorization", auth)
	}
	r.want(429, "POST", "/admin/v1/explain", `{"token_id":"`+tok+`","request":{"method":"GET","path":"/"}}`, "Authorization", auth)
	r.want(200, "POST", "/admin/v1/explain", `{"token_id":"`+tok+`","request":{"method":"GET","path":"/"}}`)

	r.explainAs = errors.New("canary: the store is away")
	if p := r.send("POST", "/admin/v1/explain", `{"token_id":"`+tok+`","request":{"method":"GET","path":"/"}}`); p.status != 503 || strings.Contains(p.body, "canary") {
		t.Errorf("a judge that cannot tell: status %d: %s", p.status, p.body)
	}
}
