package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startCanary is a secret in a configuration, an environment, a file or a
// command line. It has no character that YAML or a URL reads in its own way.
const startCanary = "CanaryAtTheStart7f3QbZ1kXw9Lm"

// badPlaces are configurations that hold a secret in the right place and are
// wrong there, or in a place where it does not belong. KEY is replaced by it.
var badPlaces = map[string]string{
	"too short":            "admin: {bootstrap_key: KEY}",
	"a list":               "admin: {bootstrap_key: [KEY, KEY]}",
	"a mapping":            "admin: {bootstrap_key: {KEY: KEY}}",
	"twice":                "admin: {bootstrap_key: KEYKEY, bootstrap_key: KEYKEY}",
	"both forms":           "admin: {bootstrap_key: KEYKEY, bootstrap_key_file: secret}",
	"not closed":           "admin: {bootstrap_key: \"KEY",
	"badly indented":       "admin:\n  bootstrap_key: KEYKEY\n bootstrap_key: KEYKEY",
	"a tab":                "admin:\n\tbootstrap_key: KEYKEY",
	"a tag":                "admin: {bootstrap_key: !!int KEY}",
	"an anchor":            "admin: {bootstrap_key: &a KEYKEY, pprof: *a}",
	"a false boolean":      "admin: {pprof: KEY}",
	"a number":             "limits: {max_conns: KEY}",
	"a duration":           "limits: {idle_timeout: KEY}",
	"a size":               "limits: {max_body: KEY}",
	"a rate":               "rate: {per_ip: KEY}",
	"listen":               "listen: http://user:KEY@127.0.0.1:0",
	"public_url":           "public_url: https://user:KEY@gw.example.com/x",
	"store":                "store: postgres://user:KEY@db/x",
	"store, unknown":       "store: mysql://user:KEY@db/x",
	"redis":                "redis: redis://user:KEY@cache",
	"tracing":              "tracing: {otlp: \"https://user:KEY@collector\"}",
	"target":               "upstreams: {a: {targets: [\"http://user:KEY@127.0.0.1:1\"]}}",
	"target, broken":       "upstreams: {a: {targets: [\"http://user:KEY@127.0.0.1:x\"]}}",
	"header, list":         "upstreams: {a: {targets: [\"http://127.0.0.1:1\"], headers: {X-A: [KEY]}}}",
	"header, mapping":      "upstreams: {a: {targets: [\"http://127.0.0.1:1\"], headers: {X-A: {value: KEY}}}}",
	"header, line":         "upstreams: {a: {targets: [\"http://127.0.0.1:1\"], headers: {X-A: \"a\\nKEY\"}}}",
	"header, two sources":  "upstreams: {a: {targets: [\"http://127.0.0.1:1\"], headers: {X-A: {file: secret, env: SECRET}}}}",
	"header, own name":     "upstreams: {a: {targets: [\"http://127.0.0.1:1\"], headers: {Host: KEY}}}",
	"header, bad file":     "upstreams: {a: {targets: [\"http://127.0.0.1:1\"], headers: {X-A: {file: lines}}}}",
	"sign key":             "upstreams: {a: {targets: [\"http://127.0.0.1:1\"], sign_key_file: secret}}",
	"upstream's key":       "upstreams: {a: {targets: [\"https://127.0.0.1:1\"], tls: {cert: secret, key: secret}}}",
	"upstream's authority": "upstreams: {a: {targets: [\"https://127.0.0.1:1\"], tls: {ca: pem}}}",
	"TLS key":              "tls: {cert: secret, key: secret}",
	"TLS key in PEM":       "tls: {cert: pem, key: pem}",
	"client authority":     "tls: {cert: pem, key: pem, client_ca: secret}",
	"admin's TLS key":      "admin: {tls: {cert: pem, key: pem}}",
	"master key":           "master_key_file: secret",
	"signing key":          "tokens: {signing_keys: [{id: k1, alg: HS256, secret_file: secret}]}",
	"signing key, Ed25519": "tokens: {signing_keys: [{id: k1, alg: EdDSA, secret_file: pem}]}",
	"signing key, in text": "tokens: {signing_keys: [{id: k1, alg: HS256, secret: KEYKEY}]}",
}

// badEnvironments are the same by way of the environment.
var badEnvironments = []string{
	"TOLLGATE_ADMIN_BOOTSTRAP_KEY=KEY", "TOLLGATE_ADMIN_BOOTSTRAP_KEY_FILE=secret", "TOLLGATE_STORE=postgres://user:KEY@db/x", "TOLLGATE_REDIS=redis://:KEY@cache",
	"TOLLGATE_LIMITS_MAX_CONNS=KEY", "TOLLGATE_ADMIN_PPROF=KEY", "TOLLGATE_PUBLIC_URL=https://user:KEY@x/y", "TOLLGATE_MASTER_KEY_FILE=secret", "TOLLGATE_UNKNOWN=KEY",
}

// A start that fails over a secret says where and why, and never the secret: not
// by check, serve or migrate, from the file, from files that it names, or from
// the environment.
func TestNoSecretTurnsUpWhereAStartFails(t *testing.T) {
	t.Parallel()
	check := func(name, config string, environ ...string) {
		t.Helper()
		file := configFile(t, strings.ReplaceAll(config, "KEY", startCanary)+"\n", "")
		dir := filepath.Dir(file)
		write(t, filepath.Join(dir, "secret"), startCanary)
		write(t, filepath.Join(dir, "lines"), "a\n"+startCanary)
		write(t, filepath.Join(dir, "pem"), "-----BEGIN PRIVATE KEY-----\n"+startCanary+"aaa\n-----END PRIVATE KEY-----\n")
		for i := range environ {
			environ[i] = strings.ReplaceAll(strings.ReplaceAll(environ[i], "KEY=", "\x00"), "KEY", startCanary)
			environ[i] = strings.ReplaceAll(environ[i], "\x00", "KEY=")
			if name, path, _ := strings.Cut(environ[i], "="); path == "secret" {
				environ[i] = name + "=" + filepath.Join(dir, "secret")
			}
		}
		for _, command := range []string{"check", "migrate", "serve"} {
			said := says(t, environ, "", command, "-c", file)
			silent(t, name+" by "+command, said)
			if command == "check" && !strings.Contains(name, "ignored") && strings.TrimSpace(said) == "" {
				t.Errorf("%s: check says nothing", name)
			}
		}
	}
	for name, config := range badPlaces {
		check(name, config)
	}
	const fine = "upstreams: {a: {targets: [\"http://127.0.0.1:1\"]}}\nroutes: [{match: {path: /x, methods: [GET]}, upstream: a, dialects: [payment], facts: none}]\nlisten: 300.0.0.1:1"
	for _, variable := range badEnvironments {
		check(variable, fine, variable)
	}
}

// Commands that fail with a secret in their environment, their flags or on their
// standard input do not say it.
func TestNoSecretTurnsUpWhereACommandFails(t *testing.T) {
	t.Parallel()
	file := configFile(t, siteConfig, newOrigin(t).url())
	p := serving(t, file)
	here := "http://" + p.admin
	for _, c := range []struct {
		environ []string
		in      string
		args    []string
	}{
		{[]string{"TOLLGATE_ADMIN_KEY=" + startCanary, "TOLLGATE_ADMIN_URL=" + here}, "", []string{"token", "list"}},
		{[]string{"TOLLGATE_ADMIN_KEY=" + startCanary}, "", []string{"token", "list", "--admin", "http://127.0.0.1:1"}},
		{[]string{"TOLLGATE_ADMIN_KEY=" + startCanary + "\n", "TOLLGATE_ADMIN_URL=" + here}, "", []string{"token", "list"}},
		{nil, "", []string{"token", "list", "--admin", here, "--key", startCanary}},
		{nil, "", []string{"token", "list", "--admin", "http://user:" + startCanary + "@127.0.0.1:1", "--key", "x"}},
		{nil, "", []string{"token", "list", "--admin", "http://user:" + startCanary + "@127.0.0.1:x", "--key", "x"}},
		{nil, "", []string{"healthcheck", "--url", "http://user:" + startCanary + "@127.0.0.1:1/readyz"}},
		{[]string{"TOLLGATE_ADMIN_KEY=" + bootstrap, "TOLLGATE_ADMIN_URL=" + here}, startCanary, []string{"explain", "--credential", "/v1/payments"}},
		{[]string{"TOLLGATE_ADMIN_KEY=" + bootstrap, "TOLLGATE_ADMIN_URL=" + here}, `{"secret":"` + startCanary + `"}`, []string{"token", "create", "--from", "-"}},
		{nil, startCanary[:9], []string{"admin", "create-user", "-c", file, "--email", "a@example.com", "--role", "admin"}},
		{nil, startCanary + "\n" + startCanary, []string{"admin", "create-user", "-c", file, "--email", "nobody", "--role", "admin"}},
	} {
		silent(t, strings.Join(c.args[:2], " "), says(t, c.environ, c.in, c.args...))
	}
	silent(t, "the log", p.stderr.String())
}

// says runs a command to its end, or until it serves, and gives all it said.
func says(t *testing.T, environ []string, in string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	template := tollgate(t, append([]string{"HOME=" + t.TempDir()}, environ...), args...)
	cmd := exec.CommandContext(ctx, template.Path)
	cmd.Args, cmd.Env, cmd.Stdin = template.Args, template.Env, strings.NewReader(in)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Errorf("%v did not end: %v", args, err)
	}
	return said.String()
}

// silent holds a text to not telling the canary in any form.
func silent(t *testing.T, where, said string) {
	t.Helper()
	for _, trace := range append(newCanary("", startCanary).traces, fmt.Sprint([]byte(startCanary)), startCanary[:9], startCanary[len(startCanary)-12:]) {
		if strings.Contains(said, trace) {
			t.Errorf("%s tells the secret:\n%s", where, said)
			return
		}
	}
}
