package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vectors is a folder of the test vectors that others wrote. They stand beside
// the repository; where they do not, the test skips, unless it is required.
func vectors(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("TOLLGATE_VECTORS")
	if folder == "" {
		folder = filepath.Join(root, "..", "shared", "vectors")
	}
	folder = filepath.Join(folder, name)
	if _, err := os.Stat(folder); err != nil {
		if slices.Contains(strings.Split(os.Getenv("TOLLGATE_TEST_REQUIRE"), ","), "vectors") {
			t.Fatalf("TOLLGATE_TEST_REQUIRE names vectors, and %s is not there", folder)
		}
		t.Skipf("no test vectors at %s; TOLLGATE_VECTORS says where they are", folder)
	}
	return folder
}

// No file that a JSON parser must refuse is ever forwarded on an inspected
// route, whatever the token: bare, or put where a member's value would stand.
func TestNoBrokenJSONIsForwarded(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(vectors(t, "JSONTestSuite"), "test_parsing")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, siteConfig)
	free := s.token() // not restricted: only the reading of the body can refuse it
	refused := 0
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "n_") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{string(content), good[:len(good)-1] + `,"x":` + string(content) + `}`} {
			if json.Valid([]byte(body)) {
				continue // an empty file is a value left out; a comment-like one may become a string
			}
			before := s.origin.seen.Load()
			got := s.send(pay(free.Credentials.Key, body))
			if got.status != 400 && got.status != 413 || s.origin.seen.Load() != before {
				t.Errorf("%s: answered %d, forwarded %d: %.60q", e.Name(), got.status, s.origin.seen.Load()-before, body)
			}
			refused++
		}
	}
	if refused < 300 {
		t.Errorf("only %d bodies were tried", refused)
	}
}

// No spelling of an address lets a client in that the whitelist does not name:
// whatever stands in X-Forwarded-For, in the whitelist or both.
func TestNoSpellingOfAnAddressLetsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, "trusted_proxies: [127.0.0.0/8]\n"+strings.TrimPrefix(siteConfig, "\n"))
	allowed := netip.MustParseAddr("192.168.1.1")
	key := s.token(composed, `"ip_whitelist":["192.168.1.1"]`).Credentials.Key
	tried, in := 0, 0
	for _, spelling := range spellings(t) {
		if strings.ContainsAny(spelling, "\r\n\x00") {
			continue
		}
		got := s.send(pay(key, good, "X-Forwarded-For: "+spelling))
		addr, err := netip.ParseAddr(strings.TrimSpace(spelling))
		named := err == nil && addr.Unmap().WithZone("") == allowed
		switch {
		case got.status == 200 && !named:
			t.Errorf("X-Forwarded-For: %q lets a stranger in", spelling)
		case got.status != 200 && got.status != 403 && got.status != 400:
			t.Errorf("X-Forwarded-For: %q is answered %d", spelling, got.status)
		}
		if got.status == 200 {
			in++
		}
		tried++
	}
	if tried < 300 || in == 0 {
		t.Errorf("%d spellings were tried and %d were let in", tried, in)
	}
}

// What the whitelist takes means exactly the addresses that netip reads in it;
// everything else is refused when it is written, with a word on what would do.
func TestWhitelistTakesOneSpelling(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	m := s.token(composed)
	taken := 0
	for _, spelling := range spellings(t) {
		body, err := json.Marshal(map[string]any{"ip_whitelist": []string{spelling}})
		if err != nil {
			t.Fatal(err)
		}
		status, answer := s.try("PATCH", "/admin/v1/tokens/"+m.Token.ID, string(body))
		_, addrErr := netip.ParseAddr(spelling)
		p, prefixErr := netip.ParsePrefix(spelling)
		readable := addrErr == nil || prefixErr == nil && p == p.Masked()
		switch {
		case status == 200 && !readable:
			t.Errorf("%q is taken", spelling)
		case status == 200:
			taken++
		case status != 422 || !strings.Contains(answer, `"field":"ip_whitelist`):
			t.Errorf("%q: %d %s", spelling, status, answer)
		}
	}
	if taken == 0 {
		t.Error("no spelling at all is taken")
	}
}

func spellings(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(vectors(t, "ip"), "ips.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sets map[string][]string
	if err := json.Unmarshal(content, &sets); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, list := range sets {
		all = append(all, list...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
