package issue

import (
	"context"
	"errors"
	"slices"
	"time"

	"tollgate/policy/token"
)

// manage is the permission to make, list and end tokens of one's own merchant.
// Only an admin grants it, and a child never has it.
const manage = "tokens:manage"

// Tokens is what the nursery asks of the store.
type Tokens interface {
	AddToken(ctx context.Context, act token.Act, t token.Token, numbers []token.Number) (token.Token, error)
	ListTokens(ctx context.Context, f token.Filter) ([]token.Token, string, error)
	RevokeToken(ctx context.Context, act token.Act, h token.Handle) (token.Token, error)
}

// Finder reads one token's record, and one credential.
type Finder interface {
	Credentials
	FindToken(ctx context.Context, h token.Handle) (token.Token, error)
}

// Ranges reads and compares ranges of addresses; package policy does.
type Ranges interface {
	// Canonical is the ranges as they are kept, or what is wrong with one.
	Canonical(list []string) ([]string, error)
	// Covers reports whether every address of inner is in one of outer.
	Covers(outer, inner []string) bool
}

// NurseryOptions is how a Nursery is built; all of them are required.
type NurseryOptions struct {
	Tokens      Tokens
	Finder      Finder
	Verifier    Verifier
	Minter      *Minter
	Ranges      Ranges
	JudgeSource func(*token.Live, token.Source) token.Reason
}

// Nursery carries out what a token with the permission tokens:manage may do to
// the tokens of its merchant and environment. It is safe for concurrent use.
type Nursery struct{ o NurseryOptions }

// NewNursery checks the options.
func NewNursery(o NurseryOptions) (*Nursery, error) {
	if o.Tokens == nil || o.Finder == nil || o.Verifier == nil || o.Minter == nil || o.Ranges == nil || o.JudgeSource == nil {
		return nil, errors.New("issue: every field of NurseryOptions is required")
	}
	return &Nursery{o: o}, nil
}

// Create makes a child of the caller: never freer than its parent, ends with
// it, and at the latest a calendar year from now.
func (n *Nursery) Create(ctx context.Context, c *token.Call, o *token.ChildOrder) (token.Child, token.Reason) {
	caller, reason := n.caller(c)
	if reason != token.Allowed {
		return token.Child{}, reason
	}
	live := caller.Live
	if o.Merchant != live.Merchant {
		return token.Child{}, token.NotFound
	}
	draft, reason := n.draft(c, live, o)
	if reason == token.Allowed {
		reason = c.Permit.Ask(live)
	}
	if reason != token.Allowed {
		return token.Child{}, reason
	}
	key, secret, err := n.furnish(&draft)
	if err != nil {
		return token.Child{}, token.InternalError
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	made, err := n.o.Tokens.AddToken(ctx, act("token.create", live.Handle, c.Source, c.RequestID), draft, nil)
	if err != nil {
		return token.Child{}, n.refused(c, err)
	}
	child := viewOf(&made, nil, token.At(c.Now))
	if child.IPRanges = o.IPRanges; len(o.IPRanges) == 0 { // else echoed as they were sent
		child.IPRanges = live.Bounds.IPRanges
	}
	child.Key, child.Secret = string(key), string(secret)
	return child, token.Allowed
}

// Delete revokes a token of the caller's merchant and environment, named by its
// handle or by its whole key. Anybody else's is as good as unknown.
func (n *Nursery) Delete(ctx context.Context, c *token.Call, id []byte) token.Reason {
	caller, reason := n.caller(c)
	if reason != token.Allowed {
		return reason
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	h, reason := n.named(ctx, id)
	if reason != token.Allowed {
		return reason
	}
	t, err := n.o.Finder.FindToken(ctx, h)
	switch {
	case err != nil:
		return verdict(err, token.NotFound)
	case t.Merchant != caller.Live.Merchant || t.Environment != caller.Live.Environment || t.RevokedAt != 0:
		return token.NotFound
	}
	_, err = n.o.Tokens.RevokeToken(ctx, act("token.revoke", caller.Live.Handle, c.Source, c.RequestID), h)
	if err != nil {
		return verdict(err, token.NotFound)
	}
	return token.Allowed
}

// named is the token that an id names. A key has to be a real one: who knows
// only its first characters knows the handle and may as well use that.
func (n *Nursery) named(ctx context.Context, id []byte) (token.Handle, token.Reason) {
	if h, ok := token.ParseHandle(string(id)); ok {
		return h, token.Allowed
	}
	if s, ok := token.Parse(id); !ok || s.Kind != token.KindKey {
		return "", token.NotFound
	}
	d := token.DigestOf(id)
	p, err := n.o.Finder.LoadCredential(ctx, token.KindKey, &d)
	if err != nil {
		return "", verdict(err, token.NotFound)
	}
	return p.Live.Handle, token.Allowed
}

// caller is who calls: rows 3, 5, 6 and 8, and the permission.
func (n *Nursery) caller(c *token.Call) (*token.Principal, token.Reason) {
	presented := token.Presented{Dialect: c.Dialect, Secret: c.Key, Kind: token.KindNone}
	if token.LooksLike(c.Key, token.KindKey) {
		presented.Kind = token.KindKey
	}
	p, reason := n.o.Verifier.Verify(&presented, &c.Source, c.Now)
	if p != nil {
		c.Client = clientOf(p.Live)
	}
	if reason == token.Allowed {
		reason = n.o.JudgeSource(p.Live, c.Source)
	}
	if reason != token.Allowed {
		return nil, reason
	}
	if !p.Permits(manage) || p.Live.Parent != nil { // a child never manages
		return nil, token.PermissionMissing
	}
	return p, token.Allowed
}

// draft is the child as it is asked for, held to its parent's bounds. What it
// does not ask for it does not have of its own: its parent's bounds hold for it
// at each request, also when they are changed.
func (n *Nursery) draft(c *token.Call, parent *token.Live, o *token.ChildOrder) (token.Token, token.Reason) {
	ranges, err := n.o.Ranges.Canonical(o.IPRanges)
	switch {
	case err != nil:
		c.Detail = err.Error()
		return token.Token{}, token.InvalidRequest
	case len(o.Methods) == 0:
		c.Detail = "permissions must name what the token may do, such as read or write."
		return token.Token{}, token.InvalidRequest
	case parent.Restricts.IP && len(ranges) > 0 && !n.o.Ranges.Covers(parent.Bounds.IPRanges, ranges):
		c.Detail = "ipWhitelist has addresses that the calling token may not be used from; name addresses within its own ranges."
		return token.Token{}, token.InvalidRequest
	}
	if m := beyond(parent, o.Methods); m != "" {
		c.Detail = "permissions has " + m + ", which the calling token does not have; ask for what it has."
		return token.Token{}, token.InvalidRequest
	}
	permissions := slices.DeleteFunc(slices.Clone(parent.Permissions), func(p string) bool { return p == manage })
	return token.Token{
		Merchant: parent.Merchant, Parent: parent.Handle, Name: "service token", Environment: parent.Environment,
		Mode: token.Enforce, Enabled: true, ExpiresAt: endOf(c.Now, parent),
		Bounds: token.Bounds{IPRanges: ranges, Methods: o.Methods, Permissions: permissions},
	}, token.Allowed
}

// beyond is the first of the methods that the parent may not use; "" for none.
// Who may GET may HEAD.
func beyond(parent *token.Live, methods []string) string {
	if !parent.Restricts.Methods {
		return ""
	}
	held := parent.Bounds.Methods
	for _, m := range methods {
		if !slices.Contains(held, m) && (m != "HEAD" || !slices.Contains(held, "GET")) {
			return m
		}
	}
	return ""
}

// endOf is a calendar year from now, or the parent's end when that is earlier.
func endOf(now time.Time, parent *token.Live) token.Instant {
	ends := token.At(now.UTC().AddDate(1, 0, 0))
	for l := parent; l != nil; l = l.Parent {
		if l.ExpiresAt != 0 {
			ends = min(ends, l.ExpiresAt)
		}
	}
	return ends
}

// furnish gives the draft a handle, a key and a signing secret.
func (n *Nursery) furnish(t *token.Token) (key, secret []byte, err error) {
	if t.Handle, err = n.o.Minter.NewHandle(); err != nil {
		return nil, nil, err
	}
	for _, one := range []struct {
		kind token.Kind
		text *[]byte
	}{{token.KindKey, &key}, {token.KindSigning, &secret}} {
		var kept token.Credential
		*one.text, kept, err = n.o.Minter.Mint(Wanted{Kind: one.kind, Environment: t.Environment, Handle: t.Handle, Generation: 1})
		if err != nil {
			return nil, nil, err
		}
		t.Credentials = append(t.Credentials, kept)
	}
	return key, secret, nil
}

func (n *Nursery) refused(c *token.Call, err error) token.Reason {
	var fields token.FieldErrors
	switch {
	case errors.Is(err, token.ErrTooMany):
		return token.QuotaExceeded
	case errors.Is(err, token.ErrRevoked), errors.Is(err, token.ErrNotFound): // the parent, a moment ago
		return token.TokenRevoked
	case errors.As(err, &fields):
		c.Detail = fields.Error()
		return token.InvalidRequest
	}
	return token.CannotDecide
}
