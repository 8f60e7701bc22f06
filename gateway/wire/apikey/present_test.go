package apikey

import (
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

func present(key, access string) (token.Presented, token.Presence) {
	var h fasthttp.RequestHeader
	if key != "-" {
		h.Set("x-api-key", key)
	}
	if access != "-" {
		h.Set("access-token", access)
	}
	var p token.Presented
	presence := Dialect{}.Present(&h, &p)
	return p, presence
}

// Both headers are read, whatever the case of their names; an access token that
// is sent is handed on whatever it looks like, and says nothing without a key.
func TestPresent(t *testing.T) {
	f := func(key, access string, want token.Presence, secret, sent string) {
		t.Helper()
		p, got := present(key, access)
		if got != want || string(p.Secret) != secret || string(p.Access) != sent || (p.Kind == token.KindKey) != (want == token.Found) {
			t.Errorf("%q %q: %v %+v", key, access, got, p)
		}
	}
	f("tg_live_abc", "-", token.Found, "tg_live_abc", "")
	f("tg_test_abc", "tgo_x", token.Found, "tg_test_abc", "tgo_x")
	f("tg_live_abc", "cWMJZimvoWr9QAo5ZZZZBPX5q83rCiTx4xCy1=", token.Found, "tg_live_abc", "cWMJZimvoWr9QAo5ZZZZBPX5q83rCiTx4xCy1=")
	f("tg_live_abc", "", token.Found, "tg_live_abc", "")
	f("1fa7c6470f54e14f948d0d830a775c3efb328bef5f6a464869fca627ca979818", "-", token.Malformed, "1fa7c6470f54e14f948d0d830a775c3efb328bef5f6a464869fca627ca979818", "")
	f("sec_live_abc", "-", token.Malformed, "sec_live_abc", "")
	f("-", "tgo_x", token.Malformed, "tgo_x", "")
	f("", "tgo_x", token.Malformed, "tgo_x", "")
	f("", "", token.Absent, "", "")
	f("-", "-", token.Absent, "", "")
}

// Reading what was presented allocates nothing.
func TestPresentAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	var h fasthttp.RequestHeader
	h.Set("X-API-KEY", "tg_live_abc")
	h.Set("ACCESS-TOKEN", "tgo_x")
	var p token.Presented
	presence := token.Absent
	if n := testing.AllocsPerRun(1000, func() { presence = Dialect{}.Present(&h, &p) }); n != 0 || presence != token.Found {
		t.Errorf("%v allocations, presence %d", n, presence)
	}
}

// Whatever the headers hold, what is found begins like a key, and what is
// absent leaves nothing behind.
func FuzzPresent(f *testing.F) {
	f.Add("tg_live_abc", "tgo_x")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, key, access string) {
		p, presence := present(key, access)
		if (presence == token.Found) != (p.Kind == token.KindKey) || presence == token.Found && !token.LooksLike(p.Secret, token.KindKey) {
			t.Fatalf("%v %+v", presence, p)
		}
		if (presence == token.Absent) != (p.Dialect == "") || presence == token.Absent && (p.Secret != nil || p.Access != nil) {
			t.Fatalf("%v %+v", presence, p)
		}
	})
}

// Whatever the body, the families are asked about a whole order or not at all.
func FuzzBody(f *testing.F) {
	f.Add([]byte(seedBody))
	f.Add([]byte("client_id=i&client_secret=s&refresh_token=r"))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"client_id\"\r\n\r\ni\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		k := families{
			authorize: func(o *token.Order) (token.Grant, token.Reason) {
				if len(o.Key) == 0 || len(o.ClientID) == 0 || len(o.ClientSecret) == 0 {
					t.Errorf("%q is the order %+v", body, o)
				}
				return token.Grant{}, token.TokenInvalid
			},
			refresh: func(o *token.Order) (token.Grant, token.Reason) {
				if len(o.Refresh) == 0 {
					t.Errorf("%q is the renewal %+v", body, o)
				}
				return token.Grant{}, token.InvalidGrant
			},
		}
		c := call{"POST", "", string(body), []string{"X-API-KEY", "k"}}
		_, first := c.send(&Authorize{Families: k})
		_, second := c.send(&Refresh{Families: k})
		if first.Reason == token.Allowed || second.Reason == token.Allowed {
			t.Errorf("%q was allowed", body)
		}
	})
}
