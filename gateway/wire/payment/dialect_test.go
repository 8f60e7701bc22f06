package payment

import (
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// The dialect claims what begins like a key, calls every other Bearer value
// malformed so that another dialect may claim it, and leaves other schemes be.
func TestPresent(t *testing.T) {
	f := func(authorization string, want token.Presence, kind token.Kind) {
		t.Helper()
		var h fasthttp.RequestHeader
		if authorization != "" {
			h.Set("Authorization", authorization)
		}
		var p token.Presented
		if got := (Dialect{}).Present(&h, &p); got != want || p.Kind != kind {
			t.Errorf("Present(%q) = %v, kind %s; want %v, %s", authorization, got, p.Kind, want, kind)
		}
		if want == token.Absent && p.Secret != nil {
			t.Errorf("Present(%q) left a secret behind", authorization)
		}
	}
	f("", token.Absent, token.KindNone)
	f("Basic dGdfbGl2ZV86eA==", token.Absent, token.KindNone)
	f("Bearer tg_live_abc", token.Found, token.KindKey)
	f("bearer tg_test_abc", token.Found, token.KindKey)
	f("Bearer sec_live_abc", token.Malformed, token.KindNone)
	f("Bearer tgo_abc", token.Malformed, token.KindNone)
	f("Bearer a.b.c", token.Malformed, token.KindNone)
	f("Bearer", token.Malformed, token.KindNone)
	f("Bearer tg_live_a b", token.Malformed, token.KindNone)
}

// Whatever an Authorization header holds, what the dialect takes from it stands
// in the header and begins like a key.
func FuzzPresent(f *testing.F) {
	f.Add([]byte("Bearer tg_live_abc"))
	f.Add([]byte("bearer a.b.c"))
	f.Add([]byte("Basic eA=="))
	f.Fuzz(func(t *testing.T, value []byte) {
		var h fasthttp.RequestHeader
		h.SetBytesV("Authorization", value)
		var p token.Presented
		presence := (Dialect{}).Present(&h, &p)
		if presence == token.Absent != (p.Secret == nil && p.Dialect == "") {
			t.Fatalf("%q: %v, and %q was taken", value, presence, p.Secret)
		}
		if presence == token.Found && (!token.LooksLike(p.Secret, token.KindKey) || !bytes.HasSuffix(h.Peek("Authorization"), p.Secret)) {
			t.Fatalf("%q: %q was taken for a key", value, p.Secret)
		}
	})
}
