package issue

import (
	"context"

	"tollgate/policy/token"
)

// mostListed is how many children a list shows, the newest of them.
const mostListed = 1000

// List is the tokens of the caller's merchant and environment, newest first,
// revoked ones left out.
func (n *Nursery) List(ctx context.Context, c *token.Call) ([]token.Child, token.Reason) {
	caller, reason := n.caller(c)
	if reason != token.Allowed {
		return nil, reason
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	list, _, err := n.o.Tokens.ListTokens(ctx, token.Filter{
		Page: token.Page{Limit: mostListed}, Merchant: caller.Live.Merchant, Environment: caller.Live.Environment,
	})
	if err != nil {
		return nil, token.CannotDecide
	}
	parents, err := n.parents(ctx, list)
	if err != nil {
		return nil, token.CannotDecide
	}
	children := make([]token.Child, len(list))
	for i := range list {
		children[i] = viewOf(&list[i], parents[list[i].Parent], token.At(c.Now))
	}
	return children, token.Allowed
}

// parents are the parents of those in the list. Most are in it themselves.
func (n *Nursery) parents(ctx context.Context, list []token.Token) (map[token.Handle]*token.Token, error) {
	known := make(map[token.Handle]*token.Token, len(list))
	for i := range list {
		known[list[i].Handle] = &list[i]
	}
	for i := range list {
		h := list[i].Parent
		if h == "" || known[h] != nil {
			continue
		}
		t, err := n.o.Finder.FindToken(ctx, h)
		if err != nil {
			return nil, err
		}
		known[h] = &t
	}
	return known, nil
}

// viewOf is a token as one that manages it sees it; parent is nil where it has
// none, or where that stands for certain. It is active while neither itself nor
// its parent has ended; that the merchant of both stands, the caller's answer
// proves. Without addresses of its own it has its parent's.
func viewOf(t, parent *token.Token, now token.Instant) token.Child {
	child := token.Child{
		Handle: t.Handle, Merchant: t.Merchant, Active: t.StatusAt(now) == token.Active,
		IPRanges: t.Bounds.IPRanges, Methods: t.Bounds.Methods,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, ExpiresAt: t.ExpiresAt,
	}
	if parent != nil {
		child.Active = child.Active && parent.StatusAt(now) == token.Active
		if len(child.IPRanges) == 0 {
			child.IPRanges = parent.Bounds.IPRanges
		}
	}
	return child
}
