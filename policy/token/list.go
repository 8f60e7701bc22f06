package token

// StatusAll in a Filter asks for tokens of every status, revoked ones included.
const StatusAll Status = "ALL"

// Filter narrows a list of tokens. Every field that is set must hold.
type Filter struct {
	Page
	Merchant    string      // that merchant's tokens only; "" for every merchant's
	Parent      Handle      // that token's children only; "" for all
	Environment Environment // EnvAny for both
	Status      Status      // "" leaves out revoked ones; StatusAll leaves out none
	Query       string      // a piece of the name, the description or the handle, in any case; % and _ are ordinary characters
}

// MerchantFilter narrows a list of merchants.
type MerchantFilter struct {
	Page
	ID    string // that one only: what a merchant's own key may see; "" for all
	Query string // a piece of the name or the id, in any case
}

// UserFilter narrows a list of users.
type UserFilter struct {
	Page
	Merchant string // that merchant's users only; "" for all
	Query    string // a piece of the email address or the id, in any case
}

// AdminKeyFilter narrows a list of admin keys.
type AdminKeyFilter struct {
	Page
	Ended bool // ended keys as well
}

// AuditFilter narrows the audit log. Every field that is set must hold.
type AuditFilter struct {
	Page
	Merchant string
	Actor    Actor       // either field, or both
	Target   AuditTarget // either field, or both
	Action   string
	From     Instant // rows at or after it; 0: from the beginning
	Until    Instant // rows before it; 0: to the end
}

// Rotation is what came of making a new generation of a secret.
type Rotation struct {
	Token          Token      // as it is afterwards
	Credential     Credential // the new generation
	PreviousEndsAt Instant    // when the one before stops; 0: there was none
}

// Use is one use of a credential, for the batches that keep last-used times.
type Use struct {
	Handle     Handle // "" of a dashboard user
	User       string // usr_… of a dashboard user; "" otherwise
	Kind       Kind   // KindJWT counts for the client secret it was minted with
	Generation int
	At         Instant
	IP         string // the client's address as it was judged
}

// SealedKey is a JWT signing key as the store keeps it: sealed under the
// master key, which is never in the database.
type SealedKey struct {
	ID        string
	Alg       Algorithm
	Sealed    []byte
	CreatedAt Instant
}
