package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"tollgate/store"
)

// Open opens the store in the file o.Path, creating it when it is not there.
// The file is readable by its owner only; the directory exists already.
//
// The file is in WAL mode with synchronous=FULL: what was acknowledged survives
// a crash of the process and of the machine.
func Open(ctx context.Context, o store.Options) (*store.Store, error) {
	f, err := prepare(o.Path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	writer, err := open(f.path, writers, 1)
	if err != nil {
		return nil, err
	}
	reader, err := open(f.path, readers, max(4, 2*runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	if err := begin(ctx, writer); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", f.path, err), writer.Close(), reader.Close())
	}
	s, err := store.New(ctx, engine(f, writer, reader), o)
	if err != nil {
		return nil, errors.Join(err, writer.Close(), reader.Close())
	}
	return s, nil
}

// begin makes the first connection, which turns a new file to WAL. No
// busy_timeout covers that step: of several processes that do it at once, all
// but one are told that the file is busy, and have to ask again.
func begin(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		var e *driver.Error
		if !errors.As(err, &e) || e.Code()&0xff != lib.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// engine says what is particular to SQLite. It needs no lock of its own: a
// transaction of the writer begins by taking the only one there is.
func engine(f *file, writer, reader *sql.DB) store.Engine {
	return store.Engine{
		Writer: writer, Reader: reader, Fresh: f.fresh,
		Dialect: "sqlite3", Folder: "sqlite",
		Snapshot:  sql.TxOptions{ReadOnly: true},
		Classify:  classify,
		Check:     f.same,
		Integrity: func(ctx context.Context) error { return integrity(ctx, reader) },
	}
}

// How transactions begin. A writer's takes the write lock at once: one that
// began as a reader and wants to write later fails when another wrote meanwhile,
// whatever the busy_timeout.
const (
	writers = "immediate"
	readers = "deferred"
)

// open makes a pool.
func open(path, lock string, connections int) (*sql.DB, error) {
	c, err := driver.NewConnector(dsn(path, lock))
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// dsn carries all settings, because a PRAGMA that is executed reaches one
// connection of the pool and misses the others.
func dsn(path, lock string) string {
	q := url.Values{
		// busy_timeout first, so that the others wait for a lock as well.
		"_pragma": {
			"busy_timeout(5000)",
			"journal_mode(WAL)",
			"synchronous(FULL)",
			"foreign_keys(1)",
			"trusted_schema(0)",
			"cell_size_check(1)",
		},
		"_txlock":    {lock},
		"_defensive": {"1"}, // no statement can corrupt the file on purpose
		"_dqs":       {"0"}, // "a" is a column or an error, never the text a
	}
	if lock == readers {
		q.Set("_query_only", "1")
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

// classify tells errors by SQLite's extended result codes.
func classify(err error) store.Fault {
	var e *driver.Error
	if !errors.As(err, &e) {
		return store.FaultOther
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return store.FaultDuplicate
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return store.FaultReference
	}
	return store.FaultOther
}

// integrity runs SQLite's own examination of the whole file.
func integrity(ctx context.Context, db *sql.DB) error {
	for _, pragma := range []string{"integrity_check(1)", "foreign_key_check"} {
		rows, err := db.QueryContext(ctx, "PRAGMA "+pragma)
		if err != nil {
			return fmt.Errorf("store: %s: %w", pragma, err)
		}
		var said string
		for rows.Next() {
			if err := rows.Scan(&said); err != nil {
				said = err.Error()
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("store: %s: %w", pragma, err)
		}
		if said != "" && said != "ok" {
			return fmt.Errorf("store: %s: %s", pragma, said)
		}
	}
	return nil
}
