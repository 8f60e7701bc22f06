package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// A store that is away for an hour does not bury the log: it is told of at
// once, then once a minute, and at once again when it goes away anew.
func TestAFailingFlushDoesNotBuryTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, seen := observer.New(zapcore.WarnLevel)
		h := &house{setup: setup{log: zap.New(core)}}
		var away atomic.Bool
		away.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		go h.flush(ctx, time.Second, "not written", func(context.Context) error {
			if away.Load() {
				return errors.New("the store is away")
			}
			return nil
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := seen.Len(); n != 60 {
			t.Errorf("an hour makes %d lines, want one a minute", n)
		}
		away.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		away.Store(true)
		before := seen.Len()
		time.Sleep(time.Second)
		synctest.Wait()
		if seen.Len() != before+1 {
			t.Error("a store that goes away again is not told of at once")
		}
		stop()
		synctest.Wait()
	})
}
