package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever is in a file and in the environment, the loader does not fail badly;
// its problems say where they stand, in one line each, and tell no secret of
// the environment; and what loads is loaded again as the same.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "tollgate.yaml", "presets/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			input, _, _ := strings.Cut(string(data), dashes)
			f.Add([]byte(input), "127.0.0.1:8080")
		}
	}
	f.Add([]byte(withExamples(Sample())), ":0")
	f.Add([]byte(strings.Repeat("[", 20_000)), "")
	f.Add([]byte(strings.Repeat("a:\n ", 2_000)), "\x00")
	f.Add([]byte("a: &a [*a]\nb: *a\n? *a\n: *a\n"), "1,2,,3")
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "signing.key"), []byte(goodKey), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		path := filepath.Join(dir, "fuzz.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		environ := []string{"TOLLGATE_LISTEN=" + value, "TOLLGATE_TRUSTED_PROXIES=" + value, "PROVIDER_KEY=" + canary, "TOLLGATE_REDIS=" + canary}
		if strings.HasPrefix(value, "127") {
			environ = nil
		}
		c, problems := Load(path, environ)
		if (c == nil) != (len(problems) > 0) {
			t.Fatalf("a Config (%v) and the problems %v", c != nil, problems)
		}
		for _, p := range problems {
			if p.Line < 1 && !strings.HasPrefix(p.File, "TOLLGATE_") || p.Line >= 1 && p.Column < 1 || p.Key == "" || p.Message == "" {
				t.Errorf("%#v does not say where or what", p)
			}
			if line := p.String(); strings.ContainsAny(line, "\n\r\x00") || strings.Contains(line, canary) {
				t.Errorf("%q is not one line without secrets", line)
			}
		}
		if c == nil {
			return
		}
		again, problems := Load(path, environ)
		if len(problems) > 0 {
			t.Fatalf("the second time it has the problems %v", problems)
		}
		if diff := cmp.Diff(c, again, same); diff != "" {
			t.Errorf("the second time it is different: %s", diff)
		}
		if len(c.Redacted()) == 0 {
			t.Error("it cannot be shown")
		}
	})
}
