package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"tollgate/policy/token"
)

// The bounds of a signature's life (spec/dialects.md, oauth).
const (
	mostSigned   = 8 << 10            // bytes of a JWS in the query
	longestExp   = 7 * 24 * time.Hour // how far away its exp may be
	longestIat   = 24 * time.Hour     // how old its iat may be where it has no exp
	signedWindow = 300 * time.Second  // either side of t in X-Signature
)

// Secrets opens the live signing secrets of a token, newest first; none is no
// error. They are the caller's to use and forget.
type Secrets interface {
	LiveSecrets(ctx context.Context, h token.Handle) ([]token.SigningSecret, error)
}

// Clients finds the token that a client id belongs to, and is the cache with
// the store behind it. token.ErrNotFound: nobody has it.
type Clients interface {
	Client(ctx context.Context, id string) (*token.Live, error)
}

// Replay records that something was accepted, durably and exactly: fresh is
// true for one caller only until the time given.
type Replay interface {
	Record(ctx context.Context, d token.Digest, until token.Instant) (fresh bool, err error)
}

// Signatures is what verifying signatures takes; nil where no route asks.
type Signatures struct {
	Secrets Secrets
	Clients Clients
	Replay  Replay
}

// verifySigned is Verify for parameters that are signed as one JWS (seed 4).
func (v *Verifier) verifySigned(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	if v.signatures == nil || len(p.Secret) == 0 || len(p.Secret) > mostSigned {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	p.Digest = token.DigestOf(p.Secret)
	q, ok := v.memory.Recall(&p.Digest, at)
	if q == nil {
		var reason token.Reason
		if q, reason = v.seekSigned(p, src, at); reason != token.Allowed {
			return q, reason
		}
		ok = !q.EndsAt.Reached(at)
	}
	if q.Kind != token.KindSigned {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	reason := standing(q, ok, at)
	if reason == token.Allowed && v.uses != nil {
		v.uses.Record(q, src, at)
	}
	return q, reason
}

// seekSigned reads whose secret a JWS claims to be made with, verifies it with
// that secret, and only then believes a word of it.
func (v *Verifier) seekSigned(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	s := v.memory.Stamp(&p.Digest)
	j, ok := readJWS(p.Secret)
	if !ok {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	name := []byte(j.handle.ID())
	if v.refuses(src, name, at) {
		return nil, token.AuthThrottled
	}
	live, s, err := v.signer(j.handle, s, at)
	if err != nil {
		return nil, v.missed(src, name, at, verdict(err))
	}
	secretEnds, reason := v.signedBy(live, j.signed, j.mac)
	if reason != token.Allowed {
		return nil, v.missed(src, name, at, reason)
	}
	ends, ok := j.claim.ends(at)
	if !ok { // recognised, so not counted
		return nil, token.TokenInvalid
	}
	// What is remembered must not outlive the grace of the secret that made it.
	q := &token.Principal{Live: live, Kind: token.KindSigned, EndsAt: earlier(ends, secretEnds)}
	v.memory.Remember(&p.Digest, s, q)
	return q, token.Allowed
}

// signer is liveOf for a handle that anybody may have made up: that nobody has
// it is remembered for a moment.
func (v *Verifier) signer(h token.Handle, s token.Stamp, at token.Instant) (*token.Live, token.Stamp, error) {
	unknown := token.DigestOf([]byte("\x00signer\x00" + string(h)))
	if v.memory.RecallUnknown(token.KindSigned, &unknown, at) {
		return nil, s, token.ErrNotFound
	}
	live, joined, err := v.liveOf(h, s)
	if errors.Is(err, token.ErrNotFound) {
		v.memory.RememberUnknown(token.KindSigned, &unknown, s, at)
	}
	return live, joined, err
}

// signedBy is Allowed for a text that was signed with one of the token's live
// secrets, and says when that secret ends; 0: it lives. It takes the same time
// whichever it was.
func (v *Verifier) signedBy(live *token.Live, text, mac []byte) (ends token.Instant, _ token.Reason) {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	secrets, err := v.signatures.Secrets.LiveSecrets(ctx, live.Handle)
	if err != nil && !errors.Is(err, token.ErrNotFound) {
		return 0, token.CannotDecide
	}
	right := false
	for i := range secrets {
		if macOf(secrets[i].Secret, text, mac) {
			right, ends = true, secrets[i].EndsAt
		}
		clear(secrets[i].Secret)
	}
	if !right {
		return 0, token.SignatureInvalid
	}
	return ends, token.Allowed
}

// macOf reports whether mac is the HMAC-SHA256 of text, all 32 bytes of it. A
// key that is too short to be one proves nothing.
func macOf(secret, text, mac []byte) bool {
	if len(secret) < leastSecret {
		return false
	}
	h := hmac.New(sha256.New, secret)
	h.Write(text)
	return hmac.Equal(h.Sum(nil), mac)
}
