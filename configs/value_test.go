package configs

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A size is a whole number with a binary unit, or of bytes; nothing else is
// guessed at.
func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1B": 1, "1KiB": 1 << 10, "1024": 1 << 10, "16KiB": 16 << 10, "256MiB": 256 << 20, "2GiB": 2 << 30,
		"1TiB": 1 << 40, "8388607TiB": 8388607 << 40, "9223372036854775807": 1<<63 - 1, "007MiB": 7 << 20,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "MiB", "-1", "+1", "1.5MiB", "1 MiB", "1MB", "1mb", "1M", "1k", "1kib", "1KIB", "0x10", "1_000", "1e6",
		"8388608TiB", "9223372036854775808", "1MiB ", "１MiB", "1MiBMiB",
	} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

// A size written out is read back as itself.
func TestSizesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Size(rapid.Int64Range(0, 1<<62).Draw(t, "bytes") >> rapid.IntRange(0, 62).Draw(t, "shift"))
		if got, err := parseSize(want.String()); err != nil || got != want {
			t.Fatalf("%d is written %s and read as %d, %v", want, want, got, err)
		}
	})
}

// A duration is whole numbers with units, days first; a number without a unit is
// no duration, but for nothing at all.
func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "250ms": 250 * time.Millisecond, "30s": 30 * time.Second, "15m": 15 * time.Minute,
		"720h": 720 * time.Hour, "30d": 720 * time.Hour, "1d12h30m": 36*time.Hour + 30*time.Minute, "1h30m": 90 * time.Minute,
		"1us": time.Microsecond, "65535d": 65535 * day,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "30", "1", "-1s", "+1s", "1.5h", "1 s", "1s ", "d", "h", "1h2d", "1d1d", "1w", "1y", "1D", "1S", "1d12",
		"65536d", "65535d9999999h", "99999999999d", "9999999999999h", "-1d", "0x1s", "1e3s",
	} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}

// A duration written out is read back as itself.
func TestDurationsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour, day}).Draw(t, "unit")
		want := unit * time.Duration(rapid.Int64Range(0, 10_000).Draw(t, "count"))
		if want%time.Second != 0 && want > time.Second {
			want = want.Truncate(time.Second) // fractions are not written in a file
		}
		if got, err := parseDuration(durationText(want)); err != nil || got != want {
			t.Fatalf("%s is written %s and read as %s, %v", want, durationText(want), got, err)
		}
	})
	for d, want := range map[time.Duration]string{0: "0s", time.Minute: "1m", time.Hour: "1h", 90 * time.Minute: "1h30m", 30 * day: "30d", time.Hour + time.Second: "1h0m1s", 10 * time.Minute: "10m", 100 * time.Millisecond: "100ms"} {
		if got := durationText(d); got != want {
			t.Errorf("%s is written %s, want %s", d, got, want)
		}
	}
}

// Keys that are short, well known, placeholders, runs or repetitions are
// refused; what a random source prints is not.
func TestStrongKeys(t *testing.T) {
	weak := []string{
		"SecretKey012345678901234567890123456789012345678901234567890123456789",                                // Nacos
		"U2VjcmV0S2V5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5",         // the same in base64
		"VGhpc0lzTXlDdXN0b21TZWNyZXRLZXkwMTIzNDU2Nzg=",                                                         // Nacos, ThisIsMyCustomSecretKey…
		"MasterkeyNeedsToHave32Characters", "4d61737465726b65794e65656473546f48617665333243686172616374657273", // ZITADEL
		"81HqDtbqAywKSOumSha3BhWNOdQ26slT6K0YaZeZyPs=", "81HqDtbqAywKSOumSha3BhWNOdQ26slT6K0YaZeZyPs", // Airflow
		"\xf3\x51\xea\x0e\xd6\xea\x03\x2c\x0a\x48\xeb\xa6\x4a\x16\xb7\x06\x15\x8d\x39\xd4\x36\xea\xc9\x53\xe8\xad\x18\x69\x97\x99\xc8\xfb", // the same, read
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0",
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "secretsecretsecretsecretsecretse", "correct-horse-battery-correct-horse-battery",
		"ThisTokenIsNotSoSecretChangeItPlease", "your-32-character-encryption-key", "this is my custom Secret key for authentication",
		"YOUR_OWN_RANDOM_GENERATED_SECRET_KEY", "you_must_generate_a_random_string_of_more_than_twenty_chars_and_configure_this",
		"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"edd1c9f034335f136f87ad84b625c8f1",                                                       // APISIX
		"352d20ee67be67f6340b4c0605b044b7",                                                       // Tyk
		"a-string-secret-at-least-256-bits-long",                                                 // jwt.io
		"A-STRING-SECRET-AT-LEAST-256-BITS-LONG",                                                 // the same, shouted
		"super-secret-jwt-token-with-at-least-32-characters-long",                                // Supabase
		"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", // RFC 7515 A.1
		"00000000000000000000000000000000", "0123456789abcdef0123456789abcdef", "12345678901234567890123456789012",
		"abcdefghijklmnopqrstuvwxyz012345", "qwertyuiopasdfghjklzxcvbnm123456", "please-change-me-before-you-start-this",
		"CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME", "your-256-bit-secret-your-256-bit-secret", "abababababababababababababababababab",
		"this-is-an-example-key-of-some-length", "correct-password-battery-staple-32b", "\x00\x01\x02\x03\x00\x03\x02\x01\x00\x01\x02\x03\x00\x03\x02\x01\x00\x01\x02\x03\x00\x03\x02\x01\x00\x01\x02\x03\x00\x03\x02\x02",
	}
	for _, key := range weak {
		if !WellKnown([]byte(key)) {
			t.Errorf("%q passes", key)
		}
	}
	for range 5000 { // what a random source prints, in any form
		raw := make([]byte, 32+mathrand.IntN(32))
		if _, err := rand.Read(raw); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{string(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)} {
			if WellKnown([]byte(key)) {
				t.Errorf("%q is refused", key)
			}
		}
	}
}

// A slip of the fingers finds the word that was meant, a different word finds
// none.
func TestNearest(t *testing.T) {
	words := []string{"listen", "limits", "log", "upstreams", "max_body", "max_header", "secret_file"}
	for slip, want := range map[string]string{
		"lisen": "listen", "lsiten": "listen", "Listen": "listen", "listens": "listen", "limit": "limits", "lgo": "log", "logs": "log",
		"max-body": "max_body", "maxbody": "max_body", "MAX_BODY": "max_body", "upstream": "upstreams", "secret": "secret_file",
		"colour": "", "": "", "x": "", "a_rather_long_word_that_is_no_key_at_all_and_longer_than_any_of_them": "",
	} {
		if got := nearest(slip, words); got != want {
			t.Errorf("%q means %q, want %q", slip, got, want)
		}
	}
}

// edits counts as many steps as there are, in both directions.
func TestEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c]{0,8}`)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		ab, ba := edits(a, b), edits(b, a)
		if ab != ba || (ab == 0) != (a == b) || ab > max(len(a), len(b)) || ab < max(len(a), len(b))-min(len(a), len(b)) {
			t.Fatalf("%q to %q is %d, back %d", a, b, ab, ba)
		}
		if a != "" && edits(a, a[1:]) != 1 || edits(a, a+c) > len(c) {
			t.Fatalf("%q: one letter less is %d", a, edits(a, a[1:]))
		}
	})
}

// What a file calls a host is a name or an address, and never a number that
// some resolver would take for one.
func TestHostNames(t *testing.T) {
	for _, host := range []string{"localhost", "api.example.com", "a-b.c_d", "x1", "1a.example", "API.Example.COM"} {
		if !hostName(host) {
			t.Errorf("%s is no name", host)
		}
	}
	for _, host := range []string{"", ".", "a.", ".a", "a..b", "-a", "a-", "a b", "a/b", "127.1", "2130706433", "0x7f.1", "a.0", "é", "a:1", "a@b", "[::1]"} {
		if hostName(host) {
			t.Errorf("%q is taken for a name", host)
		}
	}
}

// A value that a message quotes is one line of bounded length, cut between
// characters.
func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"a": `"a"`, "a\nb\x1b[31m": `"a\nb\x1b[31m"`, strings.Repeat("a", 81): `"` + strings.Repeat("a", 80) + `"…`,
		strings.Repeat("a", 79) + "é": `"` + strings.Repeat("a", 79) + `"…`, "\xff": `"\xff"`,
	} {
		if got := quote(value); got != want {
			t.Errorf("%q is shown as %s, want %s", value, got, want)
		}
	}
}

// Lists that the data plane bounds are bounded here, with the bound in the
// message.
func TestListsAreBounded(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, test := range map[string]struct{ text, key, want string }{
		"upstreams": {"upstreams:\n" + many(maxUpstreams+1, "  u%d: {targets: [http://127.0.0.1:9000]}\n"), "upstreams", "at most 1000"},
		"targets":   {"upstreams:\n  a:\n    targets:\n" + many(maxTargets+1, "      - http://127.0.0.1:9%d\n"), "upstreams.a.targets", "1 to 64"},
		"keys":      {"tokens:\n  signing_keys:\n" + many(maxSigningKeys+1, "    - {id: k%d, alg: HS256, secret_file: /dev/null}\n"), "tokens.signing_keys", "16 are enough"},
		"header":    {"upstreams: {a: {targets: [http://127.0.0.1:9000], headers: {A: " + strings.Repeat("a", 8<<10+1) + "}}}", "upstreams.a.headers.A", "longer than 8KiB"},
	} {
		path := filepath.Join(t.TempDir(), "tollgate.yaml")
		write(t, path, test.text)
		_, problems := Load(path, nil)
		if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Key == test.key && strings.Contains(p.Message, test.want) }) {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
