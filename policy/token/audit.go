package token

// Actor is who did something: an admin key, a user, the bootstrap key, the
// command line, or tollgate itself.
type Actor struct {
	Kind string `json:"kind"` // "admin_key", "bootstrap", "user", "cli", "system"
	ID   string `json:"id"`
}

// Act is one administrative act, handed to the store with the change it makes,
// so that the change and its audit row are one transaction.
type Act struct {
	Actor     Actor
	Action    string // token.create, token.revoke, phone.add, restriction_cleared, …
	IP        string
	RequestID string
}

// AuditTarget is what an act was done to.
type AuditTarget struct {
	Kind string `json:"kind"` // "token", "merchant", "phone", "admin_key"
	ID   string `json:"id"`
}

// AuditRow is one row of the append-only audit log. Before and After are
// canonical JSON objects, or nil; they never hold a secret, and phones in them
// are masked. Hash is SHA-256 over PrevHash and the row's canonical JSON.
type AuditRow struct {
	Sequence  int64
	At        Instant
	Actor     Actor
	Action    string
	Target    AuditTarget
	Merchant  string
	IP        string
	RequestID string
	Before    []byte
	After     []byte
	PrevHash  Digest
	Hash      Digest
}
