package token

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var everyForm = []struct {
	kind Kind
	env  Environment
}{
	{KindKey, EnvLive}, {KindKey, EnvTest}, {KindClient, EnvLive}, {KindClient, EnvTest},
	{KindSigning, EnvLive}, {KindSigning, EnvTest}, {KindAccess, EnvAny}, {KindRefresh, EnvAny}, {KindAdmin, EnvAny},
}

func drawBody(t *rapid.T) []byte {
	return []byte(rapid.StringOfN(rapid.SampledFrom([]rune(base62)), otherRandom, otherRandom, -1).Draw(t, "body"))
}

// What Compose writes, Parse reads back as the same kind, environment and
// handle, and the published pattern finds it in a line of text.
func TestComposedSecretsParse(t *testing.T) {
	pattern := regexp.MustCompile(Pattern)
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom(everyForm).Draw(t, "form")
		body := drawBody(t)
		secret := Compose(form.kind, form.env, body)
		s, ok := Parse(secret)
		if !ok || s.Kind != form.kind || s.Environment != form.env {
			t.Fatalf("Parse(%s) = %+v, %v", secret, s, ok)
		}
		if form.kind == KindKey && !bytes.Equal(s.ID, body[:IDLength]) {
			t.Fatalf("%s names %s", secret, s.ID)
		}
		line := `{"key":"` + string(secret) + `"}`
		if found := pattern.FindString(line); found != string(secret) {
			t.Fatalf("the pattern finds %q in %s", found, line)
		}
	})
}

// Any single changed character is caught before a store is asked.
func TestChecksumCatchesEveryTypingError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom(everyForm).Draw(t, "form")
		secret := Compose(form.kind, form.env, drawBody(t))
		at := rapid.IntRange(0, len(secret)-1).Draw(t, "at")
		c := byte(rapid.IntRange(0, 255).Draw(t, "c"))
		if secret[at] == c {
			return
		}
		secret[at] = c
		if _, ok := Parse(secret); ok {
			t.Fatalf("%q parses with byte %d changed", secret, at)
		}
	})
}

// A secret of one kind never reads as another: the prefix is under the checksum.
func TestAKindIsNotAnother(t *testing.T) {
	body := []byte(strings.Repeat("a", otherRandom))
	for _, from := range everyForm {
		for _, to := range everyForm {
			if from == to {
				continue
			}
			secret := Compose(from.kind, from.env, body)
			disguised := append([]byte(Prefix(to.kind, to.env)), secret[len(Prefix(from.kind, from.env)):]...)
			if _, ok := Parse(disguised); ok {
				t.Errorf("%s reads as %s %s", secret, to.env, to.kind)
			}
		}
	}
}

// The parts that have to stand in the published form are as long as promised:
// a key's random part alone is worth more than 160 bits.
func TestSecretsAreLongEnough(t *testing.T) {
	const bitsPerCharacter = 5.954 // log2(62)
	if keyRandom*bitsPerCharacter < 160 || otherRandom*bitsPerCharacter < 160 {
		t.Error("a secret carries fewer than 160 random bits")
	}
	if otherRandom != IDLength+keyRandom {
		t.Error("a key is not as long as other secrets, so the published pattern does not match it")
	}
}

// Parsing a credential is on the path of every request: it allocates nothing.
func TestParseAllocatesNothing(t *testing.T) {
	secret := Compose(KindKey, EnvLive, []byte(strings.Repeat("a", otherRandom)))
	if n := testing.AllocsPerRun(100, func() { Parse(secret) }); n != 0 {
		t.Errorf("Parse allocates %v times", n)
	}
}

// Whatever parses is exactly what Compose would write: one secret, one spelling.
func FuzzParse(f *testing.F) {
	for _, form := range everyForm {
		f.Add(Compose(form.kind, form.env, []byte(strings.Repeat("Z9", otherRandom/2))))
	}
	f.Add([]byte("tg_live_"))
	f.Add([]byte("tg_live_" + strings.Repeat("0", 46)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := Parse(b)
		if !ok {
			return
		}
		prefix := Prefix(s.Kind, s.Environment)
		again := Compose(s.Kind, s.Environment, b[len(prefix):len(prefix)+otherRandom])
		if !bytes.Equal(again, b) {
			t.Fatalf("%q parses, but is spelled %q", b, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	secret := Compose(KindKey, EnvLive, []byte(strings.Repeat("a", otherRandom)))
	b.ReportAllocs()
	for b.Loop() {
		Parse(secret)
	}
}
