package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tollgate/policy"
	"tollgate/policy/token"
)

// Dialect is one way to present a credential and to be told no. A dialect is
// stateless and safe for concurrent use.
type Dialect interface {
	// Name is the word that routes list, such as "payment".
	Name() string
	// Present looks for the dialect's credential. Found, Malformed and Ambiguous
	// fill p in with slices that alias the header; Absent leaves it alone. A value that is
	// on the dialect's carrier but of a shape it cannot read is Malformed:
	// another dialect of the route may claim it.
	Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence
	Refuser
}

// Refuser words a refusal into resp: status, headers and body. It copies what
// it quotes and does not keep r.
type Refuser interface {
	Refuse(resp *fasthttp.Response, r *token.Refusal)
}

// Verifier finds out who stands behind what was presented. Any reason but
// Allowed comes with a nil principal, except that a recognised credential that
// no longer stands may come with its principal, for the log.
//
// A nil source is the header phase: the address is not known yet, nothing is
// counted against anyone, and AuthThrottled means only "not here".
type Verifier interface {
	Verify(p *token.Presented, src *token.Source, now time.Time) (*token.Principal, token.Reason)
}

// Examiner is Verify without a trace: no last use, no count of failures, no
// change of any memory. Explain asks it.
type Examiner interface {
	Examine(p *token.Presented, now time.Time) (*token.Principal, token.Reason)
}

// Endpoint is one of tollgate's own paths, such as /api/token. It answers every
// method itself. The request's bytes are borrowed until Serve returns.
type Endpoint interface {
	Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit)
}

// Whoami answers a caller about itself, after rows 1 to 8 and the rate.
type Whoami interface {
	Answer(resp *fasthttp.Response, p *token.Principal, v *token.Visit)
}

// Options is what a gateway is built from. Verifier, Dialects, Problem, Logger,
// Registerer, Now and Rand are required.
type Options struct {
	Verifier   Verifier
	Examiner   Examiner   // nil: Explain refuses a raw credential
	Signatures Signatures // nil: the Verifier, where it is one; else no route may list signature
	Dialects   []Dialect
	Problem    Refuser // words refusals of rows 1 and 2, where no dialect is known yet
	Whoami     Whoami  // nil: Plan.Whoami must be empty
	Quotas     Quotas  // nil: no request of a token with a quota can be decided
	AccessLog  io.Writer
	Logger     *zap.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	Rand       io.Reader   // request ids; must be safe for concurrent use, as crypto/rand.Reader is
	Stale      func() bool // true: no verdict may be given, every one is 503; nil: never
	Limits     Limits      // of plans that bring none

	// Balancer hears of what looks like a balancer that is not trusted: once of
	// the first requests, and at most once a minute of a forwarding header. It
	// is called while a request waits. nil: nobody hears.
	Balancer func(Balancer)

	// Catalogue is the one in force: the access log tells countries, operators
	// and payment methods by its ids. nil: it tells only words that a token's
	// composition holds.
	Catalogue func() *policy.Catalogue
}

// Limits bound what one client may take. A zero field takes the default named
// beside it.
type Limits struct {
	MaxHeader         int           // bytes of request line and headers; 16 KiB
	MaxBody           int           // bytes of a body, where the route says nothing else; 1 MiB
	ReadHeaderTimeout time.Duration // from the first byte to the end of the headers; 5 s
	ReadBodyTimeout   time.Duration // for the body of a request whose headers passed; 30 s
	WriteTimeout      time.Duration // for the answer; 30 s
	IdleTimeout       time.Duration // between requests of a connection; 60 s
	BodyMemory        int64         // bytes of all bodies under way, of requests and answers; 256 MiB
	DrainDelay        time.Duration // from the first unready answer to the last accepted connection, at Shutdown; none
	MaxConns          int           // client connections; derived from the limit of open files
	MaxConnsPerIP     int           // of one address; 0: no limit of its own

	// MaxRequestsPerConn is how many requests a connection serves; the last
	// answer ends it, which spreads long-lived clients over a fleet again. 1000;
	// negative: any number.
	MaxRequestsPerConn int
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.MaxHeader, 16<<10)
	setDefault(&l.MaxBody, 1<<20)
	setDefault(&l.ReadHeaderTimeout, 5*time.Second)
	setDefault(&l.ReadBodyTimeout, 30*time.Second)
	setDefault(&l.WriteTimeout, 30*time.Second)
	setDefault(&l.IdleTimeout, 60*time.Second)
	setDefault(&l.BodyMemory, 256<<20)
	setDefault(&l.MaxConns, maxConnections())
	setDefault(&l.MaxRequestsPerConn, 1000)
	return l
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Gateway serves the data plane. It is safe for concurrent use.
type Gateway struct {
	options   Options
	dialects  map[string]Dialect
	current   atomic.Pointer[snapshot] // what a request reads once, at its start
	applying  sync.Mutex               // held by Apply: one at a time
	passages  sync.Pool
	permits   *permits
	bodies    budget
	strangers budget // the part of bodies that those may fill of whom nothing is known
	tally     *tally
	meters    *meters
	suspects  suspects
	unrouted  *routeMeters // of requests that no route took
	accessLog *lineLog     // nil: none is written

	ready    atomic.Bool
	draining atomic.Bool
	serving  sync.Mutex
	guards   []*guard // of the listeners that are served
	stage    *stage   // that takes new connections; nil before Serve
	retired  []*stage // that connections which began there may still be on
	over     bool     // Shutdown has been called

	complained atomic.Int64 // when a balancer was complained of, in Unix nanoseconds
}

// New makes a gateway that has no plan yet and serves nobody: Apply gives it
// one, Serve a listener. Shutdown ends it.
func New(o Options) (*Gateway, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Signatures == nil {
		o.Signatures, _ = o.Verifier.(Signatures)
	}
	g := &Gateway{options: o, dialects: map[string]Dialect{}, permits: newPermits(o.Now()), tally: newTally(o.Quotas)}
	for _, d := range o.Dialects {
		if g.dialects[d.Name()] != nil {
			return nil, fmt.Errorf("gateway: two dialects are called %q", d.Name())
		}
		g.dialects[d.Name()] = d
	}
	var err error
	if g.meters, err = newMeters(o.Registerer); err != nil {
		return nil, fmt.Errorf("gateway: registering the metrics: %w", err)
	}
	if err = g.bodies.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("gateway: registering the metrics: %w", err)
	}
	g.unrouted = g.meters.route("")
	g.suspects.untrusted, g.suspects.report = g.meters.untrusted, o.Balancer
	if o.AccessLog != nil {
		g.accessLog = newLineLog(o.AccessLog, g.meters.logDropped)
	}
	g.passages.New = func() any { return new(passage) }
	return g, nil
}

func (o *Options) check() error {
	switch {
	case o.Verifier == nil:
		return errors.New("gateway: Options.Verifier is missing: nobody could be let in")
	case len(o.Dialects) == 0:
		return errors.New("gateway: Options.Dialects is empty: no credential could be read")
	case o.Problem == nil:
		return errors.New("gateway: Options.Problem is missing: refusals could not be worded")
	case o.Logger == nil || o.Registerer == nil:
		return errors.New("gateway: Options.Logger and Options.Registerer are required")
	case o.Now == nil || o.Rand == nil:
		return errors.New("gateway: Options.Now and Options.Rand are required")
	}
	return nil
}

// SetReady says whether /-/readyz answers 200, which it does not at first.
func (g *Gateway) SetReady(ready bool) { g.ready.Store(ready) }

// Ready reports whether the gateway wants requests: it was said to be ready, has
// a plan, is not draining, and may give verdicts.
func (g *Gateway) Ready() bool {
	return g.ready.Load() && !g.draining.Load() && g.current.Load() != nil && !g.stale()
}

// FlushQuotas writes what requests used of quotas since the last time. Call it
// every second or so, and once behind Shutdown: what is not written when the
// process ends is forgotten. After an error nothing is lost; at worst, where
// nobody knows whether it was written, something is counted twice.
func (g *Gateway) FlushQuotas(ctx context.Context) error { return g.tally.flush(ctx) }

// CountReload counts a reload of the configuration and whether it was applied.
func (g *Gateway) CountReload(applied bool) {
	outcome, value := "refused", 0.0
	if applied {
		outcome, value = "applied", 1
	}
	g.meters.reloads.WithLabelValues(outcome).Inc()
	g.meters.lastReload.Set(value)
}

func (g *Gateway) stale() bool { return g.options.Stale != nil && g.options.Stale() }
