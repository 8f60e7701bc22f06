package configs

import (
	"slices"
	"strings"
	"testing"
)

// A pattern names its variables, and its shape is the same for two patterns
// exactly when they match the same paths.
func TestPatterns(t *testing.T) {
	for path, want := range map[string]pattern{
		"/":                         {"/", nil},
		"/v1":                       {"/v1", nil},
		"/v1/":                      {"/v1/", nil},
		"/v1/{id}":                  {"/v1/{}", []string{"id"}},
		"/v1/{payment_id}/refund":   {"/v1/{}/refund", []string{"payment_id"}},
		"/{a}/{b}/{rest...}":        {"/{}/{}/{}...", []string{"a", "b", "rest"}},
		"/{rest...}":                {"/{}...", []string{"rest"}},
		"/v1/payments:search":       {"/v1/payments:search", nil},
		"/...":                      {"/...", nil},
		"/.well-known/a":            {"/.well-known/a", nil},
		"/café/<a>|b^`\"":           {"/café/<a>|b^`\"", nil},
		"/v1/{_X9}/~a!$&'()*+,=@-.": {"/v1/{}/~a!$&'()*+,=@-.", []string{"_X9"}},
	} {
		got, problem := parsePattern(path)
		if problem != "" || got.shape != want.shape || !slices.Equal(got.variables, want.variables) {
			t.Errorf("%s is %v (%s), want %v", path, got, problem, want)
		}
	}
	for _, path := range []string{
		"", "v1", "//", "/a//b", "/a//", "/.", "/..", "/a/./b", "/a/../b", "/%41", "/a%", "/a;b", "/a\\b", "/a?b", "/a#b", "/a b", "/a\x7f", "/a\x00", "/{}", "/{a", "/a}", "/{a}b", "/b{a}", "/{a}{b}", "/{{a}}", "/{a-b}", "/{1a}", "/{a b}", "/{...}",
		"/{a...}/b", "/{a...}/", "/{a}/{a}", "/{a}/{a...}", "/{a....}", "/{a..}", "/" + strings.Repeat("a", maxPath), "*", "http://a/b",
		strings.Repeat("/a", maxSegments+1), strings.Repeat("/{a}", 2),
	} {
		if got, problem := parsePattern(path); problem == "" {
			t.Errorf("%q is taken for %v", path, got)
		}
	}
}

// The parser of patterns never fails badly, and what it accepts holds nothing
// that servers read in different ways.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"/", "/v1/{id}", "/{rest...}", "/a//b", "/%2e", "/{a}{b}", "/..;/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, problem := parsePattern(path)
		if problem != "" {
			return
		}
		if path[0] != '/' || strings.Contains(path, "//") || strings.ContainsAny(path, "%\\;?# ") || strings.Contains(path+"/", "/../") || strings.Contains(path+"/", "/./") {
			t.Errorf("%q is accepted", path)
		}
		if strings.Count(p.shape, "{}") != len(p.variables) || strings.Count(path, "{") != len(p.variables) {
			t.Errorf("%q has the variables %v", path, p.variables)
		}
		again, problem := parsePattern(strings.NewReplacer("{}...", "{z...}").Replace(fill(p.shape)))
		if problem != "" || again.shape != p.shape {
			t.Errorf("%q has the shape %q, which is read as %q (%s)", path, p.shape, again.shape, problem)
		}
	})
}

// fill names the variables of a shape.
func fill(shape string) string {
	for i := 0; strings.Contains(shape, "{}") && !strings.HasSuffix(shape, "{}...") || strings.Count(shape, "{}") > 1; i++ {
		shape = strings.Replace(shape, "{}", "{v"+strings.Repeat("x", i)+"}", 1)
	}
	return shape
}
