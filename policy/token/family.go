package token

import "time"

// Family is one line of refresh tokens: what generate, authorize or the first
// of them began, and every renewal since. Rotation ends the one before; re-use
// of a spent one ends the family with its access tokens.
type Family struct {
	ID            string // fam_…
	Token         Handle
	Generation    int  // of the client secret that it was begun under
	Preauthorised bool // its access tokens open an enhanced key
	CreatedAt     Instant
	LastUsedAt    Instant // idle families end, by a setting
	EndsAt        Instant // absolute, by a setting
	EndedAt       Instant // 0: lives
}

// Pair is a new access and refresh token of a family, as the store keeps them.
type Pair struct {
	Access        Digest
	AccessEndsAt  Instant
	Refresh       Digest // the zero digest: no refresh token goes with it
	Preauthorised bool
}

// Renewal says how a family is to be renewed.
type Renewal struct {
	Spent Digest        // the refresh token that was presented
	Next  Pair          // what takes its place
	Grace time.Duration // how long the immediate predecessor may come again while its successor is unused; 0: never
	Idle  time.Duration // unused for so long, a family has ended
}

// User is a person: of the dashboard, where its merchant is set, or of the back
// office.
type User struct {
	ID           string // usr_…
	Email        string // lower case; unique over the installation
	Role         Role
	Merchant     string // set for dashboard users; always for RoleMerchant
	Enabled      bool
	PasswordHash string // argon2id in PHC form; never leaves the store's callers
	CreatedAt    Instant
	UpdatedAt    Instant
	LastUsedAt   Instant
	Version      int64
}

// String is the id, so that a user in a log line is harmless.
func (u User) String() string { return "user " + u.ID }

// GoString is String: %#v tells no more.
func (u User) GoString() string { return u.String() }

// Hook is one event on its way to a merchant's webhook.
type Hook struct {
	ID        string // hook_…
	Event     string // token.created, token.rotated, token.revoked, token.expiring, refresh.reuse
	Token     Handle
	Merchant  string
	URL       string
	Format    string // "single" or "multiple"
	Payload   []byte // JSON object; never a secret
	Attempts  int
	NextAt    Instant
	State     string // "pending", "done", "dead"
	LastError string
	CreatedAt Instant
}
