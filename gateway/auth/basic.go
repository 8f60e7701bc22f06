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
// everything that costs little: memory, shape, throttle, and only then the hash.
func (v *Verifier) verifyPassword(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	if len(p.Secret) == 0 || len(p.Secret) > mostBasic {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	v.basic.digest(p.Secret, &p.Digest)
	q, ok := v.memory.Recall(&p.Digest, at)
	if q == nil || !ok { // a minute has gone: the password is asked for again, not refused
		var reason token.Reason
		if q, reason = v.seekPassword(p, src, at); reason != token.Allowed {
			return nil, reason
		}
	}
	reason := q.Live.Standing(at)
	if reason == token.Allowed && v.uses != nil {
		v.uses.Record(q, src, at)
	}
	return q, reason
}

// login is an email address and a password as Basic carried them.
type login struct {
	email    string // lower case
	password []byte
}

// checked is what a flight for a password brings home.
type checked struct {
	user   *token.Principal
	reason token.Reason
}

// seekPassword compares a password once for all who bring it at one state of
// changes: the hash is dear, and a page of the dashboard asks many times at once.
func (v *Verifier) seekPassword(p *token.Presented, src *token.Source, at token.Instant) (*token.Principal, token.Reason) {
	l, ok := readBasic(p.Secret)
	if !ok {
		return nil, v.unrecognised(src, nil, at, token.TokenInvalid)
	}
	name := []byte(l.email)
	if v.tooMany(src, name, false, at) {
		return nil, token.AuthThrottled
	}
	digest := p.Digest
	changes := v.memory.Stamp(&digest).Changes
	found, _, _ := v.flights.Do(flight(byte(token.KindPassword), string(digest[:]), changes), func() (any, error) {
		user, reason := v.checkPassword(&digest, &l, at)
		return checked{user, reason}, nil
	})
	c := found.(checked)
	if c.reason != token.Allowed {
		return nil, v.missed(src, name, at, c.reason)
	}
	return c.user, token.Allowed
}

// checkPassword compares, and then finds the user once more to remember: the
// hash takes so long that something or other will have changed meanwhile, which
// would keep what was found before it from being remembered.
func (v *Verifier) checkPassword(d *token.Digest, l *login, at token.Instant) (*token.Principal, token.Reason) {
	user, kept, reason := v.compare(l)
	if reason != token.Allowed {
		return nil, reason
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	user, err := v.memory.Find(d, v.memory.Stamp(d), func() (*token.Principal, error) {
		found, now, err := v.basic.people.LoadUser(ctx, l.email)
		switch {
		case err != nil:
			return nil, err
		case now != kept || found.User != user.User: // another password by now
			return nil, token.ErrNotFound
		}
		q := *found
		q.Kind, q.EndsAt = token.KindPassword, at.Add(rememberedFor)
		return &q, nil
	})
	if err != nil {
		return nil, verdict(err)
	}
	return user, token.Allowed
}

// compare is the user whose password this is, and the hash it was compared
// with. Where there is no such user the work is the same.
func (v *Verifier) compare(l *login) (user *token.Principal, kept string, reason token.Reason) {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	user, kept, err := v.basic.people.LoadUser(ctx, l.email)
	if err != nil && !errors.Is(err, token.ErrNotFound) {
		return nil, "", token.CannotDecide
	}
	if err != nil {
		user, kept = nil, ""
	}
	right, err := v.basic.hasher.Matches(ctx, kept, l.password)
	switch {
	case err != nil:
		return nil, "", token.CannotDecide
	case !right || user == nil:
		return nil, "", token.TokenInvalid
	}
	return user, kept, token.Allowed
}

// mostBasic bounds what Basic carries, in base64.
const mostBasic = 4 << 10

// readBasic decodes email and password, strictly: one pair has one spelling.
func readBasic(text []byte) (l login, ok bool) {
	if len(text) > mostBasic {
		return login{}, false
	}
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || base64.StdEncoding.EncodedLen(len(raw)) != len(text) { // the decoder skips line ends
		return login{}, false
	}
	name, password, found := bytes.Cut(raw, []byte{':'})
	if !found || len(name) == 0 || len(name) > mostEmail || len(password) == 0 {
		return login{}, false
	}
	return login{strings.ToLower(string(name)), password}, true
}

// mostEmail is the longest email address there can be (RFC 5321 §4.5.3.1.3).
const mostEmail = 254
