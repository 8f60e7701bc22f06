package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	real "modernc.org/sqlite"

	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
	"tollgate/store/storetest"
)

// A PRAGMA that is executed reaches one connection; ours reach them all.
func TestEveryConnectionIsSetUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for lock, n := range map[string]int{writers: 1, readers: 4} {
		db, err := open(path, lock, n)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for range n {
			c, err := db.Conn(context.Background()) // held, so that the next one is new
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for pragma, want := range map[string]string{
				"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000", "foreign_keys": "1", "trusted_schema": "0",
			} {
				var got string
				if err := c.QueryRowContext(context.Background(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s: %s is %q, %v; want %q", lock, pragma, got, err, want)
				}
			}
			if _, err := c.ExecContext(context.Background(), `SELECT "no column"`); err == nil {
				t.Error("a text in double quotes passes for a column")
			}
			if _, err := c.ExecContext(context.Background(), `CREATE TEMP TABLE x (y)`); (err == nil) != (lock == writers) {
				t.Errorf("%s: writing: %v", lock, err)
			}
		}
	}
}

// SQLite keeps anything in any column unless it is told not to.
func TestEveryTableIsStrict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := Open(context.Background(), testOptions(path))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := open(path, readers, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT name FROM pragma_table_list
		WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite%' AND name <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		t.Errorf("the table %s is not strict", name)
	}
}

func testOptions(path string) store.Options {
	c := storetest.Catalogue()
	return store.Options{Path: path, Catalogue: func() *policy.Catalogue { return c }}
}

// doubtful is a connection whose commits happen, or do not, and fail either way.
type doubtful struct {
	driver.Connector
	commits  *bool // whether they happen
	doubtful *bool // whether they fail
}

func (d doubtful) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.Connector.Connect(ctx)
	return doubtfulConn{c.(conn), d}, err
}

// conn is what database/sql uses of the real connection.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type doubtfulConn struct {
	conn
	d doubtful
}

func (c doubtfulConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.BeginTx(ctx, o)
	return doubtfulTx{tx, c.d}, err
}

type doubtfulTx struct {
	driver.Tx
	d doubtful
}

var errDoubt = errors.New("the connection broke")

func (t doubtfulTx) Commit() error {
	if !*t.d.doubtful {
		return t.Tx.Commit()
	}
	if *t.d.commits {
		return errors.Join(t.Tx.Commit(), errDoubt)
	}
	return errors.Join(t.Tx.Rollback(), errDoubt)
}

// A commit whose answer is lost may have revoked a token. The listeners hear of
// it at once, and if it did happen they hear of it again from the log, so that
// the fleet's account of what was applied stays whole.
func TestListenersHearOfACommitOfUnknownOutcome(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	f, err := prepare(path)
	if err != nil {
		t.Fatal(err)
	}
	var commits, fails bool
	connector, err := real.NewConnector(dsn(path, writers))
	if err != nil {
		t.Fatal(err)
	}
	writer := sql.OpenDB(doubtful{connector, &commits, &fails})
	writer.SetMaxOpenConns(1)
	reader, err := open(path, readers, 2)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.New(ctx, engine(f, writer, reader), testOptions(path))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	var told []int64
	s.OnChange(func(c token.Change) { told = append(told, c.Sequence) })
	act := token.Act{Actor: token.Actor{Kind: "cli", ID: "test"}}
	add := func() error {
		_, err := s.AddMerchant(ctx, act, token.Merchant{Name: "x"})
		return err
	}
	want := func(what string, seqs ...int64) {
		t.Helper()
		if !slices.Equal(told, seqs) {
			t.Errorf("%s: told %v, want %v", what, told, seqs)
		}
		told = nil
	}
	fails = true
	if err := add(); !errors.Is(err, errDoubt) {
		t.Fatalf("a doubtful commit: %v", err)
	}
	want("not committed, as it turned out", 1)
	if err := s.Poll(ctx); err != nil {
		t.Fatal(err)
	}
	want("and the log has nothing to add")
	commits = true
	if err := add(); !errors.Is(err, errDoubt) {
		t.Fatalf("a doubtful commit: %v", err)
	}
	want("committed, as it turned out", 1)
	if s.Applied() != 0 {
		t.Errorf("applied %d before anyone could know", s.Applied())
	}
	if err := s.Poll(ctx); err != nil {
		t.Fatal(err)
	}
	want("and the log tells again", 1)
	fails = false
	if err := add(); err != nil {
		t.Fatal(err)
	}
	want("as usual", 2)
	if err := s.Poll(ctx); err != nil || s.Applied() != 2 {
		t.Fatalf("applied %d, %v", s.Applied(), err)
	}
	want("once")
}

// busyOnce lets go of the file once it was found busy.
type busyOnce struct {
	driver.Connector
	letGo func() error
	asked *int
}

func (b busyOnce) Connect(ctx context.Context) (driver.Conn, error) {
	*b.asked++
	c, err := b.Connector.Connect(ctx)
	if err != nil {
		return nil, errors.Join(err, b.letGo())
	}
	return c, nil
}

// "serve" and "admin create-key" may both be the first to open a file.
func TestABusyFileIsAskedAgain(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	first, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	held, err := first.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := held.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	c, err := real.NewConnector("file:" + path + "?_pragma=journal_mode(WAL)") // waits for nothing
	if err != nil {
		t.Fatal(err)
	}
	var asked int
	db := sql.OpenDB(busyOnce{c, func() error { _, err := held.ExecContext(ctx, "ROLLBACK"); return err }, &asked})
	defer db.Close()
	if err := begin(ctx, db); err != nil || asked != 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}
