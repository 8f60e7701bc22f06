package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// What an upstream does where its spec says nothing, and bounds no spec moves.
const (
	defaultConnectTimeout  = 2 * time.Second
	defaultUpstreamTimeout = 30 * time.Second
	defaultMaxConns        = 1024
	defaultMaxResponse     = 8 << 20

	maxTargets   = 64               // one bit each in a tour
	slotWait     = time.Second      // the longest wait for a free slot
	maxIdle      = 4 * time.Second  // in the pool; below the keep-alive of any usual server (5 s)
	maxAge       = 3 * time.Minute  // of a connection, so that a changed DNS answer takes hold
	reapInterval = 1 * time.Second  // between looks for connections that idled too long
	distrustFor  = 10 * time.Minute // a target that said something unasked gets a connection a request
	persistPause = 1 * time.Second  // before a job that panicked begins again
	complainOnce = 10 * time.Second // at most one log line of trouble a target in this time
)

// upstream is one named upstream of a plan: its targets, and what everybody who
// sends there shares. It is safe for concurrent use. It lives from start to
// close; requests under way outlive close and finish on their connections.
type upstream struct {
	name    string
	spec    UpstreamSpec
	context upstreamContext
	targets []*backend
	host    string // sent instead of the target's; "" when the client's or the target's is
	keep    bool   // the client's Host is sent
	headers headersOut
	signer  *signer // nil: not signed
	dialer  func(ctx context.Context, network, address string) (net.Conn, error)

	slots   chan struct{} // one for each exchange under way
	waiting atomic.Int64  // exchanges that wait for a slot; at most as many as there are slots
	open    atomic.Int64  // connections, idle ones included
	next    atomic.Uint32 // where the next tour begins

	closed  atomic.Bool
	stop    context.CancelFunc // nil before start
	workers sync.WaitGroup
}

// upstreamOption changes an upstream before it is used: tests give it a root
// pool or another way to dial.
type upstreamOption func(*upstream)

// newUpstream checks the spec and makes the upstream; it starts nothing and
// dials nobody. All that is wrong with the spec is in the error.
func newUpstream(name string, spec UpstreamSpec, c upstreamContext, options ...upstreamOption) (*upstream, error) {
	setDefault(&spec.ConnectTimeout, defaultConnectTimeout)
	setDefault(&spec.Timeout, defaultUpstreamTimeout)
	setDefault(&spec.MaxConns, defaultMaxConns)
	if spec.MaxResponse == 0 {
		spec.MaxResponse = defaultMaxResponse
	}
	spec.Eject = spec.Eject.withDefaults()
	if c.logger == nil {
		c.logger = zap.NewNop()
	}
	if c.crashed == nil {
		c.crashed = func(fault any) { panic(fault) }
	}
	u := &upstream{name: name, spec: spec, context: c}
	u.dialer = (&net.Dialer{}).DialContext // both address families, names looked up anew each time
	for _, o := range options {
		o(u)
	}
	err := errors.Join(u.checkBounds(), u.readTargets(), u.readHost(), u.readHeaders())
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", name, err)
	}
	u.slots = make(chan struct{}, spec.MaxConns)
	return u, nil
}

func (u *upstream) checkBounds() error {
	s := &u.spec
	switch {
	case s.ConnectTimeout < 0 || s.Timeout < 0 || s.MaxConns < 0 || s.MaxResponse < 0:
		return errors.New("a timeout or limit is negative; leave it out for the default")
	case len(s.Targets) == 0:
		return errors.New("targets is empty; give at least one, such as http://127.0.0.1:9000")
	case len(s.Targets) > maxTargets:
		return fmt.Errorf("%d targets; at most %d are served", len(s.Targets), maxTargets)
	case s.Eject.Failures != 0 && (s.Eject.Failures < 2 || s.Eject.Failures > maxEjectAfter):
		return fmt.Errorf("eject.failures must be 0, which never ejects, or between 2 and %d: one failure may be one bad request", maxEjectAfter)
	case s.Eject.Rest < 0 || s.Eject.MaxRest < s.Eject.Rest:
		return errors.New("eject.rest must be positive, and eject.max_rest no less")
	case s.Health.Path != "" && (s.Health.Path[0] != '/' || bytes.ContainsAny([]byte(s.Health.Path), " \t\r\n")):
		return errors.New("health.path must begin with / and hold no spaces")
	case s.Health.Path != "" && s.Health.Interval <= 0:
		return errors.New("health.interval must be positive, such as 5s")
	}
	return nil
}

// sameAs reports whether spec describes this very upstream, so that a reload
// may keep it with its connections and its count of them.
func (u *upstream) sameAs(spec UpstreamSpec) bool {
	other, err := newUpstream(u.name, spec, upstreamContext{})
	if err != nil {
		return false
	}
	a, b := &u.spec, &other.spec
	return slices.Equal(a.Targets, b.Targets) && maps.Equal(a.Headers, b.Headers) &&
		bytes.Equal(a.SignKey, b.SignKey) && a.Health == b.Health && a.Host == b.Host &&
		a.Eject == b.Eject && a.NoKeepAlive == b.NoKeepAlive && a.TLS.sameAs(&b.TLS) &&
		a.ConnectTimeout == b.ConnectTimeout && a.Timeout == b.Timeout &&
		a.MaxConns == b.MaxConns && a.MaxResponse == b.MaxResponse
}

// start begins the health checks and the closing of idle connections. It is
// called once, when the plan that holds the upstream is in force.
func (u *upstream) start() {
	ctx, stop := context.WithCancel(context.Background())
	u.stop = stop
	for _, b := range u.targets {
		u.tellCircuit(b, circuitClosed)
	}
	u.workers.Go(func() { u.persist(ctx, func() { u.reap(ctx) }) })
	if u.spec.Health.Path == "" {
		return
	}
	for _, b := range u.targets {
		u.workers.Go(func() { u.persist(ctx, func() { u.watch(ctx, b) }) })
	}
}

// close ends the checks and drops idle connections. Requests under way finish;
// their connections are then closed, not pooled.
func (u *upstream) close() {
	u.closed.Store(true)
	if u.stop != nil {
		u.stop()
	}
	u.workers.Wait()
	for _, b := range u.targets {
		b.expire(time.Time{})
	}
}

// persist does work that goes on until ctx ends. A health check reads what an
// upstream sends, as requests do: a panic there is a bug of ours, but none that
// may end the process, or leave a target without checks.
func (u *upstream) persist(ctx context.Context, work func()) {
	for u.survives(work) {
		again := time.NewTimer(persistPause)
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-again.C:
		}
	}
}

// survives does work and reports whether it panicked.
func (u *upstream) survives(work func()) (panicked bool) {
	defer func() {
		if fault := recover(); fault != nil {
			panicked = true
			u.context.crashed(fault)
		}
	}()
	work()
	return false
}

func (u *upstream) reap(ctx context.Context) {
	tick := time.NewTicker(reapInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, b := range u.targets {
				b.expire(now.Add(-maxIdle))
			}
		}
	}
}

// enter takes a free slot. Every true is followed by a leave.
func (u *upstream) enter() bool {
	select {
	case u.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait takes a slot, waiting for one at most a second and never past deadline,
// in a queue no longer than there are slots. Every true is followed by a leave.
func (u *upstream) wait(deadline time.Time) bool {
	defer u.waiting.Add(-1)
	if u.waiting.Add(1) > int64(cap(u.slots)) {
		return false
	}
	patience := time.NewTimer(min(slotWait, time.Until(deadline)))
	defer patience.Stop()
	select {
	case u.slots <- struct{}{}:
		return true
	case <-patience.C:
		return false
	}
}

func (u *upstream) leave() { <-u.slots }

// complain logs what a target did wrong, at most once in a while for each.
func (u *upstream) complain(b *backend, what string, err error) {
	now, last := time.Now().UnixNano(), b.complained.Load()
	if now-last < int64(complainOnce) || !b.complained.CompareAndSwap(last, now) {
		return
	}
	u.context.logger.Warn(what, zap.String("upstream", u.name), zap.String("target", b.address), zap.Error(err))
}
