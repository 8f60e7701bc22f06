package transcript

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// files are the transcripts beside the dialects.
func files(t *testing.T) map[string][]Exchange {
	t.Helper()
	names, err := filepath.Glob("../testdata/*/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	all := map[string][]Exchange{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = Parse(name, string(text)); err != nil {
			t.Error(err)
		}
	}
	return all
}

var (
	kept    = regexp.MustCompile(` -> ([a-z0-9A-Z]+)$`)
	seen    = regexp.MustCompile(`\{\{[a-z]+:([a-zA-Z0-9]+)\}\}`)
	wanted  = regexp.MustCompile(`\{\{([^}]+)\}\}`)
	literal = regexp.MustCompile(`^(now([+-][0-9]+)?|=.*)$`)
)

// Every transcript can be read, every placeholder in it is something that
// stands above it, every admin call is one, and every number a number.
func TestTranscriptsCanBeRead(t *testing.T) {
	for _, exchanges := range files(t) {
		known := map[string]bool{"merchant": true}
		uses := func(e *Exchange, text string) {
			for _, m := range wanted.FindAllStringSubmatch(text, -1) {
				for word := range strings.FieldsSeq(strings.TrimPrefix(m[1], "basic ")) {
					root, _, _ := strings.Cut(word, ".")
					if !known[root] && !literal.MatchString(word) {
						t.Errorf("%s: nothing above is called {{%s}}", e.Place, word)
					}
				}
			}
		}
		for i := range exchanges {
			e := &exchanges[i]
			for _, d := range e.Directives {
				uses(e, d.Rest)
				switch d.Word {
				case "admin":
					method, rest, _ := strings.Cut(kept.ReplaceAllString(d.Rest, ""), " ")
					path, body, _ := strings.Cut(rest, " ")
					if (method != "POST" && method != "PATCH" && method != "DELETE") || !strings.HasPrefix(path, "/admin/v1/") || !strings.HasPrefix(body, "{") || !strings.HasSuffix(body, "}") {
						t.Errorf("%s: @admin %s is no call", e.Place, d.Rest)
					}
					if m := kept.FindStringSubmatch(d.Rest); m != nil {
						known[m[1]] = true
					}
				case "jws":
					name, _, _ := strings.Cut(d.Rest, " ")
					known[name] = true
				case "upstream", "repeat":
					if _, err := e.Count(d.Word, 0); err != nil {
						t.Error(err)
					}
				}
			}
			uses(e, e.Request)
			for _, m := range seen.FindAllStringSubmatch(e.Want.Body+strings.Join(e.Want.Pieces, ""), -1) {
				known[m[1]] = true
			}
			for _, m := range wanted.FindAllStringSubmatch(e.Want.Body+strings.Join(e.Want.Pieces, ""), -1) {
				shape, _, _ := strings.Cut(m[1], ":")
				if root, _, _ := strings.Cut(shape, "."); shapes[shape] == "" && !known[root] {
					t.Errorf("%s: {{%s}} is no shape and nothing above", e.Place, m[1])
				}
			}
		}
	}
}

// A request is composed with CRLF, a length and a signature that anybody can
// make again.
func TestCompose(t *testing.T) {
	list, err := Parse("f", "# one\n@mac =c =whsec t=1700000000\nPOST /p?a=1 HTTP/1.1\nX-A: {{basic =your_key =your_secret}} {{now-1}} {{k}}\n\n{\"amount\":\"1000\"}\n---\nHTTP/1.1 200\n")
	if err != nil {
		t.Fatal(err)
	}
	v := Values{Now: time.Unix(1_700_000_000, 0), Named: map[string]string{"k": "v"}}
	got, err := list[0].Compose(&v)
	const want = "POST /p?a=1 HTTP/1.1\r\nX-A: eW91cl9rZXk6eW91cl9zZWNyZXQ= 1699999999 v\r\nHost: gw\r\nContent-Length: 17\r\nX-Client-Id: c\r\n" +
		"X-Signature: t=1700000000,v1=MAC\r\n\r\n{\"amount\":\"1000\"}"
	if err != nil || !regexp.MustCompile(strings.Replace(regexp.QuoteMeta(want), "MAC", "[0-9a-f]{64}", 1)).Match(got) {
		t.Errorf("%v\n%q\nwant\n%q", err, got, want)
	}
}

// The two JWSs of domain.md §8.5 come out of the directives that describe them.
func TestJWSIsTheVector(t *testing.T) {
	const payload = `{"data":{"merchantUid":"mer_test","title":"Order 1","reference":"ref_1","amountCents":2000,"email":"jane@example.com"}}`
	for header, want := range map[string]string{
		`{"typ":"JWT","alg":"HS256"}`: "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJkYXRhIjp7Im1lcmNoYW50VWlkIjoibWVyX3Rlc3QiLCJ0aXRsZSI6Ik9yZGVyIDEiLCJyZWZlcmVuY2UiOiJyZWZfMSIsImFtb3VudENlbnRzIjoyMDAwLCJlbWFpbCI6ImphbmVAZXhhbXBsZS5jb20ifX0.eylpfl-IAYcN7Dk2UNgnKIzJ4TzlzUz4ZRRBgJkx8Os",
		`{"alg":"HS256","typ":"JWT"}`: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJkYXRhIjp7Im1lcmNoYW50VWlkIjoibWVyX3Rlc3QiLCJ0aXRsZSI6Ik9yZGVyIDEiLCJyZWZlcmVuY2UiOiJyZWZfMSIsImFtb3VudENlbnRzIjoyMDAwLCJlbWFpbCI6ImphbmVAZXhhbXBsZS5jb20ifX0.GBcZzjQT1GBDBwn5xZHse6s7Z9S0W0g6VnC3AbgPXfo",
	} {
		v := Values{Named: map[string]string{}}
		if err := v.sign("x =SECRET " + header + " " + payload); err != nil || v.Named["x"] != want {
			t.Errorf("%v %s\nwant %s", err, v.Named["x"], want)
		}
	}
}

// An answer that differs is told, and what a named shape saw is kept.
func TestMatch(t *testing.T) {
	f := func(want string, body string, ok bool) {
		t.Helper()
		list, err := Parse("f", "# one\nGET / HTTP/1.1\n---\nHTTP/1.1 200\nX-A: b\n!X-B\n\n"+want+"\n")
		if err != nil {
			t.Fatal(err)
		}
		v := Values{Named: map[string]string{"k": "v"}}
		get := func(name string) []string {
			if name == "X-A" {
				return []string{"b"}
			}
			return nil
		}
		if err := list[0].Match(&v, 200, get, []byte(body)); (err == nil) != ok {
			t.Errorf("%s against %s: %v", want, body, err)
		} else if ok && v.Named["seen"] != "" && v.Named["seen"] != "a.b.c" {
			t.Errorf("kept %q", v.Named["seen"])
		}
		if list[0].Match(&v, 201, get, []byte(body)) == nil {
			t.Error("another status matches")
		}
	}
	f(`{"a":"{{jwt:seen}}","b":{{int}},"k":"{{k}}"}`, `{"a":"a.b.c","b":12,"k":"v"}`, true)
	f(`{"a":"{{jwt}}"}`, `{"a":"a.b"}`, false)
	f(`{"a":1}`, `{"a":1} `, false)
	f(`{"a":1}{{lf}}`, "{\"a\":1}\n", true)
	f("~\"a\"\n~{{int}}", `{"a":1}`, true)
	f("~\"b\"", `{"a":1}`, false)
}
