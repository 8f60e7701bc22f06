package main

import (
	"context"
	"runtime/debug"
	"time"

	"go.uber.org/zap"
)

// The pauses before a job that panicked is begun again.
const (
	firstJobPause = time.Second
	lastJobPause  = time.Minute
)

// job does work that goes on until ctx ends, beside the requests. A panic in it
// is a bug, but none that may end the process: it is logged and counted, and the
// work begins again after a pause that doubles.
func (h *house) job(ctx context.Context, name string, work func(context.Context)) {
	pause := firstJobPause
	for {
		began := time.Now()
		if !h.panics(name, func() { work(ctx) }) {
			return
		}
		if time.Since(began) > lastJobPause {
			pause = firstJobPause // it went well for long
		}
		rest := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			rest.Stop()
			return
		case <-rest.C:
		}
		pause = min(2*pause, lastJobPause)
	}
}

// panics does work and reports whether it panicked. The log gets the place, not
// the words, which could quote a secret.
func (h *house) panics(name string, work func()) (fault bool) {
	defer func() {
		if recover() == nil {
			return
		}
		fault = true
		h.metrics.jobPanics.WithLabelValues(name).Inc()
		h.log.Error("a job panicked and begins again after a while", zap.String("job", name), zap.ByteString("stack", debug.Stack()))
	}()
	work()
	return false
}
