package token

// Token is the managed, long-lived record that the admin API and the back
// office list. It never holds a secret.
type Token struct {
	Handle      Handle
	Merchant    string // mer_…
	Parent      Handle // "" unless another token made it
	Name        string
	Description string
	Environment Environment
	Mode        Mode
	Enabled     bool
	Enhanced    bool // enhanced security: the key alone proves nothing
	Bounds      Bounds
	Webhook     Webhook

	CreatedAt  Instant
	UpdatedAt  Instant
	ExpiresAt  Instant // 0: never
	RevokedAt  Instant // 0: not revoked
	LastUsedAt Instant // 0: never used
	LastUsedIP string  // "" until used

	Version     int64 // counts every change, those of its numbers included
	ClientID    string
	Numbers     int // how many phone numbers it has, disabled ones included
	Credentials []Credential
}

// Webhook is where a token's life-cycle events are sent, and how written.
type Webhook struct {
	URL    string `json:"url"`
	Format string `json:"format"` // "single" or "multiple"
}

// Status is the one word a list shows: revoked before expired before disabled.
type Status string

// The statuses of a token.
const (
	Active   Status = "ACTIVE"
	Expired  Status = "EXPIRED"
	Disabled Status = "DISABLED"
	Revoked  Status = "REVOKED"
)

// StatusAt is the token's own status at now; its merchant's is not part of it.
func (t *Token) StatusAt(now Instant) Status {
	switch {
	case t.RevokedAt != 0:
		return Revoked
	case t.ExpiresAt.Reached(now):
		return Expired
	case !t.Enabled:
		return Disabled
	}
	return Active
}

// Credential is one generation of one of a token's secrets, as it is kept: a
// digest, and for a signing secret the sealed bytes.
type Credential struct {
	Kind       Kind
	Generation int    // counts from 1 for each kind of a token
	Digest     Digest // of the whole secret as it is presented
	Hint       string // the last four characters, to tell keys apart in a list
	Sealed     []byte // KindSigning only: AES-256-GCM under the master key
	CreatedAt  Instant
	EndsAt     Instant // 0: lives; else it is refused from then on
	LastUsedAt Instant
}

// Merchant is the tenant that owns tokens.
type Merchant struct {
	ID        string // mer_…
	Name      string
	Active    bool     // false: suspended, which stops all its tokens
	IPRanges  []string // hold for every token of the merchant; empty: none is asked for
	Webhook   Webhook  // for tokens that have none of their own
	CreatedAt Instant
	UpdatedAt Instant
	Version   int64
}

// Role is what a person or an admin key may do.
type Role string

// The roles: admin everything, operator tokens and merchants, auditor reads,
// merchant its own merchant's tokens only.
const (
	RoleAdmin    Role = "admin"
	RoleOperator Role = "operator"
	RoleAuditor  Role = "auditor"
	RoleMerchant Role = "merchant"
)

// ParseRole reads one of the four roles.
func ParseRole(s string) (Role, bool) {
	switch r := Role(s); r {
	case RoleAdmin, RoleOperator, RoleAuditor, RoleMerchant:
		return r, true
	}
	return "", false
}

// AdminKey is an admin API key as it is kept.
type AdminKey struct {
	ID         string // key_…
	Name       string
	Role       Role
	Merchant   string // set for RoleMerchant only
	Digest     Digest
	Hint       string
	CreatedAt  Instant
	LastUsedAt Instant
	EndedAt    Instant // 0: lives
}

// Page asks for one page of a list, newest first.
type Page struct {
	Limit  int    // how many at the most; the store bounds it to 1 … 1000
	Cursor string // "" for the first page; else what the page before gave
}
