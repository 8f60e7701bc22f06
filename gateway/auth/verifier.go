package auth

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"tollgate/policy/token"
)

// Recaller is what is remembered. A principal or record it answers with was
// true when the call began or later.
type Recaller interface {
	// Recall is the principal of a digest, or nil. One that comes without ok is
	// known and has ended.
	Recall(d *token.Digest, now token.Instant) (p *token.Principal, ok bool)
	// RecallLive is a token's live record, or nil. Unless s is nil it is joined
	// with what the record holds under.
	RecallLive(h token.Handle, s *token.Stamp) *token.Live
	// RecallUnknown reports that the store does not know the digest.
	RecallUnknown(k token.Kind, d *token.Digest, now token.Instant) bool
}

// Rememberer keeps what was found under a stamp that was taken before.
type Rememberer interface {
	Stamp(d *token.Digest) token.Stamp
	Remember(d *token.Digest, s token.Stamp, p *token.Principal) bool
	RememberUnknown(k token.Kind, d *token.Digest, s token.Stamp, now token.Instant)
}

// Finder loads once, or twice when a change came in between, and remembers.
// Errors of load are handed on and never remembered.
type Finder interface {
	Find(d *token.Digest, s token.Stamp, load func() (*token.Principal, error)) (*token.Principal, error)
	FindLive(h token.Handle, s token.Stamp, load func() (*token.Live, error)) (*token.Live, token.Stamp, error)
}

// ClientRecaller is Recaller for client ids.
type ClientRecaller interface {
	// RecallClient is a client's live record and secrets, or nil.
	RecallClient(id string) (*token.Live, []token.Credential)
}

// Memory is the cache.
type Memory interface {
	Recaller
	ClientRecaller
	Rememberer
	Finder
}

// Loader reads the primary copy of the store. Both answer token.ErrNotFound for
// what does not exist; any other error means that they could not tell.
type Loader interface {
	LoadCredential(ctx context.Context, k token.Kind, d *token.Digest) (*token.Principal, error)
	LoadToken(ctx context.Context, h token.Handle) (*token.Live, error)
}

// Options is how a Verifier is built.
type Options struct {
	Memory   Memory
	Loader   Loader
	Keys     *KeySet   // of JWTs
	Issuer   string    // the iss of JWTs we accept, exactly
	Throttle *Throttle // of failed attempts
	Uses     *Uses     // nil: nobody wants to know when credentials were last used

	Revoked    *Revoked    // nil: no JWT ends before its exp by itself
	Marker     Marker      // nil: nobody wants to know of an access token's first use
	People     People      // nil: no Basic
	Hasher     *Hasher     // of their passwords; with People
	Signatures *Signatures // nil: no signatures

	// Timeout bounds one look-up in the store; 0 means 1 s. After it the
	// verdict is that none can be given.
	Timeout time.Duration
}

// Verifier is safe for concurrent use. A credential that is remembered costs
// one hash and no allocation.
type Verifier struct {
	memory   Memory
	loader   Loader
	keys     *KeySet
	issuer   atomic.Pointer[string]
	throttle *Throttle
	uses     *Uses
	timeout  time.Duration
	flights  singleflight.Group

	revoked    *Revoked
	marker     Marker
	basic      *basic      // nil: Basic proves nothing here
	signatures *Signatures // nil: nor do signatures
}

// New checks the options.
func New(o Options) (*Verifier, error) {
	switch {
	case o.Memory == nil || o.Loader == nil:
		return nil, errors.New("auth: Options.Memory and Options.Loader are required")
	case o.Keys == nil:
		return nil, errors.New("auth: Options.Keys is missing: no JWT could be verified")
	case o.Issuer == "":
		return nil, errors.New("auth: Options.Issuer is empty: it must be what JWTs are issued with")
	case o.Throttle == nil:
		return nil, errors.New("auth: Options.Throttle is missing: guessing would be free")
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	v := &Verifier{
		memory: o.Memory, loader: o.Loader, keys: o.Keys,
		throttle: o.Throttle, uses: o.Uses, timeout: o.Timeout,
		revoked: o.Revoked, marker: o.Marker, signatures: o.Signatures,
	}
	if o.People != nil {
		if o.Hasher == nil {
			return nil, errors.New("auth: Options.People without Options.Hasher: no password could be checked")
		}
		var err error
		if v.basic, err = newBasic(o.People, o.Hasher); err != nil {
			return nil, err
		}
	}
	v.issuer.Store(&o.Issuer)
	return v, nil
}

// Expect accepts JWTs of another issuer from now on, and of no other. One that
// was accepted before counts no more when it returns.
func (v *Verifier) Expect(issuer string) {
	v.issuer.Store(&issuer) // before changed: what is verified after the bump is held to this one
	v.keys.changed()
}

// Verify is the principal behind what was presented, and Allowed; or a reason
// of rows 3, 5 or 6. A credential that is recognised and does not stand comes
// with its principal all the same, for the log. p.Digest is filled in.
//
// A nil src is the header phase, where the address is not known yet: nothing is
// counted against anyone, and AuthThrottled only means that the store was not
// asked here.
func (v *Verifier) Verify(p *token.Presented, src *token.Source, now time.Time) (*token.Principal, token.Reason) {
	at := token.At(now)
	switch {
	case p.Kind == token.KindKey && p.Access != nil:
		return v.verifyPair(p, src, at)
	case p.Kind == token.KindPassword && v.basic != nil:
		return v.verifyPassword(p, src, at)
	case p.Kind == token.KindSigned:
		return v.verifySigned(p, src, at)
	case p.Kind == token.KindMAC:
		return v.verifyMAC(p, src, at)
	case p.Kind == token.KindAccess: // proves nothing without the key it belongs to
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	q, reason := v.verifyAlone(p, src, at)
	if reason == token.Allowed && v.uses != nil {
		v.uses.Record(q, src, at)
	}
	return q, reason
}

// verifyAlone is Verify for one key, JWT or access token by itself.
func (v *Verifier) verifyAlone(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	if reason := shaped(p); reason != token.Allowed {
		return nil, v.unrecognised(src, nil, at, reason)
	}
	p.Digest = token.DigestOf(p.Secret)
	q, ok := v.memory.Recall(&p.Digest, at)
	if q == nil {
		var reason token.Reason
		if q, reason = v.seek(p, src, at); reason != token.Allowed {
			return nil, reason
		}
		ok = !q.EndsAt.Reached(at)
	}
	if q.Kind != p.Kind { // a secret of one kind is unknown as any other
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	return q, standing(q, ok, at)
}

// standing is row 5 for a credential that is recognised.
func standing(q *token.Principal, ok bool, at token.Instant) token.Reason {
	switch reason := q.Standing(at); {
	case reason != token.Allowed:
		return reason
	case !ok: // the memory would not vouch for it
		return token.TokenExpired
	case q.Live.Enhanced:
		return token.AccessTokenRequired
	}
	return token.Allowed
}

// verdict tells a store that does not know from one that could not tell.
func verdict(err error) token.Reason {
	if errors.Is(err, token.ErrNotFound) {
		return token.TokenInvalid
	}
	return token.CannotDecide
}
