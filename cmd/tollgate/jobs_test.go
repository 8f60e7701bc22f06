package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A background job that panics takes nobody with it: it begins again, after
// pauses that double up to a minute, until it is told to end; its panics are
// counted and logged without their words.
func TestAPanickingJobBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		with, err := newSetup(log, "info")
		if err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		h := &house{setup: with, metrics: newHouseMetrics(registry)}
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var starts []time.Duration
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.job(ctx, "sweep", func(ctx context.Context) {
				starts = append(starts, time.Since(began))
				if len(starts) < 9 {
					panic("about SECRET")
				}
				<-ctx.Done()
			})
		}()
		time.Sleep(time.Hour) // by the clock of synctest
		cancel()
		<-ended
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183}
		for i, at := range want {
			if i >= len(starts) || starts[i] != at*time.Second {
				t.Fatalf("it began at %v", starts)
			}
		}
		if text := log.String(); strings.Count(text, `"job":"sweep"`) != 8 || !strings.Contains(text, "jobs_test.go") || strings.Contains(text, "SECRET") {
			t.Errorf("the log says %s", text)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "tollgate_job_panics_total" && f.Metric[0].Counter.GetValue() == 8 {
				return
			}
		}
		t.Error("the panics are not counted")
	})
}

// A job that was told to end while it rests does not begin again.
func TestARestingJobEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		with, err := newSetup(&lines{}, "info")
		if err != nil {
			t.Fatal(err)
		}
		h := &house{setup: with, metrics: newHouseMetrics(prometheus.NewRegistry())}
		ctx, cancel := context.WithCancel(t.Context())
		starts := 0
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.job(ctx, "sweep", func(context.Context) { starts++; panic("x") })
		}()
		synctest.Wait()
		cancel()
		<-ended
		if starts != 1 {
			t.Errorf("it began %d times", starts)
		}
	})
}
