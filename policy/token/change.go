package token

// EntityKind is a kind of thing whose change makes cached records stale.
type EntityKind uint8

// The kinds of entity. EntityAll stands for every record there is: a restored
// database, a gap in the change log.
const (
	EntityAll EntityKind = iota
	EntityToken
	EntityMerchant
	EntityUser
	EntityCredential // by digest, for what names no token
	EntityAdminKey
)

// Entity names one thing that records are built from.
type Entity struct {
	Kind EntityKind
	ID   string // handle, merchant id, …; "" for EntityAll
}

// Change is one row of the change log: what changed, numbered in commit order.
type Change struct {
	Sequence int64
	Entity   Entity
	Added    bool // a new credential or token came into being: unknown digests must be asked for again
	At       Instant
}
