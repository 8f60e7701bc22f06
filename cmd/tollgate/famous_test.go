package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate/configs"
	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
)

// places are where a configuration takes a key of ours. KEY is the key itself
// and FILE a file that holds it; the second word is how the place is named.
var places = map[string][2]string{
	"a signing key":      {"tokens: {signing_keys: [{id: k1, alg: HS256, secret_file: FILE}]}", `tokens\.signing_keys\[0\]\.secret_file`},
	"a sign key":         {"upstreams: {a: {targets: [\"http://127.0.0.1:9\"], sign_key_file: FILE}}", `upstreams\.a\.sign_key_file`},
	"the bootstrap key":  {`admin: {bootstrap_key: "KEY"}`, `admin\.bootstrap_key`},
	"its file":           {"admin: {bootstrap_key_file: FILE}", `admin\.bootstrap_key_file`},
	"the key after that": {"log: {level: info}\ntokens:\n  signing_keys:\n    - {id: k1, alg: HS256, secret_file: FILE}", `tokens\.signing_keys\[0\]\.secret_file`},
}

// Nobody runs a gateway on a key that is printed in a manual, was shipped with a
// product or is too short: check and serve both refuse it, wherever it stands,
// with the line it stands in, before anything is made, and say neither the key
// nor a piece of it.
func TestFamousSecretsAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"secret", "your-256-bit-secret", "your-512-bit-secret", "changeme", "keyboard cat", "tollgate",
		"a-string-secret-at-least-256-bits-long", "your-256-bit-secret-your-256-bit-secret", "MasterkeyNeedsToHave32Characters",
		"0123456789abcdef0123456789abcdef", strings.Repeat("0", 64), "super-secret-jwt-token-with-at-least-32-characters-long",
	} {
		for name, place := range places {
			d := famousRig(t, strings.ReplaceAll(place[0], "KEY", key), []byte(key))
			where := regexp.MustCompile(`(?m)^\S*tollgate\.yaml:[0-9]+:[0-9]+: ` + place[1] + `: it (has [0-9]+ bytes; a key needs at least 32|is an example)`)
			d.refused(t, name+" "+key, where, key)
		}
		d := famousRig(t, "", nil)
		if code, _, stderr := d.run("serve", "TOLLGATE_ADMIN_BOOTSTRAP_KEY="+key); code == 0 || !strings.Contains(stderr, "TOLLGATE_ADMIN_BOOTSTRAP_KEY: admin.bootstrap_key: it ") {
			t.Errorf("%s in the environment: exit %d, %s", key, code, stderr)
		}
	}
}

// So is an Ed25519 key that a standard prints, and a master key, which seals
// everything else, in any of its forms.
func TestFamousPrivateAndMasterKeysAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") // RFC 8032 §7.1
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	d := famousRig(t, "tokens: {signing_keys: [{id: k1, alg: EdDSA, secret_file: FILE}]}", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	d.refused(t, "EdDSA", regexp.MustCompile(`tollgate\.yaml:1:\d+: tokens\.signing_keys\[0\]\.secret_file: .*standard's example`), "zzz")
	for name, key := range map[string]string{
		"raw": "MasterkeyNeedsToHave32Characters", "hex": strings.Repeat("00", 32), "climbing": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		"base64": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "cipher": "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
	} {
		d := famousRig(t, "master_key_file: FILE", []byte(key))
		d.refused(t, "master key, "+name, regexp.MustCompile(`tollgate\.yaml:1:\d+: master_key_file: .*it is an example`), strings.TrimSpace(key))
		d = famousRig(t, "", nil) // beside the database, where serve looks by itself
		if err := os.WriteFile(filepath.Join(d.dir, "tollgate.db.key"), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := d.run("serve"); code == 0 || !strings.Contains(stderr, "it is an example") || strings.Contains(stderr, strings.TrimSpace(key)) {
			t.Errorf("beside the database, %s: exit %d, %s", name, code, stderr)
		}
	}
}

// A database may come with a signing key that others know: it signs nothing
// here, however well it is sealed.
func TestAWeakKeyInTheStoreIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	d := famousRig(t, "", nil)
	if code, _, stderr := d.run("migrate"); code != 0 {
		t.Fatal(stderr)
	}
	ctx := context.Background()
	cfg, problems := configs.Load(d.file, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	st, err := openStore(ctx, cfg, storeOptions{catalogue: func() *policy.Catalogue { return cfg.Catalogue }, schema: store.SchemaRequire})
	if err != nil {
		t.Fatal(err)
	}
	master, err := openMasterKey(ctx, cfg, st)
	if err != nil {
		t.Fatal(err)
	}
	const famous = "a-string-secret-at-least-256-bits-long"
	row, err := newMinter(master).SealKey(token.SigningKey{ID: "k1", Alg: token.HS256, Secret: []byte(famous)})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.AddSigningKey(ctx, systemAct("signing_key.create"), row); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := d.run("serve"); code == 0 || !strings.Contains(stderr, "the signing key k1") || !strings.Contains(stderr, "tokens.signing_keys") || strings.Contains(stderr, famous) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// famousDir is a folder with a configuration and a key in it.
type famousDir struct{ dir, file string }

func famousRig(t *testing.T, config string, key []byte) famousDir {
	t.Helper()
	d := famousDir{dir: t.TempDir()}
	d.file = filepath.Join(d.dir, "tollgate.yaml")
	config = strings.ReplaceAll(config, "FILE", "the.key") + "\nstore: sqlite:tollgate.db\nlisten: 127.0.0.1:0\n"
	if !strings.Contains(config, "admin:") {
		config += "admin: {listen: 127.0.0.1:0}\n"
	}
	for name, text := range map[string][]byte{d.file: []byte(config), filepath.Join(d.dir, "the.key"): key} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d famousDir) run(command string, environ ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = runWith([]string{command, "-c", d.file}, stdio{in: strings.NewReader(""), out: &out, err: &errs, environ: environ})
	return code, out.String(), errs.String()
}

// refused sees that check and serve refuse it with the same line, that neither
// says the key, and that there is no database.
func (d famousDir) refused(t *testing.T, name string, where *regexp.Regexp, key string) {
	t.Helper()
	code, said, _ := d.run("check")
	if code == 0 || !where.MatchString(said) {
		t.Errorf("%s: check exits %d and says %s", name, code, said)
	}
	code, stdout, stderr := d.run("serve")
	if code == 0 || !where.MatchString(stderr) || stdout != "" {
		t.Errorf("%s: serve exits %d and says %s%s", name, code, stdout, stderr)
	}
	for _, word := range []string{said, stderr} {
		if len(key) > 8 && strings.Contains(word, key) {
			t.Errorf("%s: the key is said: %s", name, word)
		}
	}
	if _, err := os.Stat(filepath.Join(d.dir, "tollgate.db")); err == nil {
		t.Errorf("%s: a database was made", name)
	}
}
