package store

import (
	"context"
	"database/sql"
)

// Engine is all that differs between two databases. store/sqlite makes one;
// every field is required unless it says otherwise.
type Engine struct {
	Writer *sql.DB // transactions begun on it can write at once
	Reader *sql.DB // sees everything that Writer has committed
	Fresh  bool    // the database was created by this opening

	Dialect string // what goose calls the database: "sqlite3"
	Folder  string // of migrations/, with this database's numbered files: "sqlite"

	// Snapshot are the options of a read that takes several statements and
	// must see one moment in time.
	Snapshot sql.TxOptions

	// Lock is the first statement of every write: it waits until no other
	// process writes. "" where beginning a transaction does so already.
	Lock string

	// Classify tells what a driver's error means, by its code.
	Classify func(error) Fault

	// Check reports that the database is no longer the one that was opened;
	// it costs microseconds. nil where that cannot happen.
	Check func() error

	// Integrity examines the whole database file; nil where the server does.
	Integrity func(context.Context) error
}

// Fault is what a driver's error means to the store.
type Fault uint8

// The faults. FaultOther is everything that no statement here provokes.
const (
	FaultOther     Fault = iota
	FaultDuplicate       // a unique index refused the row
	FaultReference       // a row that is referred to does not exist
)
