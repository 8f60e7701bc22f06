package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// secrets are the demo's credentials by the name of their shell variable.
type secrets map[string]string

// demoVariables is every credential of the demo, in the order they are shown.
var demoVariables = []struct {
	name, means string
	public      bool // a name, which proves nothing
}{
	{"TG_KEY", "key of the token Checkout CI (payment dialect)", false},
	{"TG_CLIENT_ID", "client id of the same token (oauth dialect)", true},
	{"TG_CLIENT_SECRET", "client secret of the same token", false},
	{"TG_KEY_ELSEWHERE", "key of a token for the addresses 192.0.2.0/24 only", false},
	{"TG_KEY_READER", "key of a token for GET only", false},
	{"TG_KEY_EXPIRED", "key of a token that has expired", false},
	{"TG_KEY_REVOKED", "key of a token that is revoked", false},
	{"TG_SERVICE_KEY", "key of the token Partner, which may make tokens (service dialect)", false},
	{"TG_MERCHANT", "the merchant of all these tokens: a group, in the words of the service dialect", true},
	{"TG_TILL_KEY", "key of the token Till, with enhanced security (apikey dialect)", false},
	{"TG_TILL_CLIENT_ID", "client id that generate made for the same token", true},
	{"TG_TILL_CLIENT_SECRET", "client secret that it made", false},
	{"TG_TILL_ACCESS_TOKEN", "access token that it made; to be pre-authorised within the hour", false},
	{"TG_TILL_REFRESH_TOKEN", "refresh token that it made", false},
	{"TG_API_KEY", "API key (client id) of the token Boutique (envelope dialect)", true},
	{"TG_API_SECRET", "API secret (client secret) of the same token", false},
	{"TG_SIGNING_TOKEN", "handle of the token Payment links (signature)", true},
	{"TG_SIGNING_CLIENT_ID", "client id of the same token", true},
	{"TG_SIGNING_SECRET", "signing secret of the same token", false},
	{"TG_USER", "email of a dashboard user (basic)", true},
	{"TG_PASSWORD", "password of the same user", false},
	{"TG_ADMIN_KEY", "admin key, for the admin API and `tollgate token …`", false},
}

// demoLine is one request to paste, and what it promises.
type demoLine struct {
	expect string // the status, and a JSON text that stands in the answer, or allowed: "403 country_not_allowed"
	why    string
	curl   string // with $TG_… variables
}

// good is a payment that the token Checkout CI may make.
const goodPayment = `{"country":"CI","operator":"ORANGE","method":"collect","amount":1500,"customer":{"phone":"+2250707070707"}}`

// demoLines are the requests that the demo promises outcomes for: one allowed
// through each credential, one refused by each policy, and what is telling in
// each dialect.
func demoLines(gatewayURL string) []demoLine {
	pay := func(credential, body string) string {
		return fmt.Sprintf(`curl -sS -w '\n%%{http_code}\n' -H "Authorization: Bearer %s" -H 'Content-Type: application/json' -d '%s' %s/v1/payments`, credential, body, gatewayURL)
	}
	swap := func(from, to string) string { return strings.Replace(goodPayment, from, to, 1) }
	const key = "$TG_KEY"
	mint := fmt.Sprintf(`curl -sS -u "$TG_CLIENT_ID:$TG_CLIENT_SECRET" -d grant_type=client_credentials %s/api/token`, gatewayURL)
	jwt := `$(` + mint + ` | sed 's/.*"access_token":"\([^"]*\)".*/\1/')`
	lines := []demoLine{
		{"201 allowed", "the key, for what its token allows", pay(key, goodPayment)},
		{"200 allowed", "trade client credentials for a JWT of ten minutes", strings.Replace(mint, "curl -sS", `curl -sS -w '\n%{http_code}\n'`, 1)},
		{"201 allowed", "that JWT, for what its token allows", pay(jwt, goodPayment)},
		{"200 allowed", "no money moves here: no composition, no phones", fmt.Sprintf(`curl -sS -w '\n%%{http_code}\n' -H "Authorization: Bearer $TG_KEY" %s/v1/payments/pay_000001`, gatewayURL)},
		{"200 allowed", "what a token may know of itself", fmt.Sprintf(`curl -sS -w '\n%%{http_code}\n' -H "Authorization: Bearer $TG_KEY" %s/api/whoami`, gatewayURL)},
		{"401 credentials_missing", "no token", fmt.Sprintf(`curl -sS -w '\n%%{http_code}\n' -H 'Content-Type: application/json' -d '%s' %s/v1/payments`, goodPayment, gatewayURL)},
		{"401 token_invalid", "a wrong token", pay("tg_live_0000000000000000000000000000000000000000000000", goodPayment)},
		{"401 token_invalid", "a revoked token; the log says token_revoked", pay("$TG_KEY_REVOKED", goodPayment)},
		{"401 token_invalid", "an expired token; the log says token_expired", pay("$TG_KEY_EXPIRED", goodPayment)},
		{"403 ip_not_allowed", "a token for other addresses", pay("$TG_KEY_ELSEWHERE", goodPayment)},
		{"403 http_method_not_allowed", "a token for GET only", pay("$TG_KEY_READER", goodPayment)},
		{"403 country_not_allowed", "a country that is not in the composition", pay(key, swap(`"CI"`, `"SN"`))},
		{"403 operator_not_allowed", "an operator that is not in it for this country", pay(key, swap("ORANGE", "WAVE"))},
		{"403 payment_method_not_allowed", "a method that is not in it for this operator", pay(key, swap("collect", "disburse"))},
		{"403 phone_not_allowed", "a phone number that is not listed", pay(key, swap("0707070707", "0707070708"))},
		{"403 phone_not_allowed", "a phone number that is listed and disabled", pay(key, swap("0707070707", "0505050505"))},
		{"403 fact_missing", "no phone number at all", pay(key, swap(`,"customer":{"phone":"+2250707070707"}`, ""))},
		{"400 body_ambiguous", "a member twice: two readers could read it differently", pay(key, swap(`"country":"CI"`, `"country":"SN","country":"CI"`))},
	}
	return slices.Concat(lines, surroundingsLines(gatewayURL, jwt), serviceLines(gatewayURL), apikeyLines(gatewayURL), envelopeLines(gatewayURL), signatureLines(gatewayURL))
}

// printLines prints what to paste. With known secrets the lines carry them;
// without, the shell's variables.
func printLines(w io.Writer, gatewayURL string, known secrets) {
	for _, line := range demoLines(gatewayURL) {
		curl := line.curl
		if known != nil {
			curl = known.fill(curl)
		}
		fmt.Fprintf(w, "# %s\n# expect %s\n%s\n\n", line.why, line.expect, curl)
	}
}

// fill replaces variables by their values, the longest names first so that
// $TG_KEY does not eat the head of $TG_KEY_READER.
func (s secrets) fill(text string) string {
	for {
		at := strings.Index(text, "$TG_")
		if at < 0 {
			return text
		}
		end := at + 1
		for end < len(text) && (text[end] == '_' || text[end] >= 'A' && text[end] <= 'Z') {
			end++
		}
		text = text[:at] + s[text[at+1:end]] + text[end:]
	}
}
