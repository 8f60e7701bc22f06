package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"tollgate/store"
	"tollgate/store/sqlite"
	"tollgate/store/storetest"
)

// newDatabase is SQLite for the promises of storetest.
func newDatabase(t testing.TB) storetest.Database {
	path := filepath.Join(t.TempDir(), "tollgate.db")
	return storetest.Database{
		Open: func(ctx context.Context, o store.Options) (*store.Store, error) {
			o.Path = path
			return sqlite.Open(ctx, o)
		},
		Try: func(statement string) error { return behind(path, statement) },
		Tamper: func(t testing.TB, statement string, args ...any) {
			t.Helper()
			for _, guard := range []string{"audit_is_never_changed", "audit_is_never_deleted"} {
				if err := behind(path, `DROP TRIGGER IF EXISTS `+guard); err != nil {
					t.Fatal(err)
				}
			}
			if err := behind(path, statement, args...); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// behind runs a statement on the file as a stranger would.
func behind(path, statement string, args ...any) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(statement, args...); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func TestStore(t *testing.T) { storetest.Run(t, newDatabase) }

func TestStoreAtOnce(t *testing.T) { storetest.RunConcurrent(t, newDatabase) }

func TestStoreAgainstModel(t *testing.T) { storetest.RunModel(t, newDatabase) }

func TestFamiliesAgainstModel(t *testing.T) { storetest.RunFamilyModel(t, newDatabase) }
