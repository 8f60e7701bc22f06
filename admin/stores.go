package admin

import (
	"context"
	"time"

	"tollgate/policy/token"
)

// Store is what this room asks of the store: the small interfaces below, which
// *store.Store satisfies. Writes take the act they are part of and record it in
// the same transaction. They return only when the change is durable and every
// listener on this node has heard of it.
//
// Errors are those of package token: ErrNotFound, ErrStale, ErrRevoked,
// ErrExists, *HeldError, FieldErrors. Every other error means that the store
// could not tell, and is answered 503.
type Store interface {
	MerchantFinder
	MerchantWriter
	TokenFinder
	TokenWriter
	CredentialWriter
	Generator
	UserFinder
	UserKeeper
	NumberFinder
	NumberWriter
	QuotaReader
	KeyFinder
	KeyKeeper
	AuditReader
	AuditWriter
}

// MerchantFinder reads merchants. Lists are newest first and end with the
// cursor of the next page, "" for the last one.
type MerchantFinder interface {
	FindMerchant(ctx context.Context, id string) (token.Merchant, error)
	ListMerchants(ctx context.Context, f token.MerchantFilter) ([]token.Merchant, string, error)
}

// MerchantWriter writes merchants. AddMerchant gives the id. ChangeMerchant is
// refused with token.ErrStale unless the record has the version ifVersion.
type MerchantWriter interface {
	AddMerchant(ctx context.Context, act token.Act, m token.Merchant) (token.Merchant, error)
	ChangeMerchant(ctx context.Context, act token.Act, m token.Merchant, ifVersion int64) (token.Merchant, error)
}

// TokenFinder reads tokens.
type TokenFinder interface {
	FindToken(ctx context.Context, h token.Handle) (token.Token, error)
	ListTokens(ctx context.Context, f token.Filter) ([]token.Token, string, error)
}

// TokenWriter writes tokens. ReplaceToken is refused with token.ErrStale unless
// the record has the version ifVersion, and takes away the numbers of countries
// that are no longer in the composition. RevokeToken is idempotent.
type TokenWriter interface {
	AddToken(ctx context.Context, act token.Act, t token.Token, numbers []token.Number) (token.Token, error)
	ReplaceToken(ctx context.Context, act token.Act, t token.Token, ifVersion int64) (token.Token, error)
	RevokeToken(ctx context.Context, act token.Act, h token.Handle) (token.Token, error)
}

// CredentialWriter gives a token a new generation of one of its secrets. It is
// refused with token.ErrStale unless that is the next one.
type CredentialWriter interface {
	RotateCredential(ctx context.Context, act token.Act, h token.Handle, c token.Credential, grace time.Duration) (token.Rotation, error)
}

// Generator gives a token new client credentials and a new refresh family with
// its first pair, and ends everything of the kind that was made before, at once.
// An empty client id has the store mint one. It is refused with token.ErrStale
// unless the secret's generation is the next one.
type Generator interface {
	Generate(ctx context.Context, act token.Act, h token.Handle, secret token.Credential, clientID string, f token.Family, p token.Pair) (token.Rotation, token.Family, error)
}

// UserFinder reads users.
type UserFinder interface {
	FindUser(ctx context.Context, id string) (token.User, error)
	ListUsers(ctx context.Context, f token.UserFilter) ([]token.User, string, error)
}

// UserKeeper writes users. AddUser gives the id; token.ErrExists: another user
// has the email address. ChangeUser keeps the password unless there is a hash,
// and is refused with token.ErrStale unless the record has the version
// ifVersion.
type UserKeeper interface {
	AddUser(ctx context.Context, act token.Act, u token.User) (token.User, error)
	ChangeUser(ctx context.Context, act token.Act, u token.User, ifVersion int64) (token.User, error)
	EndUser(ctx context.Context, act token.Act, id string) error
}

// Hasher turns a password into the argon2id hash that is kept of it, in PHC
// form. It works in a bounded pool: an error says that the pool is full, or that
// there was no randomness, and nothing about the password. gateway/auth has the
// one implementation, behind cmd.
type Hasher interface {
	Hash(ctx context.Context, password string) (phc string, err error)
}

// NumberFinder lists a token's phone numbers.
type NumberFinder interface {
	ListNumbers(ctx context.Context, h token.Handle, p token.Page) ([]token.Number, string, error)
}

// NumberWriter writes a token's phone numbers; each write bumps the token's
// version.
type NumberWriter interface {
	AddNumber(ctx context.Context, act token.Act, h token.Handle, n token.Number) (token.Number, error)
	ChangeNumber(ctx context.Context, act token.Act, h token.Handle, e164 string, enabled bool) (token.Number, error)
	EndNumber(ctx context.Context, act token.Act, h token.Handle, e164 string) error
}

// QuotaReader tells what is used of a token's quota in the day and in the month
// that at lies in.
type QuotaReader interface {
	Uses(ctx context.Context, h token.Handle, at token.Instant) (day, month int64, err error)
}

// KeyFinder finds the living admin key that a secret's digest belongs to, and
// notes when it was used.
type KeyFinder interface {
	FindAdminKeyByDigest(ctx context.Context, d *token.Digest) (token.AdminKey, error)
	TouchAdminKey(ctx context.Context, id string, at token.Instant) error
}

// KeyKeeper keeps admin keys. AddAdminKey gives the id. EndAdminKey is
// idempotent.
type KeyKeeper interface {
	AddAdminKey(ctx context.Context, act token.Act, k token.AdminKey) (token.AdminKey, error)
	ListAdminKeys(ctx context.Context, f token.AdminKeyFilter) ([]token.AdminKey, string, error)
	EndAdminKey(ctx context.Context, act token.Act, id string) (token.AdminKey, error)
}

// AuditReader reads the audit log, newest first.
type AuditReader interface {
	ListAudit(ctx context.Context, f token.AuditFilter) ([]token.AuditRow, string, error)
}

// AuditWriter records an act that changes nothing, such as an explanation.
// The detail holds strings and booleans, and no secret.
type AuditWriter interface {
	Note(ctx context.Context, act token.Act, on token.AuditTarget, merchant string, detail map[string]any) error
}

// Minter makes what must not be guessed. It is gateway/issue, behind cmd.
type Minter interface {
	// NewHandle is a new token's name.
	NewHandle() (token.Handle, error)

	// Mint is a new secret and what the store keeps of it. The secret is the
	// caller's to show once and forget. An admin key has no handle, and its
	// environment is EnvAny.
	Mint(k token.Kind, e token.Environment, h token.Handle, generation int) ([]byte, token.Credential, error)
}
