package main

import (
	"context"
	"crypto/rand"

	"tollgate/configs"
	"tollgate/gateway/issue"
	"tollgate/policy"
	"tollgate/policy/token"
)

// desk is everything that hands tokens out under one configuration.
type desk struct {
	exchanger *issue.Exchanger
	clerk     *issue.Clerk
	nursery   *issue.Nursery
}

func (h *house) newDesk(cfg *configs.Config) (*desk, error) {
	var d desk
	var err error
	d.exchanger, err = issue.NewExchanger(issue.Options{
		Memory: h.cache, Loader: h.store, Throttle: h.throttle, Signing: h.keys.Signing, JudgeSource: policy.JudgeSource,
		Issuer: cfg.Issuer(), Lifetime: cfg.Tokens.AccessTTL, Rand: rand.Reader, Used: h.uses.Record,
	})
	if err != nil {
		return nil, err
	}
	grace := cfg.Tokens.Refresh.Grace
	if grace == 0 {
		grace = -1 // off; the clerk takes zero for its own default
	}
	d.clerk, err = issue.NewClerk(issue.ClerkOptions{
		Exchanger: d.exchanger, Records: h.store, Verifier: h.verifier, Minter: h.minter,
		Opaque: cfg.Tokens.OpaqueTTL, Grace: grace, Idle: cfg.Tokens.Refresh.Idle, Absolute: cfg.Tokens.Refresh.Absolute,
	})
	if err != nil {
		return nil, err
	}
	d.nursery, err = issue.NewNursery(issue.NurseryOptions{
		Tokens: h.store, Finder: h.store, Verifier: h.verifier, Minter: h.minter, Ranges: ranges{}, JudgeSource: policy.JudgeSource,
	})
	return &d, err
}

// Exchange trades client credentials, or a refresh token, by the configuration
// in force; so do the others below.
func (h *house) Exchange(ctx context.Context, o *token.Order) (token.Grant, token.Reason) {
	return h.desk.Load().clerk.Exchange(ctx, o)
}

// Client is the live record of a client id.
func (h *house) Client(ctx context.Context, id string) (*token.Live, error) {
	return h.desk.Load().exchanger.Client(ctx, id)
}

// Authorize is the apikey dialect's.
func (h *house) Authorize(ctx context.Context, o *token.Order) (token.Grant, token.Reason) {
	return h.desk.Load().clerk.Authorize(ctx, o)
}

// Refresh is the apikey dialect's.
func (h *house) Refresh(ctx context.Context, o *token.Order) (token.Grant, token.Reason) {
	return h.desk.Load().clerk.Refresh(ctx, o)
}

// Revoke is RFC 7009.
func (h *house) Revoke(ctx context.Context, o *token.Order, text, hint []byte) (token.Client, token.Reason) {
	return h.desk.Load().clerk.Revoke(ctx, o, text, hint)
}

// Introspect is RFC 7662.
func (h *house) Introspect(ctx context.Context, o *token.Order, text []byte) (token.Introspection, token.Client, token.Reason) {
	return h.desk.Load().clerk.Introspect(ctx, o, text)
}

// children is the nursery by the configuration in force.
type children struct{ *house }

// List is the service dialect's.
func (c children) List(ctx context.Context, call *token.Call) ([]token.Child, token.Reason) {
	return c.desk.Load().nursery.List(ctx, call)
}

// Create is the service dialect's.
func (c children) Create(ctx context.Context, call *token.Call, o *token.ChildOrder) (token.Child, token.Reason) {
	return c.desk.Load().nursery.Create(ctx, call, o)
}

// Delete is the service dialect's.
func (c children) Delete(ctx context.Context, call *token.Call, id []byte) token.Reason {
	return c.desk.Load().nursery.Delete(ctx, call, id)
}

// ranges reads and compares ranges of addresses by the policy's rules.
type ranges struct{}

// Canonical is the list as it is kept.
func (ranges) Canonical(list []string) ([]string, error) {
	kept, _, faults := policy.NormaliseRanges("ipWhitelist", list)
	if len(faults) > 0 {
		return nil, faults
	}
	return kept, nil
}

// Covers reports whether the ranges of outer hold every address of inner.
func (ranges) Covers(outer, inner []string) bool { return policy.CoversRanges(outer, inner) }
