package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy/token"
)

func hookOf(payload, format string) *token.Hook {
	return &token.Hook{
		ID: "hook_000000000001", Event: "token.revoked", Token: "tok_000000000001", Merchant: "mer_000000000001",
		Format: format, Payload: []byte(payload), CreatedAt: token.At(time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC)),
	}
}

// TestFormats: single is one object on one line, multiple one object of one
// member a line; both say the same in the same order.
func TestFormats(t *testing.T) {
	const payload = `{"days":7,"event":"token.revoked","name":"Caf\u00e9 \"é\"","nested":{"b":1, "a":[1,2]},"token_id":"tok_000000000001"}`
	f := func(format, wantType, want string) {
		t.Helper()
		body, mediaType, err := newWriter().write(hookOf(payload, format))
		if err != nil || mediaType != wantType || string(body) != want {
			t.Errorf("%s: %s %v\n%s\nwant\n%s", format, mediaType, err, body, want)
		}
	}
	f("single", "application/json",
		`{"id":"hook_000000000001","event":"token.revoked","created_at":"2026-01-15T09:00:00Z","days":7,"name":"Café \"é\"","nested":{"a":[1,2],"b":1},"token_id":"tok_000000000001"}`+"\n")
	f("multiple", "application/x-ndjson", `{"id":"hook_000000000001"}
{"event":"token.revoked"}
{"created_at":"2026-01-15T09:00:00Z"}
{"days":7}
{"name":"Café \"é\""}
{"nested":{"a":[1,2],"b":1}}
{"token_id":"tok_000000000001"}
`)
	for _, bad := range []string{``, `[]`, `"x"`, `null`, `{`, `{"a":1,"a":2}`, `{"a":1}x`} {
		if body, _, err := newWriter().write(hookOf(bad, "single")); err == nil {
			t.Errorf("payload %q is written as %s", bad, body)
		}
	}
}

// TestNoSecretLeaves: a secret of any kind that got into a payload, as a value,
// as a name, escaped or in the middle of a text, is not in what is sent.
func TestNoSecretLeaves(t *testing.T) {
	canary := regexp.MustCompile(strings.ReplaceAll(token.Pattern, `\b`, ""))
	for _, k := range []token.Kind{token.KindKey, token.KindClient, token.KindSigning, token.KindAccess, token.KindRefresh, token.KindAdmin} {
		secret := string(token.Compose(k, token.EnvLive, []byte("0123456789abcdefghijABCDEFGHIJ0123456789")))
		escaped := `\u0074` + secret[1:]
		if secret[0] == 's' {
			escaped = `\u0073` + secret[1:]
		}
		for _, payload := range []string{
			`{"name":"` + secret + `"}`, `{"name":"x` + secret + `y"}`, `{"a":{"b":["` + secret + `"]}}`,
			`{"` + secret + `":1}`, `{"name":"` + escaped + `"}`, `{"name":"_` + secret + `_` + secret + `"}`,
		} {
			for _, format := range []string{"single", "multiple"} {
				body, _, err := newWriter().write(hookOf(payload, format))
				if err != nil {
					t.Fatal(err)
				}
				if canary.Match(body) || bytes.Contains(body, []byte(secret)) {
					t.Errorf("%s is sent as %s", payload, body)
				}
				for _, line := range bytes.Split(bytes.TrimSpace(body), []byte("\n")) {
					if !jsontext.Value(line).IsValid() {
						t.Errorf("%s is written as what is no JSON: %s", payload, line)
					}
				}
			}
		}
	}
}

// TestSignature: the header is what a receiver computes from the secret, the
// time and the raw body; there is one v1 a secret, and merchants' secrets
// differ from each other and from one installation to the next.
func TestSignature(t *testing.T) {
	at, body := time.Unix(1700000000, 5), []byte(`{"a":1}`+"\n")
	got := Sign([][]byte{[]byte("new"), []byte("old")}, at, body)
	mac := func(secret string) string {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte("1700000000." + string(body)))
		return hex.EncodeToString(h.Sum(nil))
	}
	if want := "t=1700000000,v1=" + mac("new") + ",v1=" + mac("old"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	seen := map[string]bool{}
	for _, s := range []string{MerchantSecret(one, "mer_a"), MerchantSecret(one, "mer_b"), MerchantSecret(two, "mer_a")} {
		if seen[s] || len(s) != 4+64 || !strings.HasPrefix(s, "whk_") {
			t.Errorf("secret %q", s)
		}
		seen[s] = true
	}
	if !seen[MerchantSecret(one, "mer_a")] {
		t.Error("a merchant's secret is another the second time")
	}
}

// FuzzBody: whatever the payload, what is written is JSON, line by line, holds
// no secret, and a payload that is no object is refused.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"name":"x"}`), true)
	f.Add([]byte(`{"a":"tgr_`+strings.Repeat("a", 46)+`","b":[1e400,{}]}`), false)
	f.Add([]byte(`[]`), false)
	w := newWriter()
	f.Fuzz(func(t *testing.T, payload []byte, multiple bool) {
		format := "single"
		if multiple {
			format = "multiple"
		}
		body, _, err := w.write(hookOf(string(payload), format))
		if err != nil {
			return
		}
		if w.secret.Match(body) {
			t.Errorf("a secret is written: %s", body)
		}
		for _, line := range bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")) {
			if !jsontext.Value(line).IsValid(jsontext.AllowDuplicateNames(true)) || line[0] != '{' {
				t.Errorf("not an object: %q", line)
			}
		}
	})
}
