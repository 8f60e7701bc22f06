package gateway_test

import (
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"
)

// The corpus is text, to be read and used without Go; testdata/hostile/README.md
// says how.
//
//go:embed testdata/hostile/*.txt
var hostileFiles embed.FS

// attack is one entry of the corpus.
type attack struct {
	class, name, why string
	send             string // with its placeholders
	want             int    // the first answer's status, with a good key
	seen             int    // requests that the origin may see, with a good key
	anon             int    // the first answer's status without one; the origin sees nothing then, ever
}

// with fills the placeholders in: auth is the whole credential line, or nothing.
func (a attack) with(auth string) string { return expand(a.send, auth) }

func expand(send, auth string) string {
	hidden := "GET /hidden HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"
	send = strings.NewReplacer("{get}", `GET /a HTTP/1.1\r\nHost: a\r\n{auth}`, "{post}", `POST /a HTTP/1.1\r\nHost: a\r\n{auth}`).Replace(send)
	send = repeated(send)
	return unescape(strings.NewReplacer("{#hidden}", strconv.Itoa(len(hidden)), "{#xhidden}", strconv.FormatInt(int64(len(hidden)), 16),
		"{hidden}", hidden, "{auth}", auth).Replace(send))
}

// repeated undoes {rep N text}; the text holds no closing brace but those of
// {auth} and {hidden}.
func repeated(s string) string {
	for {
		before, rest, found := strings.Cut(s, "{rep ")
		if !found {
			return s
		}
		count, text, _ := strings.Cut(rest, " ")
		end := strings.IndexByte(strings.NewReplacer("{auth}", "......", "{hidden}", "........").Replace(text), '}')
		n, err := strconv.Atoi(count)
		if err != nil || end < 0 {
			panic("a {rep} without a count or an end: " + s)
		}
		s = before + strings.Repeat(text[:end], n) + text[end+1:]
	}
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'x':
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				panic(err)
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func hostileCorpus(t testing.TB) (all []attack) {
	t.Helper()
	files, err := hostileFiles.ReadDir("testdata/hostile")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := hostileFiles.ReadFile("testdata/hostile/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		attacks, err := parseAttacks(strings.TrimSuffix(path.Base(f.Name()), ".txt"), string(data))
		if err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
		all = append(all, attacks...)
	}
	return all
}

func parseAttacks(class, text string) (all []attack, err error) {
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, value, _ := strings.Cut(line, " ")
		if key == "==" {
			all = append(all, attack{class: class, name: value, seen: -1})
		}
		if key == "" || key == "#" || key == "==" {
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("line %d stands before the first attack", i+1)
		}
		a := &all[len(all)-1]
		switch key {
		case "why":
			a.why = strings.TrimSpace(value)
		case "send":
			a.send += value
		case "want":
			a.want, err = strconv.Atoi(value)
		case "seen":
			a.seen, err = strconv.Atoi(value)
		case "anon":
			a.anon, err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("%q is no key", key)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	for i := range all {
		all[i].complete()
	}
	return all, nil
}

// complete fills in what goes without saying: what is answered from the origin
// was seen there once, and is refused without a key.
func (a *attack) complete() {
	passes := a.want == 200
	if a.seen < 0 {
		a.seen = 0
		if passes {
			a.seen = 1
		}
	}
	if a.anon == 0 {
		a.anon = a.want
		if passes {
			a.anon = 401
		}
	}
}

// The corpus of hostile requests is whole: at least 300 that differ in their
// bytes, each named, explained and with what is expected of it.
func TestHostileCorpusIsWhole(t *testing.T) {
	texts, names := map[string]bool{}, map[string]bool{}
	for _, a := range hostileCorpus(t) {
		if name := a.class + "/" + a.name; names[name] || a.name == "" || len(a.why) < 4 || a.want < 200 || a.send == "" {
			t.Errorf("%s is twice or not whole: %+v", name, a)
		} else {
			names[name] = true
		}
		if text := a.with("Authorization: Bearer x\r\n"); texts[text] {
			t.Errorf("%s/%s sends what another does", a.class, a.name)
		} else {
			texts[text] = true
		}
	}
	if len(texts) < 300 {
		t.Errorf("only %d distinct requests", len(texts))
	}
	t.Logf("%d distinct requests", len(texts))
}
