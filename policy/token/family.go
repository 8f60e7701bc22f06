package token

import "time"

// MaxFamilies is how many live families a token has at the most: one more ends
// the oldest.
const MaxFamilies = 10

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
	Access        Digest // of an opaque access token; the zero digest when it is a JWT
	JTI           string // of a JWT, so that it can end before its exp; "" when the access token is opaque
	AccessEndsAt  Instant
	Refresh       Digest // the zero digest: no refresh token goes with it
	Preauthorised bool
}

// Renewal says how a family is to be renewed.
type Renewal struct {
	Spent      Digest        // the refresh token that was presented
	Next       Pair          // what takes its place; it is preauthorised as the family is
	Generation int           // of the client secret that was presented with it
	Grace      time.Duration // how long the immediate predecessor may come again while its successor is unused; 0: never
	Idle       time.Duration // unused for so long, a family has ended
}

// RenewalResult is what came of a renewal. Only the first two give a new pair.
// The others are told the caller in the same words.
type RenewalResult uint8

// RenewalUnknown: no such refresh token of this token, or the client secret was
// not right; nothing was changed. Renewed: the new pair took the place of the
// one that was presented. Retried: the answer to an earlier renewal was lost,
// and the new pair took the place of the one that nobody had used.
// RenewalReused: a spent token came again; the family has ended.
// RenewalEnded: the family had ended already.
const (
	RenewalUnknown RenewalResult = iota
	Renewed
	Retried
	RenewalReused
	RenewalEnded
)

// String is the result's word in logs.
func (r RenewalResult) String() string {
	switch r {
	case Renewed:
		return "renewed"
	case Retried:
		return "retried"
	case RenewalReused:
		return "reused"
	case RenewalEnded:
		return "ended"
	}
	return "unknown"
}

// RevokedJTI is a JWT that was revoked before its exp.
type RevokedJTI struct {
	JTI    string
	Token  Handle
	Digest Digest  // of the whole JWT, when it is at hand; the zero digest otherwise
	EndsAt Instant // its exp: it need not be remembered any longer
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
