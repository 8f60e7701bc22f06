package auth

import (
	"context"
	"strings"
	"sync"
	"time"

	"tollgate/policy/token"
)

// jtiPrefix begins the id of the change that revokes one JWT.
const jtiPrefix = "jti:"

// longestJWT is how long a revoked JWT is remembered when its end is not told:
// no JWT of ours lives longer.
const longestJWT = 25 * time.Hour

// Revoked is the exact set of JWTs that were revoked before their exp. It is
// loaded whole at the start and fed by the change log; where the log has a gap
// it is loaded again, and until that has come about no JWT is judged by it. It
// is safe for concurrent use.
type Revoked struct {
	from RevokedLoader
	now  func() time.Time

	mu  sync.RWMutex
	ids map[string]token.Instant // jti → when it need not be remembered any longer
	gap uint64                   // gaps in the log so far
	all uint64                   // up to which of them everything is here
	run sync.Mutex               // one load at a time
}

// RevokedLoader reads the set from the store.
type RevokedLoader interface {
	RevokedJTIs(ctx context.Context) ([]token.RevokedJTI, error)
}

// NewRevoked loads the set. From then on the store is to tell Apply of changes,
// before it tells the cache: a JWT that is looked at between the two is then
// refused or not remembered.
func NewRevoked(ctx context.Context, from RevokedLoader, now func() time.Time) (*Revoked, error) {
	r := &Revoked{from: from, ids: map[string]token.Instant{}, now: now, gap: 1}
	return r, r.load(ctx)
}

// load adds what the store has, unless all of it is here.
func (r *Revoked) load(ctx context.Context) error {
	r.run.Lock()
	defer r.run.Unlock()
	r.mu.RLock()
	gap, all := r.gap, r.all
	r.mu.RUnlock()
	if gap == all {
		return nil
	}
	list, err := r.from.RevokedJTIs(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range list {
		r.ids[one.JTI] = one.EndsAt
	}
	r.all = gap
	return nil
}

// Apply takes in a change.
func (r *Revoked) Apply(c token.Change) {
	jti, is := strings.CutPrefix(c.Entity.ID, jtiPrefix)
	switch {
	case c.Entity.Kind == token.EntityAll:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gap++
	case c.Entity.Kind == token.EntityCredential && is:
		r.add(jti, token.At(r.now()))
	}
}

func (r *Revoked) add(jti string, now token.Instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.ids[jti]; known {
		return
	}
	r.ids[jti] = now.Add(longestJWT)
	if len(r.ids)%sweepEvery == 0 {
		for id, ends := range r.ids {
			if ends.Reached(now) {
				delete(r.ids, id)
			}
		}
	}
}

// sweepEvery is at how many entries those are let go that have ended.
const sweepEvery = 1024

// judge is Allowed for a JWT that was not revoked, and CannotDecide where that
// could not be told.
func (r *Revoked) judge(jti string) token.Reason {
	r.mu.RLock()
	_, has := r.ids[jti]
	whole := r.gap == r.all
	r.mu.RUnlock()
	switch {
	case has:
		return token.TokenRevoked
	case whole:
		return token.Allowed
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if r.load(ctx) != nil {
		return token.CannotDecide
	}
	if r.Has(jti) {
		return token.TokenRevoked
	}
	return token.Allowed
}

// Has reports whether a JWT is known to be revoked.
func (r *Revoked) Has(jti string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, has := r.ids[jti]
	return has
}
