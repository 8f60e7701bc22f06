package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
	"sync"
	"time"

	"tollgate/policy/token"
)

// rememberedFor is how long a verified pair of email and password is taken
// without hashing it again.
const rememberedFor = time.Minute

// People reads users from the primary copy: the principal of a dashboard user,
// who has a merchant, and the hash of the password. token.ErrNotFound: there is
// none of that email; any other error that it could not tell.
type People interface {
	LoadUser(ctx context.Context, email string) (*token.Principal, string, error)
}

// basic verifies Basic with the credentials of dashboard users.
type basic struct {
	people People
	hasher *Hasher
	macs   sync.Pool // of *keyed
	key    [sha256.Size]byte
}

// keyed digests passwords under a key of this process: what is remembered is
// worth nothing to whoever reads the memory of another.
type keyed struct{ mac hash.Hash }

func newBasic(people People, hasher *Hasher) (*basic, error) {
	b := &basic{people: people, hasher: hasher}
	if _, err := rand.Read(b.key[:]); err != nil {
		return nil, err
	}
	b.macs.New = func() any { return &keyed{hmac.New(sha256.New, b.key[:])} }
	return b, nil
}

// digest is the keyed hash of what was sent, into d.
func (b *basic) digest(text []byte, d *token.Digest) {
	k := b.macs.Get().(*keyed)
	k.mac.Reset()
	k.mac.Write(text)
	k.mac.Sum(d[:0])
	b.macs.Put(k)
}

// verifyPassword is Verify for Basic. Everything that costs much comes after
// everything that costs little: shape, memory, throttle, and only then the hash.
func (v *Verifier) verifyPassword(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	v.basic.digest(p.Secret, &p.Digest)
	q, ok := v.memory.Recall(&p.Digest, at)
	if q == nil || !ok { // a minute has gone: the password is asked for again, not refused
		var reason token.Reason
		if q, reason = v.seekPassword(p, src, at); reason != token.Allowed {
			return nil, reason
		}
	}
	if reason := q.Live.Standing(at); reason != token.Allowed {
		return q, reason
	}
	return q, token.Allowed
}

func (v *Verifier) seekPassword(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	s := v.memory.Stamp(&p.Digest)
	email, password, ok := readBasic(p.Secret)
	if !ok {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	name := []byte(email)
	if src == nil && v.throttle.RefusesHere(name, false, at) || src != nil && v.throttle.Refuses(*src, name, false, at) {
		return nil, token.AuthThrottled
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	user, kept, err := v.basic.people.LoadUser(ctx, email)
	if err != nil && !errors.Is(err, token.ErrNotFound) {
		return nil, token.CannotDecide
	}
	if err != nil {
		kept = "" // nobody: the work is the same
	}
	right, err := v.basic.hasher.Matches(ctx, kept, password)
	switch {
	case err != nil:
		return nil, token.CannotDecide
	case !right || user == nil:
		if src == nil {
			v.throttle.CountHere(at)
		}
		return nil, v.unrecognised(src, name, at, token.TokenInvalid)
	}
	q := *user
	q.Kind, q.EndsAt = token.KindPassword, at.Add(rememberedFor)
	v.memory.Remember(&p.Digest, s, &q)
	return &q, token.Allowed
}

// readBasic decodes email and password, strictly: one pair has one spelling.
func readBasic(text []byte) (email string, password []byte, ok bool) {
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return "", nil, false
	}
	name, password, found := bytes.Cut(raw, []byte{':'})
	if !found || len(name) == 0 || len(name) > 254 || len(password) == 0 {
		return "", nil, false
	}
	return strings.ToLower(string(name)), password, true
}
