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
// loaded whole at the start and fed by the change log. It is safe for
// concurrent use.
type Revoked struct {
	mu  sync.RWMutex
	ids map[string]token.Instant // jti → when it need not be remembered any longer
	now func() time.Time
}

// RevokedLoader reads the set from the store.
type RevokedLoader interface {
	RevokedJTIs(ctx context.Context) ([]token.RevokedJTI, error)
}

// NewRevoked loads the set.
func NewRevoked(ctx context.Context, from RevokedLoader, now func() time.Time) (*Revoked, error) {
	r := &Revoked{ids: map[string]token.Instant{}, now: now}
	return r, r.Load(ctx, from)
}

// Load adds what the store has: at the start, and after a gap in the log.
func (r *Revoked) Load(ctx context.Context, from RevokedLoader) error {
	list, err := from.RevokedJTIs(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range list {
		r.ids[one.JTI] = one.EndsAt
	}
	return nil
}

// Apply takes in a change. It must hear of it before the cache does: a JWT that
// is looked at in between is then refused or not remembered.
func (r *Revoked) Apply(c token.Change) {
	jti, is := strings.CutPrefix(c.Entity.ID, jtiPrefix)
	if c.Entity.Kind != token.EntityCredential || !is {
		return
	}
	now := token.At(r.now())
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.ids[jti]; !known {
		r.ids[jti] = now.Add(longestJWT)
	}
	if len(r.ids)%1024 == 0 {
		for id, ends := range r.ids {
			if ends.Reached(now) {
				delete(r.ids, id)
			}
		}
	}
}

// Has reports whether a JWT was revoked.
func (r *Revoked) Has(jti string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, has := r.ids[jti]
	return has
}
