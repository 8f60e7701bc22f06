package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
	"tollgate/store/sqlite"
	"tollgate/store/storetest"
)

var (
	ctx = context.Background()
	cli = token.Act{Actor: token.Actor{Kind: "cli", ID: "test"}}
)

func options(path string) store.Options {
	c := storetest.Catalogue()
	return store.Options{Path: path, Catalogue: func() *policy.Catalogue { return c }}
}

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := sqlite.Open(ctx, options(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Digests and sealed keys are for the owner's eyes, in every file of the
// database, new or found wide open.
func TestOnlyTheOwnerReadsTheFiles(t *testing.T) {
	private := func(path string) {
		t.Helper()
		for _, f := range []string{path, path + "-wal", path + "-shm"} {
			if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", filepath.Base(f), info.Mode(), err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "a ?#%.db") // SQLite reads URIs: none of these may be read as one
	s := open(t, path)
	if !s.Fresh() {
		t.Error("a new database is not fresh")
	}
	if _, err := s.AddMerchant(ctx, cli, token.Merchant{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	private(path)
	for _, f := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(f, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if again := open(t, path); again.Fresh() {
		t.Error("a database that was there is fresh")
	}
	private(path)
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 3 {
		t.Errorf("the directory holds %v, %v", list, err)
	}
}

func TestAPathThatCannotBeTrustedIsRefusedWithAReason(t *testing.T) {
	dir := t.TempDir()
	wide := filepath.Join(dir, "wide")
	if err := os.Mkdir(wide, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(wide, 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                 "name a file",
		":memory:":                         "plain path",
		"file:x.db?mode=memory":            "plain path",
		filepath.Join(dir, "none", "a.db"): "does not exist; create it",
		filepath.Join(wide, "a.db"):        "chmod o-w",
		dir:                                "is not a file",
	} {
		s, err := sqlite.Open(ctx, options(path))
		if err == nil {
			s.Close()
			t.Errorf("%q was opened", path)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", path, err, want)
		}
	}
	notes := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(notes, []byte(strings.Repeat("not a database, but long enough to be one. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(ctx, options(notes)); err == nil {
		s.Close()
		t.Error("a text was opened as a database")
	}
}

// A backup moved over the open file leaves this process with a file that has no
// name: nothing written to it would be seen again, and nothing read from it is
// true.
func TestAReplacedFileStopsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tollgate.db")
	s := open(t, path)
	m, err := s.AddMerchant(ctx, cli, token.Merchant{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	confirmed := s.Confirmed()
	check := func(what string) {
		t.Helper()
		_, errRead := s.FindMerchant(ctx, m.ID)
		_, errWrite := s.AddMerchant(ctx, cli, token.Merchant{Name: "y"})
		for name, err := range map[string]error{"read": errRead, "write": errWrite, "ping": s.Ping(ctx), "poll": s.Poll(ctx)} {
			if err == nil || err == token.ErrNotFound {
				t.Errorf("%s, %s: %v", what, name, err)
			}
		}
		if !s.Confirmed().Equal(confirmed) {
			t.Errorf("%s: the log counts as read", what)
		}
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	check("gone")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("replaced")
}
