package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"
)

// lastLines is how long the end waits for the access log's sink, and leastLines
// how long where requests have used up the time: their lines are the ones that
// will be looked for.
const (
	lastLines  = 3 * time.Second
	leastLines = time.Second
)

// newServer sets fasthttp up. The settings are those that were tested together
// (security.md §2.3); each answers a way in which the defaults fail.
func (g *Gateway) newServer(limits Limits) *fasthttp.Server {
	return &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			defer g.lastResort(ctx)
			g.handle(ctx)
		},
		ErrorHandler: func(ctx *fasthttp.RequestCtx, err error) {
			defer g.lastResort(ctx)
			g.failed(ctx, err)
		},
		HeaderReceived: func(h *fasthttp.RequestHeader) fasthttp.RequestConfig { return g.receivedOn(cargoUnder(h), h) },
		ConnState:      unloadAt,

		ReadTimeout:        limits.ReadHeaderTimeout,
		WriteTimeout:       limits.WriteTimeout,
		IdleTimeout:        limits.IdleTimeout,
		ReadBufferSize:     limits.MaxHeader,
		MaxRequestBodySize: limits.MaxBody,
		MaxRequestsPerConn: max(limits.MaxRequestsPerConn, 0),
		Concurrency:        2*limits.MaxConns + 1024, // the guard counts; this must never be what refuses
		ReduceMemoryUsage:  true,                     // a connection that waits holds no buffers: ten thousand would be 200 MiB

		DisablePreParseMultipartForm: true, // what is judged would not be what is forwarded
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true, // keeps bytes of the request out of errors
		CloseOnShutdown:              true,
		Logger:                       silence{}, // its messages quote requests
	}
}

// silence is a logger for a library whose messages quote what clients sent. What
// they would say is in the metrics and the access log, by class.
type silence struct{}

// Printf says nothing.
func (silence) Printf(string, ...any) {}

// Shutdown drains: /-/readyz is 503 and every answer ends its connection from now
// on, so that balancers and clients turn elsewhere; requests are still accepted
// for the drain delay, then the listeners close, requests under way finish, and
// idle connections end. When ctx ends first, what is left is cut and the error is
// ctx's. The access log is written out in either case, unless its sink is stuck
// for a second past ctx.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.draining.Store(true)
	g.awaitDrain(ctx)
	err := g.endStages(ctx)
	g.applying.Lock()
	defer g.applying.Unlock()
	if s := g.current.Load(); s != nil {
		for _, u := range s.upstreams {
			u.close()
		}
	}
	return errors.Join(err, g.closeLog(ctx))
}

func (g *Gateway) awaitDrain(ctx context.Context) {
	s := g.current.Load()
	if s == nil || s.limits.DrainDelay <= 0 {
		return
	}
	delay := time.NewTimer(s.limits.DrainDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
	}
}

func (g *Gateway) closeLog(ctx context.Context) error {
	if g.accessLog == nil {
		return nil
	}
	g.accessLog.close()
	wait := lastLines
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, max(time.Until(end), leastLines))
	}
	patience := time.NewTimer(wait)
	defer patience.Stop()
	select {
	case <-g.accessLog.done:
		return nil
	case <-patience.C:
		return errors.New("gateway: the access log's sink did not take its last lines in time")
	}
}
