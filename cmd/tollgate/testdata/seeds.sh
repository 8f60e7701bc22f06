#!/usr/bin/env bash
# The five seed documents' own requests, sent to `tollgate demo`. Only the host
# and the credentials are others: each command stands as its document prints it,
# with the credentials in the variables that the demo's --credentials file sets.
#
#   tollgate demo --credentials tg.env &
#   . ./tg.env; bash seeds.sh http://127.0.0.1:8080
#
# Prints one line for each request; ends with 1 when one of them was answered
# otherwise than its document says. Seed 1 (ClaPay) has no request in it: its
# tokens are made in the back office.
set -u # bash, for the echo -n of seed 4
API_URL=${1:?usage: seeds.sh URL, with the variables of the demo}
: "${TG_SERVICE_KEY:?read the file of --credentials into this shell first}"
broken=0

# says WHAT WANTED ANSWER: the answer, as one line, has to match the extended
# regular expression from end to end.
says() {
  if printf '%s' "$3" | tr '\n' ' ' | grep -Eqx "$2"; then
    echo "ok      $1"
  else
    broken=1
    echo "BROKEN  $1"
    echo "  wanted  $2"
    echo "  got     $3"
  fi
}

# member NAME: the text of a member of the JSON on standard input.
member() { sed 's/.*"'"$1"'":"\([^"]*\)".*/\1/'; }

any='[^"]*'
time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'
one='"groupID":"'$TG_MERCHANT'","token":"TOKEN","secret":"SECRET","active":(true|false),"ipWhitelist":\['$any'("[^]]*)?\],"allowedMethods":\[[^]]*\],"createdAt":"'$time'","updatedAt":"'$time'","expiresAt":("'$time'"|null)'
listed=$(printf %s "$one" | sed 's/TOKEN/tok_[A-Za-z0-9]{12}/; s/SECRET//')
created='\{'$(printf %s "$one" | sed 's/TOKEN/tg_live_[A-Za-z0-9]{46}/; s/SECRET/sig_live_[A-Za-z0-9]{46}/')'\}'

# --- seed 2: NGnair --------------------------------------------------------
# The document prints method, path, headers and body; curl is the program that
# its -H are for.

says "2 getServiceTokens" '\{"tokens":\[\{'"$listed"'\}(,\{'"$listed"'\})*\]\}' "$(
curl -sS -X POST "$API_URL/api/gateway/getServiceTokens" \
-H "token: $TG_SERVICE_KEY" \
-H 'Content-Type: application/json' \
-d '{
"data": {}
}')"

child=$(
curl -sS -X POST "$API_URL/api/gateway/createServiceToken" \
-H "token: $TG_SERVICE_KEY" \
-H 'Content-Type: application/json' \
-d '{
"data": {
"groupID": "'"$TG_MERCHANT"'",
"permissions": ["read", "write"],
"ipWhitelist": ["192.168.1.1"]
}
}')
says "2 createServiceToken" "$created" "$child"
says "2 createServiceToken: what was asked for" '.*"active":true,"ipWhitelist":\["192.168.1.1"\],"allowedMethods":\["GET","POST"\],.*' "$child"
key=$(printf '%s' "$child" | member token)

says "2 the child from elsewhere" '\{"error":\{"code":"ip_not_allowed",.* 403' "$(
curl -sS -w ' %{http_code}' "$API_URL/v1/payments/pay_000001" -H "token: $key")"

says "2 deleteServiceToken" '\{"id":"'"$key"'"\}' "$(
curl -sS -X POST "$API_URL/api/gateway/deleteServiceToken" \
-H "token: $TG_SERVICE_KEY" \
-H 'Content-Type: application/json' \
-d '{
"data": {
"id": "'"$key"'"
}
}')"

says "2 deleteServiceToken: the document's own id" '\{"error":\{"code":"not_found","message":"[^"]*"\}\} 404' "$(
curl -sS -w ' %{http_code}' -X POST "$API_URL/api/gateway/deleteServiceToken" \
-H "token: $TG_SERVICE_KEY" \
-H 'Content-Type: application/json' \
-d '{
"data": {
"id": "tok_abc123"
}
}')"

says "2 the document's own token" '\{"error":\{"code":"token_invalid","message":"[^"]*"\}\} 401' "$(
curl -sS -w ' %{http_code}' -X POST "$API_URL/api/gateway/getServiceTokens" \
-H 'token: tok_123456789' \
-H 'Content-Type: application/json' \
-d '{
"data": {}
}')"

# --- seed 3: Paytia --------------------------------------------------------
# curl labels this JSON as a form, because the document's command does not say
# otherwise.

authorized='\{"httpStatus":true,"refresh_token":"REFRESH","access_token":"ACCESS","expire_time":"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}","status":"success"\}'

says "3 a call before /api/authorize" '\{"httpStatus":false,"status":"error","message":"Invalid API credentials."\}' "$(
curl -sS "$API_URL/v1/payments/pay_000001" \
--header "X-API-KEY: $TG_TILL_KEY" \
--header "ACCESS-TOKEN: $TG_TILL_ACCESS_TOKEN")"

says "3 /api/authorize" "$(printf %s "$authorized" | sed "s/REFRESH//; s/ACCESS/$TG_TILL_ACCESS_TOKEN/")" "$(
curl -sS --location "$API_URL/api/authorize" \
--header "X-API-KEY: $TG_TILL_KEY" \
--header "ACCESS-TOKEN: $TG_TILL_ACCESS_TOKEN" \
--data-raw '{
"client_id": "'"$TG_TILL_CLIENT_ID"'",
"client_secret": "'"$TG_TILL_CLIENT_SECRET"'"
}')"

says "3 the same call after it" '\{.*"SUCCESSFUL".*' "$(
curl -sS "$API_URL/v1/payments/pay_000001" \
--header "X-API-KEY: $TG_TILL_KEY" \
--header "ACCESS-TOKEN: $TG_TILL_ACCESS_TOKEN")"

says "3 the document's own credentials" '\{"httpStatus":false,"status":"error","message":"Invalid API credentials."\} 401' "$(
curl -sS -w ' %{http_code}' --location "$API_URL/api/authorize" \
--header 'X-API-KEY: 1fa7c6470f54e14f948d0d830a775c3efb328bef5f6a464869fca627ca979818' \
--header 'ACCESS-TOKEN: cWMJZimvoWr9QAo5ZZZZBPX5q83rCiTx4xCy1=' \
--data-raw '{
"client_id": "your_client_id_here",
"client_secret": "your_client_secret_here"
}')"

# Step 6 has no command of its own; it is step 5's with the refresh token.
renewed=$(
curl -sS --location "$API_URL/api/refresh_token" \
--header "X-API-KEY: $TG_TILL_KEY" \
--data-raw '{
"client_id": "'"$TG_TILL_CLIENT_ID"'",
"client_secret": "'"$TG_TILL_CLIENT_SECRET"'",
"refresh_token": "'"$TG_TILL_REFRESH_TOKEN"'"
}')
says "3 /api/refresh_token" "$(printf %s "$authorized" | sed 's/REFRESH/tgr_[A-Za-z0-9]{46}/; s/ACCESS/tgo_[A-Za-z0-9]{46}/')" "$renewed"

says "3 a call with the new access token" '\{.*"SUCCESSFUL".*' "$(
curl -sS "$API_URL/v1/payments/pay_000001" \
--header "X-API-KEY: $TG_TILL_KEY" \
--header "ACCESS-TOKEN: $(printf '%s' "$renewed" | member access_token)")"

says "3 a call with the old one" '\{"httpStatus":false,"status":"error","message":"Invalid API credentials."\} 401' "$(
curl -sS -w ' %{http_code}' "$API_URL/v1/payments/pay_000001" \
--header "X-API-KEY: $TG_TILL_KEY" \
--header "ACCESS-TOKEN: $TG_TILL_ACCESS_TOKEN")"

# --- seed 4: access token, as Pledg documents it -----------------------------
# base64 wraps long lines where it comes from GNU, and a header is one line; the
# document's credentials are short enough not to meet that.

granted=$(
curl -sS -X POST "$API_URL/api/token" \
  -H "Content-Type: application/x-www-form-urlencoded" \
  -H "Authorization: Basic $(echo -n "$TG_CLIENT_ID:$TG_CLIENT_SECRET" | base64 | tr -d '\n')" \
  -d "grant_type=client_credentials")
says "4 /api/token" '\{"access_token":"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+","token_type":"Bearer","expires_in":600\}' "$granted"

says "4 a secured endpoint" '\{.*"SUCCESSFUL".*' "$(
curl -sS "$API_URL/v1/payments/pay_000001" \
  -H "Authorization: Bearer $(printf '%s' "$granted" | member access_token)")"

says "4 the document's own credentials" '\{"error":"invalid_client"\} 401' "$(
curl -sS -w ' %{http_code}' -X POST "$API_URL/api/token" \
  -H "Content-Type: application/x-www-form-urlencoded" \
  -H "Authorization: Basic $(echo -n your_key:your_secret | base64)" \
  -d "grant_type=client_credentials")"

says "4 basic authentication" '\{"asked_by":"usr_.*' "$(
curl -sS "$API_URL/v1/statements/2026-01" \
  -H "Authorization: Basic $(echo -n "$TG_USER:$TG_PASSWORD" | base64 | tr -d '\n')")"

says "4 basic authentication: the document's own value" '\{.*"code":"token_invalid".*\} * 401' "$(
curl -sS -w ' %{http_code}' "$API_URL/v1/statements/2026-01" \
  -H "Authorization: Basic cmFuZG9tQGRvbWFpbi5jb206am9objEyMw==")"

# --- seed 5: DigitalPaye -----------------------------------------------------

authenticated=$(
curl -sS --location --request POST "$API_URL/v1/auth" \
--header 'X-Environment: Production' \
--header "Authorization: Basic $(printf '%s' "$TG_API_KEY:$TG_API_SECRET" | base64 | tr -d '\n')" \
--data '')
says "5 /v1/auth" '\{"statusCode":200,"message":"Successful","data":\{"token":"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+","exp":[0-9]{10}\}\}' "$authenticated"

says "5 a payment" '\{.*"status":"PENDING".*' "$(
curl -sS "$API_URL/v1/paiements" \
--header "Authorization: Bearer $(printf '%s' "$authenticated" | member token)" \
--header 'Content-Type: application/json' \
--data '{"country":"CI","operator":"ORANGE","method":"collect","amount":1500,"customer":{"phone":"+2250707070707"}}')"

says "5 the document's own credentials, which are malformed" '\{"statusCode":400,"message":"BadRequestError","reason":"Les identifiants API \(apikey et apisecret\) sont requis\."\}' "$(
curl -sS --location --request POST "$API_URL/v1/auth" \
--header 'X-Environment: Production' \
--header 'Authorization: Basic i0yOWYwLTRjMWMtOGE2ZC0bGl2ZV9JlYzU4NiwY2MyMDk0ZjZhMzQkaWdpdGFscGF5ZTY3OTg3Njo1OW=' \
--data '')"

says "5 credentials that nobody has" '\{"statusCode":401,"message":"UnauthorizedError","reason":"Identifiants API incorrects\. Veuillez vérifier votre clé API et votre secret\."\}' "$(
curl -sS --location --request POST "$API_URL/v1/auth" \
--header 'X-Environment: Production' \
--header "Authorization: Basic $(printf '%s' 'your_api_key:your_api_secret' | base64)" \
--data '')"

exit $broken
