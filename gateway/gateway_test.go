package gateway_test

import (
	"strings"
	"testing"
)

// What passes reaches the upstream byte for byte, with the identity that only
// tollgate gives and without the credential.
func TestAllowedRequestReachesUpstreamByteForByte(t *testing.T) {
	r := newRig(t)
	key := r.roster.add(t, "good", nil)
	target := "/v1/payments/a%20b?x=%2F&&y=z+1&%7e"
	body := " {\"phone\" : \"+2250707070707\",\n\"country\":\"CI\", \"operator\":\"ORANGE\",\"method\":\"collect\"} "
	a := r.raw(t, request("POST", target, body, bearer(key), jsonType, "X-Request-Id: mine-1", "X-Tollgate-Token: tok_forged000001"))
	if a.status != 200 || a.body != `{"done":true}` || a.closed {
		t.Fatalf("got %+v; want the upstream's answer on a connection that lives on", a)
	}
	seen := r.origin.requests()
	if len(seen) != 1 || seen[0].target != target || seen[0].body != body {
		t.Fatalf("the upstream saw %+v; want the target and the body as they were sent", seen)
	}
	h := seen[0].header
	if h.Get("Authorization") != "" || h.Get("X-Tollgate-Token") != "tok_good00000000" || len(h["X-Tollgate-Token"]) != 1 {
		t.Errorf("the upstream saw credentials or a forged identity: %v", h)
	}
	if h.Get("X-Client-Request-Id") != "mine-1" || h.Get("X-Request-Id") != a.header.Get("X-Request-Id") || len(h.Get("X-Request-Id")) != 32 {
		t.Errorf("request ids: upstream %v, answer %v", h, a.header)
	}
	e := r.events(t, 1)[0]
	for key, want := range map[string]any{
		"msg": "request", "route": "/v1/payments/{id}", "dialect": "payment", "token": "tok_good00000000",
		"merchant": "mer_good00000000", "env": "live", "client_ip": "127.0.0.1", "method": "POST", "path": "/v1/payments/{id}",
		"outcome": "allowed", "reason": "allowed", "status": 200.0, "upstream": "payments", "attempts": 1.0,
		"country": "CI", "operator": "ORANGE", "payment_method": "collect", "phone": "+***********07",
		"request_id": a.header.Get("X-Request-Id"), "bytes_out": float64(len(a.body)),
	} {
		if e[key] != want {
			t.Errorf("log field %s is %v, want %v", key, e[key], want)
		}
	}
	if strings.Contains(r.log.String(), key) || strings.Contains(r.log.String(), "a%20b") {
		t.Error("the access log shows the key or the raw path")
	}
}
