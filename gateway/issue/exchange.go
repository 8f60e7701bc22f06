package issue

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/singleflight"

	"tollgate/policy/token"
)

// Clients is the cache, as far as clients go. What it answers with may not be
// written to.
type Clients interface {
	// RecallClient is a client that is remembered and true now, or nil.
	RecallClient(id string) (*token.Live, []token.Credential)
	// FindClient loads a client, remembers it under s, which was taken before,
	// and hands errors of load on.
	FindClient(id string, s token.Stamp, load func() (*token.Live, []token.Credential, error)) (*token.Live, []token.Credential, error)
	Stamp(d *token.Digest) token.Stamp
}

// Unknowns is the memory of what the store does not know.
type Unknowns interface {
	RecallUnknown(k token.Kind, d *token.Digest, now token.Instant) bool
	RememberUnknown(k token.Kind, d *token.Digest, s token.Stamp, now token.Instant)
}

// Memory is the cache.
type Memory interface {
	Clients
	Unknowns
}

// Loader reads the primary copy of the store: the token with a client id, and
// the generations of its client secret. token.ErrNotFound: there is none; any
// other error means that it could not tell.
type Loader interface {
	LoadClient(ctx context.Context, clientID string) (*token.Live, []token.Credential, error)
}

// Throttle counts failed attempts by source and client id. known says that the
// client is remembered.
type Throttle interface {
	Refuses(src token.Source, name []byte, known bool, now token.Instant) bool
	Count(src token.Source, name []byte, now token.Instant)
}

// Options is how an Exchanger is built. All are required but Used, Timeout and Now.
type Options struct {
	Memory      Memory
	Loader      Loader
	Throttle    Throttle
	Signing     func() token.SigningKey                              // the key that signs now
	JudgeSource func(*token.Live, token.Source) token.Reason         // row 8: the address and the client certificate pass for the token, its merchant and its parent
	Issuer      string                                               // iss
	Lifetime    time.Duration                                        // of an access token, in whole seconds, from 1s
	Rand        io.Reader                                            // safe for concurrent use
	Used        func(*token.Principal, *token.Source, token.Instant) // hears of each secret that was right; nil: nobody
	Timeout     time.Duration                                        // of one look-up; 0: 1 s
	Now         func() time.Time                                     // for Client, which is told no time; nil: time.Now
}

// Exchanger trades client credentials for access tokens. It writes nothing to
// the store, and needs it only for clients that are not remembered. It is safe
// for concurrent use.
type Exchanger struct {
	o       Options
	flights singleflight.Group
}

// NewExchanger checks the options.
func NewExchanger(o Options) (*Exchanger, error) {
	switch {
	case o.Memory == nil || o.Loader == nil || o.Throttle == nil:
		return nil, errors.New("issue: Options.Memory, Loader and Throttle are required")
	case o.Signing == nil || o.JudgeSource == nil || o.Rand == nil:
		return nil, errors.New("issue: Options.Signing, JudgeSource and Rand are required")
	case o.Issuer == "":
		return nil, errors.New("issue: Options.Issuer is empty: it must be what JWTs are accepted with")
	case o.Lifetime < time.Second || o.Lifetime%time.Second != 0:
		return nil, errors.New("issue: Options.Lifetime must be whole seconds, at least one")
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Exchanger{o: o}, nil
}

// Exchange is the grant for an order, and Allowed; or the reason why there is
// none, exact enough for the log. The handle and the merchant of the grant are
// set as soon as the client has proven itself. It keeps nothing of the order.
//
// The secret comes first: nothing about a client, not even that it exists, may
// be told to someone without it. All who fail that did the same work.
func (x *Exchanger) Exchange(ctx context.Context, o *token.Order) (token.Grant, token.Reason) {
	live, secret, reason := x.client(ctx, o)
	grant := grantOf(live)
	if reason != token.Allowed {
		return grant, reason
	}
	scope, ok := narrow(live, o.Scope)
	if !ok {
		return grant, token.InvalidScope
	}
	if reason := o.Permit.Ask(live); reason != token.Allowed {
		return grant, reason
	}
	jti, err := x.mintID(secret.Generation)
	if err == nil {
		err = x.write(&grant, live, jwtOrder{now: o.Now, ends: x.ends(live, secret, o.Now), scope: scope, jti: jti})
	}
	if err != nil {
		return grantOf(live), token.InternalError
	}
	x.used(live, secret, o)
	return grant, token.Allowed
}

// used notes that a secret was good for something.
func (x *Exchanger) used(live *token.Live, secret *token.Credential, o *token.Order) {
	if x.o.Used != nil {
		x.o.Used(&token.Principal{Live: live, Kind: token.KindClient, Generation: secret.Generation, EndsAt: secret.EndsAt}, &o.Source, token.At(o.Now))
	}
}

// client is the client that the order's credentials prove, allowed to trade
// them here and now. The live record comes with a refusal too, once the secret
// was right, for the log.
func (x *Exchanger) client(ctx context.Context, o *token.Order) (*token.Live, *token.Credential, token.Reason) {
	now := token.At(o.Now)
	live, secret, reason := x.authenticate(ctx, o, now)
	if reason != token.Allowed {
		return nil, nil, reason
	}
	return live, secret, x.judge(live, o, now)
}

// judge is what applies to issuing of the order of checks, after the secret:
// rows 5, 7 and 8, and then what only a caller who passed them may learn.
func (x *Exchanger) judge(live *token.Live, o *token.Order, now token.Instant) token.Reason {
	switch reason := live.Standing(now); {
	case reason != token.Allowed:
		return reason
	case o.Environment != token.EnvAny && o.Environment != live.Environment:
		return token.EnvironmentMismatch
	}
	if reason := x.o.JudgeSource(live, o.Source); reason != token.Allowed {
		return reason
	}
	if live.Enhanced {
		return token.UnauthorizedClient
	}
	return token.Allowed
}

// authenticate finds the client and the generation of its secret that was
// presented. A client that is remembered needs no store and, with the right
// secret, meets no throttle.
func (x *Exchanger) authenticate(ctx context.Context, o *token.Order, now token.Instant) (*token.Live, *token.Credential, token.Reason) {
	digest := token.DigestOf(o.ClientSecret)
	plausible := isClientID(o.ClientID) && isClientSecret(o.ClientSecret)
	id := string(o.ClientID)
	name := o.ClientID
	if !isClientID(name) {
		id, name = "", nil
	}
	live, secrets := x.o.Memory.RecallClient(id)
	known := live != nil
	if !known && plausible {
		if x.o.Throttle.Refuses(o.Source, name, known, now) {
			return nil, nil, token.AuthThrottled
		}
		var err error
		if live, secrets, err = x.find(ctx, id, now); err != nil {
			return nil, nil, token.CannotDecide
		}
	}
	match := matching(secrets, &digest)
	if live == nil || match == nil {
		if x.o.Throttle.Refuses(o.Source, name, known, now) {
			return nil, nil, token.AuthThrottled
		}
		x.o.Throttle.Count(o.Source, name, now)
		return nil, nil, token.TokenInvalid
	}
	if match.EndsAt.Reached(now) { // a generation that was rotated away: recognised, so not counted
		return nil, nil, token.TokenExpired
	}
	return live, match, token.Allowed
}

// clientFound is what a flight brings home.
type clientFound struct {
	live    *token.Live
	secrets []token.Credential
}

// find loads a client, once for all who ask at one state of changes, and finds
// nobody for an id that the store does not know. The load does not end with the
// request of whoever asked first.
func (x *Exchanger) find(ctx context.Context, id string, now token.Instant) (*token.Live, []token.Credential, error) {
	s, unknown := x.o.Memory.Stamp(nil), token.DigestOf([]byte("\x00client\x00"+id))
	if x.o.Memory.RecallUnknown(token.KindClient, &unknown, now) {
		return nil, nil, nil
	}
	found, err, _ := x.flights.Do(flight(id, s.Changes), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.o.Timeout)
		defer cancel()
		live, secrets, err := x.o.Memory.FindClient(id, s, func() (*token.Live, []token.Credential, error) {
			return x.o.Loader.LoadClient(ctx, id)
		})
		return clientFound{live, secrets}, err
	})
	if errors.Is(err, token.ErrNotFound) {
		x.o.Memory.RememberUnknown(token.KindClient, &unknown, s, now)
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	c := found.(clientFound)
	return c.live, c.secrets, nil
}

// matching is the generation that the digest belongs to, or nil. It compares
// all of them, each in constant time; where there is none it compares one that
// no secret has, so that an unknown client costs what a known one does.
func matching(secrets []token.Credential, digest *token.Digest) *token.Credential {
	if len(secrets) == 0 {
		secrets = []token.Credential{{}}
	}
	var match *token.Credential
	for i := range secrets {
		c := &secrets[i]
		if subtle.ConstantTimeCompare(c.Digest[:], digest[:]) == 1 && c.Kind == token.KindClient {
			match = c
		}
	}
	return match
}
