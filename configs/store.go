package configs

import (
	"errors"
	"strings"
)

// The drivers of a store.
const (
	SQLite   = "sqlite"
	Postgres = "postgres" // later
)

// Store is where records are kept: sqlite:PATH.
type Store struct {
	Driver string
	Path   string // of the database file
}

// String is the form of the file; it never holds a password.
func (s Store) String() string { return s.Driver + ":" + s.Path }

// parseStore reads a Store. What follows postgres:// is not kept and never
// quoted: it may hold a password.
func parseStore(text string) (Store, error) {
	path, found := strings.CutPrefix(text, SQLite+":")
	switch {
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return Store{Driver: Postgres}, nil
	case !found:
		return Store{}, errors.New("it names no store that is known; write sqlite:FILE, such as sqlite:tollgate.db")
	case path == "", strings.HasPrefix(path, ":memory:"):
		return Store{}, errors.New("sqlite needs a file that stays; write sqlite:FILE, such as sqlite:tollgate.db")
	case strings.ContainsAny(path, "?#%\x00"):
		return Store{}, errors.New("sqlite:FILE takes no options; write the path alone, without ? # or %")
	}
	return Store{Driver: SQLite, Path: path}, nil
}
