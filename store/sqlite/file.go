package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// file is the database's file as it was when it was opened.
type file struct {
	path  string // absolute
	fresh bool
	info  fs.FileInfo
}

// prepare sees that the file can be trusted with digests and sealed keys: it
// lies in a directory that not everyone can write to, and only its owner can
// read it. A file that is not there is created so; SQLite would make it
// readable for everyone, and gives its -wal and -shm files the same mode.
func prepare(path string) (*file, error) {
	switch {
	case path == "":
		return nil, errors.New("the SQLite path is empty; name a file, such as sqlite:tollgate.db")
	case strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		return nil, fmt.Errorf("%q is no file name; a plain path is needed, such as sqlite:tollgate.db", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := checkDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f := &file{path: path}
	h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		f.fresh = true
		err = errors.Join(h.Close(), keepName(filepath.Dir(path)))
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if f.info, err = os.Stat(path); err != nil {
		return nil, err
	}
	if !f.info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	// A file of zero bytes holds no database yet: ours from an instant ago, or
	// what a start that died in this place left behind.
	f.fresh = f.fresh || f.info.Size() == 0
	return f, tighten(path, f.info)
}

// keepName makes the name of a new file survive a power cut: what is committed
// to a file that has no name is lost with it.
func keepName(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func checkDirectory(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the directory %s does not exist; create it with mode 0700", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("everyone can write to the directory %s and so put another database in place of this one; chmod o-w it", dir)
	}
	return nil
}

// tighten takes the file, and what lies beside it, from everyone but its owner.
func tighten(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("others can read %s, and it cannot be taken from them: %w; chmod 0600 it", path, err)
		}
	}
	for _, beside := range []string{path + "-wal", path + "-shm"} {
		if err := os.Chmod(beside, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("others may read %s: %w; chmod 0600 it", beside, err)
		}
	}
	return nil
}

// same reports that another file, or none, is now where the database was: what
// would be written to the open one is lost the moment it is closed.
func (f *file) same() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("the database file is gone while it is open: %w", err)
	}
	if !os.SameFile(info, f.info) {
		return fmt.Errorf("%s was replaced while it was open; restart tollgate to use the new file", f.path)
	}
	return nil
}
