package issue

import (
	"context"
	"errors"
	"time"

	"tollgate/policy/token"
)

// Families is what the clerk asks of the store about refresh families. Every
// change is one transaction and in force on this node when the call returns.
// token.ErrNotFound says that there is no such thing of that token, or no more;
// any other error that it could not tell.
type Families interface {
	BeginFamily(ctx context.Context, act token.Act, f token.Family, p token.Pair) (token.Family, error)
	Preauthorise(ctx context.Context, act token.Act, h token.Handle, access token.Digest) (token.Pair, error)
	Renew(ctx context.Context, act token.Act, h token.Handle, clientOK bool, r token.Renewal) (token.Family, token.RenewalResult, error)
}

// Ender ends what was handed out, one thing each.
type Ender interface {
	EndFamily(ctx context.Context, act token.Act, h token.Handle, family string) (token.Family, error)
	EndAccess(ctx context.Context, act token.Act, h token.Handle, access token.Digest) error
	RevokeJTI(ctx context.Context, act token.Act, r token.RevokedJTI) error
}

// Credentials reads one opaque credential from the primary copy.
type Credentials interface {
	LoadCredential(ctx context.Context, k token.Kind, d *token.Digest) (*token.Principal, error)
}

// Records is the store as the clerk uses it.
type Records interface {
	Families
	Ender
	Credentials
}

// Verifier is who stands behind a key or a JWT: Verify counts failures and
// notes uses, Examine leaves no trace.
type Verifier interface {
	Verify(p *token.Presented, src *token.Source, now time.Time) (*token.Principal, token.Reason)
	Examine(p *token.Presented, now time.Time) (*token.Principal, token.Reason)
}

// ClerkOptions is how a Clerk is built. Exchanger, Records, Verifier and Minter
// are required.
type ClerkOptions struct {
	Exchanger *Exchanger
	Records   Records
	Verifier  Verifier
	Minter    *Minter
	Opaque    time.Duration // lifetime of an opaque access token; 0: an hour
	Grace     time.Duration // how long a spent refresh token may come again while its successor is unused; negative: never; 0: 10 s
	Idle      time.Duration // a family unused for so long has ended; 0: 30 days
	Absolute  time.Duration // no family lives longer; 0: 90 days
}

// Clerk issues and ends what lives in the store: refresh families and opaque
// access tokens. The exchanger beside it issues JWTs, which leave no trace
// there. It is safe for concurrent use.
type Clerk struct{ o ClerkOptions }

// NewClerk checks the options.
func NewClerk(o ClerkOptions) (*Clerk, error) {
	if o.Exchanger == nil || o.Records == nil || o.Verifier == nil || o.Minter == nil {
		return nil, errors.New("issue: ClerkOptions.Exchanger, Records, Verifier and Minter are required")
	}
	for _, d := range []struct {
		field *time.Duration
		usual time.Duration
	}{{&o.Opaque, time.Hour}, {&o.Grace, 10 * time.Second}, {&o.Idle, 30 * 24 * time.Hour}, {&o.Absolute, 90 * 24 * time.Hour}} {
		if *d.field == 0 {
			*d.field = d.usual
		}
	}
	o.Grace = max(o.Grace, 0)
	if o.Opaque < time.Second || o.Idle < time.Minute || o.Absolute < o.Idle {
		return nil, errors.New("issue: an access token lives at least a second, an idle family at least a minute, and none is idle for longer than it may live")
	}
	return &Clerk{o: o}, nil
}

// timeout bounds what one order may ask of the store.
const timeout = 3 * time.Second

// bounded is ctx with the clerk's own time limit, kept when the caller hangs up:
// what was begun is not left half known.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}

// act is what an order does, for the audit log.
func act(action string, h token.Handle, src token.Source, requestID string) token.Act {
	a := token.Act{Actor: token.Actor{Kind: "client", ID: string(h)}, Action: action, RequestID: requestID}
	if src.Addr.IsValid() {
		a.IP = src.Addr.String()
	}
	return a
}

// verdict tells "there is none" from "could not tell".
func verdict(err error, none token.Reason) token.Reason {
	if errors.Is(err, token.ErrNotFound) {
		return none
	}
	return token.CannotDecide
}
