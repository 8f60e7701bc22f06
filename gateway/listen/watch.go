package listen

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// quietTime is how long nothing may have changed in a folder before its
	// files are read: a certificate and its key are seldom written at once.
	quietTime = 500 * time.Millisecond

	// busyTime is when they are read although changes go on.
	busyTime = 4 * quietTime

	// pollTime is how often they are read whatever was heard: a symbolic link
	// may lead out of the folder, and not every file system tells of changes.
	pollTime = time.Minute
)

// Watch renews the certificates when their files change, until ctx ends. It
// watches the folders, so that a file that is replaced, or a symbolic link that
// is turned, as Kubernetes does, is seen like one that is written.
func (c *Certificates) Watch(ctx context.Context) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		c.log().Warn("changes of certificate files are not announced; they are looked at once a minute", zap.Error(err))
		c.follow(ctx, nil, func() {})
		return
	}
	defer watcher.Close()
	changes := make(chan struct{}, 1)
	go func() {
		for range watcher.Events { // until it is closed
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	go func() {
		for err := range watcher.Errors {
			c.log().Warn("a change of certificate files may have been missed; they are looked at once a minute", zap.Error(err))
		}
	}()
	c.follow(ctx, changes, func() {
		f := c.current.Load().files
		for _, path := range []string{f.Cert, f.Key, f.CA} {
			if path == "" {
				continue
			}
			// A folder that is watched already may be added again: after it was
			// taken away and came back that is needed.
			if err := watcher.Add(filepath.Dir(path)); err != nil {
				c.log().Debug("the folder of a certificate file is not watched", zap.String("file", path), zap.Error(err))
			}
		}
	})
}

// follow reads the files when changes have settled, at every poll, and keeps the
// clock: reminders and session tickets. watch begins to watch the folders of the
// files in force.
func (c *Certificates) follow(ctx context.Context, changes <-chan struct{}, watch func()) {
	watch()
	_ = c.reload(false) // what changed before the watch began; a fault is logged there
	poll, tickets := time.NewTicker(c.poll), time.NewTicker(day)
	defer poll.Stop()
	defer tickets.Stop()
	settled := time.NewTimer(c.quiet)
	settled.Stop()
	var since time.Time // of the first change that has not been looked at
	for {
		select {
		case <-ctx.Done():
			settled.Stop()
			return
		case <-changes:
			if since.IsZero() {
				since = time.Now()
			}
			settled.Reset(min(c.quiet, max(0, time.Until(since.Add(busyTime)))))
		case <-settled.C:
			since = time.Time{}
			_ = c.reload(false)
		case <-poll.C:
			watch()
			_ = c.reload(false)
			c.mutex.Lock()
			c.remind()
			c.mutex.Unlock()
		case <-tickets.C:
			c.turnTickets()
		case <-c.moved:
			watch()
		}
	}
}
