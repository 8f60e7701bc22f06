package main

import (
	"fmt"
	"net/http"
	"strings"
)

// furnishDialects makes one token of each further dialect, and a dashboard user.
func (r *remote) furnishDialects(merchant, composition string, made secrets) error {
	made["TG_MERCHANT"] = merchant
	service, err := r.demoToken(merchant, `"name":"Partner","description":"makes tokens of its own","credentials":["key"],"permissions":["tokens:manage"],`+composition)
	if err != nil {
		return err
	}
	made["TG_SERVICE_KEY"] = service.Credentials.Key

	envelope, err := r.demoToken(merchant, `"name":"Boutique","description":"answers in French","credentials":["client"],`+composition)
	if err != nil {
		return err
	}
	made["TG_API_KEY"], made["TG_API_SECRET"] = envelope.Credentials.ClientID, envelope.Credentials.ClientSecret

	signing, err := r.demoToken(merchant, `"name":"Payment links","description":"signs what it sends","credentials":["client","signing"],`+
		`"phones":[{"country":"ML","number":"+22370707070"}],`+composition)
	if err != nil {
		return err
	}
	made["TG_SIGNING_TOKEN"], made["TG_SIGNING_CLIENT_ID"], made["TG_SIGNING_SECRET"] = signing.Token.ID, signing.Credentials.ClientID, signing.Credentials.Signing

	if err := r.furnishEnhanced(merchant, composition, made); err != nil {
		return err
	}
	var user struct {
		User     struct{ Email string }
		Password string
	}
	order := map[string]string{"email": "compta@boutique.example", "role": "merchant", "merchant_id": merchant}
	if err := r.call(http.MethodPost, "/admin/v1/users", order, &user); err != nil {
		return fmt.Errorf("demo user: %w", err)
	}
	made["TG_USER"], made["TG_PASSWORD"] = user.User.Email, user.Password
	return nil
}

// furnishEnhanced makes the token whose key alone proves nothing, and presses
// generate on it.
func (r *remote) furnishEnhanced(merchant, composition string, made secrets) error {
	till, err := r.demoToken(merchant, `"name":"Till","description":"enhanced security","credentials":["key"],`+composition)
	if err != nil {
		return err
	}
	var pair struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	at := "/admin/v1/tokens/" + till.Token.ID
	if err := r.call(http.MethodPost, at+"/generate", []byte("{}"), &pair); err != nil {
		return fmt.Errorf("demo token: %w", err)
	}
	if err := r.call(http.MethodPatch, at, []byte(`{"enhanced_security":true}`), nil); err != nil {
		return fmt.Errorf("demo token: %w", err)
	}
	made["TG_TILL_KEY"], made["TG_TILL_CLIENT_ID"], made["TG_TILL_CLIENT_SECRET"] = till.Credentials.Key, pair.ClientID, pair.ClientSecret
	made["TG_TILL_ACCESS_TOKEN"], made["TG_TILL_REFRESH_TOKEN"] = pair.AccessToken, pair.RefreshToken
	return nil
}

// curl is a command to paste: it prints the answer, and below it the status.
func curl(arguments ...string) string {
	return `curl -sS -w '\n%{http_code}\n' ` + strings.Join(arguments, " ")
}

// member takes a member's text out of the JSON that a command prints.
func member(command, name string) string {
	return "$(" + strings.Replace(command, ` -w '\n%{http_code}\n'`, "", 1) + ` | sed 's/.*"` + name + `":"\([^"]*\)".*/\1/')`
}

const asJSON = `-H 'Content-Type: application/json'`

func given(body string) string { return "-d '" + body + "'" }

// serviceLines are the promises of the dialect service, whose tokens make tokens.
func serviceLines(at string) []demoLine {
	const key = `-H "token: $TG_SERVICE_KEY"`
	manage := func(key, call, body string) string { return curl(key, asJSON, body, at+"/api/gateway/"+call) }
	create := func(group, permissions string) string {
		return manage(key, "createServiceToken", `-d "{\"data\":{\"groupID\":\"`+group+`\",\"permissions\":`+permissions+`,\"ipWhitelist\":[]}}"`)
	}
	reader := create("$TG_MERCHANT", `[\"read\"]`)
	return []demoLine{
		{"201 allowed", "service: the header token, for what its token allows", curl(key, asJSON, given(goodPayment), at+"/v1/payments")},
		{"200 allowed", "service: the tokens of its group, without their secrets", manage(key, "getServiceTokens", given(`{"data":{}}`))},
		{"200 allowed", "service: a child that may only read, with its key, once", reader},
		{"200 allowed", "service: a child reads", curl(`-H "token: `+member(reader, "token")+`"`, at+"/v1/payments/pay_000001")},
		{"403 http_method_not_allowed", "service: and pays nothing", curl(`-H "token: `+member(reader, "token")+`"`, asJSON, given(goodPayment), at+"/v1/payments")},
		{"403 permission_missing", "service: a child makes no children", manage(`-H "token: `+member(reader, "token")+`"`, "getServiceTokens", given(`{"data":{}}`))},
		{"400 invalid_request", "service: a permission that there is not", create("$TG_MERCHANT", `[\"own\"]`)},
		{"404 not_found", "service: a group that is another's", create("group_123", `[\"read\"]`)},
		{"403 country_not_allowed", "service: the same policies as everywhere", curl(key, asJSON, given(strings.Replace(goodPayment, `"CI"`, `"SN"`, 1)), at+"/v1/payments")},
		{"400 credentials_ambiguous", "two dialects in one request, though each is good", curl(key, `-H "Authorization: Bearer $TG_KEY"`, at+"/v1/payments/pay_000001")},
	}
}

// apikeyLines are the promises of the dialect apikey with enhanced security. The
// access token of generate lives an hour, so that the lines make their own.
func apikeyLines(at string) []demoLine {
	const (
		key     = `-H "X-API-KEY: $TG_TILL_KEY"`
		client  = `{\"client_id\":\"$TG_TILL_CLIENT_ID\",\"client_secret\":\"$TG_TILL_CLIENT_SECRET\"`
		refused = "401 Invalid API credentials."
	)
	authorize := curl(key, `-d "`+client+`}"`, at+"/api/authorize")
	access := `-H "ACCESS-TOKEN: ` + member(authorize, "access_token") + `"`
	pay := func(headers ...string) string {
		return curl(append(headers, asJSON, given(goodPayment), at+"/v1/payments")...)
	}
	renew := curl(key, `-d "`+client+`,\"refresh_token\":\"`+strings.ReplaceAll(member(authorize, "refresh_token"), "\n", "")+`\"}"`, at+"/api/refresh_token")
	return []demoLine{
		{"200 allowed", "apikey: client credentials beside the key make a pre-authorised pair", authorize},
		{"201 allowed", "apikey: the key with its access token", pay(key, access)},
		{"200 allowed", "apikey: the refresh token of a pair makes the next", renew},
		{refused, "apikey: enhanced security, and the key alone proves nothing", pay(key)},
		{"401 token_invalid", "apikey: nor does it as a Bearer", pay(`-H "Authorization: Bearer $TG_TILL_KEY"`)},
		{"401 token_invalid", "apikey: nor as token", pay(`-H "token: $TG_TILL_KEY"`)},
		{refused, "apikey: a refresh token is no access token", pay(key, `-H "ACCESS-TOKEN: $TG_TILL_REFRESH_TOKEN"`)},
		{refused, "apikey: another key with this access token", pay(`-H "X-API-KEY: $TG_KEY"`, access)},
		{refused, "apikey: a wrong client secret", curl(key, `-d 'client_id=nobody&client_secret=nothing'`, at+"/api/authorize")},
		{"201 allowed", "apikey: a key without enhanced security suffices", pay(`-H "X-API-KEY: $TG_KEY"`)},
	}
}

// envelopeLines are the promises of the dialect envelope, which answers in
// French.
func envelopeLines(at string) []demoLine {
	authenticate := func(more ...string) string {
		return curl(append([]string{"-X POST"}, append(more, at+"/v1/auth")...)...)
	}
	const client = `-u "$TG_API_KEY:$TG_API_SECRET"`
	jwt := `-H "Authorization: Bearer ` + member(authenticate(client), "token") + `"`
	return []demoLine{
		{"200 Successful", "envelope: trade the API key and secret for a JWT", authenticate(client, `-H 'X-Environment: Production'`)},
		{"201 allowed", "envelope: that JWT, for what its token allows", curl(jwt, asJSON, given(goodPayment), at+"/v1/paiements")},
		{"400 BadRequestError", "envelope: no credentials", authenticate()},
		{"401 UnauthorizedError", "envelope: a wrong secret", authenticate(`-u "$TG_API_KEY:$TG_API_KEY"`)},
		{"401 UnauthorizedError", "envelope: a live key in the sandbox", authenticate(client, `-H 'X-Environment: Sandbox'`)},
		{"401 UnauthorizedError", "envelope: no token", curl(asJSON, given(goodPayment), at+"/v1/paiements")},
		{"403 ForbiddenError", "envelope: a country that is not in the composition", curl(jwt, asJSON, given(strings.Replace(goodPayment, `"CI"`, `"SN"`, 1)), at+"/v1/paiements")},
	}
}

// surroundingsLines are the promises of the oauth dialect beside its token: what
// it says of tokens, dashboard users, and what is refused at issuing.
func surroundingsLines(at, jwt string) []demoLine {
	const client = `-u "$TG_CLIENT_ID:$TG_CLIENT_SECRET"`
	return []demoLine{
		{"200 allowed", "oauth: what a JWT stands for", curl(client, `-d "token=`+jwt+`"`, at+"/api/introspect")},
		{"200 allowed", "oauth: end a JWT before its time", curl(client, `-d "token=`+jwt+`"`, at+"/api/revoke")},
		{"401 invalid_client", "oauth: a wrong client secret", curl(`-u "$TG_CLIENT_ID:$TG_CLIENT_ID"`, "-d grant_type=client_credentials", at+"/api/token")},
		{"400 unsupported_grant_type", "oauth: a grant that there is not", curl(client, "-d grant_type=password", at+"/api/token")},
		{"400 invalid_grant", "oauth: a refresh token that is not this client's", curl(client, `-d grant_type=refresh_token -d "refresh_token=$TG_TILL_REFRESH_TOKEN"`, at+"/api/token")},
		{"200 allowed", "basic: a dashboard user reads where no money moves", curl(`-u "$TG_USER:$TG_PASSWORD"`, at+"/v1/statements/2026-01")},
		{"401 token_invalid", "basic: a wrong password", curl(`-u "$TG_USER:wrong-password"`, at+"/v1/statements/2026-01")},
		{"401 credentials_missing", "basic: and pays nothing", curl(`-u "$TG_USER:$TG_PASSWORD"`, asJSON, given(goodPayment), at+"/v1/payments")},
	}
}

// The shell's own means to sign with HMAC-SHA256.
const (
	signBase64 = `openssl dgst -sha256 -hmac "$TG_SIGNING_SECRET" -binary | openssl base64 -A | tr '+/' '-_' | tr -d =`
	encode     = `openssl base64 -A | tr '+/' '-_' | tr -d =`
)

// signatureLines are the promises of both signatures. $$ and the clock make each
// signature another one: none is accepted twice.
func signatureLines(at string) []demoLine {
	link := func(phone, more string) string {
		data := `{"data":{"merchantUid":"%s","reference":"order %s","amountCents":2000,"countryCode":"ML","operator":"ORANGE","phoneNumber":"` + phone + `"},"exp":%s}`
		jws := `$(p=$(printf '{"alg":"HS256","typ":"JWT"}' | ` + encode + `).$(printf '` + data + `' "$TG_SIGNING_TOKEN" "$$" "$(($(date +%s)+600))" | ` + encode + `); ` +
			`printf %s "$p.$(printf %s "$p" | ` + signBase64 + `)")`
		return curl("-X POST", `"`+at+"/v1/links?signature="+jws+more+`"`)
	}
	signed := strings.Replace(strings.Replace(goodPayment, `"CI"`, `"ML"`, 1), "+2250707070707", "+22370707070", 1)
	request := func(order int, sent string, urls int) string {
		target := fmt.Sprintf("/v1/payments?order=$$-%d", order)
		header := `-H "X-Signature: $(t=$(date +%s); h=$(printf %s '` + signed + `' | openssl dgst -sha256 -r | cut -d' ' -f1); printf 't=%s,v1=%s' "$t" ` +
			`"$(printf '%s.POST\n%s\n%s' "$t" "` + target + `" "$h" | openssl dgst -sha256 -hmac "$TG_SIGNING_SECRET" -r | cut -d' ' -f1)")"`
		return curl(`-H "X-Client-Id: $TG_SIGNING_CLIENT_ID"`, header, asJSON, given(sent), strings.TrimSpace(strings.Repeat(`"`+at+target+`" `, urls)))
	}
	return []demoLine{
		{"201 allowed", "signature: a link that holds its order, signed", link("+22370707070", "")},
		{"403 phone_not_allowed", "signature: what was signed is what is judged", link("+22370707071", "")},
		{"401 token_invalid", "signature: one letter more is another signature", link("+22370707070", "A")},
		{"201 allowed", "signature: a signed request", request(1, signed, 1)},
		{"401 token_invalid", "signature: another amount than was signed", request(2, strings.Replace(signed, "1500", "9500", 1), 1)},
		{"401 token_invalid", "signature: the same request twice; the second is refused", request(3, signed, 2)},
	}
}
