package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// call is one operation as the role matrix sends it. In path and body, {mer}
// {tok} {phone} {key} {usr} stand for records of the caller's merchant or of another.
type call struct {
	name, method, path, body string
	ok                       int
	may                      string // the roles that may, by their first letters: admin, operator, Auditor, merchant
	tenant                   bool   // names a record of one merchant: a merchant's key has no other's
}

// calls is every operation there is; TestEveryOperationIsInTheRoleMatrix holds
// it against the OpenAPI document.
var calls = []call{
	{"add-merchant", "POST", "/admin/v1/merchants", `{"name":"M"}`, 201, "ao", false},
	{"list-merchants", "GET", "/admin/v1/merchants", "", 200, "aoAm", false},
	{"show-webhook-secret", "POST", "/admin/v1/merchants/{mer}/webhook_secret", "", 200, "aom", true},
	{"find-merchant", "GET", "/admin/v1/merchants/{mer}", "", 200, "aoAm", true},
	{"change-merchant", "PATCH", "/admin/v1/merchants/{mer}", `{"name":"N"}`, 200, "ao", true},
	{"add-token", "POST", "/admin/v1/tokens", `{"merchant_id":"{mer}","name":"T","environment":"live"}`, 201, "aom", false},
	{"list-tokens", "GET", "/admin/v1/tokens", "", 200, "aoAm", false},
	{"find-token", "GET", "/admin/v1/tokens/{tok}", "", 200, "aoAm", true},
	{"change-token", "PATCH", "/admin/v1/tokens/{tok}", `{"name":"U"}`, 200, "aom", true},
	{"rotate-token", "POST", "/admin/v1/tokens/{tok}/rotate", `{"credential":"key"}`, 200, "aom", true},
	{"generate-tokens", "POST", "/admin/v1/tokens/{tok}/generate", "", 200, "aom", true},
	{"list-phones", "GET", "/admin/v1/tokens/{tok}/phones", "", 200, "aoAm", true},
	{"add-phone", "POST", "/admin/v1/tokens/{tok}/phones", `{"country":"CI","number":"{new}"}`, 201, "aom", true},
	{"change-phone", "PATCH", "/admin/v1/tokens/{tok}/phones/{phone}", `{"enabled":false}`, 200, "aom", true},
	{"end-phone", "DELETE", "/admin/v1/tokens/{tok}/phones/{phone}", "", 204, "aom", true},
	{"explain", "POST", "/admin/v1/explain", `{"token_id":"{tok}","request":{"method":"GET","path":"/"}}`, 200, "aoAm", true},
	{"list-audit", "GET", "/admin/v1/audit", "", 200, "aoAm", false},
	{"read-catalog", "GET", "/admin/v1/catalog", "", 200, "aoAm", false},
	{"add-key", "POST", "/admin/v1/keys", `{"name":"K","role":"auditor"}`, 201, "a", false},
	{"list-keys", "GET", "/admin/v1/keys", "", 200, "a", false},
	{"end-key", "DELETE", "/admin/v1/keys/{key}", "", 200, "a", false},
	{"add-user", "POST", "/admin/v1/users", `{"email":"{fresh}@example.com","role":"auditor"}`, 201, "a", false},
	{"list-users", "GET", "/admin/v1/users", "", 200, "a", false},
	{"find-user", "GET", "/admin/v1/users/{usr}", "", 200, "a", false},
	{"change-user", "PATCH", "/admin/v1/users/{usr}", `{"enabled":false}`, 200, "a", false},
	{"set-password", "POST", "/admin/v1/users/{usr}/password", `{"password":"correct horse battery"}`, 200, "a", false},
	{"end-user", "DELETE", "/admin/v1/users/{usr}", "", 204, "a", false},
	{"revoke-token", "POST", "/admin/v1/tokens/{tok}/revoke", "", 200, "aom", true},
	{"end-token", "DELETE", "/admin/v1/tokens/{tok}", "", 200, "aom", true},
}

var letters = map[string]string{"admin": "a", "operator": "o", "auditor": "A", "merchant": "m"}

// TestRoleMatrix holds every operation against every role, on the caller's own
// merchant's records and on another's: a missing role is 403 whatever the
// record, another merchant's record is 404 in the very words for one that does
// not exist, and everything else goes through.
func TestRoleMatrix(t *testing.T) {
	r := newRig(t)
	own, foreign := r.merchant("Own"), r.merchant("Foreign")
	spare := 0
	for _, role := range []string{"admin", "operator", "auditor", "merchant"} {
		of := ""
		if role == "merchant" {
			of = own
		}
		auth := r.key(role, of)
		for _, c := range calls {
			for _, where := range []string{own, foreign} {
				t.Run(fmt.Sprintf("%s/%s/%v", role, c.name, where == own), func(t *testing.T) {
					spare++
					fill := r.records(where, spare)
					want := c.ok
					switch {
					case !strings.Contains(c.may, letters[role]):
						want = http.StatusForbidden
					case role == "merchant" && where == foreign && c.tenant:
						want = http.StatusNotFound
					case role == "merchant" && where == foreign && c.name == "add-token":
						want = http.StatusUnprocessableEntity
					}
					p := r.send(c.method, fill.Replace(c.path), fill.Replace(c.body), "Authorization", auth)
					if p.status != want {
						t.Fatalf("status %d, want %d: %s", p.status, want, p.body)
					}
					if want == http.StatusNotFound {
						r.sameAsUnknown(t, c, p, auth)
					}
				})
			}
		}
	}
}

// records makes what a call may name, of the given merchant.
func (r *rig) records(merchant string, n int) *strings.Replacer {
	r.t.Helper()
	number := fmt.Sprintf("+225010000%04d", n)
	tok := r.token(merchant, `,"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"`+number+`"}]`)
	key := r.want(201, "POST", "/admin/v1/keys", `{"name":"spare","role":"auditor"}`).text("admin_key", "id")
	usr := r.user(fmt.Sprintf("u%d@example.com", n), "merchant", merchant)
	return strings.NewReplacer("{mer}", merchant, "{tok}", tok, "{phone}", number, "{key}", key,
		"{usr}", usr, "{fresh}", fmt.Sprintf("f%d", n),
		"{new}", fmt.Sprintf("+225050000%04d", n))
}

// sameAsUnknown checks that another merchant's record answers as none at all.
func (r *rig) sameAsUnknown(t *testing.T, c call, foreign reply, auth string) {
	t.Helper()
	nobody := strings.NewReplacer("{mer}", "mer_000000000000", "{tok}", "tok_000000000000",
		"{phone}", "+2250100000000", "{new}", "+2250500000000")
	unknown := r.send(c.method, nobody.Replace(c.path), nobody.Replace(c.body), "Authorization", auth)
	for _, p := range []reply{foreign, unknown} {
		delete(p.value, "request_id")
	}
	if got, want := fmt.Sprint(foreign.status, foreign.value), fmt.Sprint(unknown.status, unknown.value); got != want {
		t.Errorf("another merchant's record answers %s\nan unknown one answers     %s", got, want)
	}
}

// TestEveryOperationIsInTheRoleMatrix: an operation that is added without its
// row above is found here.
func TestEveryOperationIsInTheRoleMatrix(t *testing.T) {
	r := newRig(t)
	paths, _ := r.want(200, "GET", "/admin/openapi.json", "").at("paths").(map[string]any)
	listed := map[string]bool{}
	for _, item := range paths {
		for _, op := range item.(map[string]any) {
			if o, ok := op.(map[string]any); ok {
				listed[o["operationId"].(string)] = true
			}
		}
	}
	for _, c := range calls {
		if !listed[c.name] {
			t.Errorf("%s is no operation of the document", c.name)
		}
		delete(listed, c.name)
	}
	for name := range listed {
		t.Errorf("%s has no row in the role matrix", name)
	}
}

// TestMerchantListsSeeOnlyTheirOwn: a merchant's key finds nothing of another's
// in any list, whatever it filters by.
func TestMerchantListsSeeOnlyTheirOwn(t *testing.T) {
	r := newRig(t)
	own, foreign := r.merchant("Own"), r.merchant("Foreign")
	mine := r.token(own, "")
	theirs := r.token(foreign, "")
	auth := r.key("merchant", own)
	for _, path := range []string{
		"/admin/v1/merchants", "/admin/v1/merchants?q=" + foreign, "/admin/v1/tokens", "/admin/v1/tokens?status=ALL",
		"/admin/v1/tokens?q=" + theirs, "/admin/v1/tokens?merchant_id=" + foreign,
		"/admin/v1/audit", "/admin/v1/audit?merchant_id=" + foreign, "/admin/v1/audit?target_id=" + theirs,
	} {
		p := r.want(200, "GET", path, "", "Authorization", auth)
		if strings.Contains(p.body, foreign) || strings.Contains(p.body, theirs) {
			t.Errorf("%s shows another merchant's record: %s", path, p.body)
		}
	}
	if p := r.want(200, "GET", "/admin/v1/tokens", "", "Authorization", auth); !strings.Contains(p.body, mine) {
		t.Errorf("the merchant does not see its own token: %s", p.body)
	}
}

// TestOnlyAnAdminWidens: mode, tokens:manage and clearing a flag need the role
// admin; a merchant's key leaves restricts alone altogether.
func TestOnlyAnAdminWidens(t *testing.T) {
	r := newRig(t)
	own := r.merchant("Own")
	operator, merchant := r.key("operator", ""), r.key("merchant", own)
	for _, who := range []struct {
		name, auth string
		set        int // the answer to setting a flag
	}{{"operator", operator, 200}, {"merchant", merchant, 403}} {
		t.Run(who.name, func(t *testing.T) {
			fresh := func() string {
				return "/admin/v1/tokens/" + r.token(own, `,"client_cert_sha256":["`+strings.Repeat("ab", 32)+`"],"ip_whitelist":["192.0.2.1"],"allowed_methods":["GET"],"composition":{"CI":{"MTN":["collect"]}}`)
			}
			f := func(want int, body string) {
				t.Helper()
				path := fresh()
				before := r.want(200, "GET", path, "")
				if p := r.send("PATCH", path, body, "Authorization", who.auth); p.status != want {
					t.Errorf("PATCH %s: status %d, want %d: %s", body, p.status, want, p.body)
				}
				if after := r.want(200, "GET", path, ""); want == 403 && after.body != before.body {
					t.Errorf("PATCH %s was refused and changed the token:\n%s\n%s", body, before.body, after.body)
				}
			}
			f(403, `{"mode":"monitor"}`)
			f(403, `{"permissions":["tokens:manage"]}`)
			f(403, `{"ip_whitelist":[],"restricts":{"ip":false}}`)
			f(403, `{"allowed_methods":[],"restricts":{"methods":false}}`)
			f(403, `{"client_cert_sha256":[],"restricts":{"client_cert":false}}`)
			f(403, `{"composition":null,"restricts":{"composition":false}}`)
			f(who.set, `{"restricts":{"phones":true}}`)
			f(200, `{"composition":null}`)
			f(200, `{"permissions":["payments:write"],"enabled":false}`)
			order := `{"merchant_id":"` + own + `","name":"T","environment":"live"`
			for body, want := range map[string]int{
				order + `,"mode":"monitor"}`:                403,
				order + `,"permissions":["tokens:manage"]}`: 403,
				order + `,"mode":"enforce"}`:                201,
			} {
				if p := r.send("POST", "/admin/v1/tokens", body, "Authorization", who.auth); p.status != want {
					t.Errorf("POST %s: status %d, want %d: %s", body, p.status, want, p.body)
				}
			}
		})
	}
	// Keeping what an admin gave is no giving.
	path := "/admin/v1/tokens/" + r.token(own, `,"permissions":["tokens:manage"]`)
	r.want(200, "PATCH", path, `{"permissions":["tokens:manage","payments:write"]}`, "Authorization", operator)
}
