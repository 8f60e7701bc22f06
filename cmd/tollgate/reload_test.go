package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/configs"
)

// reload writes a configuration and has it put in force, as SIGHUP does.
func (s *site) reload(config string) bool {
	s.t.Helper()
	s.write(config)
	return s.house.reload(s.t.Context(), func() (*configs.Config, []configs.Problem) { return configs.Load(s.file, nil) })
}

// with reloads siteConfig with more lines below it, and wants it taken.
func (s *site) with(more string) {
	s.t.Helper()
	if !s.reload(siteConfig + more) {
		s.t.Fatalf("the configuration is not taken: %s", s.log)
	}
}

// put puts a file beside the configuration.
func (s *site) put(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// Limits, rates, the throttle, the log and tollgate's own paths follow the file
// at a reload, and go back with it.
func TestReloadReachesTheGateway(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	key := s.token(composed).Credentials.Key
	f := func(name, more, raw string, without, with int) {
		t.Helper()
		t.Log(name)
		s.with("")
		s.wantStatus(raw, without)
		s.with(more)
		s.wantStatus(raw, with)
		s.with("")
		s.wantStatus(raw, without)
	}
	fat := pay(key, good, "X-Fat: "+strings.Repeat("a", 3000))
	f("header", "limits: {max_header: 2KiB}", fat, 200, 431)
	f("body", "limits: {max_body: 64B}", pay(key, good), 200, 413)
	f("token endpoint", "endpoints: {token: /oauth/token}", tokenRequest("x", "y"), 401, 404)
	f("whoami", `endpoints: {whoami: ""}`, get(key, "/api/whoami"), 200, 404)
	f("route", "  - match: {path: /v1/new, methods: [GET]}\n    upstream: origin\n    dialects: [payment]\n    facts: none\n", get(key, "/v1/new"), 404, 200)

	s.with("rate: {per_token: 1/m}")
	s.wantStatus(pay(key, good), 200)
	s.wantStatus(pay(key, good), 429)
	s.with("")
	s.wantStatus(pay(key, good), 200)

	unknown := composeKey(strings.Repeat("Z", 40))
	s.with("auth_throttle: {failures: 2, window: 1h}")
	for _, want := range []int{401, 401, 429, 429} {
		s.wantStatus(pay(unknown, good), want)
	}
	s.with("auth_throttle: {failures: 3, window: 1h}")
	s.wantStatus(pay(unknown, good), 401)

	s.with("log: {access: false}")
	quiet := s.send(pay(key, good)).header.Get("X-Request-Id")
	s.with("")
	s.event(s.send(pay(key, good)).header.Get("X-Request-Id")) // lines come in order
	if strings.Contains(s.log.String(), quiet) {
		t.Error("a request is logged while log.access is false")
	}
	s.with("log: {level: error}")
	before := s.log.String()
	s.api("GET", "/admin/v1/tokens", "", http.StatusOK, nil)
	if s.log.String() != before {
		t.Errorf("logged at level error: %s", strings.TrimPrefix(s.log.String(), before))
	}
	s.with("cache: {max_bytes: 2MiB}")
	if got := s.metric("tollgate_cache_max_bytes"); got != 2<<20 {
		t.Errorf("the cache may hold %v bytes, want 2 MiB", got)
	}
}

// Issuer, lifetime and keys of JWTs follow the file: a JWT of another issuer or
// of a key that is gone is refused by the next request, whether or not it was
// seen before, and keys that were added or came back verify.
func TestReloadReachesJWTs(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	m := s.token(composed)
	answers := func(jwt string, want int) {
		t.Helper()
		s.wantStatus(get(jwt, "/v1/payments/1"), want)
	}
	first := s.jwt(m)
	answers(first, 200)
	s.with("tokens: {issuer: https://other.example, access_ttl: 42s}")
	answers(first, 401)
	var grant struct {
		ExpiresIn int `json:"expires_in"`
	}
	if body := s.send(tokenRequest(m.Credentials.ClientID, m.Credentials.ClientSecret)).body; json.Unmarshal(body, &grant) != nil || grant.ExpiresIn != 42 {
		t.Errorf("expires_in: %s, want 42", body)
	}
	other := s.jwt(m)
	answers(other, 200)

	s.put("k1", strings.Repeat("one secret of ", 2)+"32 bytes.1")
	s.put("k2", strings.Repeat("two secrets of", 2)+"32 bytes.2")
	const one, two = "{id: k1, alg: HS256, secret_file: k1}", "{id: k2, alg: HS256, secret_file: k2}"
	s.with("tokens: {signing_keys: [" + one + "]}")
	answers(first, 401)
	byOne := s.jwt(m)
	answers(byOne, 200)
	s.with("tokens: {signing_keys: [" + two + ", " + one + "]}")
	answers(byOne, 200)
	byTwo := s.jwt(m)
	answers(byTwo, 200)
	s.with("tokens: {signing_keys: [" + two + "]}")
	answers(byOne, 401)
	answers(byTwo, 200)
	s.with("")
	answers(byTwo, 401)
	answers(first, 200) // the key that the store has kept all the time
	answers(s.jwt(m), 200)
}

// The admin listener follows the file: its bootstrap key, and what it serves.
func TestReloadReachesTheAdminSide(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	own := s.adminKey
	const bootstrap = "canary-bootstrap-0123456789-abcdef"
	admin := func(more string) string {
		return strings.Replace(siteConfig, "admin: {listen: 127.0.0.1:0}", "admin: {listen: 127.0.0.1:0"+more+"}", 1)
	}
	f := func(config, key, path string, want int) {
		t.Helper()
		if !s.reload(config) {
			t.Fatalf("not taken: %s", s.log)
		}
		s.adminKey = key
		if status, answer := s.try("GET", path, ""); status != want {
			t.Errorf("GET %s: %d %s, want %d", path, status, answer, want)
		}
	}
	f(siteConfig, bootstrap, "/admin/v1/tokens", 401)
	f(admin(", bootstrap_key: "+bootstrap), bootstrap, "/admin/v1/tokens", 200)
	f(admin(", bootstrap_key: "+bootstrap), own, "/admin/v1/tokens", 200)
	f(siteConfig, bootstrap, "/admin/v1/tokens", 401)
	f(admin(", pprof: true"), own, "/debug/pprof/", 200)
	f(siteConfig, own, "/debug/pprof/", 404)
}

// Whether anybody is asked for a client certificate follows the file, so that
// the admin side warns of a token that nobody can use, and of no other.
func TestReloadReachesTheWarningOfClientCertificates(t *testing.T) {
	t.Parallel()
	dir, authority := t.TempDir(), newCA(t)
	authority.issue(dir, "front")
	write(t, filepath.Join(dir, "ca.crt"), string(authority.text))
	with := func(more string) string {
		return siteConfig + "\ntls: {cert: " + dir + "/front.crt, key: " + dir + "/front.key" + more + "}\n"
	}
	s := newSite(t, with(""))
	m := s.token(`"client_cert_sha256":["` + strings.Repeat("ab", 32) + `"]`)
	for _, c := range []struct {
		more   string
		warned bool
	}{{"", true}, {", client_ca: " + dir + "/ca.crt", false}, {"", true}} {
		if !s.reload(with(c.more)) {
			t.Fatalf("not taken: %s", s.log)
		}
		if _, answer := s.try("GET", "/admin/v1/tokens/"+m.Token.ID, ""); strings.Contains(answer, "set tls.client_ca") != c.warned {
			t.Errorf("with %q: %s", c.more, answer)
		}
	}
}

// The catalogue follows the file: a word that it learns is taken by the next
// request, in tokens that are remembered too, and unlearnt the same way.
func TestReloadReachesTheCatalogue(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	key := s.token(composed).Credentials.Key
	shipped, err := os.ReadFile(filepath.Join(root, "configs", "catalogue.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	learnt := strings.ReplaceAll(string(shipped), "ORANGE: {name: Orange Money, aliases: [", "ORANGE: {name: Orange Money, aliases: [NEWWORD, ")
	if learnt == string(shipped) {
		t.Fatal("configs/catalogue.yaml is written in another way than this test knows")
	}
	s.put("catalogue.yaml", learnt)
	raw := pay(key, strings.Replace(good, "ORANGE", "NEWWORD", 1))
	s.wantStatus(raw, 403)
	s.with("catalog: catalogue.yaml")
	s.wantStatus(raw, 200)
	s.with("")
	s.wantStatus(raw, 403)
}

// A file with mistakes changes nothing, says each of them in the log, and shows
// in the metrics until a good one comes.
func TestBrokenReloadChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	m := s.token(composed)
	jwt := s.jwt(m)
	if s.reload(siteConfig + "rate: {per_token: 1/m}\nlog: {level: loud}\nlimits: {max_body: lots}\n") {
		t.Fatal("a file with mistakes is taken")
	}
	for range 3 {
		s.wantStatus(pay(m.Credentials.Key, good), 200)
	}
	s.wantStatus(get(jwt, "/v1/payments/1"), 200)
	for _, piece := range []string{"tollgate.yaml:21:", "tollgate.yaml:22:", "log.level", "limits.max_body", "the configuration is not reloaded"} {
		if !strings.Contains(s.log.String(), piece) {
			t.Errorf("the log lacks %s: %s", piece, s.log)
		}
	}
	f := func(applied, refused, last float64) {
		t.Helper()
		for piece, want := range map[string]float64{`outcome="applied"`: applied, `outcome="refused"`: refused} {
			if got := s.metric("tollgate_config_reloads_total", piece); got != want {
				t.Errorf("tollgate_config_reloads_total{%s} %v, want %v", piece, got, want)
			}
		}
		if got := s.metric("tollgate_config_last_reload_success"); got != last {
			t.Errorf("tollgate_config_last_reload_success %v, want %v", got, last)
		}
	}
	f(0, 1, 0)
	s.with("")
	f(1, 1, 1)
}

// What only the last step finds wrong changes nothing either: not the keys, not
// the issuer, not the log level.
func TestReloadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	m := s.token(composed)
	jwt := s.jwt(m)
	s.put("k1", "one secret of thirty-two bytes, no less")
	s.write(siteConfig + "tokens: {issuer: https://other.example, signing_keys: [{id: k1, alg: HS256, secret_file: k1}]}\nlog: {level: error}\n")
	cfg, problems := configs.Load(s.file, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	cfg.Routes[0].Upstream.Name = "nowhere" // configs would have found it
	if err := s.house.apply(t.Context(), cfg); err == nil {
		t.Fatal("a route to nowhere is taken")
	}
	s.wantStatus(get(jwt, "/v1/payments/1"), 200)
	s.wantStatus(get(s.jwt(m), "/v1/payments/1"), 200)
	before := len(s.log.String())
	s.api("GET", "/admin/v1/tokens", "", http.StatusOK, nil)
	if len(s.log.String()) == before {
		t.Error("the log level changed")
	}
}

// What a running process cannot change is named in the log and stays; the rest
// of the same file is taken.
func TestFixedKeysAreReportedAndKept(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	key := s.token(composed).Credentials.Key
	s.put("other.key", "7d1f0a94c3e85b26d0174a9ef36c82b519e07d4cb8a2f563901ec74d85ba3f60")
	changed := strings.NewReplacer("listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}", "listen: 127.0.0.1:1\nadmin: {listen: 127.0.0.1:2}",
		"store: sqlite:tollgate.db", "store: sqlite:other.db\nmaster_key_file: other.key").Replace(siteConfig)
	if !s.reload(changed + "phones: {unique_within: merchant}\ncache: {warm: 1}\nrate: {per_token: 1/m}\n") {
		t.Fatalf("not taken: %s", s.log)
	}
	for _, name := range []string{"listen", "admin.listen", "store", "master_key_file", "phones.unique_within", "cache.warm"} {
		if !strings.Contains(s.log.String(), fmt.Sprintf(`"key":%q`, name)) {
			t.Errorf("a change of %s is not reported", name)
		}
	}
	cfg := s.house.config.Load()
	if cfg.Listen != "127.0.0.1:0" || cfg.Store.Path != filepath.Join(s.dir, "tollgate.db") || cfg.MasterKeyFile != "" || cfg.Phones.UniqueWithin != "installation" {
		t.Errorf("not kept: %+v", cfg)
	}
	s.wantStatus(pay(key, good), 200)
	s.wantStatus(pay(key, good), 429)
	was := strings.Count(s.log.String(), "cannot be changed while running")
	s.with("")
	if strings.Count(s.log.String(), "cannot be changed while running") != was {
		t.Error("a file that is as it was is reported as changed")
	}
}

// How long remembered records may be judged by without the store follows the
// file too; a reload does not need the store for it.
func TestReloadReachesStaleness(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	key := s.token(composed).Credentials.Key
	s.wantStatus(pay(key, good), 200)
	s.outage = true
	if err := s.house.store.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStatus(pay(key, good), 200)
	s.with("cache: {max_staleness: 1s}")
	s.eventually("the 503", func() bool { return s.send(pay(key, good)).status == 503 })
	s.with("")
	s.wantStatus(pay(key, good), 200)
}
