package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is one row of the table of arrows: what of ours a room may import, and
// which libraries only it (and whoever else lists them) may.
type room struct {
	ours   []string
	others []string
}

// arrows is the design: policy is pure, store and cache remember, gateway and
// admin speak HTTP, cmd wires. A room that needs a new arrow needs a reason.
var arrows = map[string]room{
	"policy/token":    {},
	"policy":          {ours: []string{"policy/token"}, others: []string{"github.com/nyaruka/phonenumbers", "github.com/gaissmai/bart"}},
	"cache":           {ours: []string{"policy/token"}, others: []string{"github.com/dgraph-io/ristretto/v2"}},
	"store":           {ours: []string{"policy", "policy/token"}, others: []string{"database/sql", "github.com/pressly/goose/v3"}},
	"store/sqlite":    {ours: []string{"store"}, others: []string{"database/sql", "modernc.org/sqlite"}},
	"store/storetest": {ours: []string{"store", "policy", "policy/token"}, others: []string{"pgregory.net/rapid", "github.com/google/go-cmp", "testing", "database/sql"}},
	"gateway/auth":    {ours: []string{"policy/token"}, others: []string{"github.com/golang-jwt/jwt/v5", "github.com/go-json-experiment/json", "golang.org/x/sync", "golang.org/x/crypto"}},
	"gateway/issue":   {ours: []string{"policy/token"}, others: []string{"github.com/golang-jwt/jwt/v5", "golang.org/x/sync"}},
	"gateway/facts":   {ours: []string{"policy", "policy/token"}, others: []string{"github.com/valyala/fasthttp"}},
	"gateway/wire":    {ours: []string{"policy/token"}, others: []string{"github.com/valyala/fasthttp"}},
	"gateway/listen":  {ours: []string{"policy/token"}, others: []string{"github.com/pires/go-proxyproto", "github.com/fsnotify/fsnotify", "go.uber.org/zap", "golang.org/x/sys/unix"}},
	"gateway":         {ours: []string{"gateway/facts", "policy", "policy/token"}, others: []string{"github.com/valyala/fasthttp", "go.uber.org/zap", "github.com/prometheus/client_golang"}},
	"admin/webhook":   {ours: []string{"policy/token"}, others: []string{"net/http", "go.uber.org/zap", "github.com/go-json-experiment/json"}},
	"admin":           {ours: []string{"admin/ui", "admin/webhook", "policy", "policy/token"}, others: []string{"net/http", "github.com/danielgtaylor/huma/v2", "go.uber.org/zap", "github.com/go-json-experiment/json"}},
	"configs":         {ours: []string{"policy"}, others: []string{"go.yaml.in/yaml/v4"}},
	"bench":           {others: []string{"github.com/valyala/fasthttp", "net/http"}},
	"cmd/tollgate":    {ours: []string{"*"}, others: []string{"*"}},
}

// guarded are standard packages that only some rooms may use.
var guarded = []string{"database/sql", "net/http", "testing"}

// roomOf finds the row that a folder belongs to: its own, or the closest above.
func roomOf(dir string) (string, bool) {
	for d := dir; d != "."; d = filepath.Dir(d) {
		if _, ok := arrows[d]; ok {
			return d, true
		}
	}
	return "", false
}

// No room imports what the table does not allow it; test files may, because
// SQLite in a temporary folder is the test double of the house.
func TestArrows(t *testing.T) {
	eachGoFile(t, func(path, dir string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		name, ok := roomOf(dir)
		if !ok {
			t.Errorf("%s is in no room of the design", path)
			return
		}
		for _, imported := range importsOf(t, path) {
			if ours, is := strings.CutPrefix(imported, "tollgate/"); is {
				if !mayImport(name, dir, ours) {
					t.Errorf("%s: room %s may not import %s", path, name, imported)
				}
			} else if !mayUse(name, imported) {
				t.Errorf("%s: room %s may not use %s", path, name, imported)
			}
		}
	})
}

func mayImport(name, dir, ours string) bool {
	if slices.Contains(arrows[name].ours, "*") || slices.Contains(arrows[name].ours, ours) {
		return true
	}
	// A room may be split into folders, which see the room itself and its
	// common parts, but a dialect never another dialect.
	if name == "gateway/wire" {
		return ours == "gateway/wire" && dir != "gateway/wire"
	}
	return strings.HasPrefix(ours, name+"/") && !isRoom(ours) || ours == name && dir != name
}

func isRoom(dir string) bool { _, ok := arrows[dir]; return ok }

func mayUse(name, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") && !slices.Contains(guarded, imported) {
		return true // the standard library
	}
	for _, allowed := range arrows[name].others {
		if allowed == "*" || imported == allowed || strings.HasPrefix(imported, allowed+"/") {
			return true
		}
	}
	return false
}

// Nothing of ours registers itself: no init function, no default metrics
// registry, no global logger, in any file that is not a test.
func TestNothingRegistersItself(t *testing.T) {
	eachGoFile(t, func(path, _ string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, forbidden := range []string{"\nfunc init()", "promauto.", "prometheus.MustRegister", "prometheus.DefaultRegisterer", "zap.L()", "zap.S()", "zap.ReplaceGlobals", "http.DefaultServeMux", "http.DefaultClient"} {
			if strings.Contains(string(source), forbidden) {
				t.Errorf("%s has %q", path, strings.TrimSpace(forbidden))
			}
		}
	})
}

// Every package says in its comment why it is a room of its own.
func TestEveryPackageHasAComment(t *testing.T) {
	documented := map[string]bool{}
	eachGoFile(t, func(path, dir string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		documented[dir] = documented[dir] || file.Doc.Text() != ""
	})
	for dir, has := range documented {
		if !has {
			t.Errorf("package %s has no comment", dir)
		}
	}
}

// The top level holds the rooms that were asked for and nothing else.
func TestTopLevel(t *testing.T) {
	allowed := []string{"cmd", "gateway", "policy", "cache", "store", "admin", "configs", "bench", "go.mod", "go.sum", "Dockerfile", "README.md", "LICENSE", "CHANGELOG.md"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == "tollgate-data" || name == "tollgate" && !e.IsDir() {
			continue // dot-files, and what the demo and go build leave behind
		}
		if !slices.Contains(allowed, name) {
			t.Errorf("%s stands at the top level", name)
		}
	}
}

// root is the repository's top folder, seen from this package's.
const root = "../.."

func eachGoFile(t *testing.T, f func(path, dir string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() && rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			f(path, filepath.ToSlash(filepath.Dir(rel)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func importsOf(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name)
	}
	return list
}
