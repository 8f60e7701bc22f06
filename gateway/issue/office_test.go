package issue_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"tollgate/gateway/auth"
	"tollgate/gateway/issue"
	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
)

// office is a desk with all that hands tokens out, and the verifier that judges
// what it handed out.
type office struct {
	*desk
	records  *records
	verifier *auth.Verifier
	clerk    *issue.Clerk
	nursery  *issue.Nursery
}

// records is the store, which can be made to fail.
type records struct {
	*store.Store
	err error
}

func (r *records) Renew(ctx context.Context, act token.Act, h token.Handle, ok bool, n token.Renewal) (token.Family, token.RenewalResult, error) {
	if r.err != nil {
		return token.Family{}, token.RenewalUnknown, r.err
	}
	return r.Store.Renew(ctx, act, h, ok, n)
}

func (r *records) BeginFamily(ctx context.Context, act token.Act, f token.Family, p token.Pair) (token.Family, error) {
	if r.err != nil {
		return token.Family{}, r.err
	}
	return r.Store.BeginFamily(ctx, act, f, p)
}

func (r *records) Preauthorise(ctx context.Context, act token.Act, h token.Handle, d token.Digest) (token.Pair, error) {
	if r.err != nil {
		return token.Pair{}, r.err
	}
	return r.Store.Preauthorise(ctx, act, h, d)
}

func (r *records) EndFamily(ctx context.Context, act token.Act, h token.Handle, id string) (token.Family, error) {
	if r.err != nil {
		return token.Family{}, r.err
	}
	return r.Store.EndFamily(ctx, act, h, id)
}

func (r *records) EndAccess(ctx context.Context, act token.Act, h token.Handle, d token.Digest) error {
	if r.err != nil {
		return r.err
	}
	return r.Store.EndAccess(ctx, act, h, d)
}

func (r *records) RevokeJTI(ctx context.Context, act token.Act, j token.RevokedJTI) error {
	if r.err != nil {
		return r.err
	}
	return r.Store.RevokeJTI(ctx, act, j)
}

func (r *records) AddToken(ctx context.Context, act token.Act, t token.Token, n []token.Number) (token.Token, error) {
	if r.err != nil {
		return token.Token{}, r.err
	}
	return r.Store.AddToken(ctx, act, t, n)
}

// ranges is policy's rules for ranges of addresses.
type ranges struct{}

func (ranges) Canonical(list []string) ([]string, error) {
	kept, _, wrong := policy.NormaliseRanges("ipWhitelist", list)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return kept, nil
}

func (ranges) Covers(outer, inner []string) bool { return policy.CoversRanges(outer, inner) }

const issuer = "https://gateway.example/a&b" // a desk's

func newOffice(t testing.TB, edit ...func(*issue.ClerkOptions)) *office {
	t.Helper()
	o := &office{desk: newDesk(t)}
	o.records = &records{Store: o.store.Store}
	o.minter.Now = func() time.Time { return o.now }
	revoked, err := auth.NewRevoked(t.Context(), o.store, o.minter.Now)
	o.ok(err)
	o.hear = revoked.Apply
	keys, err := auth.NewKeySet(o.cache.ForgetAll, o.key)
	o.ok(err)
	o.verifier, err = auth.New(auth.Options{
		Memory: o.cache, Loader: o.store.Store, Keys: keys, Issuer: issuer, Throttle: o.throttle, Revoked: revoked, Marker: o.store,
		Signatures: &auth.Signatures{
			Secrets: issue.Opener{Finder: o.store, Master: o.minter.Master, Now: o.minter.Now}, Clients: o.exchange, Replay: o.store,
		},
		Timeout: 10 * time.Second,
	})
	o.ok(err)
	options := issue.ClerkOptions{Exchanger: o.exchange, Records: o.records, Verifier: o.verifier, Minter: o.minter}
	for _, e := range edit {
		e(&options)
	}
	o.clerk, err = issue.NewClerk(options)
	o.ok(err)
	o.nursery, err = issue.NewNursery(issue.NurseryOptions{
		Tokens: o.records, Finder: o.store, Verifier: o.verifier, Minter: o.minter, Ranges: ranges{}, JudgeSource: policy.JudgeSource,
	})
	o.ok(err)
	return o
}

// holder is a token with a key beside its client credentials.
type holder struct {
	client
	key []byte
}

func (o *office) hold(edit ...func(*token.Token)) holder {
	o.t.Helper()
	var key []byte
	c := o.add(append([]func(*token.Token){func(t *token.Token) {
		text, kept, err := o.minter.Mint(issue.Wanted{Kind: token.KindKey, Environment: token.EnvLive, Handle: t.Handle, Generation: 1})
		o.ok(err)
		key = text
		t.Credentials = append(t.Credentials, kept)
	}}, edit...)...)
	return holder{c, key}
}

func (o *office) change(h token.Handle, edit func(*token.Token)) {
	o.t.Helper()
	t, err := o.store.FindToken(o.t.Context(), h)
	o.ok(err)
	edit(&t)
	_, err = o.store.ReplaceToken(o.t.Context(), act, t, t.Version)
	o.ok(err)
}

// orderOf is an order of the apikey dialect.
func (o *office) orderOf(h holder) *token.Order {
	order := o.order(h.client)
	order.Dialect, order.Key = "apikey", h.key
	return order
}

func (o *office) authorize(order *token.Order, want token.Reason) token.Grant {
	o.t.Helper()
	g, got := o.clerk.Authorize(o.t.Context(), order)
	return o.granted(g, got, want)
}

func (o *office) refresh(order *token.Order, text string, want token.Reason) token.Grant {
	o.t.Helper()
	order.Refresh = []byte(text)
	g, got := o.clerk.Refresh(o.t.Context(), order)
	return o.granted(g, got, want)
}

// renew is the refresh_token grant of oauth.
func (o *office) renew(order *token.Order, text string, want token.Reason) token.Grant {
	o.t.Helper()
	order.Refresh = []byte(text)
	g, got := o.clerk.Exchange(o.t.Context(), order)
	return o.granted(g, got, want)
}

func (o *office) granted(g token.Grant, got, want token.Reason) token.Grant {
	o.t.Helper()
	if got != want {
		o.t.Fatalf("reason %v, want %v", got, want)
	}
	if want != token.Allowed && g.AccessToken+g.RefreshToken != "" {
		o.t.Fatalf("a token comes with %v", want)
	}
	return g
}

// pair judges a key with an access token beside it; jwt a JWT.
func (o *office) pair(h holder, access string, want token.Reason) {
	o.t.Helper()
	o.judged(&token.Presented{Dialect: "apikey", Kind: token.KindKey, Secret: h.key, Access: []byte(access)}, want)
}

func (o *office) jwt(text string, want token.Reason) {
	o.t.Helper()
	o.judged(&token.Presented{Dialect: "oauth", Kind: token.KindJWT, Secret: []byte(text)}, want)
}

func (o *office) keyed(key string, want token.Reason) *token.Principal {
	o.t.Helper()
	return o.judged(&token.Presented{Dialect: "service", Kind: token.KindKey, Secret: []byte(key)}, want)
}

func (o *office) judged(p *token.Presented, want token.Reason) *token.Principal {
	o.t.Helper()
	q, got := o.verifier.Verify(p, &token.Source{Addr: netip.MustParseAddr("203.0.113.7")}, o.now)
	if got != want {
		o.t.Fatalf("judged %v, want %v", got, want)
	}
	return q
}

// audited counts the rows of an action.
func (o *office) audited(action string) int {
	o.t.Helper()
	rows, _, err := o.store.ListAudit(o.t.Context(), token.AuditFilter{Action: action})
	o.ok(err)
	return len(rows)
}

func enhanced(t *token.Token) { t.Enhanced = true }
