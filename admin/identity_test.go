package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/policy/token"
)

// TestOnlyAdminKeysAuthenticate: nothing that is no living admin key gets in,
// and no body is read for it: every other kind of secret, a token's own key,
// the bootstrap key when there is none.
func TestOnlyAdminKeysAuthenticate(t *testing.T) {
	r := newRig(t, func(o *admin.Options) { o.Failures = 1000 })
	created := r.want(201, "POST", "/admin/v1/tokens",
		`{"merchant_id":"`+r.merchant("M")+`","name":"T","environment":"live","credentials":["key","client","signing"]}`)
	good := strings.TrimPrefix(r.key("admin", ""), "Bearer ")
	for name, header := range map[string]string{
		"nothing":           "",
		"basic":             "Basic YTpi",
		"token key":         "Bearer " + created.text("credentials", "key"),
		"client secret":     "Bearer " + created.text("credentials", "client_secret"),
		"signing secret":    "Bearer " + created.text("credentials", "signing_secret"),
		"changed last char": "Bearer " + good[:len(good)-1] + "!",
		"flipped":           "Bearer " + flip(good),
		"lower case":        "Bearer " + strings.ToLower(good),
		"space after":       "Bearer " + good + " x",
		"two spaces":        "Bearer  " + good,
		"two keys":          "Bearer " + good + "," + good,
		"tab":               "Bearer\t" + good,
		"bare":              good,
		"bootstrap cut":     "Bearer " + bootstrap[:len(bootstrap)-1],
	} {
		p := r.send("POST", "/admin/v1/merchants", `{"name":"x"`, "Authorization", header)
		if p.status != http.StatusUnauthorized || p.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: status %d: %s", name, p.status, p.body)
		}
	}
	for _, header := range []string{"Bearer " + good, "bearer " + good, "BEARER " + bootstrap} {
		r.want(200, "GET", "/admin/v1/merchants", "", "Authorization", header)
	}
}

// flip changes a secret's first random character and leaves its checksum.
func flip(secret string) string {
	b := []byte(secret)
	if b[4] == 'a' {
		b[4] = 'b'
	} else {
		b[4] = 'a'
	}
	return string(b)
}

// TestTwoAuthorizationHeadersAreAmbiguous: whichever of them another reader
// would take, this one takes neither.
func TestTwoAuthorizationHeadersAreAmbiguous(t *testing.T) {
	r := newRig(t)
	req, err := http.NewRequestWithContext(t.Context(), "GET", r.url+"/admin/v1/merchants", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = []string{"Bearer " + bootstrap, "Bearer " + bootstrap}
	if p := r.do(req); p.status != 400 || p.text("code") != "credentials_ambiguous" {
		t.Errorf("status %d: %s", p.status, p.body)
	}
}

// TestNoBootstrapKeyMeansNone: the zero digest admits nobody.
func TestNoBootstrapKeyMeansNone(t *testing.T) {
	r := newRig(t, func(o *admin.Options) { o.BootstrapDigest = token.Digest{} })
	if p := r.send("GET", "/admin/v1/merchants", ""); p.status != 401 {
		t.Errorf("status %d: %s", p.status, p.body)
	}
}

// TestEndedKeyIsRefusedAtOnce: the very next request of an ended key is 401.
func TestEndedKeyIsRefusedAtOnce(t *testing.T) {
	r := newRig(t)
	made := r.want(201, "POST", "/admin/v1/keys", `{"name":"K","role":"operator"}`)
	auth := "Bearer " + made.text("key")
	for range 50 {
		r.want(200, "GET", "/admin/v1/merchants", "", "Authorization", auth)
	}
	r.want(200, "DELETE", "/admin/v1/keys/"+made.text("admin_key", "id"), "")
	for range 50 {
		if p := r.send("GET", "/admin/v1/merchants", "", "Authorization", auth); p.status != 401 {
			t.Fatalf("status %d after the key was ended: %s", p.status, p.body)
		}
	}
	if used := r.want(200, "GET", "/admin/v1/keys?ended=true", ""); !strings.Contains(used.body, `"last_used_at":"2026`) {
		t.Errorf("the key's last use is not noted: %s", used.body)
	}
}

// TestAKeyOfASuspendedMerchantIsRefused: suspending a merchant stops its admin
// keys with its tokens, whatever they ask for and from the very next request;
// nothing they asked for is done. The operators' keys work on, and so does the
// merchant's own once it is active again.
func TestAKeyOfASuspendedMerchantIsRefused(t *testing.T) {
	r := newRig(t)
	own := r.merchant("Own")
	auth, operator := r.key("merchant", own), r.key("operator", "")
	fill := r.records(own, 1)
	r.want(200, "GET", "/admin/v1/tokens", "", "Authorization", auth)
	r.want(200, "PATCH", "/admin/v1/merchants/"+own, `{"status":"suspended"}`)
	before := r.want(200, "GET", "/admin/v1/audit", "").body
	for _, c := range calls {
		p := r.send(c.method, fill.Replace(c.path), fill.Replace(c.body), "Authorization", auth)
		if p.status != 403 || p.text("code") != "merchant_suspended" {
			t.Errorf("%s: status %d: %s", c.name, p.status, p.body)
		}
	}
	if after := r.want(200, "GET", "/admin/v1/audit", "").body; after != before {
		t.Errorf("something was done:\n%s\n%s", before, after)
	}
	r.want(200, "GET", "/admin/v1/tokens", "", "Authorization", operator)
	r.want(200, "PATCH", "/admin/v1/merchants/"+own, `{"status":"active"}`, "Authorization", operator)
	r.want(200, "GET", "/admin/v1/tokens", "", "Authorization", auth)
	r.want(200, "PATCH", "/admin/v1/merchants/"+own, `{"status":"suspended"}`)
	r.closeStore()
	if p := r.send("GET", "/admin/v1/tokens", "", "Authorization", auth); p.status != 503 {
		t.Errorf("without the store: status %d: %s", p.status, p.body)
	}
}

// TestWrongKeysAreThrottled: after so many wrong keys from one address, 429
// stands in for the look-up, with Retry-After; a key that was good before is
// answered as always, and so is the bootstrap key; the window ends.
func TestWrongKeysAreThrottled(t *testing.T) {
	r := newRig(t)
	good, fresh := r.key("operator", ""), r.key("operator", "")
	r.want(200, "GET", "/admin/v1/merchants", "", "Authorization", good)
	for i := range 20 {
		if p := r.send("GET", "/admin/v1/merchants", "", "Authorization", "Bearer tga_guess"); p.status != 401 {
			t.Fatalf("guess %d: status %d", i, p.status)
		}
	}
	p := r.send("GET", "/admin/v1/merchants", "", "Authorization", "Bearer tga_guess")
	if p.status != 429 || p.text("code") != "auth_throttled" || p.header.Get("Retry-After") != "60" {
		t.Errorf("after twenty guesses: status %d, Retry-After %q: %s", p.status, p.header.Get("Retry-After"), p.body)
	}
	if p := r.send("GET", "/admin/v1/merchants", "", "Authorization", fresh); p.status != 429 {
		t.Errorf("a key never seen before was looked up in the midst of a flood: %d", p.status)
	}
	r.want(200, "GET", "/admin/v1/merchants", "", "Authorization", good)
	r.want(200, "GET", "/admin/v1/merchants", "")
	r.pass(time.Minute)
	r.want(200, "GET", "/admin/v1/merchants", "", "Authorization", fresh)
	if p := r.send("GET", "/admin/v1/merchants", "", "Authorization", "Bearer tga_guess"); p.status != 401 {
		t.Errorf("after the window: status %d", p.status)
	}
}

// TestStoreOutageIsNoVerdict: when the store cannot tell, a good key is 503
// with Retry-After, never 401, and the fault stands in the log alone.
func TestStoreOutageIsNoVerdict(t *testing.T) {
	r := newRig(t)
	auth := r.key("operator", "")
	r.closeStore()
	for _, a := range []string{auth, "Bearer " + bootstrap} {
		p := r.send("GET", "/admin/v1/tokens", "", "Authorization", a)
		if p.status != 503 || p.text("code") != "cannot_decide" || p.header.Get("Retry-After") == "" {
			t.Errorf("status %d: %s", p.status, p.body)
		}
		if strings.Contains(p.body, "sql") || strings.Contains(p.body, "closed") {
			t.Errorf("the answer tells the store's own words: %s", p.body)
		}
	}
	last := r.logs.All()[r.logs.Len()-1]
	if last.ContextMap()["error"] == nil {
		t.Errorf("the log does not have the fault: %v", last.ContextMap())
	}
}
