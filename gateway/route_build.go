package gateway

import (
	"errors"
	"fmt"
	"slices"

	"tollgate/policy"
	"tollgate/policy/token"
)

// compileRoute resolves one route's names and sets its limits.
func (g *Gateway) compileRoute(spec *RouteSpec, s *snapshot) (placement, error) {
	pat, err := parsePattern(spec.Path)
	if err != nil {
		return placement{}, err
	}
	host, err := hostPattern(spec.Host)
	if err != nil {
		return placement{}, err
	}
	r := &route{
		label: host + spec.Path, pattern: spec.Path, rule: spec.Rule, facts: spec.Facts,
		maxBody: spec.MaxBody, timeout: spec.Timeout, bodyTimeout: spec.BodyTimeout, writeTimeout: spec.WriteTimeout, totalTimeout: spec.TotalTimeout, stream: spec.Stream,
		allowChunked: spec.AllowChunked, allowUnderscores: spec.AllowUnderscores, forwardCredentials: spec.ForwardCredentials,
		refuseReplay: spec.RefuseReplay,
	}
	if (spec.Facts != nil) != (spec.Rule.Facts == policy.FactsRead) {
		return placement{}, errors.New("a route reads facts by a program if and only if its rule says so")
	}
	setDefault(&r.maxBody, s.limits.MaxBody)
	for _, segment := range pat.segments {
		if segment.kind != kindLiteral {
			r.names = append(r.names, segment.text)
		}
	}
	if r.dialects, err = g.dialectsNamed(spec.Dialects); err != nil {
		return placement{}, err
	}
	if err := r.checkDialects(spec, g.options.Signatures); err != nil {
		return placement{}, err
	}
	if err := r.resolveUpstreams(spec, s); err != nil {
		return placement{}, err
	}
	methods, err := methodsNamed(spec.Methods)
	if err != nil {
		return placement{}, err
	}
	s.labels[r.label] = nil
	return placement{host: host, pattern: pat, methods: methods, route: r}, nil
}

func (r *route) resolveUpstreams(spec *RouteSpec, s *snapshot) error {
	live, test := spec.Live, spec.Test
	if spec.Upstream != "" {
		if live != "" || test != "" {
			return errors.New("give one upstream, or one for live and one for test, not both")
		}
		live, test = spec.Upstream, spec.Upstream
	}
	for _, side := range []struct {
		of   token.Environment
		name string
		into **upstream
	}{{token.EnvLive, live, &r.live}, {token.EnvTest, test, &r.test}} {
		if only := spec.Rule.Environment; side.name == "" && only != token.EnvAny && only != side.of {
			continue // row 7 refuses who would need it
		}
		u := s.upstreams[side.name]
		if u == nil {
			return fmt.Errorf("upstream %q does not exist, or is itself in error", side.name)
		}
		*side.into = u.upstream
	}
	return nil
}

func (g *Gateway) dialectsNamed(names []string) ([]Dialect, error) {
	if len(names) == 0 {
		return nil, errors.New("no dialects: nobody could be told apart from anybody; list at least one")
	}
	list := make([]Dialect, 0, len(names))
	for i, name := range names {
		d := g.dialects[name]
		switch {
		case d == nil:
			return nil, fmt.Errorf("dialect %q does not exist", name)
		case slices.Contains(names[:i], name):
			return nil, fmt.Errorf("dialect %q is listed twice", name)
		}
		list = append(list, d)
	}
	return list, nil
}

func methodsNamed(names []string) ([]method, error) {
	if len(names) == 0 {
		return nil, errors.New("no methods: list at least one, such as GET")
	}
	list := make([]method, 0, len(names))
	for _, name := range names {
		m := methodOf([]byte(name))
		if m == methodUnknown {
			return nil, fmt.Errorf("method %q is not served; write GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS", name)
		}
		list = append(list, m)
	}
	return list, nil
}

func hostPattern(host string) (string, error) {
	lower := lowerASCII(host)
	if lower == "" {
		return "", nil
	}
	if name, port := splitPort([]byte(lower)); len(port) > 0 || !validHost(name) || lower[len(lower)-1] == '.' {
		return "", fmt.Errorf("host %q: write a host name without port and without a final dot", host)
	}
	return lower, nil
}

// compileOwn gathers tollgate's own endpoints. They stand on every host and win
// over routes.
func (g *Gateway) compileOwn(plan *Plan, s *snapshot) ([]*ownEndpoint, error) {
	own := g.ownEndpoints(plan)
	if plan.Whoami != "" {
		if g.options.Whoami == nil {
			return nil, errors.New("gateway: Plan.Whoami without Options.Whoami")
		}
		own = append(own, &ownEndpoint{path: plan.Whoami, route: &route{
			label: plan.Whoami, pattern: plan.Whoami, dialects: g.options.Dialects, maxBody: maxOwnBody, whoami: true,
			rule: policy.RouteRule{Environment: token.EnvAny, Facts: policy.FactsNone},
		}})
	}
	taken := map[string]bool{}
	for _, e := range own {
		pat, err := parsePattern(e.path)
		switch {
		case err != nil:
			return nil, err
		case slices.ContainsFunc(pat.segments, func(p patternSegment) bool { return p.kind != kindLiteral }):
			return nil, fmt.Errorf("endpoint %q: a path of our own has no {names}", e.path)
		case taken[e.path]:
			return nil, fmt.Errorf("endpoint %q is given twice", e.path)
		case e.endpoint == nil && e.route == nil:
			return nil, fmt.Errorf("endpoint %q has nobody who answers it", e.path)
		}
		taken[e.path] = true
		s.labels[e.path] = nil
	}
	return own, nil
}
