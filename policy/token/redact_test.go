package token_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

// What can be told to be a secret, a card number or a phone number is hidden,
// wherever in a text it stands, and other words are left as they are.
func TestRedactHidesWhatCanBeTold(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := token.Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
	f("", "")
	f("the country CI", "the country CI")
	f("+2250707070707", "+***********07")
	f(`"4539578763621486" is no IP address`, `"**************86" is no IP address`)
	f("192.168.100.100/24, 2001:db8::1", "192.168.100.100/24, 2001:db8::1")
	f("2026-11-21T09:00:00Z", "2026-11-21T09:00:00Z")
	f("1234567", "1234567")
	f("12345678", "******78")
	f("composition.tga_0123456789abcdef.x", "(hidden)")
	f("tok_AB123456CD78", "tok_AB123456CD78")
	f("whk_fac9c36cb0a4acbc91c8", "(hidden)")
	f("tga_", "tga_")
	f("éàü €", "éàü €")
	f("a\xffb", "a\xffb")
}

// No secret that the minter could have made survives, whatever stands around it
// that is no part of it.
func TestRedactHidesEverySecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]token.Kind{token.KindKey, token.KindClient, token.KindSigning, token.KindAccess, token.KindRefresh, token.KindAdmin}).Draw(t, "kind")
		env := token.EnvAny
		if kind == token.KindKey || kind == token.KindClient || kind == token.KindSigning {
			env = rapid.SampledFrom([]token.Environment{token.EnvLive, token.EnvTest}).Draw(t, "environment")
		}
		body := rapid.StringMatching(`[0-9A-Za-z]{40}`).Draw(t, "body")
		secret := string(token.Compose(kind, env, []byte(body)))
		before, after := rapid.String().Draw(t, "before"), rapid.String().Draw(t, "after")
		if got := token.Redact(before + secret + after); strings.Contains(got, body) {
			t.Errorf("%q survives in %q", secret, got)
		}
	})
}
