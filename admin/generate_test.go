package admin_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/policy/token"
)

// load reads what stands behind a secret.
func (r *rig) load(k token.Kind, secret string) (*token.Principal, error) {
	d := token.DigestOf([]byte(secret))
	return r.store.LoadCredential(r.t.Context(), k, &d)
}

// stands reports whether an access or refresh token is worth anything.
func (r *rig) stands(k token.Kind, secret string) bool {
	r.t.Helper()
	p, err := r.load(k, secret)
	if errors.Is(err, token.ErrNotFound) {
		return false
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return p.Standing(token.At(r.clock())) == token.Allowed
}

// TestGenerateEndsWhatItMadeBefore: the second press ends the client id, the
// client secret, the access token and the refresh token of the first, at once,
// and leaves the key and the signing secret alone.
func TestGenerateEndsWhatItMadeBefore(t *testing.T) {
	r := newRig(t, func(o *admin.Options) { o.OpaqueTTL, o.FamilyTTL = 10*time.Minute, time.Hour })
	made := r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+r.merchant("M")+`","name":"T","environment":"test","credentials":["key","client"]}`)
	path := "/admin/v1/tokens/" + made.text("token", "id") + "/generate"
	first := r.want(200, "POST", path, "")
	if first.at("expires_in") != 600.0 || !strings.HasPrefix(first.text("client_secret"), "sec_test_") ||
		!strings.HasPrefix(first.text("access_token"), "tgo_") || !strings.HasPrefix(first.text("refresh_token"), "tgr_") {
		t.Fatalf("%s", first.body)
	}
	if _, _, err := r.store.LoadClient(t.Context(), made.text("credentials", "client_id")); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("the client id made with the token still leads somewhere: %v", err)
	}
	p, err := r.load(token.KindAccess, first.text("access_token"))
	if err != nil || p.Preauthorised || p.EndsAt != token.At(r.clock().Add(10*time.Minute)) {
		t.Errorf("the access token is pre-authorised, or ends at another time: %+v %v", p, err)
	}
	if !r.stands(token.KindAccess, first.text("access_token")) || !r.stands(token.KindRefresh, first.text("refresh_token")) {
		t.Error("the first pair does not stand")
	}
	second := r.want(200, "POST", path, "")
	if r.stands(token.KindAccess, first.text("access_token")) || r.stands(token.KindRefresh, first.text("refresh_token")) {
		t.Error("the first pair outlives the second")
	}
	if !r.stands(token.KindAccess, second.text("access_token")) || !r.stands(token.KindRefresh, second.text("refresh_token")) {
		t.Error("the second pair does not stand")
	}
	if _, _, err := r.store.LoadClient(t.Context(), first.text("client_id")); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("the first client id still leads somewhere: %v", err)
	}
	_, secrets, err := r.store.LoadClient(t.Context(), second.text("client_id"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range secrets {
		live := !c.EndsAt.Reached(token.At(r.clock()))
		if want := c.Digest == token.DigestOf([]byte(second.text("client_secret"))); live != want {
			t.Errorf("generation %d of the client secret: live %v, want %v", c.Generation, live, want)
		}
	}
	if !r.stands(token.KindKey, made.text("credentials", "key")) {
		t.Error("the key ended")
	}
}

// TestGenerateAndRotateAtOnce: pressed many times at once and rotated once in the
// midst, in two processes, every call makes a generation of its own and exactly
// one pair remains. (A second rotation after the last press would end that too.)
func TestGenerateAndRotateAtOnce(t *testing.T) {
	r := newRig(t)
	made := r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+r.merchant("M")+`","name":"T","environment":"live","credentials":["client"]}`)
	path := "/admin/v1/tokens/" + made.text("token", "id")
	other := r.twin()
	answers := make([]reply, 12)
	var done sync.WaitGroup
	for i := range answers {
		by, call, body := r, "/generate", ""
		if i%2 == 0 {
			by = other
		}
		if i == len(answers)/2 {
			call, body = "/rotate", `{"credential":"client_secret"}`
		}
		done.Go(func() { answers[i] = by.send("POST", path+call, body) })
	}
	done.Wait()
	standing := 0
	for i, p := range answers {
		if p.status != 200 {
			t.Fatalf("call %d: %d %s", i, p.status, p.body)
		}
		if access := p.text("access_token"); access != "" && r.stands(token.KindAccess, access) {
			standing++
		}
	}
	if standing != 1 {
		t.Errorf("%d access tokens stand", standing)
	}
	list := r.want(200, "GET", path, "").at("generations", "client_secret").([]any)
	if newest := list[0].(map[string]any)["generation"]; newest != float64(1+len(answers)) {
		t.Errorf("the newest generation is %v after %d calls", newest, len(answers))
	}
}

// TestEnhancedWithoutMeansIsWarnedOf: a token on which the switch is on and that
// has nothing to fetch an access token with says so, until it has.
func TestEnhancedWithoutMeansIsWarnedOf(t *testing.T) {
	r := newRig(t)
	made := r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+r.merchant("M")+`","name":"T","environment":"live","enhanced_security":true}`)
	path := "/admin/v1/tokens/" + made.text("token", "id")
	warned := func(p reply, want string) {
		t.Helper()
		if got := strings.Contains(p.body, `"field":"enhanced_security"`); got != (want != "") || !strings.Contains(p.body, want) {
			t.Errorf("want %q: %s", want, p.body)
		}
	}
	warned(made, "neither a key nor client credentials")
	r.want(200, "POST", path+"/rotate", `{"credential":"key"}`)
	warned(r.want(200, "GET", path, ""), "no client credentials; generate")
	r.want(200, "POST", path+"/generate", "")
	warned(r.want(200, "GET", path, ""), "")
	r.want(200, "PATCH", path, `{"enhanced_security":false}`)
	warned(r.want(200, "GET", path, ""), "")
}

// TestWebhookRulesAreTheOperators: which URLs may be set is the installation's
// setting; a URL from before it does not stand in the way of other changes.
func TestWebhookRulesAreTheOperators(t *testing.T) {
	r := newRig(t, func(o *admin.Options) { o.Webhooks.HTTP = true })
	m := r.merchant("M")
	tok := "/admin/v1/tokens/" + r.token(m, `,"webhook":{"url":"http://kola.example/hook"}`)
	strict := r.twin(func(o *admin.Options) { o.Webhooks.HTTP = false })
	for _, c := range []struct {
		by     *rig
		status int
		body   string
	}{
		{r, 200, `{"webhook":{"url":"http://kola.example/other"}}`},
		{strict, 200, `{"name":"U"}`},
		{strict, 200, `{"webhook":{"format":"multiple"}}`},
		{strict, 422, `{"webhook":{"url":"http://kola.example/third"}}`},
		{strict, 200, `{"webhook":{"url":"https://kola.example/"}}`},
		{strict, 422, `{"webhook":{"url":"https://127.0.0.1/"}}`},
		{strict, 422, `{"webhook":{"url":"https://[::ffff:8.8.8.8]/"}}`},
		{strict, 200, `{"webhook":null}`},
	} {
		c.by.want(c.status, "PATCH", tok, c.body)
	}
}

// TestNoWebhookSecretWithoutAKey: where there is nothing to derive it from, the
// secret is not shown, and no row says that it was.
func TestNoWebhookSecretWithoutAKey(t *testing.T) {
	r := newRig(t, func(o *admin.Options) { o.WebhookKey = nil })
	m := r.merchant("M")
	r.want(503, "POST", "/admin/v1/merchants/"+m+"/webhook_secret", "")
	if p := r.want(200, "GET", "/admin/v1/audit?action=merchant.webhook_secret", ""); len(p.at("items").([]any)) != 0 {
		t.Errorf("%s", p.body)
	}
}
