package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"tollgate/configs"
	"tollgate/gateway/listen"
	"tollgate/policy/token"
)

// serveCommand is `tollgate serve`.
type serveCommand struct {
	Config string `help:"Configuration file." short:"c" required:"" placeholder:"FILE"`
}

// Run serves until SIGTERM or SIGINT, and drains then.
func (c *serveCommand) Run(io *stdio) error {
	// Signals are caught before anything is built: one that comes in early is
	// not lost.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	inherited, err := inheritSockets(io.environ)
	if err != nil {
		return err
	}
	load := func() (*configs.Config, []configs.Problem) { return inherited.load(c.Config, io.environ) }
	cfg, err := orPrint(load, io)
	if err != nil {
		return err
	}
	words := newCalm(io.err)
	defer words.close()
	with, err := newSetup(words, cfg.Log.Level)
	if err != nil {
		return err
	}
	with.accessLog, with.words = io.err, words // the access log has room of its own
	with.drainDelay, with.sockets, with.notify = drainDelay, maps.Clone(inherited), listen.NewNotifier(io.environ)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	h, err := openHouse(ctx, cfg, with)
	if err != nil {
		return err
	}
	s, err := h.serve(ctx)
	if err != nil {
		return errors.Join(err, h.close())
	}
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	for {
		select {
		case <-renew.C:
			h.renewUpstreams(ctx) // here, as a reload is: one at a time
		case got := <-signals:
			if got == syscall.SIGHUP {
				h.reload(ctx, load)
				continue
			}
			h.log.Info("draining", zap.String("signal", got.String()))
			signal.Stop(signals) // a second signal ends the process at once
			return errors.Join(s.drain(), h.close())
		case err := <-s.failed:
			return errors.Join(err, s.drain(), h.close())
		}
	}
}

// loadConfig reads a configuration and prints every problem there is.
func loadConfig(path string, io *stdio) (*configs.Config, error) {
	return orPrint(func() (*configs.Config, []configs.Problem) { return configs.Load(path, io.environ) }, io)
}

func orPrint(load func() (*configs.Config, []configs.Problem), io *stdio) (*configs.Config, error) {
	cfg, problems := load()
	for _, p := range problems {
		fmt.Fprintln(io.err, p)
	}
	if len(problems) > 0 {
		return nil, errSaid
	}
	return cfg, nil
}

const (
	// drainTime bounds a drain: the delay, requests in flight, the admin side.
	drainTime = 13 * time.Second

	// drainDelay is how long requests are still taken after /readyz has turned
	// 503, for those who ask it to hear of it. Every answer ends its connection
	// meanwhile.
	drainDelay = 2 * time.Second
)

// running is a house that serves.
type running struct {
	house   *house
	gateway net.Listener
	admin   net.Listener
	server  *http.Server
	failed  chan error
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// serve listens, warms the cache and begins to answer. The listeners come
// first: a port that is taken is found before anything is done.
func (h *house) serve(ctx context.Context) (s *running, err error) {
	cfg := h.config.Load()
	s = &running{house: h, failed: make(chan error, 2)}
	if s.gateway, err = h.listen("listen", "listen", cfg.Listen); err != nil {
		return nil, err
	}
	if s.admin, err = h.listen("admin", "admin.listen", cfg.Admin.Listen); err != nil {
		return nil, errors.Join(err, s.gateway.Close())
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.server = &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: zap.NewStdLog(h.log.Named("admin").WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}
	for name, work := range h.jobs() {
		s.workers.Go(func() { h.job(ctx, name, work) })
	}
	go func() {
		if err := s.server.Serve(h.adminListener(s.admin)); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("admin listener: %w", err)
		}
	}()
	if err := h.warm(ctx); err != nil {
		h.log.Warn("the cache starts cold", zap.Error(err))
	}
	go func() {
		if err := h.gateway.ServeEntry(s.gateway, h.entry(cfg)); err != nil {
			s.failed <- fmt.Errorf("listener: %w", err)
		}
	}()
	h.gateway.SetReady(true)
	h.log.Info("ready", zap.String("listen", s.gateway.Addr().String()), zap.String("admin", s.admin.Addr().String()))
	h.notify.Ready(h.serves())
	return s, nil
}

// jobs is the work beside the requests, by name.
func (h *house) jobs() map[string]func(context.Context) {
	list := map[string]func(context.Context){
		"changes": h.store.Follow,
		"uses": func(ctx context.Context) {
			h.flush(ctx, flushEvery, "last uses are not written", h.uses.Flush)
		},
		"quotas": func(ctx context.Context) {
			h.flush(ctx, flushQuotasEvery, "uses of quotas are not written", h.gateway.FlushQuotas)
		},
		"balancers": h.watchBalancers,
		"webhooks":  h.hooks.Run,
		"notify":    h.notify.Beat,
	}
	for use, c := range h.certificates {
		list["certificates of "+use] = c.Watch
	}
	return list
}

// serves is what a service manager shows as our status.
func (h *house) serves() string {
	cfg := h.config.Load()
	return "serving on " + cfg.Listen + ", admin side on " + cfg.Admin.Listen
}

// drain ends both servers: no new work, work in flight finishes, bounded.
func (s *running) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	s.house.notify.Stopping()
	err := s.house.gateway.Shutdown(ctx)
	err = errors.Join(err, s.server.Shutdown(ctx))
	s.stop()
	s.workers.Wait()
	return err
}

// warm remembers the most recently used keys before the first request comes.
func (h *house) warm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stamp := h.cache.Stamp(nil)
	return h.store.Warm(ctx, h.config.Load().Cache.Warm, func(_ token.Kind, d token.Digest, p *token.Principal) error {
		// One that a change has overtaken is not remembered, which is right.
		h.cache.Remember(&d, stamp, p)
		return nil
	})
}

// flushEvery is how often last uses are written: well within the minute that
// the back office promises.
const flushEvery = 20 * time.Second

// flushQuotasEvery is how often uses of quotas are: what came in since the last
// time is what a crash forgets.
const flushQuotasEvery = time.Second

// complainAgain is how long a job that goes on failing is silent in between.
const complainAgain = time.Minute

// flush writes now and then, until ctx ends: what is left is written when the
// house closes. A store that is away is told of when it begins and then once a
// minute, so that it does not bury what else there is to read.
func (h *house) flush(ctx context.Context, every time.Duration, failed string, write func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var told time.Time // zero while writing works
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			switch err := write(ctx); {
			case err == nil:
				told = time.Time{}
			case now.Sub(told) >= complainAgain:
				h.log.Warn(failed, zap.Error(err))
				told = now
			}
		}
	}
}
