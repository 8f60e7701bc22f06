package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"tollgate/configs"
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

	cfg, err := loadConfig(c.Config, io)
	if err != nil {
		return err
	}
	with, err := newSetup(io.err, cfg.Log.Level)
	if err != nil {
		return err
	}
	with.drainDelay = drainDelay
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
	for {
		select {
		case got := <-signals:
			if got == syscall.SIGHUP {
				h.reload(ctx, func() (*configs.Config, []configs.Problem) { return configs.Load(c.Config, io.environ) })
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
	cfg, problems := configs.Load(path, io.environ)
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
	if s.gateway, err = listen("listen", cfg.Listen); err != nil {
		return nil, err
	}
	if s.admin, err = listen("admin.listen", cfg.Admin.Listen); err != nil {
		return nil, errors.Join(err, s.gateway.Close())
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.server = &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: zap.NewStdLog(h.log.Named("admin").WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}
	s.workers.Go(func() { h.store.Follow(ctx) })
	s.workers.Go(func() { h.flushUses(ctx) })
	s.workers.Go(func() { h.hooks.Run(ctx) })
	go func() {
		if err := s.server.Serve(s.admin); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("admin listener: %w", err)
		}
	}()
	if err := h.warm(ctx); err != nil {
		h.log.Warn("the cache starts cold", zap.Error(err))
	}
	go func() {
		if err := h.gateway.Serve(s.gateway); err != nil {
			s.failed <- fmt.Errorf("listener: %w", err)
		}
	}()
	h.gateway.SetReady(true)
	h.log.Info("ready", zap.String("listen", s.gateway.Addr().String()), zap.String("admin", s.admin.Addr().String()))
	return s, nil
}

// listen opens the socket of a key. What most often keeps it from that is said
// together with what would do.
func listen(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: another process listens on %s; end it, or choose another port", key, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: this machine does not have the address of %s; write one of its own, or only :PORT for all of them", key, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this process may not listen on %s; ports below 1024 need a privilege, choose a higher one", key, address)
	}
	return nil, fmt.Errorf("%s: %w", key, err)
}

// drain ends both servers: no new work, work in flight finishes, bounded.
func (s *running) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
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

func (h *house) flushUses(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return // what is left is written when the house closes
		case <-tick.C:
			if err := h.uses.Flush(ctx); err != nil {
				h.log.Warn("last uses are not written", zap.Error(err))
			}
		}
	}
}
