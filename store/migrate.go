package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pressly/goose/v3"
)

// files are the numbered steps of the schema, one folder for each database. A
// file that was released is never edited: the next number corrects it.
//
//go:embed migrations
var files embed.FS

// Migration is one numbered step of the schema.
type Migration struct {
	Version int64
	Name    string // its file
	Applied bool
}

// Status lists every migration this binary knows, in order.
func (s *Store) Status(ctx context.Context) ([]Migration, error) {
	p, err := s.migrations()
	if err != nil {
		return nil, err
	}
	list, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	out := make([]Migration, len(list))
	for i, m := range list {
		out[i] = Migration{m.Source.Version, path.Base(m.Source.Path), m.State == goose.StateApplied}
	}
	return out, nil
}

// Migrate applies every migration that is not applied yet and lists what it
// applied. Two processes may do so at once: the second finds the work done.
func (s *Store) Migrate(ctx context.Context) (applied []Migration, err error) {
	defer s.observe("migrate", s.opt.Now(), &err)
	p, err := s.migrations()
	if err != nil {
		return nil, err
	}
	// Another process may apply the same step between our reading and our
	// writing; the step then fails as a whole, and the next look finds it done.
	const attempts = 3
	for range attempts {
		var done []*goose.MigrationResult
		done, err = p.Up(ctx)
		for _, m := range done {
			if m.Error == nil {
				applied = append(applied, Migration{m.Source.Version, path.Base(m.Source.Path), true})
			}
		}
		if err == nil {
			return applied, nil
		}
		if pending, look := p.HasPending(ctx); look == nil && !pending {
			return applied, nil
		}
	}
	return applied, fmt.Errorf("store: migrate: %w", err)
}

// settleSchema brings the schema to where this binary can use it. A database
// that a newer version has migrated is refused: older statements on a newer
// schema could lose what they do not know of.
func (s *Store) settleSchema(ctx context.Context, want Schema) error {
	p, err := s.migrations()
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("store: the schema's version: %w", err)
	case current > target:
		return fmt.Errorf("store: the database has schema %d and this tollgate knows %d: "+
			"it was migrated by a newer version; run that one, or restore the backup made before", current, target)
	case current == target:
		return nil
	case want == SchemaRequire:
		return errors.New("store: the database needs migrations: run tollgate migrate")
	}
	_, err = s.Migrate(ctx)
	return err
}

// migrations is goose over our files, without its globals and its log.
func (s *Store) migrations() (*goose.Provider, error) {
	folder, err := fs.Sub(files, "migrations/"+s.engine.Folder)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.Dialect(s.engine.Dialect), s.engine.Writer, folder,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	return p, nil
}
