package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// snapshot is one applied Plan. It is immutable; a request reads the pointer to
// it once and keeps to it, so a reload never changes a request under way.
type snapshot struct {
	table     *table
	peers     *peers
	upstreams map[string]*servedUpstream
	rates     rates
	limits    Limits
	quiet     bool                    // no access log
	labels    map[string]*routeMeters // of all routes and own endpoints
}

// servedUpstream is an upstream with its metric.
type servedUpstream struct {
	*upstream
	seconds prometheus.Observer
	fresh   bool // made for this plan, not kept from the one before
}

func (u *servedUpstream) has(target string) bool {
	for _, b := range u.targets {
		if b.address == target {
			return true
		}
	}
	return false
}

// upstreamContext is what an upstream needs of the gateway it belongs to. An
// upstream is made by newUpstream(name, spec, upstreamContext), which checks
// the spec and starts nothing; start begins its health checks once the plan is
// in force, and close ends them and drops idle connections, while requests
// under way finish on theirs.
type upstreamContext struct {
	logger  *zap.Logger
	meters  *meters                      // nil: nothing is counted
	healthy func(target string, ok bool) // sets tollgate_upstream_healthy
	crashed func(fault any)              // tells of a panic that was recovered; nil: it is not
}

// Apply puts a plan in force: everything is parsed, resolved and checked first,
// then one pointer is swapped. On an error, which names all that is wrong, the
// old plan stays. Requests under way end under the plan they began with;
// upstreams that did not change keep their connections.
func (g *Gateway) Apply(plan Plan) error {
	g.applying.Lock()
	defer g.applying.Unlock()
	old := g.current.Load()
	next, err := g.compile(&plan, old)
	if err != nil {
		return err
	}
	g.current.Store(next)
	g.bodies.limit.Store(next.limits.BodyMemory)
	g.strangers.limit.Store(next.limits.BodyMemory / 4)
	g.restage(next.limits)
	for _, u := range next.upstreams {
		if u.fresh {
			u.start()
		}
	}
	g.retire(old, next)
	return nil
}

// retire ends what only the old plan had. It comes after the swap, so that no
// new request finds what is being ended.
func (g *Gateway) retire(old, next *snapshot) {
	if old == nil {
		return
	}
	for label, r := range old.labels {
		if next.labels[label] == nil {
			g.meters.removeRoute(label, r)
		}
	}
	for name, u := range old.upstreams {
		kept := next.upstreams[name]
		if kept != nil && kept.upstream == u.upstream {
			continue
		}
		u.close()
		if kept == nil {
			g.meters.removeUpstream(name)
			continue
		}
		for _, b := range u.targets {
			if !kept.has(b.address) {
				g.meters.removeTarget(name, b.address)
			}
		}
	}
}

// compile turns a plan into a snapshot and starts nothing. It reports all that
// is wrong at once.
func (g *Gateway) compile(plan *Plan, old *snapshot) (*snapshot, error) {
	s := &snapshot{
		peers:     newPeers(plan.ForwardedHeader, plan.TrustedProxies),
		rates:     rates{perToken: plan.PerTokenRate, perIP: plan.PerIPRate, quota: plan.Quota, told: plan.RateHeaders},
		limits:    g.limitsOf(plan),
		quiet:     plan.Quiet,
		upstreams: map[string]*servedUpstream{},
		labels:    map[string]*routeMeters{},
	}
	faults := g.compileUpstreams(plan, s, old)
	placements, wrong := g.compileRoutes(plan, s)
	faults = append(faults, wrong...)
	own, err := g.compileOwn(plan, s)
	if err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, s.limits.room(placements))
	if s.table, err = newTable(placements, own); err != nil {
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	for label := range s.labels { // last: a refused plan leaves no series behind
		s.labels[label] = g.metersOf(label, old)
	}
	for name, u := range s.upstreams {
		u.seconds = g.meters.upstreamSeconds.WithLabelValues(name)
	}
	s.bindMeters(placements, own)
	return s, nil
}

func (g *Gateway) compileUpstreams(plan *Plan, s, old *snapshot) (faults []error) {
	for _, name := range slices.Sorted(maps.Keys(plan.Upstreams)) {
		u, err := g.serveUpstream(name, plan.Upstreams[name], old)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		s.upstreams[name] = u
	}
	return faults
}

func (g *Gateway) compileRoutes(plan *Plan, s *snapshot) (placements []placement, faults []error) {
	for i := range plan.Routes {
		p, err := g.compileRoute(&plan.Routes[i], s)
		if err != nil {
			faults = append(faults, fmt.Errorf("route %s%s: %w", plan.Routes[i].Host, plan.Routes[i].Path, err))
			continue
		}
		placements = append(placements, p)
	}
	return placements, faults
}

func (s *snapshot) bindMeters(placements []placement, own []*ownEndpoint) {
	for _, p := range placements {
		p.route.meters = s.labels[p.route.label]
	}
	for _, e := range own {
		e.meters = s.labels[e.path]
		if e.route != nil {
			e.route.meters = e.meters
		}
	}
}

// limitsOf are a plan's limits, whole.
func (g *Gateway) limitsOf(plan *Plan) Limits {
	if plan.Limits != nil {
		return plan.Limits.withDefaults()
	}
	return g.options.Limits.withDefaults()
}

// room is an error where there is none for the largest body of a route.
func (l *Limits) room(placements []placement) error {
	for _, p := range placements {
		if int64(p.route.maxBody) > l.BodyMemory {
			return fmt.Errorf("gateway: %s takes bodies of %d bytes, which is more than the %d of Limits.BodyMemory", p.route.label, p.route.maxBody, l.BodyMemory)
		}
	}
	return nil
}

// metersOf keeps the children of a label that the old plan had too.
func (g *Gateway) metersOf(label string, old *snapshot) *routeMeters {
	if old != nil && old.labels[label] != nil {
		return old.labels[label]
	}
	return g.meters.route(label)
}

// serveUpstream keeps the old plan's upstream where its spec did not change.
func (g *Gateway) serveUpstream(name string, spec UpstreamSpec, old *snapshot) (*servedUpstream, error) {
	if old != nil {
		if u := old.upstreams[name]; u != nil && u.sameAs(spec) {
			return &servedUpstream{upstream: u.upstream}, nil
		}
	}
	u, err := newUpstream(name, spec, upstreamContext{
		crashed: g.crashed,
		logger:  g.options.Logger,
		meters:  g.meters,
		healthy: func(target string, ok bool) {
			g.meters.healthy(name, target, ok)
		},
	})
	if err != nil {
		return nil, err
	}
	return &servedUpstream{upstream: u, fresh: true}, nil
}

func (m *meters) healthy(upstream, target string, ok bool) {
	value := 0.0
	if ok {
		value = 1
	}
	m.upstreamHealthy.WithLabelValues(upstream, target).Set(value)
}
