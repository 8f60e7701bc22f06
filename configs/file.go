package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a path. A relative one is relative to the configuration file, even
// when the environment gives it; Load resolves it.
type File string

// maxFile bounds a configuration, a catalogue and every secret file, in bytes.
const maxFile = 4 << 20

func (r *reader) resolve(path string) File {
	if path == "" || filepath.IsAbs(path) {
		return File(path)
	}
	return File(filepath.Join(r.dir, path))
}

// readBounded reads a regular file, or a pipe, of at most maxFile bytes. Its
// error says what is wrong with the file without its name, which the caller
// has.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fileError(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %s; is it the right file?", Size(maxFile))
	}
	return data, nil
}

// fileError is the reason alone: the path in an os error is said already.
func fileError(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file; make it, or name another")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("it may not be read; give this user the right to read it")
	case errors.As(err, &path):
		return fmt.Errorf("it cannot be read (%w); name a file that can", path.Err)
	}
	return fmt.Errorf("it cannot be read (%w); name a file that can", err)
}

// readSecretFile reads a secret: the file's bytes without one final newline.
func readSecretFile(path File) ([]byte, error) {
	data, err := readBounded(string(path))
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	if len(data) == 0 {
		return nil, errors.New("it is empty; write the secret into it")
	}
	return data, nil
}
