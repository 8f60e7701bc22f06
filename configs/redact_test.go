package configs

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The dump shows every key, and no secret wherever it came from.
func TestRedactedHidesEverySecret(t *testing.T) {
	c, _ := load(t, `
admin: {bootstrap_key: `+canary+`}
tokens: {signing_keys: [{id: k1, alg: HS256, secret_file: key}]}
upstreams:
  a:
    targets: [http://127.0.0.1:9000]
    sign_key_file: key
    headers: {X-Text: `+canary+`, X-File: {file: key}, X-Env: {env: PROVIDER}}
    health: {}
routes:
  - {match: {path: "/a/{id}", methods: [POST]}, upstream: a, dialects: [oauth], facts: {phone: ["path:{id}"]}}
  - {match: {path: "/b", methods: [POST]}, upstream: {live: a}, dialects: [oauth], facts: none}
  - {match: {path: "/c", methods: [POST]}, upstream: {live: a}, dialects: [oauth]}
`, []string{"PROVIDER=" + canary}, "key", canary)
	text := string(c.Redacted())
	mustNotTell(t, "the dump", text)
	for _, want := range []string{
		"listen: 127.0.0.1:8080", "bootstrap_key: (hidden)", "X-Text: (hidden)", "max_bytes: 256MiB", "idle_timeout: 1m",
		"health:", "facts: none", "upstream: a", "unique_within: installation", "env: PROVIDER", "id: k1", "environment: live",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// A dump without secrets is a configuration file that says the same again.
func TestRedactedLoadsAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "signing.key"), goodKey)
	path := filepath.Join(dir, "tollgate.yaml")
	write(t, path, strings.ReplaceAll(withExamples(Sample()), "X-Partner: acme", "X-Partner: {file: signing.key}"))
	first, problems := Load(path, []string{"TOLLGATE_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.1", "TOLLGATE_PUBLIC_URL=https://api.example.com"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	write(t, path, string(first.Redacted()))
	again, problems := Load(path, nil)
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, first.Redacted())
	}
	if diff := cmp.Diff(first, again, same); diff != "" {
		t.Errorf("%s\nin\n%s", diff, first.Redacted())
	}
}

// URLs come from public_url, and without one from the listen address, in a form
// that can be called.
func TestBaseURLAndIssuer(t *testing.T) {
	for _, test := range []struct{ listen, public, issuer, base, iss string }{
		{"127.0.0.1:8080", "", "", "http://127.0.0.1:8080", "tollgate"},
		{":8080", "", "", "http://localhost:8080", "tollgate"},
		{"0.0.0.0:80", "", "", "http://localhost:80", "tollgate"},
		{"[::]:8080", "", "", "http://localhost:8080", "tollgate"},
		{"[::1]:8080", "", "mine", "http://[::1]:8080", "mine"},
		{":8080", "https://api.example.com", "", "https://api.example.com", "https://api.example.com"},
		{":8080", "https://api.example.com", "mine", "https://api.example.com", "mine"},
	} {
		c := Config{Listen: test.listen, PublicURL: test.public, Tokens: Tokens{Issuer: test.issuer}}
		if base, iss := c.BaseURL(), c.Issuer(); base != test.base || iss != test.iss {
			t.Errorf("%+v gives %s and %s", test, base, iss)
		}
	}
}

// A listener that only this machine reaches is told from one that others reach.
func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.1.2.3:1": true, "[::1]:1": true, "localhost:1": true, "[::ffff:127.0.0.1]:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.com:1": false, "localhost.example.com:1": false, "127.0.0.1": false,
	} {
		if got := loopback(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	for _, test := range []struct {
		target, listen string
		want           bool
	}{
		{"http://127.0.0.1:8080", "127.0.0.1:8080", true}, {"http://localhost:8080", "127.0.0.1:8080", true},
		{"http://127.0.0.1:8080", ":8080", true}, {"http://[::1]:8080", "0.0.0.0:8080", true}, {"http://10.0.0.1:8080", "10.0.0.1:8080", true},
		{"http://127.0.0.1", "127.0.0.1:80", true}, {"https://localhost", ":443", true},
		{"http://127.0.0.1:8081", "127.0.0.1:8080", false}, {"http://10.0.0.1:8080", "127.0.0.1:8080", false}, {"http://api.example.com:8080", ":8080", false},
		{"http://127.0.0.1:8080", "10.0.0.1:8080", false},
	} {
		if got := reaches(test.target, test.listen); got != test.want {
			t.Errorf("%s reaches %s: %v", test.target, test.listen, got)
		}
	}
}
