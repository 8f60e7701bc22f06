package gateway

import (
	"bytes"
	"net/url"
	"path"
	"strings"
	"testing"

	"tollgate/policy/token"
)

// A path that two servers could take apart differently is refused, and a query
// only for bytes that no query can have.
func TestTargetIsPlainOrRefused(t *testing.T) {
	for _, good := range []string{
		"/", "/a", "/a/", "/a/b.c/..d/e..", "/a:b@c!$&'()*+,=~-_", "/caf%C3%A9", "/a%20b", "/a%2Bb", "/%7e", "/a/...",
		"/?", "/a?b", "/a?//", "/a?../..", "/a?x=%2f%00%25", "/a?x;y", "/a??", "/a?b[]=c[d]", "/a?!$&'()*+,;=:@-._~/?", "/a%41",
	} {
		var g target
		if r, _ := g.judge([]byte(good), nil); r != token.Allowed || string(g.raw) != good {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", "*", "a", "http://a/b", "a:443", "?a", "//", "//a", "/a//b", "/a//", "/.", "/..", "/./a", "/a/..", "/a/../b", "/a/.",
		"/a;b", "/a;/b", "/..;/a", "/a\\b", "/a#b", "/a b", "/a\tb", "/a\x00", "/a\x7f", "/caf\xc3\xa9", "/a\"", "/<", "/>", "/a|b", "/{a}", "/[a]", "/a^", "/a`",
		"/%", "/%2", "/%zz", "/a%2fb", "/a%2Fb", "/%5c", "/%5C", "/%2e", "/%2E%2E", "/a%00", "/a%25", "/%252f", "/%0d%0a", "/%1f", "/%7F",
		"/%3b", "/%3F", "/%23", "/%c0%ae", "/%c0%af", "/%ff", "/%C3", "/%ed%a0%80",
		"/a?\x00", "/a?b c", "/a?\t", "/a?b#c", "/a?\x7f", "/a?\xc3\xa9", "/a?%", "/a?%2", "/a?%zz", "/a?\r\n",
		"/a?\"", "/a?<", "/a?>", "/a?\\", "/a?^", "/a?`", "/a?{", "/a?|", "/a?}",
	} {
		var g target
		if r, _ := g.judge([]byte(bad), nil); r != token.MalformedRequest {
			t.Errorf("%q gives %v", bad, r)
		}
	}
}

// The decoded path is what routes see, and the raw bytes stay as they were.
func TestTargetIsDecodedForRoutesOnly(t *testing.T) {
	var g target
	raw := []byte("/v1/%61dmin/x%20y?q=%61")
	r, room := g.judge(raw, make([]byte, 0, 64))
	if r != token.Allowed || string(g.decoded) != "/v1/admin/x y" || string(g.path) != "/v1/%61dmin/x%20y" || string(g.query) != "q=%61" || string(g.raw) != string(raw) {
		t.Errorf("%v %q %q %q", r, g.decoded, g.path, g.query)
	}
	if n := testing.AllocsPerRun(100, func() { _, room = g.judge(raw, room) }); n != 0 {
		t.Errorf("judging allocates %v times", n)
	}
}

func BenchmarkTargetJudge(b *testing.B) {
	raw := []byte("/v1/payments/4f2a9c1e-77aa-4b21-9d5e-0c4a1d9b8e11?expand=customer&limit=20")
	var g target
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		_, room = g.judge(raw, room)
	}
}

// Path tricks, tens of thousands of them made of what walks up, hides a slash or
// a dot, or ends a path for some reader (security.md §5.1, row 30): each is
// refused, or is the same path to a reader that decodes and cleans.
func TestPathTricksAreRefusedOrPlain(t *testing.T) {
	parts := []string{"", "a", ".", "..", "...", "%2e", "%2e%2e", "%2E.", "..;", "..;x=y", "a;b", "%2f", "..%2f", "%5c", "\\", "..\\", "%00", "..%00", "%c0%ae%c0%ae", "%252e%252e",
		"%e0%80%ae", "%uff0e", ". ", "..%20", "..%09", "#", "..#", "~", "*", "%23", "%3b", "%3f", "a%0d%0ab", "\xff", "\uff0e\uff0e"}
	passed := 0
	for _, a := range parts {
		for _, b := range parts {
			for _, separator := range []string{"/", "//", "%2f", "\\", ";/"} {
				for _, raw := range []string{"/" + a + separator + b, "/v1/" + a + separator + b + "/admin", a + separator + b, "/v1/" + a + separator + b + "?x=/../" + a} {
					var g target
					if r, _ := g.judge([]byte(raw), nil); r == token.Allowed {
						passed++
						samePathElsewhere(t, []byte(raw), &g)
					}
				}
			}
		}
	}
	if passed == 0 {
		t.Error("nothing at all passes")
	}
}

// samePathElsewhere compares what passed with what net/url and path make of it.
func samePathElsewhere(t *testing.T, raw []byte, g *target) {
	t.Helper()
	u, err := url.ParseRequestURI(string(raw))
	if err != nil || u.Host != "" || u.Opaque != "" || u.Fragment != "" {
		t.Fatalf("net/url reads %q as %+v, %v", raw, u, err)
	}
	if u.Path != string(g.decoded) || u.RawQuery != string(g.query) {
		t.Fatalf("%q: net/url decodes to %q ? %q, we to %q ? %q", raw, u.Path, u.RawQuery, g.decoded, g.query)
	}
	clean := path.Clean(u.Path)
	if strings.TrimSuffix(u.Path, "/") != strings.TrimSuffix(clean, "/") {
		t.Fatalf("%q decodes to %q, which cleans to %q", raw, u.Path, clean)
	}
	if again, err := url.PathUnescape(u.Path); err != nil || again != u.Path {
		t.Fatalf("%q decodes to %q and then to %q", raw, u.Path, again)
	}
}

// What passes is canonical for other readers too: cleaning it changes nothing,
// and decoding it twice is decoding it once.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/v1/payments/1?x=1", "/a/%C3%A9/b", "//a", "/a/../b", "/%2e%2e/", "/a%2fb", "/a;b", "/a?x=%zz", "/%c0%af", "http://a/", "*"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		var g target
		r, _ := g.judge(raw, nil)
		if !bytes.Equal(raw, before) {
			t.Fatalf("judging %q changed it", before)
		}
		if r != token.Allowed {
			return
		}
		samePathElsewhere(t, raw, &g)
	})
}
