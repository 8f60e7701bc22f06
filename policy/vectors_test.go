package policy

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/policy/token"
)

// vector reads a file of the test vectors. It skips where they are not at hand,
// unless TOLLGATE_TEST_REQUIRE says that they have to be.
func vector(t *testing.T, parts ...string) []byte {
	t.Helper()
	root := os.Getenv("TOLLGATE_VECTORS")
	if root == "" {
		root = filepath.Join("..", "shared", "vectors")
	}
	if !filepath.IsAbs(root) {
		root = filepath.Join("..", root) // tests run in the room's own folder
	}
	data, err := os.ReadFile(filepath.Join(append([]string{root}, parts...)...))
	if err == nil {
		return data
	}
	if strings.Contains(os.Getenv("TOLLGATE_TEST_REQUIRE"), "vectors") {
		t.Fatalf("the test vectors are required: %v", err)
	}
	t.Skipf("no test vectors here (set TOLLGATE_VECTORS): %v", err)
	return nil
}

func ipSpellings(t *testing.T) []string {
	t.Helper()
	var sets map[string][]string
	if err := json.Unmarshal(vector(t, "ip", "ips.json"), &sets); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, list := range sets {
		all = append(all, list...)
	}
	if len(all) < 300 {
		t.Fatalf("only %d spellings were read", len(all))
	}
	return all
}

// TestTheSpellingsOfAddressesMeanOneThingOrNothing: each of the vectors is
// refused with a reason, or is exactly the address or prefix that net/netip
// reads, unmapped.
func TestTheSpellingsOfAddressesMeanOneThingOrNothing(t *testing.T) {
	kept := 0
	for _, text := range ipSpellings(t) {
		p, err := ParseRange(text)
		if err != nil {
			if len(err.Error()) < 20 {
				t.Errorf("%q is refused without a hint: %v", text, err)
			}
			continue
		}
		kept++
		a, aerr := netip.ParseAddr(text)
		q, perr := netip.ParsePrefix(text)
		if aerr == nil {
			q, perr = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		if perr != nil || q.Masked() != p {
			t.Errorf("%q was kept as %v", text, p)
		}
	}
	if kept < 100 {
		t.Errorf("only %d were kept", kept)
	}
}

// TestNoSpellingGetsPastAListItIsNotIn: with one address listed, of all the
// vectors only spellings of that very address pass, read as a client's address.
func TestNoSpellingGetsPastAListItIsNotIn(t *testing.T) {
	for _, listed := range []string{"127.0.0.1", "::1", "192.168.1.1"} {
		r := compiled(t, token.Bounds{IPRanges: []string{listed}})
		want := netip.MustParseAddr(listed)
		var passed []string
		for _, text := range ipSpellings(t) {
			a, err := netip.ParseAddr(text)
			c := payment(r)
			c.Source = token.Source{Peer: a, Addr: a, Unknown: err != nil}
			v := Address(c, nil)
			if v.Allowed != (err == nil && a.Unmap() == want) && a.Zone() == "" {
				t.Errorf("%s is listed, and %q allowed: %v", listed, text, v.Allowed)
			}
			if v.Allowed {
				passed = append(passed, text)
			}
		}
		if !slices.Contains(passed, listed) {
			t.Errorf("%s is listed and did not pass", listed)
		}
	}
}
