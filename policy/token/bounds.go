package token

// Bounds are what a token may be used for, as an admin wrote them and the
// store keeps them. Package policy compiles them for the hot path.
type Bounds struct {
	IPRanges    []string    // addresses and CIDRs, v4 and v6, canonical; empty means none is asked for
	ClientCerts []string    // SHA-256 of client certificates' DER, 64 lower-case hexadecimal characters, sorted; empty means none is asked for
	Methods     []string    // HTTP methods, upper case; HEAD follows GET; empty means none is asked for
	Permissions []string    // words such as payments:write
	Composition Composition // country → operator → methods, in catalogue ids
	Restricts   Restricts
	Rate        string // "100/s burst 200"; "" for none
	Quota       string // "10000/day 200000/month", either or both; "" for none
}

// Composition is country (ISO 3166-1 alpha-2) → operator id → payment methods.
type Composition map[string]map[string][]string

// Restricts says which bounds hold even when their lists are empty. A flag is
// set when its bound is first given and cleared by an admin only, so that
// emptying a list never widens access.
type Restricts struct {
	Composition bool `json:"composition"`
	Phones      bool `json:"phones"`
	IP          bool `json:"ip"`
	Methods     bool `json:"methods"`
	ClientCert  bool `json:"client_cert"`
}

// Number is one phone number of a token's whitelist.
type Number struct {
	Country   string // alpha-2, one of the composition's
	E164      string // canonical: + and digits
	Enabled   bool   // a disabled number stays associated and passes nothing
	CreatedAt Instant
}

// Warning is something an admin should look at that did not stop the change.
type Warning struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Rules is a Bounds, together with a token's numbers and its merchant's IP
// ranges, in the form that package policy compiled it to. It is immutable and
// safe for concurrent use. Only policy knows what is inside; what others may
// ask stands here.
type Rules interface {
	// Size is roughly how many bytes of memory the rules hold, for the cache.
	Size() int64
}
