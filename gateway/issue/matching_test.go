package issue

import (
	"testing"

	"tollgate/policy/token"
)

// A secret matches the generation it is of, ended or not, and never a
// credential of another kind; nobody's secret matches nothing, not even the
// stand-in that is compared when there is no secret at all.
func TestMatching(t *testing.T) {
	one, two, key := token.Digest{1}, token.Digest{2}, token.Digest{3}
	secrets := []token.Credential{
		{Kind: token.KindClient, Generation: 2, Digest: two},
		{Kind: token.KindClient, Generation: 1, Digest: one, EndsAt: 1},
		{Kind: token.KindKey, Generation: 7, Digest: key},
	}
	f := func(digest token.Digest, secrets []token.Credential, want int) {
		t.Helper()
		got := 0
		if m := matching(secrets, &digest); m != nil {
			got = m.Generation
		}
		if got != want {
			t.Errorf("%x matches generation %d, want %d", digest[0], got, want)
		}
	}
	f(one, secrets, 1)
	f(two, secrets, 2)
	f(key, secrets, 0)
	f(token.Digest{4}, secrets, 0)
	f(token.Digest{}, secrets, 0)
	f(one, nil, 0)
	f(token.Digest{}, nil, 0)
}
