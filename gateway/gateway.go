package gateway

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tollgate/policy/token"
)

// Dialect is one way to present a credential and to be told no. A dialect is
// stateless and safe for concurrent use.
type Dialect interface {
	// Name is the word that routes list, such as "payment".
	Name() string
	// Present looks for the dialect's credential. Found and Malformed fill p in
	// with slices that alias the header; Absent leaves it alone. A value that is
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
	Examiner   Examiner // nil: Explain refuses a raw credential
	Dialects   []Dialect
	Problem    Refuser // words refusals of rows 1 and 2, where no dialect is known yet
	Whoami     Whoami  // nil: Plan.Whoami must be empty
	AccessLog  io.Writer
	Logger     *zap.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	Rand       io.Reader   // request ids; must be safe for concurrent use, as crypto/rand.Reader is
	Stale      func() bool // true: no verdict may be given, every one is 503; nil: never
	Limits     Limits
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
	MaxConns          int           // client connections; derived from the limit of open files
	MaxConnsPerIP     int           // of one address; 0: no limit of its own
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.MaxHeader, 16<<10)
	setDefault(&l.MaxBody, 1<<20)
	setDefault(&l.ReadHeaderTimeout, 5*time.Second)
	setDefault(&l.ReadBodyTimeout, 30*time.Second)
	setDefault(&l.WriteTimeout, 30*time.Second)
	setDefault(&l.IdleTimeout, 60*time.Second)
	return l
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Gateway serves the data plane. It is safe for concurrent use.
type Gateway struct {
	options  Options
	limits   Limits
	dialects map[string]Dialect
	server   *fasthttp.Server
	current  atomic.Pointer[snapshot] // what a request reads once, at its start
	applying sync.Mutex               // held by Apply: one at a time
	passages sync.Pool
	ready    atomic.Bool
}

// SetReady says whether /-/readyz answers 200. It is false at first, and false
// for good once Shutdown has begun.
func (g *Gateway) SetReady(ready bool) { g.ready.Store(ready) }

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
