package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// ends is one way for what a token has handed out to end.
type ends struct {
	name   string
	minted bool // what did not come from the family ends too
	do     func(a *attacked, c *credentials, refreshed string)
}

// A JWT, and an opaque access token, end with what they came from: refused at
// the very next request, and still after a restart.
func TestNothingOutlivesItsOrigin(t *testing.T) {
	post := func(path, body string) func(*attacked, *credentials, string) {
		return func(a *attacked, c *credentials, _ string) {
			a.api("POST", "/admin/v1/tokens/"+c.Token.ID+path, body, 200, nil)
		}
	}
	patch := func(body string) func(*attacked, *credentials, string) {
		return func(a *attacked, c *credentials, _ string) {
			a.api("PATCH", "/admin/v1/tokens/"+c.Token.ID, body, 200, nil)
		}
	}
	for _, e := range []ends{
		{name: "generate again", minted: true, do: post("/generate", "{}")},
		{name: "a rotation without grace", minted: true, do: post("/rotate", `{"credential":"client_secret","grace":"0s"}`)},
		{name: "the token's revocation", minted: true, do: post("/revoke", "{}")},
		{name: "the token is disabled", minted: true, do: patch(`{"enabled":false}`)},
		{name: "the token expires", minted: true, do: func(a *attacked, c *credentials, refreshed string) {
			patch(`{"expires_at":"`+time.Now().Add(300*time.Millisecond).UTC().Format(time.RFC3339Nano)+`"}`)(a, c, refreshed)
			a.eventually("the expiry", func() bool { return a.send(look("X-API-KEY: "+c.Credentials.Key)).status == 401 })
		}},
		{name: "the refresh token is revoked", do: func(a *attacked, c *credentials, refreshed string) {
			a.reaches("revoke", request("POST", "/api/revoke", "token="+refreshed, c.client(), formType), 200, 0)
		}},
		{name: "re-use", do: func(a *attacked, c *credentials, refreshed string) {
			a.member(grants(c, "grant_type=refresh_token&refresh_token="+refreshed), "access_token")
			a.refused("re-use", grants(c, "grant_type=refresh_token&refresh_token="+c.RefreshToken), 400)
		}},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			outlives(t, &e)
		})
	}
}

func outlives(t *testing.T, e *ends) {
	a := newAttacked(t)
	c := a.whole(composed)
	minted := a.bearer(&c)
	// The key with the access token of generate, before the family is renewed.
	a.reaches("the access token", look("X-API-KEY: "+c.Credentials.Key, "ACCESS-TOKEN: "+c.AccessToken), 200, 1)
	got := a.send(grants(&c, "grant_type=refresh_token&refresh_token="+c.RefreshToken))
	family, refreshed := text(t, got, "access_token"), text(t, got, "refresh_token")
	a.refused("the access token of a pair that was renewed", look("X-API-KEY: "+c.Credentials.Key, "ACCESS-TOKEN: "+c.AccessToken), 401)
	own := text(t, a.send(asks("/api/authorize", &c, "")), "access_token")
	opaque := look("X-API-KEY: "+c.Credentials.Key, "ACCESS-TOKEN: "+own)
	for what, raw := range map[string]string{"minted": look("Authorization: Bearer " + minted), "of the family": look("Authorization: Bearer " + family), "opaque": opaque} {
		a.reaches(what, raw, 200, 1)
	}
	e.do(a, &c, refreshed)
	check := func() {
		t.Helper()
		a.refused("the family's JWT", look("Authorization: Bearer "+family), 401)
		a.refused("the family's JWT in the envelope", request("GET", "/v1/paiements/1", "", "Authorization: Bearer "+family), 401)
		if e.minted {
			a.refused("the JWT", look("Authorization: Bearer "+minted), 401)
			a.refused("the access token of another family", opaque, 401)
		} else {
			a.reaches("the JWT", look("Authorization: Bearer "+minted), 200, 1)
			a.reaches("the access token of another family", opaque, 200, 1)
		}
	}
	check()
	a.stop()
	a.start()
	check()
}

// text is a member of an answer that has to be 200.
func text(t *testing.T, got reply, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(string(got.body), `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	if got.status != 200 || !found {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return value
}

// /api/revoke ends one JWT at once and for good, and no other of the same token;
// the set that remembers it is whole after a restart.
func TestRevokedJWTStaysRevoked(t *testing.T) {
	a := newAttacked(t)
	c := a.whole(composed)
	first, second := a.bearer(&c), a.bearer(&c)
	for _, jwt := range []string{first, second} {
		a.reaches("before", look("Authorization: Bearer "+jwt), 200, 1)
	}
	a.reaches("revoke", request("POST", "/api/revoke", "token="+first+"&token_type_hint=refresh_token", c.client(), formType), 200, 0)
	for range 2 {
		a.refused("the revoked one", look("Authorization: Bearer "+first), 401)
		a.refused("in the envelope", request("GET", "/v1/paiements/1", "", "Authorization: Bearer "+first), 401)
		a.refused("at whoami", request("GET", "/api/whoami", "", "Authorization: Bearer "+first), 401)
		a.reaches("the other one", look("Authorization: Bearer "+second), 200, 1)
		a.stop()
		a.start()
	}
}

// Who is not the owner ends nothing at /api/revoke and learns nothing at
// /api/introspect: another merchant, the same one's other environment, and, for
// ending, another token of the same merchant.
func TestRevokeAndIntrospectAreForTheOwner(t *testing.T) {
	a := newAttacked(t)
	victim, sibling, play := a.whole(composed), a.whole(composed), a.whole(`"environment":"test"`)
	home := a.merchant
	a.addMerchant("Elsewhere")
	stranger := a.whole(composed)
	a.merchant = home
	jwt := a.bearer(&victim)
	pair := a.send(asks("/api/authorize", &victim, ""))
	access, refresh := text(t, pair, "access_token"), text(t, pair, "refresh_token")
	secrets := map[string]string{"jwt": jwt, "access": access, "refresh": refresh, "key": victim.Credentials.Key, "secret": victim.generated.ClientSecret, "signing": victim.Credentials.Signing, "handle": victim.Token.ID}
	active := func(c *credentials, secret string) bool {
		got := a.send(request("POST", "/api/introspect", "token="+url.QueryEscape(secret), c.client(), formType))
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return string(got.body) != `{"active":false}`
	}
	for name, secret := range secrets {
		for who, c := range map[string]*credentials{"another merchant": &stranger, "the other environment": &play} {
			if active(c, secret) {
				t.Errorf("%s learns of the %s", who, name)
			}
		}
		issued := name == "jwt" || name == "access" || name == "refresh"
		if active(&victim, secret) != issued || active(&sibling, secret) != issued {
			t.Errorf("%s: to the same merchant it is not %v", name, issued)
		}
		for _, c := range []*credentials{&stranger, &play, &sibling} {
			for _, hint := range []string{"", "&token_type_hint=access_token", "&token_type_hint=refresh_token"} {
				a.reaches("revoke", request("POST", "/api/revoke", "token="+url.QueryEscape(secret)+hint, c.client(), formType), 200, 0)
			}
		}
	}
	// Its own keys and secrets end neither.
	for _, secret := range []string{victim.Credentials.Key, victim.generated.ClientSecret, victim.Credentials.Signing, victim.Token.ID} {
		a.reaches("revoke", request("POST", "/api/revoke", "token="+secret, victim.client(), formType), 200, 0)
	}
	a.reaches("the JWT", look("Authorization: Bearer "+jwt), 200, 1)
	a.reaches("the access token", look("X-API-KEY: "+victim.Credentials.Key, "ACCESS-TOKEN: "+access), 200, 1)
	a.reaches("signed", request("POST", "/v1/links?signature="+signed(t, victim.Token.ID, victim.Credentials.Signing), ""), 200, 1)
	a.refused("another's refresh token", asks("/api/refresh_token", &sibling, refresh), 401)
	text(t, a.send(asks("/api/refresh_token", &victim, refresh)), "access_token")
}

// A child is never more than its parent is now, whatever its own record says.
func TestNoWayRoundAParent(t *testing.T) {
	a := newAttacked(t)
	parent := a.whole(`"permissions":["tokens:manage"],"phones":[{"country":"CI","number":"+2250707070707"}],"ip_whitelist":["127.0.0.1","192.0.2.0/24"],` + composed)
	at := "/admin/v1/tokens/" + parent.Token.ID
	got := a.send(request("POST", "/api/gateway/createServiceToken", `{"data":{"groupID":"`+a.merchant+`","permissions":["read","write"],"ipWhitelist":[]}}`, "token: "+parent.Credentials.Key, jsonType))
	child := text(t, got, "token")
	var page struct {
		Items []struct {
			ID       string
			ParentID string `json:"parent_id"`
		}
	}
	a.api("GET", "/admin/v1/tokens", "", 200, &page)
	if page.Items[0].ParentID != parent.Token.ID {
		t.Fatalf("%+v", page)
	}
	own := "/admin/v1/tokens/" + page.Items[0].ID
	header := "token: " + child
	payment := func(body string) string { return request("POST", "/v1/payments", body, header, jsonType) }
	a.reaches("a payment", payment(good), 200, 1)

	// What an admin writes into the child's own record widens nothing.
	for _, wide := range []string{`{"composition":{"SN":{"ORANGE":["collect"]},"CI":{"WAVE":["collect"],"ORANGE":["collect","disburse"]}}}`, `{"ip_whitelist":["0.0.0.0/0"]}`, `{"permissions":["tokens:manage"]}`, `{"rate":"1000000/s"}`, `{"mode":"monitor"}`} {
		status, _ := a.try("PATCH", own, wide)
		if status != 200 && status != 422 {
			t.Errorf("PATCH %s: %d", wide, status)
		}
		a.refused("country after "+wide, payment(strings.Replace(good, `"CI"`, `"SN"`, 1)), 403)
		a.refused("operator after "+wide, payment(strings.Replace(good, "ORANGE", "WAVE", 1)), 403)
		a.refused("method after "+wide, payment(strings.Replace(good, "collect", "disburse", 1)), 403)
		a.refused("phone after "+wide, payment(strings.Replace(good, "0707070707", "0707070708", 1)), 403)
		a.refused("address after "+wide, request("POST", "/v1/payments", good, header, jsonType, "X-Forwarded-For: 198.51.100.7"), 403)
		a.refused("children after "+wide, request("POST", "/api/gateway/getServiceTokens", `{"data":{}}`, header, jsonType), 403)
	}
	a.reaches("a payment", payment(good), 200, 1)

	// What narrows the parent narrows the child at the next request.
	for _, narrow := range []struct {
		body, undo string
		status     int
	}{
		{`{"composition":{"CI":{"ORANGE":[]}}}`, `{"composition":{"CI":{"ORANGE":["collect"]}}}`, 403},
		{`{"ip_whitelist":["192.0.2.0/24"]}`, `{"ip_whitelist":["127.0.0.1","192.0.2.0/24"]}`, 403},
		{`{"allowed_methods":["GET"]}`, `{"allowed_methods":["GET","POST"]}`, 403},
		{`{"enabled":false}`, `{"enabled":true}`, 401},
	} {
		a.api("PATCH", at, narrow.body, 200, nil)
		a.refused("after "+narrow.body, payment(good), narrow.status)
		a.api("PATCH", at, narrow.undo, 200, nil)
		a.reaches("after "+narrow.undo, payment(good), 200, 1)
	}
	a.api("PATCH", at+"/phones/+2250707070707", `{"enabled":false}`, 200, nil)
	a.refused("the parent's phone is disabled", payment(good), 403)
	a.api("PATCH", at+"/phones/+2250707070707", `{"enabled":true}`, 200, nil)
	a.api("PATCH", "/admin/v1/merchants/"+a.merchant, `{"status":"suspended"}`, 200, nil)
	a.refused("a suspended merchant", payment(good), 401)
	a.api("PATCH", "/admin/v1/merchants/"+a.merchant, `{"status":"active"}`, 200, nil)

	// It does not outlive the parent, though its own record says a year.
	a.api("PATCH", at, fmt.Sprintf(`{"expires_at":%q}`, time.Now().Add(400*time.Millisecond).UTC().Format(time.RFC3339Nano)), 200, nil)
	a.eventually("the end of the child", func() bool { return a.send(look(header)).status == 401 })
	a.refused("after the parent's expiry", payment(good), 401)
}
