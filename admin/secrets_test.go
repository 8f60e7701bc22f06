package admin_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"tollgate/admin"
	"tollgate/policy/token"
)

// TestSecretsAppearOnce: every secret stands in the one answer that makes it,
// and in no later answer, log line, audit row or error, even when it is sent
// back to us in every place a client might put it by mistake.
func TestSecretsAppearOnce(t *testing.T) {
	r := newRig(t, func(o *admin.Options) { o.Failures = 1000 })
	m := r.merchant("M")
	made := r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+m+`","name":"T","environment":"live","credentials":["key","client","signing"]}`)
	tok := made.text("token", "id")
	secrets := []string{made.text("credentials", "key"), made.text("credentials", "client_secret"), made.text("credentials", "signing_secret")}
	for _, kind := range []string{"key", "client_secret", "signing_secret"} {
		secrets = append(secrets, r.want(200, "POST", "/admin/v1/tokens/"+tok+"/rotate", `{"credential":"`+kind+`"}`).text(kind))
	}
	secrets = append(secrets, r.want(201, "POST", "/admin/v1/keys", `{"name":"K","role":"operator"}`).text("key"))
	made = r.want(200, "POST", "/admin/v1/tokens/"+tok+"/generate", "")
	secrets = append(secrets, made.text("client_secret"), made.text("access_token"), made.text("refresh_token"))
	shape := regexp.MustCompile("^" + token.Pattern + "$")
	for i, s := range secrets {
		if !shape.MatchString(s) {
			t.Fatalf("secret %d does not match the published pattern", i)
		}
	}
	usr := r.user("ama@example.com", "auditor", "")
	given := "correct horse battery"
	r.want(200, "POST", "/admin/v1/users/"+usr+"/password", `{"password":"`+given+`"}`)
	hook := r.want(200, "POST", "/admin/v1/merchants/"+m+"/webhook_secret", "").text("webhook_secret")
	secrets = append(secrets, given, hook, r.want(200, "POST", "/admin/v1/users/"+usr+"/password", `{}`).text("password"), "argon2id")
	for i, s := range secrets {
		if s == "" {
			t.Fatalf("secret %d is empty", i)
		}
	}
	searched := 0
	search := func(where, text string) {
		t.Helper()
		searched++
		for i, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s holds secret %d: %s", where, i, text)
			}
		}
	}
	for _, path := range []string{"/admin/v1/tokens?status=ALL", "/admin/v1/tokens/" + tok, "/admin/v1/keys?ended=true", "/admin/v1/audit",
		"/admin/v1/merchants", "/admin/v1/catalog", "/admin/v1/users", "/admin/v1/users/" + usr, "/admin/openapi.json"} {
		search(path, r.want(200, "GET", path, "").body)
	}
	for _, s := range secrets {
		for _, misplaced := range [][3]string{
			{"PATCH", "/admin/v1/tokens/" + tok, `{"mode":"` + s + `"}`},
			{"PATCH", "/admin/v1/tokens/" + tok, `{"expires_at":"` + s + `"}`},
			{"PATCH", "/admin/v1/tokens/" + tok, `{"enabled":"` + s + `"}`},
			{"PATCH", "/admin/v1/tokens/" + tok, `{"key":"` + s + `"}`},
			{"PATCH", "/admin/v1/tokens/" + tok, `{"key":"` + s + `"`},
			{"POST", "/admin/v1/tokens", `{"merchant_id":"` + s + `","name":"T","environment":"` + s + `","credentials":["` + s + `"]}`},
			{"POST", "/admin/v1/tokens/" + tok + "/rotate", `{"credential":"` + s + `","grace":"` + s + `"}`},
			{"POST", "/admin/v1/keys", `{"name":"K","role":"` + s + `","key":"` + s + `"}`},
			{"POST", "/admin/v1/users", `{"email":"` + s + `","role":"` + s + `","password":"` + s + `","key":"` + s + `"}`},
			{"PATCH", "/admin/v1/users/" + usr, `{"password":"` + s + `","role":"` + s + `","enabled":"` + s + `"}`},
			{"POST", "/admin/v1/users/" + usr + "/password", `{"password":"` + s + `\n"}`},
			{"PATCH", "/admin/v1/merchants/" + m, `{"webhook":{"url":"ftp://` + s + `/","format":"` + s + `"}}`},
			{"GET", "/admin/v1/tokens/" + s, ""}, {"GET", "/admin/v1/tokens?cursor=" + s, ""}, {"GET", "/admin/v1/tokens?status=" + s, ""},
			{"GET", "/admin/v1/merchants/" + s, ""}, {"DELETE", "/admin/v1/keys/" + s, ""}, {"GET", "/admin/v1/" + s, ""},
			{"PATCH", "/admin/v1/tokens/" + tok + "/phones/" + s, `{"enabled":true}`},
			{"POST", "/admin/v1/tokens/" + tok + "/phones", `{"country":"CI","number":"` + s + `"}`},
			{"POST", "/admin/v1/explain", `{"credential":"` + s + `","request":{"method":"GET","path":"/"}}`},
		} {
			path := strings.ReplaceAll(misplaced[1], " ", "%20")
			search(misplaced[0]+" "+path, r.send(misplaced[0], path, misplaced[2]).body)
		}
		search("as a key", r.send("GET", "/admin/v1/tokens", "", "Authorization", "Bearer "+s+"x").body)
		search("as Basic", r.send("GET", "/admin/v1/tokens", "", "Authorization", "Basic "+s).body)
	}
	search("the audit log", r.want(200, "GET", "/admin/v1/audit?limit=1000", "").body)
	for _, e := range r.logs.All() {
		search("the log", fmt.Sprint(e.Message, e.ContextMap()))
	}
	if searched < 100 {
		t.Errorf("only %d places were searched", searched)
	}
}

// TestNoDigestOrSealedByteIsShown: what is kept of a secret stays in the store.
func TestNoDigestOrSealedByteIsShown(t *testing.T) {
	r := newRig(t)
	made := r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+r.merchant("M")+`","name":"T","environment":"live","credentials":["key","signing"]}`)
	d := token.DigestOf([]byte(made.text("credentials", "key")))
	for _, path := range []string{"/admin/v1/tokens", "/admin/v1/tokens/" + made.text("token", "id"), "/admin/v1/audit"} {
		body := r.want(200, "GET", path, "").body
		if strings.Contains(body, fmt.Sprintf("%x", d)) || strings.Contains(strings.ToLower(body), "sealed") || strings.Contains(strings.ToLower(body), "digest") {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// TestAuditMasksPhones: the audit log shows a number's last two digits.
func TestAuditMasksPhones(t *testing.T) {
	r := newRig(t)
	tok := r.token(r.merchant("M"), `,"composition":{"CI":{"ORANGE":["collect"]}},"phones":[{"country":"CI","number":"0707070707"}]`)
	r.want(201, "POST", "/admin/v1/tokens/"+tok+"/phones", `{"country":"CI","number":"0102030405"}`)
	r.want(200, "PATCH", "/admin/v1/tokens/"+tok+"/phones/+2250102030405", `{"enabled":false}`)
	r.want(204, "DELETE", "/admin/v1/tokens/"+tok+"/phones/+2250102030405", "")
	for what, text := range map[string]string{
		"the audit log": r.want(200, "GET", "/admin/v1/audit", "").body,
		"the log":       fmt.Sprint(logged(r)),
	} {
		for _, number := range []string{"0707070707", "0102030405"} {
			if strings.Contains(text, number) {
				t.Errorf("%s shows a whole number: %s", what, text)
			}
		}
	}
}

func logged(r *rig) (lines []string) {
	for _, e := range r.logs.All() {
		lines = append(lines, fmt.Sprint(e.Message, e.ContextMap()))
	}
	return lines
}
