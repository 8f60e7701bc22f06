package facts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/policy"
)

// vectors is the folder of test vectors that others wrote. A test that needs
// them is skipped where they are absent, and fails where TOLLGATE_TEST_REQUIRE
// asks for them.
func vectors(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("TOLLGATE_VECTORS")
	if root == "" {
		root = "../../../shared/vectors"
	} else if !filepath.IsAbs(root) {
		root = filepath.Join("../..", root)
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		if strings.Contains(os.Getenv("TOLLGATE_TEST_REQUIRE"), "vectors") {
			t.Fatalf("TOLLGATE_TEST_REQUIRE names vectors, and there are none: %v", err)
		}
		t.Skipf("no test vectors: %v; set TOLLGATE_VECTORS to their folder", err)
	}
	return dir
}

// No text that JSONTestSuite calls wrong is accepted, and every text it calls
// right is, but for those that have a member twice. The route looks for nothing
// in the body, and the second one for what the suite's files have at their root.
func TestJSONTestSuite(t *testing.T) {
	dir := filepath.Join(vectors(t, "JSONTestSuite"), "test_parsing")
	plain := program(t, policy.FactsText{Country: []string{"path:{country}"}})
	looking := program(t, simple)
	files, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(files) < 300 {
		t.Fatalf("%d files in %s: %v", len(files), dir, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, plain, post(t, string(body)))
		watched := read(t, looking, post(t, string(body)))
		switch {
		case name == "n_structure_no_data.json":
			// A body of no bytes is none: only a route that looks into it wants one.
			if watched != "body_ambiguous" {
				t.Errorf("%s: %s", name, watched)
			}
		case strings.HasPrefix(name, "n_"):
			if got != "body_ambiguous" || watched != "body_ambiguous" {
				t.Errorf("%s was accepted: %s, %s", name, got, watched)
			}
		case strings.HasPrefix(name, "y_object_duplicated_key"):
			if got != "body_ambiguous" {
				t.Errorf("%s has a member twice and was accepted", name)
			}
		case strings.HasPrefix(name, "y_"):
			if got != "" {
				t.Errorf("%s was refused: %s", name, got)
			}
		}
	}
}

// The files on which readers are known to disagree are refused, but for numbers
// that no source reads.
func TestJSONTestSuiteUndecidedFiles(t *testing.T) {
	dir := filepath.Join(vectors(t, "JSONTestSuite"), "test_parsing")
	p := program(t, policy.FactsText{Country: []string{"path:{country}"}})
	files, err := filepath.Glob(dir + "/i_*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no i_ files in %s: %v", dir, err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		number := strings.HasPrefix(filepath.Base(file), "i_number_")
		if got := read(t, p, post(t, string(body))); (got == "") != number {
			t.Errorf("%s: %q", filepath.Base(file), got)
		}
	}
}
