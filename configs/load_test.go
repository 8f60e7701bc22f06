package configs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodKey = "8f3a9b1c7d5e2f4a6b8c0d1e3f5a7b9c"

// load writes files into a directory, the first of which is the configuration,
// and loads it without a problem.
func load(t *testing.T, text string, environ []string, files ...string) (*Config, string) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	path := filepath.Join(dir, "tollgate.yaml")
	write(t, path, text)
	c, problems := Load(path, environ)
	for _, p := range problems {
		t.Error(p)
	}
	if c == nil {
		t.FailNow()
	}
	return c, dir
}

// An empty file, a comment, an empty document and no file at all are the
// defaults.
func TestNothingWrittenIsTheDefaults(t *testing.T) {
	want := Default()
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}\n", "\xef\xbb\xbf# with a byte order mark\n"} {
		got, dir := load(t, text, nil)
		want.Store.Path = filepath.Join(dir, "tollgate.db")
		if diff := cmp.Diff(&want, got, same); diff != "" {
			t.Errorf("%q (-default +loaded):\n%s", text, diff)
		}
	}
	got, problems := Load("", nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if want = Default(); cmp.Diff(&want, got, same) != "" {
		t.Errorf("no file (-default +loaded):\n%s", cmp.Diff(&want, got, same))
	}
	if got.Catalogue == nil {
		t.Error("there is no catalogue")
	}
}

// Every variable reaches its key: a value no key can have is refused under the
// variable's name and the key's.
func TestEveryVariableReachesItsKey(t *testing.T) {
	const impossible = "\x01\x02 no value of any key \x00"
	plain := map[string]bool{ // any text is a file's name, and a list of nothing is a list
		"TOLLGATE_MASTER_KEY_FILE": true,
	}
	names := Variables()
	for _, name := range names {
		_, problems := Load("", []string{name + "=" + impossible})
		if plain[name] {
			continue
		}
		if len(problems) == 0 || problems[0].File != name {
			t.Errorf("%s: %v", name, problems)
		}
	}
	for _, name := range []string{
		"TOLLGATE_LISTEN", "TOLLGATE_ADMIN_LISTEN", "TOLLGATE_ADMIN_BOOTSTRAP_KEY", "TOLLGATE_ADMIN_BOOTSTRAP_KEY_FILE",
		"TOLLGATE_LIMITS_MAX_BODY", "TOLLGATE_TRUSTED_PROXIES", "TOLLGATE_STORE", "TOLLGATE_MASTER_KEY_FILE", "TOLLGATE_PUBLIC_URL",
		"TOLLGATE_AUTH_THROTTLE_FAILURES", "TOLLGATE_ENDPOINTS_TOKEN", "TOLLGATE_CATALOG", "TOLLGATE_CACHE_MAX_STALENESS",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not known", name)
		}
	}
}

// No variable is two keys, and none is a name that Kubernetes makes up for a
// Service called tollgate or tollgate-something, or one that a command of ours
// reads.
func TestVariablesAreOursAlone(t *testing.T) {
	injected := regexp.MustCompile(`_(PORT|SERVICE_HOST|SERVICE_PORT)(_|$)|_TCP(_|$)|_UDP(_|$)`)
	seen := map[string]bool{"TOLLGATE_ADMIN_KEY": true}
	for _, name := range Variables() {
		if seen[name] {
			t.Errorf("%s has two meanings", name)
		}
		if injected.MatchString(name) {
			t.Errorf("%s could be set by Kubernetes", name)
		}
		seen[name] = true
	}
}

// What Kubernetes injects for a Service called tollgate, and every other
// variable we do not know, changes nothing and is no mistake.
func TestUnknownVariablesAreIgnored(t *testing.T) {
	want, _ := Load("", nil)
	got, problems := Load("", []string{
		"TOLLGATE_PORT=tcp://10.0.0.1:8080", "TOLLGATE_SERVICE_HOST=10.0.0.1", "TOLLGATE_SERVICE_PORT=8080",
		"TOLLGATE_PORT_8080_TCP=tcp://10.0.0.1:8080", "TOLLGATE_PORT_8080_TCP_ADDR=10.0.0.1", "TOLLGATE_ADMIN_PORT=tcp://x",
		"TOLLGATE_NO_SUCH_KEY=1", "TOLLGATE_=1", "TOLLGATE_ROUTES=1", "TOLLGATE_UPSTREAMS=1", "TOLLGATE_ADMIN_KEY=tga_x",
		"tollgate_listen=nowhere", "LISTEN=nowhere", "=C:=C:\\", "no equals sign",
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Error(diff)
	}
}

// The environment wins over the file, a list is cut at its commas, and a
// variable set to nothing empties what the file said.
func TestEnvironmentWins(t *testing.T) {
	c, dir := load(t, `
listen: 127.0.0.1:1
public_url: https://api.example.com
trusted_proxies: [10.0.0.0/8]
limits: {max_body: 2MiB, idle_timeout: 10s}
log: {access: true}
store: sqlite:a.db
`, []string{
		"TOLLGATE_LISTEN=127.0.0.1:2", "TOLLGATE_LISTEN=127.0.0.1:3", "TOLLGATE_PUBLIC_URL=",
		"TOLLGATE_TRUSTED_PROXIES=192.0.2.1 , 2001:db8::/32", "TOLLGATE_LIMITS_MAX_BODY=64KiB",
		"TOLLGATE_LOG_ACCESS=false", "TOLLGATE_STORE=sqlite:sub/b.db", "TOLLGATE_MASTER_KEY_FILE=/keys/master",
	})
	var proxies []string
	for _, p := range c.TrustedProxies {
		proxies = append(proxies, p.String())
	}
	got := []any{c.Listen, c.PublicURL, proxies, c.Limits.MaxBody, c.Limits.IdleTimeout, c.Log.Access, c.Store.Path, string(c.MasterKeyFile)}
	want := []any{"127.0.0.1:2", "", []string{"192.0.2.1/32", "2001:db8::/32"}, Size(64 << 10), 10 * time.Second, false, filepath.Join(dir, "sub/b.db"), "/keys/master"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c, _ := load(t, "trusted_proxies: [10.0.0.0/8]\n", []string{"TOLLGATE_TRUSTED_PROXIES="}); c.TrustedProxies != nil {
		t.Errorf("an empty list left %v", c.TrustedProxies)
	}
}

// Relative paths are relative to the file, wherever the process stands and
// whoever names them.
func TestRelativePathsAreRelativeToTheFile(t *testing.T) {
	c, dir := load(t, `
admin: {bootstrap_key_file: boot}
catalog: sub.yaml
upstreams: {a: {targets: [http://127.0.0.1:9000], sign_key_file: sign, headers: {X: {file: value}}}}
tokens: {signing_keys: [{id: k, alg: HS256, secret_file: sign}]}
`, []string{"TOLLGATE_MASTER_KEY_FILE=master.key"},
		"boot", goodKey, "sub.yaml", "methods: [collect]\n", "sign", goodKey+"\n", "value", "v\n")
	for name, got := range map[string]string{
		"tollgate.db": c.Store.Path,
		"master.key":  string(c.MasterKeyFile),
		"sub.yaml":    string(c.Catalog),
		"sign":        string(c.Upstreams["a"].SignKeyFile),
	} {
		if want := filepath.Join(dir, name); got != want {
			t.Errorf("%s is %s", want, got)
		}
	}
	if got := c.Catalogue.Methods(); !slices.Equal(got, []string{"collect"}) {
		t.Errorf("the catalogue named in the file was not read: %v", got)
	}
}

// A secret file counts without one final newline, and only one.
func TestSecretFilesLoseOneFinalNewline(t *testing.T) {
	for content, want := range map[string]string{
		goodKey:                    goodKey,
		goodKey + "\n":             goodKey,
		goodKey + "\n\n":           goodKey + "\n",
		" " + goodKey + " \n":      " " + goodKey + " ",
		"\x00\xff\x01" + goodKey:   "\x00\xff\x01" + goodKey,
		goodKey + "\r\n":           goodKey + "\r",
		"\n" + goodKey + "\t\x00A": "\n" + goodKey + "\t\x00A",
	} {
		c, _ := load(t, "upstreams: {a: {targets: [http://127.0.0.1:9000], sign_key_file: key}}\n", nil, "key", content)
		if got := string(c.Upstreams["a"].SignKey.Reveal()); got != want {
			t.Errorf("%q is read as %q, want %q", content, got, want)
		}
	}
}

// The bootstrap key comes from the file, its own file, the environment or a file
// that the environment names; the environment replaces what the file says, in
// either form.
func TestBootstrapKeySources(t *testing.T) {
	const other = "0123fedc4567ba98-of-another-origin"
	for name, test := range map[string]struct {
		text    string
		environ []string
	}{
		"file":                           {"admin: {bootstrap_key: " + goodKey + "}", nil},
		"its own file":                   {"admin: {bootstrap_key_file: good}", nil},
		"environment":                    {"", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY=" + goodKey}},
		"file of environment":            {"", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY_FILE=good"}},
		"environment over key":           {"admin: {bootstrap_key: " + other + "}", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY=" + goodKey}},
		"environment over file":          {"admin: {bootstrap_key_file: other}", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY=" + goodKey}},
		"file of environment over key":   {"admin: {bootstrap_key: " + other + "}", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY_FILE=good"}},
		"file of environment over file":  {"admin: {bootstrap_key_file: other}", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY_FILE=good"}},
		"file, variable empty":           {"admin: {bootstrap_key_file: good}", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY="}},
		"file, its other variable empty": {"admin: {bootstrap_key: " + goodKey + "}", []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY_FILE="}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := load(t, test.text+"\n", test.environ, "good", goodKey+"\n", "other", other)
			if got := string(c.Admin.BootstrapKey.Reveal()); got != goodKey {
				t.Errorf("the key is %q", got)
			}
		})
	}
}

// A header's value is written in the file, taken from a file, or from the
// environment; numbers and words stay as they were written.
func TestHeaderSources(t *testing.T) {
	c, _ := load(t, `
upstreams:
  a:
    targets: [http://127.0.0.1:9000]
    headers:
      Authorization: {file: credential}
      X-Env: {env: PROVIDER_KEY}
      X-Text: "a: b"
      X-Number: 1.10
      X-Word: yes
`, []string{"PROVIDER_KEY=from the environment"}, "credential", "Bearer abc\n")
	got := make(map[string]string)
	for name, h := range c.Upstreams["a"].Headers {
		got[name] = string(h.Value.Reveal())
	}
	want := map[string]string{"Authorization": "Bearer abc", "X-Env": "from the environment", "X-Text": "a: b", "X-Number": "1.10", "X-Word": "yes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Signing keys keep their order, HS256 its bytes and EdDSA its key.
func TestSigningKeys(t *testing.T) {
	private := ed25519.NewKeyFromSeed([]byte(goodKey))
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	c, _ := load(t, `
tokens:
  signing_keys:
    - {id: new, alg: EdDSA, secret_file: ed.pem}
    - {id: old_1, alg: HS256, secret_file: hmac}
`, nil, "ed.pem", text, "hmac", goodKey+"\n")
	keys := c.Tokens.SigningKeys
	if len(keys) != 2 || keys[0].ID != "new" || keys[1].ID != "old_1" || string(keys[1].Secret.Reveal()) != goodKey {
		t.Fatalf("the keys are %v", keys)
	}
	if got := string(keys[0].Secret.Reveal()); got != strings.TrimSuffix(text, "\n") {
		t.Errorf("the PEM text is %q", got)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"twice":       text + text,
		"other block": strings.ReplaceAll(text, "PRIVATE KEY", "EC PRIVATE KEY"),
		"garbage":     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})),
		"no block":    goodKey,
		"P-256":       string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: other})),
	} {
		if err := checkEd25519([]byte(bad)); err == nil {
			t.Errorf("%s: it is taken for a key", name)
		}
	}
}

// The configuration that the specification prints (interfaces.md) loads as it
// stands, but for the signing key that it leaves open.
func TestTheSpecificationsOwnExampleLoads(t *testing.T) {
	c, _ := load(t, `
listen: 127.0.0.1:8080            # data plane
public_url: ""
trusted_proxies: []
forwarded_header: x-forwarded-for
admin:
  listen: 127.0.0.1:9090
  tls: {}
  bootstrap_key: ""
store: sqlite:tollgate.db
redis: ""
cache: {max_bytes: 256MiB, max_staleness: 15m, warm: 100000}
master_key_file: ""
tokens:
  issuer: ""
  access_ttl: 10m
  opaque_ttl: 1h
  signing_keys: [{id: k1, alg: HS256, secret_file: key}]
phones: {unique_within: installation}
limits: {max_body: 1MiB, max_header: 16KiB, read_header_timeout: 5s, idle_timeout: 60s, max_conns: 0, max_conns_per_ip: 0}
auth_throttle: {failures: 20, window: 1m}
upstreams:
  payments:
    targets: [http://127.0.0.1:9000]
    connect_timeout: 2s
    timeout: 30s
    max_conns: 1024
    host: ""
    headers: {}
    sign_key_file: ""
    health: {path: /health, interval: 5s}
routes:
  - match: {host: "", path: "/v1/payments/{id}", methods: [GET, POST]}
    upstream: payments
    dialects: [oauth, payment]
    environment: live
    permission: ""
    mode: enforce
    preset: ""
    facts:
      country:  [json:/country]
      operator: [json:/operator]
      method:   [const:collect]
      phone:    [json:/customer/phone]
rate: {per_token: "", per_ip: ""}
log: {level: info, access: true, format: json}
tracing: {otlp: ""}
endpoints: {}
catalog: ""
webhooks: {}
`, nil, "key", goodKey)
	if len(c.Routes) != 1 || c.Routes[0].Reads == nil || c.Upstreams["payments"].Health == nil {
		t.Errorf("something of it is missing: %+v", c.Routes)
	}
}

// A file with the line ends of another system is read as the same.
func TestCarriageReturnsAreLineEnds(t *testing.T) {
	c, _ := load(t, "listen: 127.0.0.1:1\r\n# comment\r\nlog:\r\n  level: debug\r\n", nil)
	if c.Listen != "127.0.0.1:1" || c.Log.Level != "debug" {
		t.Errorf("it is read as %q and %q", c.Listen, c.Log.Level)
	}
}

// A file made of mistakes alone is reported up to a number that can be read,
// and in a time that can be waited for.
func TestReportsAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"routes": "routes:\n" + strings.Repeat("- {facts: {}, nonsense: 1}\n", 9_999),
		"keys":   strings.Repeat("- {a: 1, b: 2}\n", 50_000),
		"unknown": func() string {
			var b strings.Builder
			for i := range 30_000 {
				fmt.Fprintf(&b, "key_%d: 1\n", i)
			}
			return b.String()
		}(),
		"too many routes": "routes:\n" + strings.Repeat("- {}\n", 50_000),
	} {
		path := filepath.Join(t.TempDir(), "tollgate.yaml")
		write(t, path, text)
		_, problems := Load(path, nil)
		if len(problems) == 0 || len(problems) > maxProblems+1 {
			t.Errorf("%s: %d problems", name, len(problems))
		}
	}
}

// A file that cannot be read is one problem that says why.
func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "large.yaml"), strings.Repeat("# 0123456789\n", maxFile/13+1))
	for name, want := range map[string]string{
		"gone.yaml":  "there is no such file",
		"large.yaml": "larger than 4MiB",
		".":          "is a directory",
	} {
		path := filepath.Join(dir, name)
		_, problems := Load(path, nil)
		if len(problems) != 1 || problems[0].File != path || problems[0].Line != 1 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
