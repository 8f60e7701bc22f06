package service

import (
	"slices"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

func present(key string) (token.Presented, token.Presence) {
	var h fasthttp.RequestHeader
	h.Set("token", key)
	var p token.Presented
	presence := Dialect{}.Present(&h, &p)
	return p, presence
}

// The header's whole value is the key; a scheme word before it is none.
func TestPresent(t *testing.T) {
	f := func(key string, want token.Presence) {
		t.Helper()
		p, got := present(key)
		if got != want || string(p.Secret) != key || (p.Kind == token.KindKey) != (want == token.Found) {
			t.Errorf("%q: %v %+v", key, got, p)
		}
	}
	f("tg_live_abc", token.Found)
	f("tg_test_abc", token.Found)
	f("tok_123456789", token.Malformed)
	f("Bearer tg_live_abc", token.Malformed)
	f("a.b.c", token.Malformed)
	f("", token.Absent)
}

// Reading what was presented allocates nothing.
func TestPresentAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	var h fasthttp.RequestHeader
	h.Set("token", "tg_live_abc")
	var p token.Presented
	presence := token.Absent
	if n := testing.AllocsPerRun(1000, func() { presence = Dialect{}.Present(&h, &p) }); n != 0 || presence != token.Found {
		t.Errorf("%v allocations, presence %d", n, presence)
	}
}

// What is found begins like a key, and what is absent leaves nothing behind.
func FuzzPresent(f *testing.F) {
	f.Add("tg_live_abc")
	f.Add("tok_123456789")
	f.Fuzz(func(t *testing.T, key string) {
		p, presence := present(key)
		if (presence == token.Found) != (p.Kind == token.KindKey) || presence == token.Found && !token.LooksLike(p.Secret, token.KindKey) {
			t.Fatalf("%v %+v", presence, p)
		}
		if (presence == token.Absent) != (p.Dialect == "") {
			t.Fatalf("%v %+v", presence, p)
		}
	})
}

// Whatever the body, a child that may be made has a group and methods of the
// closed list, each once.
func FuzzBody(f *testing.F) {
	f.Add([]byte(seedCreate))
	f.Add([]byte(`{"data":{"groupID":"g","permissions":["write","PUT"],"ipWhitelist":null}}`))
	f.Add([]byte(seedDelete))
	f.Fuzz(func(t *testing.T, body []byte) {
		data, detail := readData(jsonHeader(), body)
		if (data == nil) != (detail != "") {
			t.Fatalf("%q: %v %q", body, data, detail)
		}
		if data == nil {
			return
		}
		o, detail := readChild(data)
		if detail != "" {
			return
		}
		if o.Merchant == "" || len(o.Methods) == 0 || len(data) > 3 {
			t.Fatalf("%q is the order %+v", body, o)
		}
		for i, m := range o.Methods {
			if methodOf(m) != m || slices.Contains(o.Methods[:i], m) {
				t.Fatalf("%q allows %q", body, o.Methods)
			}
		}
	})
}
