package admin

import (
	"context"
	"net/netip"

	"tollgate/policy/token"
)

// visit is one request to the admin listener: what is learnt about it on the
// way in, and what the log line says of it at the end.
type visit struct {
	requestID string
	addr      netip.Addr // of the other end of the connection
	actor     token.Actor
	role      token.Role
	merchant  string // of a key with the role merchant

	code  string // of the problem it was answered with; "" for none
	cause error  // behind a problem of our own making; for the log alone
}

// ip is the caller's address as the audit log keeps it.
func (v *visit) ip() string {
	if !v.addr.IsValid() {
		return ""
	}
	return v.addr.String()
}

// source is what failed attempts are counted for: the address, an IPv6 one cut
// to its /64.
func (v *visit) source() string {
	s := token.Source{Addr: v.addr}
	return s.Throttle().String()
}

// act is an administrative act of this caller.
func (v *visit) act(action string) token.Act {
	return token.Act{Actor: v.actor, Action: action, IP: v.ip(), RequestID: v.requestID}
}

// visitKey is the context key of a *visit.
type visitKey struct{}

func withVisit(ctx context.Context, v *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// visitOf is the visit of a request that came through the door; there is no
// other way in.
func visitOf(ctx context.Context) *visit {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		panic("BUG: admin: a request without a visit")
	}
	return v
}
