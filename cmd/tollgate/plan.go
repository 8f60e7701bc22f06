package main

import (
	"errors"
	"fmt"

	"tollgate/configs"
	"tollgate/gateway"
	"tollgate/gateway/facts"
	"tollgate/policy"
	"tollgate/policy/token"
)

// planOf turns a checked configuration into what the gateway applies at once.
// An error names the route or upstream; configs has checked all that can be
// checked without building it, so one here is rare.
func planOf(cfg *configs.Config, catalogue *policy.Catalogue, own []gateway.EndpointSpec) (gateway.Plan, error) {
	plan := gateway.Plan{
		Upstreams:      map[string]gateway.UpstreamSpec{},
		Endpoints:      own,
		Whoami:         cfg.Endpoints.Whoami,
		TrustedProxies: cfg.TrustedProxies,
		Limits:         limitsOf(cfg),
		Quiet:          !cfg.Log.Access,
	}
	var err error
	if plan.ForwardedHeader, err = forwardedHeader(cfg.ForwardedHeader); err != nil {
		return plan, err
	}
	if plan.PerTokenRate, err = rateOf("rate.per_token", cfg.Rate.PerToken); err != nil {
		return plan, err
	}
	if plan.PerIPRate, err = rateOf("rate.per_ip", cfg.Rate.PerIP); err != nil {
		return plan, err
	}
	plan.RateHeaders = cfg.Rate.Headers
	if plan.Quota, err = policy.ParseQuota(cfg.Rate.Quota); err != nil {
		return plan, fmt.Errorf("rate.quota: %w", err)
	}
	for name, u := range cfg.Upstreams {
		spec := upstreamOf(&u)
		if spec.TLS, err = upstreamTLSOf(&u.TLS); err != nil {
			return plan, fmt.Errorf("upstreams.%s: %w", name, err)
		}
		plan.Upstreams[name] = spec
	}
	for i := range cfg.Routes {
		spec, err := routeOf(&cfg.Routes[i], catalogue)
		if err != nil {
			return plan, fmt.Errorf("routes[%d] %s: %w", i, cfg.Routes[i].Match.Path, err)
		}
		plan.Routes = append(plan.Routes, spec)
	}
	return plan, nil
}

func forwardedHeader(word string) (gateway.ForwardedHeader, error) {
	switch word {
	case "x-forwarded-for":
		return gateway.XForwardedFor, nil
	case "forwarded":
		return gateway.Forwarded, nil
	case "none":
		return gateway.NoForwarded, nil
	}
	return gateway.NoForwarded, fmt.Errorf("forwarded_header: %q is none of x-forwarded-for, forwarded, none", word)
}

func rateOf(key, text string) (policy.Rate, error) {
	if text == "" {
		return policy.Rate{}, nil
	}
	rate, err := policy.ParseRate(text)
	if err != nil {
		return rate, fmt.Errorf("%s: %w", key, err)
	}
	return rate, nil
}

func upstreamOf(u *configs.Upstream) gateway.UpstreamSpec {
	spec := gateway.UpstreamSpec{
		Targets:        u.Targets,
		ConnectTimeout: u.ConnectTimeout,
		Timeout:        u.Timeout,
		MaxConns:       u.MaxConns,
		Host:           u.Host,
		SignKey:        u.SignKey.Reveal(),
		MaxResponse:    int64(u.MaxResponse),
		NoKeepAlive:    !u.KeepAlive,
		Eject:          gateway.EjectSpec{Failures: u.Eject.Failures, Rest: u.Eject.Rest, MaxRest: u.Eject.MaxRest},
	}
	if len(u.Headers) > 0 {
		spec.Headers = make(map[string]string, len(u.Headers))
		for name, h := range u.Headers {
			spec.Headers[name] = string(h.Value.Reveal())
		}
	}
	if u.Health != nil {
		spec.Health = gateway.HealthSpec{Path: u.Health.Path, Interval: u.Health.Interval}
	}
	return spec
}

func routeOf(r *configs.Route, catalogue *policy.Catalogue) (gateway.RouteSpec, error) {
	spec := gateway.RouteSpec{
		Host: r.Match.Host, Path: r.Match.Path, Methods: r.Match.Methods,
		Upstream: r.Upstream.Name, Live: r.Upstream.Live, Test: r.Upstream.Test,
		Dialects: r.Dialects,
		Rule:     policy.RouteRule{Permission: r.Permission},
		MaxBody:  int(r.MaxBody), Timeout: r.Timeout, BodyTimeout: r.BodyTimeout, WriteTimeout: r.WriteTimeout, TotalTimeout: r.TotalTimeout, Stream: r.Stream,
		RefuseReplay: r.Replay == "refuse", AllowChunked: r.AllowChunked, AllowUnderscores: r.AllowUnderscores, ForwardCredentials: r.ForwardCredentials,
	}
	var ok bool
	if spec.Rule.Mode, ok = token.ParseMode(r.Mode); !ok {
		return spec, fmt.Errorf("mode %q is neither enforce nor monitor", r.Mode)
	}
	if spec.Rule.Environment, ok = token.ParseEnvironment(r.Environment); !ok && r.Environment != "any" {
		return spec, fmt.Errorf("environment %q is none of live, test, any", r.Environment)
	}
	switch {
	case r.Facts.None:
		spec.Rule.Facts = policy.FactsNone
	case r.Reads == nil:
		spec.Rule.Facts = policy.NoFacts
	default:
		parsed, problems := policy.ParseFacts(*r.Reads)
		if len(problems) > 0 {
			all := make([]error, len(problems))
			for i := range problems {
				all[i] = problems[i]
			}
			return spec, errors.Join(all...)
		}
		program, err := facts.Compile(parsed, catalogue)
		if err != nil {
			return spec, err
		}
		spec.Facts, spec.Rule.Facts, spec.Rule.AllowMissing = program, policy.FactsRead, r.Reads.AllowMissing
	}
	return spec, nil
}
