package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"tollgate/store"
	"tollgate/store/sqlite"
	"tollgate/store/storetest"
)

// engine is SQLite for the promises of storetest.
func engine(t testing.TB) storetest.Database {
	path := filepath.Join(t.TempDir(), "tollgate.db")
	return storetest.Database{
		Open: func(ctx context.Context, o store.Options) (*store.Store, error) {
			o.Path = path
			return sqlite.Open(ctx, o)
		},
		Tamper: func(t testing.TB, statement string) {
			t.Helper()
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, s := range []string{
				`PRAGMA busy_timeout = 5000`,
				`DROP TRIGGER IF EXISTS audit_is_never_changed`, `DROP TRIGGER IF EXISTS audit_is_never_deleted`,
				statement,
			} {
				if _, err := db.Exec(s); err != nil {
					t.Fatalf("%s: %v", s, err)
				}
			}
		},
	}
}

func TestStore(t *testing.T) { storetest.Run(t, engine) }
