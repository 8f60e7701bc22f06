package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"tollgate/configs"
	"tollgate/gateway/issue"
)

// masterKeyPath is where the master key is: as configured, or beside the
// SQLite database.
func masterKeyPath(cfg *configs.Config) string {
	if cfg.MasterKeyFile != "" {
		return string(cfg.MasterKeyFile)
	}
	return cfg.Store.Path + ".key"
}

// readMasterKey reads the master key; nil and no error when there is no file.
func readMasterKey(path string) (*issue.MasterKey, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	defer file.Close()
	if err := checkPrivate(file); err != nil {
		return nil, fmt.Errorf("master key %s: %w", path, err)
	}
	const most = 128 // the longest form has 65 bytes
	content, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return nil, fmt.Errorf("master key %s: %w", path, err)
	}
	key, err := issue.ParseMasterKey(content)
	if err != nil {
		return nil, fmt.Errorf("master key %s: %w", path, err)
	}
	if configs.WellKnown(bytes.TrimSuffix(content, []byte("\n"))) {
		return nil, fmt.Errorf("master key %s: it is an example that anybody could try, or was not drawn at random; what it seals is as good as open", path)
	}
	return key, nil
}

// checkPrivate refuses a file that everybody can read, or that others can put
// another key into. A group may read it: that is how containers hand secrets
// to a process that is not root.
func checkPrivate(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return errors.New("it is not a file")
	case runtime.GOOS != "windows" && mode.Perm()&0o027 != 0:
		return fmt.Errorf("its mode is %04o, so that others can read or replace it; chmod 600 it, and if they might have read it, treat it as known", mode.Perm())
	}
	return nil
}

// createMasterKey draws a key and keeps it where only its owner reads it. It
// never overwrites a file. The key is on disk for good before it returns: what
// is sealed under a key that a power cut takes away is lost.
func createMasterKey(path string) (*issue.MasterKey, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	_, err = file.Write(raw)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("master key %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return issue.ParseMasterKey(raw)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
