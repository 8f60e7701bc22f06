package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tollgate/configs"
)

// Every preset that ships makes a route that the gateway serves.
func TestEveryPresetIsServed(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	presets, err := configs.Presets()
	if err != nil {
		t.Fatal(err)
	}
	config := siteConfig
	for name, text := range presets {
		path := "/presets/" + name
		for _, list := range [][]string{text.Country, text.Operator, text.Method, text.Phone} {
			for _, source := range list {
				for _, param := range regexp.MustCompile(`path:(\{\w+\})`).FindAllStringSubmatch(source, -1) {
					if !strings.Contains(path, param[1]) {
						path += "/" + param[1]
					}
				}
			}
		}
		config += fmt.Sprintf("  - match: {path: %q, methods: [POST]}\n    upstream: origin\n    dialects: [oauth, payment]\n    preset: %s\n", path, name)
	}
	if len(presets) < 15 {
		t.Errorf("there are %d presets only", len(presets))
	}
	if !s.reload(config) {
		t.Fatalf("not taken: %s", s.log)
	}
	for name := range presets {
		if got := s.send(strings.Replace(pay("", "{}"), "/v1/payments", "/presets/"+name, 1)); got.status != 401 && got.status != 404 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

// block is the first YAML block of a document after a mark.
func block(t *testing.T, path, after string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		if strings.Contains(path, "shared") && !slices.Contains(strings.Split(os.Getenv("TOLLGATE_TEST_REQUIRE"), ","), "vectors") {
			t.Skipf("the specification is not beside the repository: %v", err)
		}
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), after)
	_, rest, begins := strings.Cut(rest, "```yaml\n")
	yaml, _, ends := strings.Cut(rest, "```")
	if !found || !begins || !ends {
		t.Fatalf("%s has no YAML block after %q", path, after)
	}
	return yaml
}

// What the documents print as a configuration is one: check says so, and the
// gateway serves it.
func TestDocumentedConfigurationsAreServed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]func(*testing.T) string{
		"README.md": func(t *testing.T) string {
			return block(t, filepath.Join(root, "README.md"), "## Configuration by example")
		},
		"README.md, the edge": func(t *testing.T) string {
			return block(t, filepath.Join(root, "README.md"), "## At the edge of a network")
		},
		"interfaces.md": func(t *testing.T) string {
			return block(t, filepath.Join(root, "..", "shared", "spec", "interfaces.md"), "## Configuration")
		},
	} {
		t.Run(name, func(t *testing.T) {
			yaml := text(t)
			s := newSite(t, siteConfig)
			s.put("clapay.credential", "a credential of ours at the provider")
			s.put("jwt.key", "0f1e2d3c4b5a69788796a5b4c3d2e1f0-tollgate")
			authority := newCA(t)
			authority.issue(s.dir, "tls")
			authority.issue(s.dir, "gateway")
			s.put("partners.pem", string(authority.text))
			s.put("internal-ca.pem", string(authority.text))
			yaml = strings.NewReplacer("/etc/tollgate/", s.dir+"/", "/var/lib/tollgate/", s.dir+"/", "secret_file: …", "secret_file: jwt.key").Replace(yaml)
			s.write(yaml)
			var out, problems bytes.Buffer
			if code := runWith([]string{"check", "-c", s.file}, stdio{in: nil, out: &out, err: &problems}); code != exitDone {
				t.Fatalf("check says %s%s of\n%s", &out, &problems, yaml)
			}
			if !s.reload(yaml) {
				t.Errorf("not taken: %s", s.log)
			}
		})
	}
}

// Whatever configs accepts can be put in force: nothing that check has called
// good is refused at a start or a reload.
func TestWhatConfigsAcceptsIsServed(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	accepted, tried := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		text := drawConfig(r)
		s.write(text)
		cfg, problems := configs.Load(s.file, nil)
		tried++
		if len(problems) > 0 {
			return
		}
		accepted++
		if err := s.house.apply(t.Context(), cfg); err != nil {
			r.Fatalf("configs accepts what cannot be put in force: %v\n%s", err, text)
		}
	})
	t.Logf("%d of %d were accepted", accepted, tried)
	if accepted < tried/20 {
		t.Errorf("only %d of %d drawn configurations were accepted: the test has nothing to say", accepted, tried)
	}
}

// drawConfig draws a configuration from words that are right, odd and wrong.
func drawConfig(r *rapid.T) string {
	var b strings.Builder
	odd := func(in int, label string, words []string) string {
		if rapid.IntRange(1, in).Draw(r, label+" odd") > 1 {
			return words[0]
		}
		return rapid.SampledFrom(words).Draw(r, label)
	}
	// Mostly the first word, which is right: each wrong one hides all others.
	draw := func(label string, words ...string) string { return odd(80, label, words) }
	any := func(label string, words ...string) string { return odd(6, label, words) }
	fmt.Fprintf(&b, "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: sqlite:tollgate.db\n")
	fmt.Fprintf(&b, "tokens: {access_ttl: %s, issuer: %q}\n", draw("ttl", "10m", "1s", "1500ms", "24h", "999ms", "1m0.5s"), draw("issuer", "", "x", "https://a/b?c", "a b"))
	fmt.Fprintf(&b, "limits: {max_body: %s, max_header: %s, max_conns: %s, max_conns_per_ip: %s}\n",
		draw("body", "1MiB", "1B", "1GiB"), draw("header", "16KiB", "1KiB", "1MiB"), draw("conns", "0", "1", "1000000"), draw("per ip", "0", "1"))
	fmt.Fprintf(&b, "auth_throttle: {failures: %s, window: %s}\n", draw("failures", "20", "1", "1000000"), draw("window", "1m", "1s", "24h"))
	fmt.Fprintf(&b, "rate: {per_token: %q, per_ip: %q}\n", draw("rate", "", "1/s", "1000000/s burst 1000000", "1/h", "1/m burst 1", "1000000000/s"), draw("ip rate", "", "1/h burst 100000000"))
	fmt.Fprintf(&b, "trusted_proxies: [%s]\n", draw("proxies", "", "10.0.0.0/8", "::/0, 0.0.0.0/0", "10.0.0.1, 10.0.0.1", "::ffff:10.0.0.0/104"))
	fmt.Fprintf(&b, "endpoints: {token: %q, whoami: %q}\n",
		draw("token", "/api/token", "", "/", "/v1/a", "/-/healthz", "/x/{y}", "/x//y", "/x/../y", "/x%41", "/x y", "/é", "x"),
		draw("whoami", "/api/whoami", "", "/api/token", "/v1/{id}", "/whoami/", "/.well-known/jwks.json"))
	b.WriteString("upstreams:\n")
	for _, name := range []string{"a", "b"} {
		fmt.Fprintf(&b, "  %s:\n    targets: [%q]\n    host: %q\n    max_conns: %s\n    timeout: %s\n    max_response: %s\n", name,
			draw("target", "http://127.0.0.1:1", "https://127.0.0.1:1", "http://[::1]:1", "http://127.0.0.1", "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://a_b:1", "http://a..b:1", "http://127.0.0.1:1/", "http://u@127.0.0.1:1", "http://[::1%25lo]:1", "http://xn--a:1"),
			draw("host", "target", "keep", "a.example", "a.example:443", "[::1]", "a b", "", "é", "a,b"), draw("conns", "1024", "1", "1000000"), draw("timeout", "30s", "1ms", "1h"), draw("response", "8MiB", "1B", "1GiB"))
		fmt.Fprintf(&b, "    headers: {%q: %q}\n", draw("header", "X-A", "Authorization", "Host", "Content-Length", "Connection", "Transfer-Encoding", "X A", "X_A", "X-Tollgate-Token", "X-Forwarded-For", "X-Request-Id", "Accept-Encoding", "Expect", "Date", ""), draw("value", "v", "é", "a b", " a"))
		if rapid.Bool().Draw(r, "health") {
			fmt.Fprintf(&b, "    health: {path: %q, interval: %s}\n", draw("health path", "/health", "/", "/a?b=c", "/a b", "health", "/a#b", "/é", "/%zz", "/a//b"), draw("interval", "1h", "100ms", "24h"))
		}
	}
	b.WriteString("routes:\n")
	for i := range rapid.IntRange(1, 4).Draw(r, "routes") {
		fmt.Fprintf(&b, "  - match: {host: %q, path: %q, methods: [%s]}\n",
			draw("match host", "", "a.example", "A.Example", "a.example:80", "127.0.0.1", "[::1]", "*.a", "a.", "a_b", "-", "é", "a..b"),
			any("path", fmt.Sprintf("/v1/a%d", i), "/v1/{id}", "/v1/{id}/b", "/v1/{rest...}", "/", "/{x...}", "/v1/{id", "/v1/{id}{b}", "/v1/a//b", "/v1/./b", "/v1/%41", "/v1/é", "/v1/a;b", "/v1/{a}/{a}", "/v1/{x...}/b", "/v1/a/", "/api/token", "/v1/a b", "/v1/~!$&'()*+,=:@", "/V1/A"),
			any("methods", "GET", "POST", "GET, POST", "HEAD", "GET, HEAD", "OPTIONS", "get", "PURGE", "CONNECT", "GET, GET", "TRACE", "PUT, PATCH, DELETE"))
		fmt.Fprintf(&b, "    upstream: %s\n    dialects: [%s]\n", draw("upstream", "a", "{live: a, test: b}", "{live: a}", "c"), draw("dialects", "payment", "oauth, payment", "payment, payment", "service"))
		fmt.Fprintf(&b, "    max_body: %s\n    timeout: %s\n    permission: %q\n", draw("max_body", "64KiB", "1B", "1GiB"), draw("route timeout", "20s", "1ms"), draw("permission", "", "a:b", "a b"))
		fmt.Fprintf(&b, "    %s\n", any("facts", "facts: none", "preset: clapay", "preset: fedapay", "on_missing: deny",
			`facts: {country: ["path:{id}"]}`, `facts: {country: ["json:/a/*/b | suffix:_ | alpha3"], phone: ["form:p | digits"]}`, `facts: {country: ["json:/a"], operator: ["json:/a | alias"]}`,
			`facts: {country: ["token"]}`, `facts: {method: ["const:collect"]}`, `facts: {country: ["query:c | dial"], phone: ["header:X-P"]}`, `facts: {country: ["json:/a | concat:(json:/b)"]}`,
			`facts: {country: ["form:data | json:/*/c"]}`, `facts: {}`, `facts: {phone: ["header:Authorization"]}`))
	}
	return b.String()
}
