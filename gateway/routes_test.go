package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

// tableOf builds a table from lines such as "GET,POST api.example.com/v1/{id}".
func tableOf(t testing.TB, lines ...string) *table {
	t.Helper()
	table, err := buildTable(lines)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func buildTable(lines []string) (*table, error) {
	var placements []placement
	var own []*ownEndpoint
	for _, line := range lines {
		methods, rest, _ := strings.Cut(line, " ")
		if methods == "OWN" {
			own = append(own, &ownEndpoint{path: rest, endpoint: health{}})
			continue
		}
		host, text, _ := strings.Cut(rest, "/")
		pat, err := parsePattern("/" + text)
		if err != nil {
			return nil, err
		}
		list, err := methodsNamed(strings.Split(methods, ","))
		if err != nil {
			return nil, err
		}
		if host, err = hostPattern(host); err != nil {
			return nil, err
		}
		placements = append(placements, placement{host, pat, list, &route{label: line}})
	}
	return newTable(placements, own)
}

// look asks for "GET host/path" and gives the line of the route that took it
// with the values, or the reason.
func look(t *table, asked string) string {
	m, rest, _ := strings.Cut(asked, " ")
	host, path, _ := strings.Cut(rest, "/")
	var room lookup
	f, r := t.find([]byte(host), []byte("/"+path), methodOf([]byte(m)), &room)
	switch {
	case r == token.MethodNotRouted:
		return "405 " + f.leaf.allow
	case r != token.Allowed:
		return "404"
	case f.leaf.own != nil:
		return "OWN " + f.leaf.pattern
	}
	s := f.route.label
	for _, v := range room.values[:room.count] {
		s += " [" + string(v) + "]"
	}
	return s
}

// The most specific path wins whatever the order in the file, then the method
// counts, and a spelling variant of a narrower path is no route.
func TestRouteIsTheMostSpecific(t *testing.T) {
	lines := []string{
		"GET,POST /v1/payments/{id}", "POST /v1/payments", "GET /v1/payments/status", "GET /v1/payments/{id}/refunds/{refund}",
		"GET /v1/{name}", "GET /v1/files/{rest...}", "PUT /v1/files/readme", "GET,POST /{all...}",
		"DELETE api.example.com/v1/payments/{id}", "GET api.example.com/only/here", "GET /slash/", "GET /v1/Mixed", "GET /v1/mixed",
		"OWN /api/token",
	}
	cases := map[string]string{
		"GET h/v1/payments/7":                  "GET,POST /v1/payments/{id} [7]",
		"HEAD h/v1/payments/7":                 "GET,POST /v1/payments/{id} [7]",
		"POST h/v1/payments":                   "POST /v1/payments",
		"GET h/v1/payments":                    "405 POST", // never the wider /v1/{name}
		"GET h/v1/payments/status":             "GET /v1/payments/status",
		"POST h/v1/payments/status":            "405 GET, HEAD", // never /v1/payments/{id}
		"GET h/v1/payments/7/refunds/9":        "GET /v1/payments/{id}/refunds/{refund} [7] [9]",
		"GET h/v1/payments/status/refunds/9":   "GET /v1/payments/{id}/refunds/{refund} [status] [9]",
		"GET h/v1/other":                       "GET /v1/{name} [other]",
		"GET h/v1/files/a/b":                   "GET /v1/files/{rest...} [a/b]",
		"PUT h/v1/files/readme":                "PUT /v1/files/readme",
		"GET h/v1/files/readme":                "405 PUT",
		"GET h/elsewhere":                      "GET,POST /{all...} [elsewhere]",
		"GET h/":                               "GET,POST /{all...} []",
		"DELETE h/elsewhere":                   "405 GET, HEAD, POST",
		"DELETE api.example.com/v1/payments/7": "DELETE api.example.com/v1/payments/{id} [7]",
		"GET api.example.com/v1/payments/7":    "405 DELETE", // the host's own pattern, never every host's
		"GET API.Example.COM:443/only/here":    "GET api.example.com/only/here",
		"GET api.example.com./only/here":       "GET api.example.com/only/here",
		"GET other.example.com/only/here":      "GET,POST /{all...} [only/here]",
		"GET api.example.com/v1/other":         "GET /v1/{name} [other]",
		"POST h/api/token":                     "OWN /api/token",
		"POST api.example.com/api/token":       "OWN /api/token",
		"GET h/v1/Mixed":                       "GET /v1/Mixed",
		"GET h/v1/mixed":                       "GET /v1/mixed",
		"GET h/slash/":                         "GET /slash/",

		// Variants of a narrower path, which the catch-all must not take in.
		"GET h/v1/Payments/7":           "404",
		"POST h/v1/payments/":           "404",
		"GET h/v1/payments/7/":          "404",
		"GET h/v1/payments/Status":      "404",
		"GET h/V1/payments/status":      "404",
		"GET h/v1/payments/status/":     "404",
		"GET h/v1/files/ReadMe":         "404",
		"GET h/slash":                   "404",
		"GET h/v1/MIXED":                "404",
		"POST h/API/token":              "404",
		"POST h/api/token/":             "404",
		"GET h/v1/FILES/a":              "404",
		"GET api.example.com/Only/here": "404",
	}
	for seed := range 20 {
		shuffled := slices.Clone(lines)
		for i := range shuffled {
			j := (i*7 + seed*3) % len(shuffled)
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		}
		table := tableOf(t, shuffled...)
		for asked, want := range cases {
			if got := look(table, asked); got != want {
				t.Errorf("order %d: %s leads to %s, want %s", seed, asked, got, want)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// Where only {rest...} guards a beginning, the beginning itself is its variant
// for a wider catch-all, but not for a pattern that was written for one segment.
func TestBeginningOfRestIsNotTakenByCatchAll(t *testing.T) {
	table := tableOf(t, "GET /v1/files/{rest...}", "GET /{all...}")
	if got := look(table, "GET h/v1/files"); got != "404" {
		t.Errorf("/v1/files leads to %s", got)
	}
	table = tableOf(t, "GET /a/b/{rest...}", "GET /a/{y}/", "GET /{x}/b")
	if got := look(table, "GET h/a/b"); got != "404" {
		t.Errorf("/a/b leads to %s, though /a/b/ is guarded by /a/{y}/", got)
	}
	table = tableOf(t, "GET /v1/files/{rest...}", "GET /v1/{name}")
	if got := look(table, "GET h/v1/files"); got != "GET /v1/{name} [files]" {
		t.Errorf("/v1/files leads to %s", got)
	}
}

// A plan that two routes could answer differently is refused.
func TestBadPatternsAreRefused(t *testing.T) {
	for _, lines := range [][]string{
		{"GET /a", "GET /a"}, {"GET /{a}", "GET /{b}"}, {"GET,POST /a/{x...}", "POST /a/{y...}"}, {"GET H/a", "GET h/a"},
		{"GET /{a}/{a}"}, {"GET /{a...}/b"}, {"GET /{a"}, {"GET /{}"}, {"GET /a{b}"}, {"GET /{a}b"}, {"GET /{a-b}"},
		{"GET /a//b"}, {"GET /../b"}, {"GET /a;b"}, {"GET /a%20b"}, {"GET /a?b"}, {"TRACE /a"}, {"get /a"}, {" /a"},
		{"GET h:80/a"}, {"GET h./a"}, {"GET u@h/a"},
		{"GET /" + strings.Repeat("a/", maxSegments)}, {"GET " + manyNames(maxParams+1)},
	} {
		if _, err := buildTable(lines); err == nil {
			t.Errorf("%q was taken", lines)
		}
	}
	tableOf(t, "GET /"+strings.Repeat("a/", maxSegments-1), "GET "+manyNames(maxParams), "GET /a b/é")
}

func manyNames(n int) string {
	s := ""
	for i := range n {
		s += fmt.Sprintf("/{n%d}", i)
	}
	return s
}

// ranks takes a path in by a pattern, by definition: one rank a segment, or
// nothing where the pattern does not take it.
func ranks(pattern, path string, fold bool) (string, bool) {
	if fold {
		pattern, path = foldPattern(pattern), strings.ToLower(path)
	}
	ps, ss := strings.Split(pattern[1:], "/"), strings.Split(path[1:], "/")
	rank := ""
	for i, p := range ps {
		switch {
		case strings.HasSuffix(p, "...}"):
			return rank + "2", len(ss) > i
		case i >= len(ss):
			return "", false
		case strings.HasPrefix(p, "{"):
			if ss[i] == "" {
				return "", false
			}
			rank += "1"
		case p != ss[i]:
			return "", false
		default:
			rank += "0"
		}
	}
	return rank, len(ps) == len(ss)
}

func foldPattern(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		if !strings.HasPrefix(parts[i], "{") {
			parts[i] = strings.ToLower(parts[i])
		}
	}
	return strings.Join(parts, "/")
}

// padded makes ranks of different lengths comparable: an end is as narrow as a
// literal.
func padded(rank string) string { return rank + strings.Repeat("0", 70-len(rank)) }

// The tree finds what a search over all patterns finds, and refuses as variants
// what such a search calls variants.
func TestTableEqualsSearchOverAllPatterns(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "A", "b", "ab", "{x}"})
	rapid.Check(t, func(t *rapid.T) {
		seen := map[string]bool{}
		var patterns, lines []string
		for range rapid.IntRange(1, 8).Draw(t, "patterns") {
			p := ""
			for i := range rapid.IntRange(1, 4).Draw(t, "segments") {
				s := segment.Draw(t, "segment")
				if s == "{x}" {
					s = fmt.Sprintf("{x%d}", i)
				}
				p += "/" + s
			}
			p += rapid.SampledFrom([]string{"", "", "/", "/{rest...}"}).Draw(t, "end")
			if !seen[p] {
				seen[p] = true
				patterns, lines = append(patterns, p), append(lines, "GET "+p)
			}
		}
		table, err := buildTable(lines)
		if err != nil {
			t.Fatal(err)
		}
		path := ""
		for range rapid.IntRange(1, 5).Draw(t, "length") {
			path += "/" + rapid.SampledFrom([]string{"a", "A", "b", "B", "ab", "c"}).Draw(t, "part")
		}
		path += rapid.SampledFrom([]string{"", "/"}).Draw(t, "slash")

		want, best := "404", ""
		for _, p := range patterns {
			if r, ok := ranks(p, path, false); ok && (want == "404" || padded(r) < padded(best)) {
				want, best = "GET "+p, r
			}
		}
		if strings.Trim(best, "0") != "" && isVariant(patterns, path, best) {
			want = "404"
		}
		got, _, _ := strings.Cut(look(table, "GET h"+path), " [")
		if got != want {
			t.Fatalf("%s in %q leads to %s, want %s", path, patterns, got, want)
		}
	})
}

func isVariant(patterns []string, path, taken string) bool {
	for _, p := range patterns {
		if r, ok := ranks(p, path, true); ok && padded(r) < padded(taken) {
			return true
		}
		if bare, cut := strings.CutSuffix(path, "/"); cut {
			if r, ok := ranks(p, bare, true); ok && padded(r) < padded(taken) {
				return true
			}
			continue
		}
		r, ok := ranks(p, path+"/", true)
		if ok && padded(r) < padded(taken) && (strings.Contains(taken, "2") || !strings.Contains(r, "2")) {
			return true
		}
	}
	return false
}

func thousandRoutes(t testing.TB) *table {
	lines := []string{"GET /{all...}"}
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("GET,POST /v%d/service%d/payments/{id}", i%5, i))
	}
	return tableOf(t, lines...)
}

// Finding a route allocates nothing, also where a variant has to be ruled out.
func TestFindAllocatesNothing(t *testing.T) {
	table := thousandRoutes(t)
	var room lookup
	host, path := []byte("API.example.com:8080"), []byte("/v3/service873/payments/4f2a9c1e")
	find := func() {
		if f, r := table.find(host, path, methodPost, &room); r != token.Allowed || f.route == nil {
			t.Fatal(r)
		}
	}
	find()
	if n := testing.AllocsPerRun(200, find); n != 0 && !underRace {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFindAmongThousand(b *testing.B) {
	table := thousandRoutes(b)
	var room lookup
	host, path := []byte("api.example.com"), []byte("/v3/service873/payments/4f2a9c1e")
	b.ReportAllocs()
	for b.Loop() {
		table.find(host, path, methodPost, &room)
	}
}
