package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"go.uber.org/zap"

	"tollgate/configs"
	"tollgate/gateway"
)

// balancerQuiet is how long nothing more is said of a balancer that is not
// trusted once it was.
const balancerQuiet = time.Hour

// suspect hears from the gateway, which waits meanwhile, and passes it on to
// watchBalancers. What there is no room for is said again.
func (h *house) suspect(b gateway.Balancer) {
	select {
	case h.suspicions <- b:
	default:
	}
}

// watchBalancers warns of balancers that the configuration does not know, where
// it matters: where anything is bound to addresses.
func (h *house) watchBalancers(ctx context.Context) {
	h.sayWhoseAddress(ctx)
	var quiet time.Time // until then
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-h.suspicions:
			if now := time.Now(); !now.Before(quiet) && h.warnOf(ctx, b) {
				quiet = now.Add(balancerQuiet)
			}
		}
	}
}

// bindsAddresses reports whether a range of addresses is judged anywhere. A
// store that cannot tell is one, so that the warning is not lost.
func (h *house) bindsAddresses(ctx context.Context) bool {
	bound, err := h.store.BindsAddresses(ctx)
	return bound || err != nil
}

// sayWhoseAddress says at the start what ranges of addresses are compared with,
// where a balancer in front would make that wrong.
func (h *house) sayWhoseAddress(ctx context.Context) {
	cfg := h.config.Load()
	if len(cfg.TrustedProxies) > 0 || cfg.ProxyProtocol != "off" || isLoopback(cfg.Listen) || !h.bindsAddresses(ctx) {
		return
	}
	h.log.Info("IP ranges are compared with the address that connects, since no proxy is trusted; behind a balancer set trusted_proxies or proxy_protocol")
}

func isLoopback(listen string) bool {
	at, err := netip.ParseAddrPort(listen)
	return err == nil && at.Addr().IsLoopback()
}

// warnOf reports whether it warned.
func (h *house) warnOf(ctx context.Context, b gateway.Balancer) bool {
	if !h.bindsAddresses(ctx) {
		return false
	}
	cfg := h.config.Load()
	fields := []zap.Field{zap.Stringers("peers", b.Peers), zap.String("write", trustLine(cfg, b.Peers))}
	if b.Forwards {
		h.log.Warn("a private address that is not trusted sends "+cfg.ForwardedHeader+
			": if it is a balancer, IP ranges are compared with its address and not with the clients'", fields...)
		return true
	}
	h.log.Warn("all requests so far came from a few private addresses: if they are balancers, IP ranges are compared with theirs and not with the clients'; "+
		"have them send "+tellingWord(cfg)+" and trust them", fields...)
	return true
}

// tellingWord is the word for what a balancer should tell the client's address in.
func tellingWord(cfg *configs.Config) string {
	if cfg.ForwardedHeader == "none" {
		return "the PROXY protocol"
	}
	return cfg.ForwardedHeader + " or the PROXY protocol"
}

// trustLine is the line of configuration that trusts peers beside those that are.
func trustLine(cfg *configs.Config, peers []netip.Addr) string {
	var all []string
	for _, p := range cfg.TrustedProxies {
		all = append(all, p.String())
	}
	for _, a := range peers {
		all = append(all, netip.PrefixFrom(a, a.BitLen()).String())
	}
	return fmt.Sprintf("trusted_proxies: [%s]", strings.Join(all, ", "))
}
