package store

import (
	"crypto/rand"
	"errors"
	"io"
	"time"

	"tollgate/policy"
)

// The two scopes in which a phone number belongs to one token only.
const (
	WithinInstallation = "installation"
	WithinMerchant     = "merchant"
)

// Schema says what opening does about migrations that are not applied yet.
type Schema uint8

// SchemaApply applies them. SchemaRequire refuses to open without them.
// SchemaAny opens the database as it is, for Migrate and Status only.
const (
	SchemaApply Schema = iota
	SchemaRequire
	SchemaAny
)

// Options is how a store is opened. Only Path and Catalogue are required.
type Options struct {
	// Path is where the database is: a file for SQLite. Its directory exists.
	Path string

	// Catalogue is what bounds are compiled against; it is asked at each load,
	// so that a reload of the catalogue takes hold. It never returns nil.
	Catalogue func() *policy.Catalogue

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // for ids the store mints; nil: crypto/rand

	// Observe hears of every operation, how long it took, and its fault: nil
	// when it succeeded, and also when it came to nothing for a reason of the
	// caller's (not found, stale, held, a bad field, or the caller has gone).
	// nil: nobody listens.
	Observe func(op string, took time.Duration, err error)

	// UniqueWithin is WithinInstallation ("" too) or WithinMerchant.
	UniqueWithin string

	Schema       Schema
	WriteTimeout time.Duration // how long a write may take once it has begun; 0: 10 s
	Poll         time.Duration // how often Follow reads the change log; 0: 1 s
	KeepChanges  time.Duration // how long change rows are kept; 0: 7 days
}

func (o *Options) fill() error {
	if o.Catalogue == nil {
		return errors.New("store: Options.Catalogue is missing")
	}
	switch o.UniqueWithin {
	case "":
		o.UniqueWithin = WithinInstallation
	case WithinInstallation, WithinMerchant:
	default:
		return errors.New(`store: phone numbers are unique within "installation" or "merchant", not "` + o.UniqueWithin + `"`)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Observe == nil {
		o.Observe = func(string, time.Duration, error) {}
	}
	fallback := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	fallback(&o.WriteTimeout, 10*time.Second)
	fallback(&o.Poll, time.Second)
	fallback(&o.KeepChanges, 7*24*time.Hour)
	return nil
}
