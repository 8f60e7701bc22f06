package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// The cost of a password: 19 MiB of memory, two passes, one lane, which OWASP
// names as the least for argon2id. A hash that is kept says its own cost, within
// the bounds below.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32

	mostArgonMemory = 256 << 10
	mostArgonTime   = 16
	mostArgonLanes  = 16

	// mostPassword bounds what is hashed; more is no password.
	mostPassword = 1 << 10
)

// ErrBusy says that too many passwords are being hashed just now: nothing was
// decided.
var ErrBusy = errors.New("auth: too many passwords are being checked")

// Hasher hashes passwords with argon2id, few at a time: each costs 19 MiB and
// tens of milliseconds, and they must not starve the proxy beside them.
type Hasher struct {
	room   chan struct{}
	wait   time.Duration
	none   string // a hash that no password has, for users who do not exist
	hashed atomic.Uint64
}

// Hashed is how many passwords were hashed since the start, for metrics.
func (h *Hasher) Hashed() uint64 { return h.hashed.Load() }

// NewHasher makes room for a number of hashes at once; 0 means half the
// processors, at least one.
func NewHasher(atOnce int) (*Hasher, error) {
	if atOnce <= 0 {
		atOnce = max(1, runtime.GOMAXPROCS(0)/2)
	}
	h := &Hasher{room: make(chan struct{}, atOnce), wait: 250 * time.Millisecond}
	secret := make([]byte, argonKey)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	none, err := h.Hash(context.Background(), base64.RawStdEncoding.EncodeToString(secret))
	h.none = none
	return h, err
}

// Hash is the password in PHC form: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) == 0 || len(password) > mostPassword {
		return "", fmt.Errorf("auth: a password has 1 to %d bytes", mostPassword)
	}
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	h.hashed.Add(1)
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	text := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		text.EncodeToString(salt), text.EncodeToString(key)), nil
}

// Matches reports whether the password is the one behind the hash. An empty
// hash stands for a user who does not exist: it costs what a real one does and
// never matches. ErrBusy says that there was no room to tell.
func (h *Hasher) Matches(ctx context.Context, phc string, password []byte) (bool, error) {
	nobody := phc == ""
	if nobody {
		phc = h.none
	}
	kept, err := readPHC(phc)
	if err != nil {
		return false, err
	}
	if len(password) > mostPassword {
		password = nil // as long to hash as any, and never right
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	h.hashed.Add(1)
	key := argon2.IDKey(password, kept.salt, kept.time, kept.memory, kept.lanes, uint32(len(kept.key)))
	same := subtle.ConstantTimeCompare(key, kept.key) == 1
	return same && !nobody && len(password) > 0, nil
}

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.room <- struct{}{}:
		return nil
	default:
	}
	patience := time.NewTimer(h.wait)
	defer patience.Stop()
	select {
	case h.room <- struct{}{}:
		return nil
	case <-patience.C:
		return ErrBusy
	case <-ctx.Done():
		return ErrBusy
	}
}

func (h *Hasher) leave() { <-h.room }
