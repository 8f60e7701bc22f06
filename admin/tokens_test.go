package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"tollgate/admin"
	"tollgate/policy"
	"tollgate/policy/token"
)

// TestNoUpdateIsLost: many patches of one token at once, each adding a country
// of its own without If-Match, all take effect; with the same If-Match exactly
// one does.
func TestNoUpdateIsLost(t *testing.T) {
	r := newRig(t)
	path := "/admin/v1/tokens/" + r.token(r.merchant("M"), `,"composition":{"CI":{"ORANGE":["collect"]}}`)
	countries := []string{"SN", "BJ", "TG", "BF", "NE"}
	statuses := r.atOnce(len(countries), func(i int) (string, string, []string) {
		return path, `{"composition":{"` + countries[i] + `":{"X":["collect"]}}}`, nil
	})
	for i, s := range statuses {
		if s != 200 {
			t.Errorf("patch %d: status %d", i, s)
		}
	}
	after := r.want(200, "GET", path, "")
	for _, country := range append(countries, "CI") {
		if after.at("composition", country) == nil {
			t.Errorf("the patch that added %s is lost: %s", country, after.body)
		}
	}
	if v := after.at("version"); v != float64(1+len(countries)) {
		t.Errorf("version %v after %d changes", v, len(countries))
	}
	statuses = r.atOnce(5, func(i int) (string, string, []string) {
		return path, fmt.Sprintf(`{"name":"writer %d"}`, i), []string{"If-Match", after.header.Get("ETag")}
	})
	won := 0
	for _, s := range statuses {
		switch s {
		case http.StatusOK:
			won++
		case http.StatusPreconditionFailed:
		default:
			t.Errorf("status %d", s)
		}
	}
	if won != 1 {
		t.Errorf("%d of five writers with one If-Match won", won)
	}
}

// atOnce sends n patches at the same time and gives their statuses.
func (r *rig) atOnce(n int, request func(i int) (path, body string, headers []string)) []int {
	statuses := make([]int, n)
	var begin, done sync.WaitGroup
	begin.Add(1)
	for i := range n {
		done.Go(func() {
			begin.Wait()
			path, body, headers := request(i)
			statuses[i] = r.send("PATCH", path, body, headers...).status
		})
	}
	begin.Done()
	done.Wait()
	return statuses
}

// TestOneNumberOneTokenUnderRace: of many tokens that claim one number at once
// exactly one gets it, by phones and by creation alike.
func TestOneNumberOneTokenUnderRace(t *testing.T) {
	r := newRig(t)
	m := r.merchant("M")
	statuses := make([]int, 20)
	var done sync.WaitGroup
	for i := range statuses {
		done.Go(func() {
			statuses[i] = r.send("POST", "/admin/v1/tokens", `{"merchant_id":"`+m+`","name":"T","environment":"live",
				"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"0707070707"}]}`).status
		})
	}
	done.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[201] != 1 || count[409] != len(statuses)-1 {
		t.Errorf("answers by status: %v", count)
	}
}

// TestNobodyAssignsWhatTheStoreDecides: members that are no fields of an order
// or a patch are refused with their name, and nothing changes.
func TestNobodyAssignsWhatTheStoreDecides(t *testing.T) {
	r := newRig(t)
	m := r.merchant("M")
	tok := "/admin/v1/tokens/" + r.token(m, "")
	for _, target := range []struct {
		method, path, body string
		members            []string
	}{
		{"PATCH", tok, `{`, []string{"id", "merchant_id", "environment", "parent_id", "status", "version", "client_id", "phones",
			"phone_count", "generations", "key_hint", "created_at", "updated_at", "revoked_at", "last_used_at", "last_used_ip", "warnings", "credentials", "expires_in", "quota_used"}},
		{"POST", "/admin/v1/tokens", `{"merchant_id":"` + m + `","name":"T","environment":"live",`, []string{"id", "status", "version",
			"parent_id", "client_id", "enabled", "restricts", "created_at", "revoked_at", "key", "role"}},
		{"PATCH", "/admin/v1/merchants/" + m, `{`, []string{"id", "version", "created_at", "role", "active"}},
		{"POST", "/admin/v1/merchants", `{"name":"M",`, []string{"id", "status", "version"}},
		{"POST", "/admin/v1/users", `{"email":"new@example.com","role":"auditor",`, []string{"id", "enabled", "password_hash", "version", "created_at", "last_used_at"}},
		{"PATCH", "/admin/v1/users/" + r.user("ama@example.com", "auditor", ""), `{`, []string{"id", "password", "password_hash", "version", "created_at", "last_used_at"}},
		{"POST", "/admin/v1/keys", `{"name":"K","role":"auditor",`, []string{"id", "key", "digest", "created_at", "ended_at"}},
	} {
		for _, member := range target.members {
			p := r.send(target.method, target.path, target.body+`"`+member+`":"x"}`)
			if p.status != 422 || !strings.Contains(p.body, `{"field":"`+member+`","message":"there is no such field here"}`) {
				t.Errorf("%s %s with %s: status %d: %s", target.method, target.path, member, p.status, p.body)
			}
		}
	}
	if p := r.want(200, "GET", tok, ""); p.at("version") != float64(1) {
		t.Errorf("the token changed: %s", p.body)
	}
}

// TestQuotaUsedIsShownWithTheOneToken: what is used of a token's quota stands in
// answers about it alone, for the day and the month that it is; a token without
// a quota has none.
func TestQuotaUsedIsShownWithTheOneToken(t *testing.T) {
	r := newRig(t)
	m := r.merchant("M")
	free, bound := r.token(m, ""), r.token(m, `,"quota":"200000/month 10000/day"`)
	now := token.At(r.clock())
	var uses []token.QuotaUse
	for _, h := range []string{free, bound} {
		uses = append(uses, token.QuotaUse{Handle: token.Handle(h), Period: token.DayOf(now), Delta: 7},
			token.QuotaUse{Handle: token.Handle(h), Period: token.MonthOf(now), Delta: 90})
	}
	if err := r.store.AddUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
	f := func(id string, day, month any) {
		t.Helper()
		p := r.want(200, "GET", "/admin/v1/tokens/"+id, "")
		if p.at("quota_used", "day") != day || p.at("quota_used", "month") != month {
			t.Errorf("%s", p.body)
		}
	}
	f(free, nil, nil)
	f(bound, float64(7), float64(90))
	r.pass(24 * time.Hour)
	f(bound, float64(0), float64(90))
	if p := r.want(200, "GET", "/admin/v1/tokens", ""); strings.Contains(p.body, "quota_used") || !strings.Contains(p.body, `"quota":"10000/day 200000/month"`) {
		t.Errorf("the list: %s", p.body)
	}
}

// TestATokenThatNobodyCanUseIsWarnedOf: a token that asks for a client
// certificate where the listener asks nobody for one can only be refused, and
// whoever makes it, looks at it or changes it is told; other tokens are not.
func TestATokenThatNobodyCanUseIsWarnedOf(t *testing.T) {
	for _, none := range []bool{true, false} {
		r := newRig(t, func(o *admin.Options) { o.NoClientCA = none })
		m := r.merchant("M")
		made := r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+m+`","name":"T","client_cert_sha256":["`+strings.Repeat("ab", 32)+`"]}`)
		warned := func(p reply) bool { return strings.Contains(p.body, "set tls.client_ca") }
		if tok := "/admin/v1/tokens/" + made.text("token", "id"); warned(made) != none || warned(r.want(200, "GET", tok, "")) != none || warned(r.want(200, "PATCH", tok, `{"name":"U"}`)) != none {
			t.Errorf("without a client_ca %v: warned %v", none, warned(made))
		}
		if free := r.want(200, "GET", "/admin/v1/tokens/"+r.token(m, ""), ""); warned(free) {
			t.Errorf("a token without the bound is warned of: %s", free.body)
		}
	}
}

// TestCaseVariantsAndDuplicatesAreRefused: wherever a member stands, spelling it
// in another case or twice is a 400, so that no reader of the body can take
// another meaning from it than this one.
func TestCaseVariantsAndDuplicatesAreRefused(t *testing.T) {
	r := newRig(t)
	m := r.merchant("M")
	tok := "/admin/v1/tokens/" + r.token(m, `,"ip_whitelist":["192.0.2.1"]`)
	for _, body := range []string{
		`{"Name":"x"}`, `{"name":"x","NAME":"y"}`, `{"name":"x","name":"y"}`, `{"name":"x","n\u0061me":"y"}`,
		`{"restricts":{"IP":false},"ip_whitelist":[]}`, `{"restricts":{"ip":true,"ip":false}}`,
		`{"webhook":{"Url":"https://a.example"}}`, `{"composition":{"CI":{"MTN":["collect"],"MTN":[]}}}`,
		`{"ip_whitelist":[],"ip_whitelist":["192.0.2.1"]}`, `{"name":"x"}{"name":"y"}`, `{"name":"x"`, "\ufeff{}", "{\"name\":\"\xff\"}",
		`{"name":"\ud800"}`, `null`, `[]`, `"name"`, `7`, ``,
	} {
		p := r.send("PATCH", tok, body, "Content-Type", "application/json")
		if p.status != 400 || p.text("code") != "malformed_request" {
			t.Errorf("PATCH %q: status %d: %s", body, p.status, p.body)
		}
	}
	// Two spellings of one country or operator are two members of one meaning.
	for _, body := range []string{
		`{"composition":{"CI":null,"CIV":{"MTN":["collect"]}}}`, `{"composition":{"CI":{"OM":[],"ORANGE":["collect"]}}}`,
		`{"composition":{"ci":null,"CI":null}}`,
	} {
		if p := r.send("PATCH", tok, body); p.status != 422 {
			t.Errorf("PATCH %s: status %d: %s", body, p.status, p.body)
		}
	}
	if p := r.want(200, "GET", tok, ""); p.at("version") != float64(1) {
		t.Errorf("the token changed: %s", p.body)
	}
}

// TestNaughtyStringsComeBackAsTheyWent: a text is refused with its field named,
// or stored and shown exactly as it was sent, wherever it is shown.
func TestNaughtyStringsComeBackAsTheyWent(t *testing.T) {
	r := newRig(t)
	m := r.merchant("M")
	for _, s := range []string{
		"plain", "<script>alert(1)</script>", `"; DROP TABLE tokens; --`, "' OR 1=1 --", "%", "_", `\`, `\\`, "100%_\\",
		"=cmd|' /C calc'!A0", "+1", "@SUM(1)", "{{7*7}}", "${jndi:ldap://x}", "../../etc/passwd", "C:\\", "null", "undefined", "NaN", "true",
		"é", "e\u0301", "Ω≈ç√∫", "田中さん", "😀👨‍👩‍👧", "\u202eevil", "\ufeffbom", "\u200bzero", "شركة", "ﷺ", "İıſK",
		" leading", "trailing ", strings.Repeat("a", 200), strings.Repeat("é", 100),
		"nul\x00", "bell\x07", "esc\x1b[31m", "line\nbreak", "tab\t", "\x7f", "\u0085", strings.Repeat("a", 201), "", "   ",
	} {
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		p := r.send("POST", "/admin/v1/tokens", `{"merchant_id":"`+m+`","environment":"live","name":`+string(quoted)+`}`)
		if p.status == 422 {
			if !strings.Contains(p.body, `"field":"name"`) {
				t.Errorf("%q is refused without its field: %s", s, p.body)
			}
			continue
		}
		if p.status != 201 {
			t.Errorf("%q: status %d: %s", s, p.status, p.body)
			continue
		}
		one := r.want(200, "GET", "/admin/v1/tokens/"+p.text("token", "id"), "")
		if got := one.text("name"); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	}
	// What is a wildcard to LIKE is an ordinary character to q.
	for q, want := range map[string]int{"%25": 2, "_": 2, "%5C": 4, "100%25_": 1, "%25%25": 0} {
		p := r.want(200, "GET", "/admin/v1/tokens?limit=1000&q="+q, "")
		found := 0
		for _, item := range p.at("items").([]any) {
			if item.(map[string]any)["name"] != nil {
				found++
			}
		}
		// Handles are searched as well, but hold no such character; "tok_" has one _ each.
		if q != "_" && found != want {
			t.Errorf("q=%s finds %d tokens, want %d", q, found, want)
		}
	}
}

// TestRevokedTokenTakesNoWrite: whatever a write says, even nonsense, a revoked
// token answers 409 token_revoked and stays as it was.
func TestRevokedTokenTakesNoWrite(t *testing.T) {
	r := newRig(t)
	path := "/admin/v1/tokens/" + r.token(r.merchant("M"), `,"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"0707070707"}]`)
	r.want(200, "POST", path+"/revoke", "")
	before := r.want(200, "GET", path, "")
	for _, write := range [][3]string{
		{"PATCH", path, `{"name":"x"}`}, {"PATCH", path, `{}`}, {"PATCH", path, `{"mode":7}`},
		{"POST", path + "/rotate", `{"credential":"key"}`}, {"POST", path + "/rotate", `{}`}, {"POST", path + "/generate", ""},
		{"POST", path + "/phones", `{"country":"CI","number":"0707070707"}`}, {"POST", path + "/phones", `{"country":"CI","number":"x"}`},
		{"PATCH", path + "/phones/+2250707070707", `{"enabled":true}`}, {"DELETE", path + "/phones/+2250707070707", ""},
	} {
		if p := r.send(write[0], write[1], write[2]); p.status != 409 || p.text("code") != "token_revoked" {
			t.Errorf("%v: status %d: %s", write, p.status, p.body)
		}
	}
	if after := r.want(200, "GET", path, ""); after.body != before.body {
		t.Errorf("the token changed:\n%s\n%s", before.body, after.body)
	}
}

// TestPatchFindsWhatTheCatalogueHasLearnt: an operator that was unknown when it
// was stored and is an alias now is removed under its old and its new name.
func TestPatchFindsWhatTheCatalogueHasLearnt(t *testing.T) {
	for _, name := range []string{"WAVE_CI", "WAVE"} {
		var learnt atomic.Bool
		old, wise := testCatalogue(t), testCatalogue(t, policy.Operator{ID: "WAVE", Aliases: []string{"WAVE_CI"}})
		r := newRig(t, func(o *admin.Options) {
			o.Catalogue = func() *policy.Catalogue {
				if learnt.Load() {
					return wise
				}
				return old
			}
		})
		path := "/admin/v1/tokens/" + r.token(r.merchant("M"), `,"composition":{"CI":{"MTN":["collect"],"WAVE_CI":["collect"]}}`)
		learnt.Store(true)
		p := r.want(200, "PATCH", path, `{"composition":{"CI":{"`+name+`":null}}}`)
		if got := fmt.Sprint(p.at("composition")); got != "map[CI:map[MTN:[collect]]]" {
			t.Errorf("removing %s leaves %s", name, got)
		}
	}
}

// TestReturnedWritesAreInForce: when the answer to a write arrives, the node's
// listeners have heard of it.
func TestReturnedWritesAreInForce(t *testing.T) {
	r := newRig(t)
	var mu sync.Mutex
	heard := map[string]int{}
	r.store.OnChange(func(c token.Change) {
		mu.Lock()
		defer mu.Unlock()
		heard[c.Entity.ID]++
	})
	m := r.merchant("M")
	tok := r.token(m, `,"composition":{"CI":{"ORANGE":["collect"]}}`)
	path := "/admin/v1/tokens/" + tok
	writes := 1
	check := func(what string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if heard[tok] != writes {
			t.Errorf("after %s: %d changes were heard of, want %d", what, heard[tok], writes)
		}
		writes++
	}
	check("creation")
	r.want(200, "PATCH", path, `{"enabled":false}`)
	check("a patch")
	r.want(201, "POST", path+"/phones", `{"country":"CI","number":"0707070707"}`)
	check("a phone")
	r.want(200, "PATCH", path+"/phones/+2250707070707", `{"enabled":false}`)
	check("disabling a phone")
	r.want(204, "DELETE", path+"/phones/+2250707070707", "")
	check("removing a phone")
	r.want(200, "POST", path+"/rotate", `{"credential":"key"}`)
	check("a rotation")
	r.want(200, "POST", path+"/generate", "")
	check("generating tokens")
	r.want(200, "DELETE", path, "")
	check("revocation")
}
