package admin_test

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy/token"
)

var update = flag.Bool("update", false, "write the answers into testdata/*.txt")

// TestTranscripts plays the conversations of testdata against a real listener
// and compares every answer. The files read without Go: lines after > are sent,
// lines after < came back, # is a comment, @ lets time pass. What differs from
// run to run has a name: the first merchant in a file is $mer1, and so on; a
// name stands for its value in what is sent. $bootstrap is the bootstrap key.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			played := play(newRig(t), string(before))
			if *update {
				if err := os.WriteFile(file, []byte(played), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compareLines(t, file, string(before), played)
		})
	}
}

func compareLines(t *testing.T, file, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var x, y string
		if i < len(w) {
			x = w[i]
		}
		if i < len(g) {
			y = g[i]
		}
		if x != y {
			t.Fatalf("%s:%d:\n  stands: %s\n  is:     %s\n(go test -run Transcripts -update writes what is)", file, i+1, x, y)
		}
	}
}

// play sends every request of a transcript and gives the transcript as it is
// with the answers that came.
func play(r *rig, script string) string {
	var out strings.Builder
	names := &naming{value: map[string]string{"$bootstrap": bootstrap}, name: map[string]string{}, count: map[string]int{}}
	var request []string
	finish := func() {
		if len(request) > 0 {
			out.WriteString(names.hide(converse(r, names, request)))
			request = nil
		}
	}
	lines := bufio.NewScanner(strings.NewReader(script))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if sent, ok := strings.CutPrefix(line, ">"); ok {
			request = append(request, strings.TrimPrefix(sent, " "))
			fmt.Fprintln(&out, line)
			continue
		}
		finish()
		if strings.HasPrefix(line, "<") {
			continue
		}
		fmt.Fprintln(&out, line)
		if wait, ok := strings.CutPrefix(line, "@ "); ok {
			d, err := time.ParseDuration(wait)
			if err != nil {
				r.t.Fatal(err)
			}
			r.pass(d)
		}
	}
	finish()
	return out.String()
}

// converse sends one request and words its answer.
func converse(r *rig, names *naming, lines []string) string {
	method, path, _ := strings.Cut(names.show(lines[0]), " ")
	var headers, body []string
	for i, line := range lines[1:] {
		if line == "" {
			body = lines[i+2:]
			break
		}
		name, value, _ := strings.Cut(names.show(line), ": ")
		headers = append(headers, name, value)
	}
	p := r.send(method, path, names.show(strings.Join(body, "\n")), headers...)
	var out strings.Builder
	fmt.Fprintf(&out, "< %d %s\n", p.status, http.StatusText(p.status))
	for _, name := range []string{"Content-Type", "ETag", "Allow", "Retry-After", "Www-Authenticate"} {
		if v := p.header.Get(name); v != "" {
			fmt.Fprintf(&out, "< %s: %s\n", name, v)
		}
	}
	if p.body == "" {
		return out.String()
	}
	text := jsontext.Value(p.body)
	if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
		r.t.Fatalf("%s %s: the answer is no JSON: %v\n%s", method, path, err, p.body)
	}
	fmt.Fprintf(&out, "<\n< %s\n", strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n< "))
	return out.String()
}

// naming gives what differs from run to run a name, and takes it back.
type naming struct {
	value map[string]string // $tok1 → tok_…
	name  map[string]string // and back
	count map[string]int
}

// passing are the values that get a name each time they first occur.
var passing = []struct {
	noun    string
	pattern *regexp.Regexp
}{
	{"secret", regexp.MustCompile(token.Pattern)},
	{"mer", regexp.MustCompile(`\bmer_[0-9A-Za-z]{12}\b`)},
	{"tok", regexp.MustCompile(`\btok_[0-9A-Za-z]{12}\b`)},
	{"key", regexp.MustCompile(`\bkey_[0-9A-Za-z]{12}\b`)},
	{"usr", regexp.MustCompile(`\busr_[0-9A-Za-z]{12}\b`)},
	{"fam", regexp.MustCompile(`\bfam_[0-9A-Za-z]{12}\b`)},
	{"password", regexp.MustCompile(`"password": "[a-z2-7]{26}"`)},
	{"whk", regexp.MustCompile(`\bwhk_[0-9a-f]{64}\b`)},
	{"hash", regexp.MustCompile(`\b[0-9a-f]{64}\b`)},
	{"client", regexp.MustCompile(`"client_id": "[0-9a-f]{32}"`)},
	{"req", regexp.MustCompile(`\b[0-9a-f]{32}\b`)},
	{"hint", regexp.MustCompile(`"(key_)?hint": "[0-9A-Za-z]{4}"`)},
	{"cursor", regexp.MustCompile(`"next_cursor": "[^"]+"`)},
}

func (n *naming) hide(text string) string {
	for _, p := range passing {
		text = p.pattern.ReplaceAllStringFunc(text, func(found string) string {
			lead, value := "", found
			if label, quoted, ok := strings.Cut(found, `": "`); ok {
				lead, value = label+`": "`, strings.TrimSuffix(quoted, `"`)
			}
			name, ok := n.name[value]
			if !ok {
				n.count[p.noun]++
				name = fmt.Sprintf("$%s%d", p.noun, n.count[p.noun])
				n.name[value], n.value[name] = name, value
			}
			if lead != "" {
				return lead + name + `"`
			}
			return name
		})
	}
	return text
}

var nameInText = regexp.MustCompile(`\$[a-z]+[0-9]*`)

func (n *naming) show(text string) string {
	return nameInText.ReplaceAllStringFunc(text, func(name string) string {
		if v, ok := n.value[name]; ok {
			return v
		}
		return name
	})
}
