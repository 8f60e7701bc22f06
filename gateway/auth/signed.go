package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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
	SigningSecrets(ctx context.Context, h token.Handle) ([][]byte, error)
}

// Clients finds the token that a client id belongs to, and is the cache with
// the store behind it.
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
	c, ok := cutUpTo(p.Secret, mostSigned)
	if !ok {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	header, err1 := spelling.AppendDecode(nil, c.header)
	payload, err2 := spelling.AppendDecode(nil, c.payload)
	mac, err3 := spelling.AppendDecode(nil, c.signature)
	kid, okHeader := readSignedHeader(header)
	claim, okPayload := readSignedPayload(payload)
	handle, okHandle := whose(kid, claim.merchantUID)
	if err1 != nil || err2 != nil || err3 != nil || !okHeader || !okPayload || !okHandle {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	name := []byte(handle.ID())
	if v.refuses(src, name, at) {
		return nil, token.AuthThrottled
	}
	live, s, reason := v.liveOf(handle, s)
	if reason == token.TokenInvalid {
		return nil, v.unrecognised(src, name, at, reason)
	}
	if reason != token.Allowed {
		return nil, reason
	}
	if reason = v.signedBy(live, c.signed, mac); reason != token.Allowed {
		if reason == token.SignatureInvalid {
			reason = v.unrecognised(src, name, at, reason)
		}
		return nil, reason
	}
	ends, ok := claim.ends(at)
	if !ok {
		return nil, token.TokenInvalid
	}
	q := &token.Principal{Live: live, Kind: token.KindSigned, EndsAt: ends}
	v.memory.Remember(&p.Digest, s, q)
	return q, token.Allowed
}

// liveOf is a token's live record, recalled or loaded.
func (v *Verifier) liveOf(h token.Handle, s token.Stamp) (*token.Live, token.Stamp, token.Reason) {
	if live := v.memory.RecallLive(h, &s); live != nil {
		return live, s, token.Allowed
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	live, under, err := v.memory.FindLive(h, s, func() (*token.Live, error) { return v.loader.LoadToken(ctx, h) })
	if err != nil {
		return nil, s, verdict(err)
	}
	return live, s.Join(under), token.Allowed
}

// signedBy reports whether text was signed with one of the token's live
// secrets. It takes the same time whichever it was.
func (v *Verifier) signedBy(live *token.Live, text, mac []byte) token.Reason {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	secrets, err := v.signatures.Secrets.SigningSecrets(ctx, live.Handle)
	if err != nil && !errors.Is(err, token.ErrNotFound) {
		return token.CannotDecide
	}
	right := false
	for _, secret := range secrets {
		right = macOf(secret, text, mac) || right
		clear(secret)
	}
	if !right {
		return token.SignatureInvalid
	}
	return token.Allowed
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

// whose is the token that a JWS names: by kid, by data.merchantUid, or by both
// when they agree.
func whose(kid, merchantUID string) (token.Handle, bool) {
	if kid == "" {
		kid = merchantUID
	}
	if merchantUID != "" && merchantUID != kid {
		if _, names := token.ParseHandle(merchantUID); names {
			return "", false
		}
	}
	return token.ParseHandle(kid)
}

// readSignedHeader reads {"alg":"HS256"} with typ and kid at most; PHP and Node
// write them in different orders.
func readSignedHeader(text []byte) (kid string, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if !reads(d, '{') {
		return "", false
	}
	alg, typ := "", "JWT"
	for d.PeekKind() == '"' {
		name, _ := readString(d)
		field := map[string]*string{"alg": &alg, "typ": &typ, "kid": &kid}[name]
		if field == nil {
			return "", false
		}
		if *field, ok = readString(d); !ok {
			return "", false
		}
	}
	return kid, reads(d, '}') && ended(d) && alg == "HS256" && typ == "JWT"
}

// signedClaim is what of a signed payload concerns its verification.
type signedClaim struct {
	merchantUID string
	exp, iat    int64 // 0: not there
}

// readSignedPayload reads an object that has data and, of the registered
// claims, exp and iat. Other members are the merchant's own.
func readSignedPayload(text []byte) (c signedClaim, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if !reads(d, '{') {
		return c, false
	}
	data := false
	for d.PeekKind() == '"' {
		name, named := readString(d)
		if !named {
			return c, false
		}
		switch name {
		case "exp":
			c.exp, ok = readSeconds(d)
		case "iat":
			c.iat, ok = readSeconds(d)
		case "data":
			data = true
			c.merchantUID, ok = readMerchantUID(d)
		default:
			ok = d.SkipValue() == nil
		}
		if !ok {
			return c, false
		}
	}
	return c, data && reads(d, '}') && ended(d)
}

func readMerchantUID(d *jsontext.Decoder) (uid string, ok bool) {
	if !reads(d, '{') {
		return "", false
	}
	for d.PeekKind() == '"' {
		name, named := readString(d)
		switch {
		case !named:
			return "", false
		case name == "merchantUid":
			if uid, ok = readString(d); !ok {
				return "", false
			}
		case d.SkipValue() != nil:
			return "", false
		}
	}
	return uid, reads(d, '}')
}

// ends is when the JWS stops counting: its exp, at most seven days away; or,
// without one, a day after the iat that it then must have.
func (c *signedClaim) ends(now token.Instant) (token.Instant, bool) {
	if c.iat != 0 && seconds(c.iat) > now.Add(futureLeeway) {
		return 0, false
	}
	if c.exp != 0 {
		return seconds(c.exp), seconds(c.exp) <= now.Add(longestExp)
	}
	return seconds(c.iat).Add(longestIat), c.iat != 0
}

// verifyMAC is Verify for a signed request, before its body: t in the window,
// the client known, its token standing. Nothing is proven yet: VerifyBody does
// that, and until then the principal only says whose bounds to judge by.
func (v *Verifier) verifyMAC(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	signed := seconds(p.At)
	if v.signatures == nil || len(p.MAC) != hex.EncodedLen(sha256.Size) || p.At <= 0 || p.At > latest ||
		signed < at.Add(-signedWindow) || signed > at.Add(signedWindow) {
		return nil, v.unrecognised(src, nil, at, token.SignatureInvalid)
	}
	if src == nil && v.throttle.RefusesHere(p.Name, false, at) || src != nil && v.throttle.Refuses(*src, p.Name, false, at) {
		return nil, token.AuthThrottled
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	live, err := v.signatures.Clients.Client(ctx, string(p.Name))
	if err != nil {
		reason := verdict(err)
		if reason == token.TokenInvalid {
			reason = v.unrecognised(src, p.Name, at, reason)
		}
		return nil, reason
	}
	q := &token.Principal{Live: live, Kind: token.KindMAC}
	return q, standing(q, true, at)
}

// VerifyBody proves a signed request whose head Verify let through. Until then
// nothing is proven. It records nothing: that is Once. A wrong MAC counts as a
// failed attempt, a right one as a use.
func (v *Verifier) VerifyBody(q *token.Principal, m *token.Message, src *token.Source, now time.Time) token.Reason {
	at := token.At(now)
	reason := v.ExamineBody(q, m)
	if reason == token.SignatureInvalid {
		reason = v.unrecognised(src, m.Presented.Name, at, reason)
	}
	if reason == token.Allowed && v.uses != nil {
		v.uses.Record(q, src, at)
	}
	return reason
}

// ExamineBody is VerifyBody without a trace: nothing is counted or noted as a
// use.
func (v *Verifier) ExamineBody(q *token.Principal, m *token.Message) token.Reason {
	mac, ok := macIn(m.Presented)
	if !ok || v.signatures == nil {
		return token.SignatureInvalid
	}
	body := sha256.Sum256(m.Body)
	text := strconv.AppendInt(make([]byte, 0, 128+len(m.Target)), m.Presented.At, 10)
	text = append(append(append(text, '.'), m.Method...), '\n')
	text = append(append(text, m.Target...), '\n')
	text = hex.AppendEncode(text, body[:])
	return v.signedBy(q.Live, text, mac[:])
}

// macIn is the v1 that was presented.
func macIn(p *token.Presented) (mac [sha256.Size]byte, ok bool) {
	if len(p.MAC) != hex.EncodedLen(len(mac)) {
		return mac, false
	}
	_, err := hex.Decode(mac[:], p.MAC)
	return mac, err == nil
}

// Once records, once and for all, that a signature was accepted: the v1 of a
// request that VerifyBody proved, for as long as its t can be in the window, or
// a JWS that Verify let through, until it ends. A second time it is Replayed.
func (v *Verifier) Once(q *token.Principal, p *token.Presented) token.Reason {
	switch {
	case v.signatures == nil:
		return token.CannotDecide
	case p.Kind == token.KindMAC:
		mac, ok := macIn(p)
		if !ok {
			return token.SignatureInvalid
		}
		what := append([]byte("mac\x00"+string(q.Live.Handle)+"\x00"), mac[:]...)
		return v.once(what, seconds(p.At).Add(2*signedWindow))
	}
	return v.once(append([]byte("jws\x00"), p.Secret...), q.EndsAt)
}

func (v *Verifier) once(what []byte, until token.Instant) token.Reason {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	fresh, err := v.signatures.Replay.Record(ctx, token.DigestOf(what), until)
	switch {
	case err != nil:
		return token.CannotDecide
	case !fresh:
		return token.Replayed
	}
	return token.Allowed
}
