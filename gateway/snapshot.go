package gateway

import "go.uber.org/zap"

// snapshot is one applied Plan. It is immutable; a request reads the pointer to
// it once and keeps to it, so a reload never changes a request under way.
type snapshot struct {
	table     *table
	peers     *peers
	upstreams map[string]*upstream
	rates     rates
}

// upstreamContext is what an upstream needs of the gateway it belongs to. An
// upstream is made by newUpstream(name, spec, upstreamContext), which checks
// the spec and starts nothing; start begins its health checks once the plan is
// in force, and close ends them and drops idle connections, while requests
// under way finish on theirs.
type upstreamContext struct {
	logger  *zap.Logger
	healthy func(target string, ok bool) // sets tollgate_upstream_healthy
}
