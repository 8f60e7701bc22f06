package configs

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what Load says below the dashed line of testdata/bad")

const dashes = "\n----------\n"

// Each file of testdata/bad is a configuration and, below a dashed line, all
// the problems it has. Lines `# env NAME=value` at its top are its
// environment, `# file NAME text` are files beside it (\n in the text is a line
// end).
func TestBadConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/bad: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(data), dashes)
			got := problemsOf(t, filepath.Base(file), input+"\n")
			if *update {
				write(t, file, input+dashes+got)
				return
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a problem quotes a password:\n%s", got)
			}
			if got == "" {
				t.Error("it loads; a file here must be bad")
			}
			if got != want {
				t.Errorf("problems differ (go test -update writes them)\ngot:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// A file with five mistakes gives five lines, each with its place.
func TestFiveMistakesGiveFiveLines(t *testing.T) {
	data, err := os.ReadFile("testdata/bad/five-mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	input, _, _ := strings.Cut(string(data), dashes)
	lines := strings.Split(strings.TrimSpace(problemsOf(t, "five.yaml", input+"\n")), "\n")
	if len(lines) != 5 {
		t.Errorf("%d lines, want 5:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// problemsOf loads a text from a file of that name in a directory of its own,
// and gives the problems, one a line, without that directory's path.
func problemsOf(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	var environ []string
	for line := range strings.Lines(text) {
		if variable, ok := strings.CutPrefix(line, "# env "); ok {
			environ = append(environ, strings.TrimSuffix(variable, "\n"))
		}
		if file, ok := strings.CutPrefix(line, "# file "); ok {
			file, content, _ := strings.Cut(file, " ")
			write(t, filepath.Join(dir, strings.TrimSpace(file)), strings.ReplaceAll(content, `\n`, "\n"))
		}
	}
	path := filepath.Join(dir, name)
	write(t, path, text)
	c, problems := Load(path, environ)
	if (c == nil) != (len(problems) > 0) {
		t.Errorf("a Config (%v) and %d problems: there must be one or the other", c != nil, len(problems))
	}
	var out strings.Builder
	for _, p := range problems {
		out.WriteString(p.String() + "\n")
	}
	return strings.ReplaceAll(out.String(), dir+string(filepath.Separator), "")
}
