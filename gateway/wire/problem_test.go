package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// Every reason there is can be said; a reason without words would reach a
// merchant as an empty sentence.
func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range token.Reasons() {
		if w := Say(r); w.Title == "" || !strings.HasSuffix(w.Detail, ".") {
			t.Errorf("%s has no words", r)
		}
	}
}

// The exact reason of row 5 never reaches the wire: not its code, not its
// words, and not through the challenge.
func TestRow5IsOneAnswer(t *testing.T) {
	var first string
	for _, r := range token.Reasons() {
		if !r.Credential() {
			continue
		}
		var resp fasthttp.Response
		RefuseBearer(&resp, &token.Refusal{Reason: r, RequestID: "id"})
		got := resp.String()
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%s is told apart on the wire:\n%s\nwant\n%s", r, got, first)
		}
	}
	if !strings.Contains(first, `"code":"token_invalid"`) || !strings.Contains(first, `error="invalid_token"`) {
		t.Errorf("unexpected words:\n%s", first)
	}
}

// A refusal quotes hostile bytes as valid JSON, and quotes only what belongs to
// its reason.
func TestProblemQuotesSafely(t *testing.T) {
	hostile := "C\"I\\\x00\x1b[31m\xff\u2028é</script>"
	var resp fasthttp.Response
	Problem{}.Refuse(&resp, &token.Refusal{Reason: token.CountryNotAllowed, RequestID: "id", Country: hostile, Phone: "+*07", ClientIP: "192.0.2.1"})
	var got map[string]any
	if err := json.Unmarshal(resp.Body(), &got); err != nil {
		t.Fatalf("%v in %s", err, resp.Body())
	}
	if want := strings.ToValidUTF8(hostile, "\uFFFD"); got["country"] != want {
		t.Errorf("country = %q, want %q", got["country"], want)
	}
	if got["phone"] != nil || got["client_ip"] != nil {
		t.Errorf("the refusal of a country tells more: %s", resp.Body())
	}
}

// A challenge goes with what a Bearer client can mend, and no other refusal.
func TestChallenges(t *testing.T) {
	f := func(r token.Reason, want string) {
		t.Helper()
		var resp fasthttp.Response
		RefuseBearer(&resp, &token.Refusal{Reason: r})
		if got := string(resp.Header.Peek("WWW-Authenticate")); got != want {
			t.Errorf("%s: WWW-Authenticate: %s, want %s", r, got, want)
		}
	}
	f(token.CredentialsMissing, `Bearer realm="tollgate"`)
	f(token.TokenRevoked, `Bearer realm="tollgate", error="invalid_token"`)
	f(token.PhoneNotAllowed, `Bearer realm="tollgate", error="insufficient_scope"`)
	f(token.HTTPMethodNotAllowed, `Bearer realm="tollgate", error="insufficient_scope"`)
	f(token.IPNotAllowed, "")
	f(token.EnvironmentMismatch, "")
	f(token.CannotDecide, "")
	f(token.NoRoute, "")
}

// Retry-After goes with what passes by itself, and "outcome": "unknown" with
// what may have been executed.
func TestFaultsSayWhetherToSendAgain(t *testing.T) {
	f := func(r token.Reason, retryAfter string, unknown bool) {
		t.Helper()
		var resp fasthttp.Response
		Problem{}.Refuse(&resp, &token.Refusal{Reason: r})
		if got := string(resp.Header.Peek("Retry-After")); got != retryAfter {
			t.Errorf("%s: Retry-After %q, want %q", r, got, retryAfter)
		}
		if got := strings.Contains(string(resp.Body()), `"outcome":"unknown"`); got != unknown {
			t.Errorf("%s: outcome unknown = %v", r, got)
		}
	}
	f(token.CannotDecide, "1", false)
	f(token.UpstreamUnreachable, "1", false)
	f(token.UpstreamSaturated, "1", false)
	f(token.UpstreamFailed, "", true)
	f(token.UpstreamTimeout, "", true)
	f(token.TokenInvalid, "", false)
}
