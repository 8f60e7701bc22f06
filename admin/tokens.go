package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"tollgate/policy/token"
)

// TokenPath is the path of one token. It is exported because huma reads the
// fields of embedded structs only when they are.
type TokenPath struct {
	ID string `path:"id" maxLength:"100" doc:"tok_…"`
}

type tokenAnswer struct {
	ETag string `header:"ETag"`
	Body tokenView
}

// wrappedToken is a token beside other things.
type wrappedToken struct {
	ETag string `header:"ETag"`
	Body struct {
		Token tokenView `json:"token"`
	}
}

type tokenQuery struct {
	PageQuery
	MerchantID string `query:"merchant_id" maxLength:"100"`
	Status     string `query:"status" enum:"ACTIVE,EXPIRED,DISABLED,REVOKED,ALL" doc:"Left out: all but REVOKED"`
	Query      string `query:"q" maxLength:"200" doc:"A piece of the name, the description or the id"`
}

func (s *service) listTokens(ctx context.Context, v *visit, in *tokenQuery) (*listAnswer[tokenView], error) {
	if in.MerchantID != "" && !v.mayRead(in.MerchantID) {
		return listed(nil, "", func(*token.Token) tokenView { return tokenView{} }), nil
	}
	list, next, err := s.store.ListTokens(ctx, token.Filter{
		Page: in.page(), Merchant: cmp.Or(v.scope(), in.MerchantID), Status: token.Status(in.Status), Query: in.Query,
	})
	if err != nil {
		return nil, err
	}
	now := s.instant()
	return listed(list, next, func(t *token.Token) tokenView { return viewToken(t, now) }), nil
}

func (s *service) findToken(ctx context.Context, v *visit, in *TokenPath) (*tokenAnswer, error) {
	t, err := s.token(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	return s.answerToken(ctx, &t)
}

// token finds a token that the caller may read.
func (s *service) token(ctx context.Context, v *visit, id string) (token.Token, error) {
	h, ok := token.ParseHandle(id)
	if !ok {
		return token.Token{}, notFound("token")
	}
	t, err := s.store.FindToken(ctx, h)
	if err != nil {
		return token.Token{}, missing(err, "token")
	}
	if !v.mayRead(t.Merchant) {
		return token.Token{}, notFound("token")
	}
	return t, nil
}

// writableToken finds a token that the caller may read and that may still be
// changed.
func (s *service) writableToken(ctx context.Context, v *visit, id string) (token.Token, error) {
	t, err := s.token(ctx, v, id)
	if err == nil && t.RevokedAt != 0 {
		err = token.ErrRevoked
	}
	return t, err
}

func (s *service) answerToken(ctx context.Context, t *token.Token) (*tokenAnswer, error) {
	view, err := s.wholeToken(ctx, t)
	if err != nil {
		return nil, err
	}
	return &tokenAnswer{ETag: etag(t.Version), Body: view}, nil
}

// wholeToken is a token as an answer about it alone shows it: with its phones
// and with what an admin should look at.
func (s *service) wholeToken(ctx context.Context, t *token.Token) (tokenView, error) {
	numbers, _, err := s.store.ListNumbers(ctx, t.Handle, token.Page{Limit: 1000})
	if err != nil {
		return tokenView{}, missing(err, "token")
	}
	view := s.viewWhole(t, numbers)
	if t.Bounds.Quota != "" {
		day, month, err := s.store.Uses(ctx, t.Handle, s.instant())
		if err != nil {
			return tokenView{}, err
		}
		view.QuotaUsed = &quotaUsedView{Day: day, Month: month}
	}
	return view, nil
}

func (s *service) viewWhole(t *token.Token, numbers []token.Number) tokenView {
	view := viewToken(t, s.instant())
	view.Phones = make([]phoneView, 0, len(numbers))
	for i := range numbers {
		view.Phones = append(view.Phones, viewPhone(&numbers[i]))
	}
	view.Warnings = s.warnings(t, numbers)
	return view
}

// warnings is what an admin should look at in a token as it stands: codes the
// catalogue does not know, numbers that cannot be, no composition.
func (s *service) warnings(t *token.Token, numbers []token.Number) []token.Warning {
	bounds := t.Bounds
	bounds.Composition = cloneComposition(bounds.Composition)
	bounds.IPRanges, bounds.Methods = slices.Clone(bounds.IPRanges), slices.Clone(bounds.Methods)
	bounds.Permissions = slices.Clone(bounds.Permissions)
	warnings, _ := s.normalise(&bounds)
	if len(t.Bounds.Composition) == 0 && !t.Bounds.Restricts.Composition {
		warnings = append(warnings, token.Warning{Field: "composition", Message: noComposition})
	}
	warnings = append(append(warnings, s.unarmed(t)...), s.unshown(t)...)
	for _, n := range numbers {
		if _, doubt, err := s.catalogue().CanonicalPhone(n.Country, n.E164); err == nil && doubt != "" {
			warnings = append(warnings, token.Warning{Field: "phones." + n.E164, Message: doubt})
		}
	}
	return orEmpty(warnings)
}

// unshown warns of a token that asks for a client certificate where nobody can
// show one.
func (s *service) unshown(t *token.Token) []token.Warning {
	if !s.noCA || !t.Bounds.Restricts.ClientCert {
		return nil
	}
	return []token.Warning{{Field: "client_cert_sha256", Message: "every call is refused: the listener asks for no client certificates; set tls.client_ca"}}
}

// unarmed warns of enhanced security on a token that has no way to satisfy it:
// it asks for a key and for an access token, which client credentials fetch.
func (s *service) unarmed(t *token.Token) []token.Warning {
	now := s.instant()
	living := func(k token.Kind) bool {
		return slices.ContainsFunc(t.Credentials, func(c token.Credential) bool { return c.Kind == k && !c.EndsAt.Reached(now) })
	}
	var lacks string
	switch {
	case !t.Enhanced, living(token.KindKey) && living(token.KindClient):
		return nil
	case living(token.KindClient):
		lacks = "no key; rotate makes one"
	case living(token.KindKey):
		lacks = "no client credentials; generate makes them"
	default:
		lacks = "neither a key nor client credentials; rotate and generate make them"
	}
	return []token.Warning{{Field: "enhanced_security", Message: "every call is refused until the token can fetch access tokens: it has " + lacks}}
}

// newestFirst is the credentials by falling generation.
func newestFirst(list []token.Credential) []token.Credential {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b token.Credential) int { return cmp.Compare(b.Generation, a.Generation) })
	return sorted
}

func cloneComposition(c token.Composition) token.Composition {
	clone := make(token.Composition, len(c))
	for country, operators := range c {
		clone[country] = make(map[string][]string, len(operators))
		for operator, methods := range operators {
			clone[country][operator] = slices.Clone(methods)
		}
	}
	return clone
}

// hasPermission reports whether a list of permissions has the word.
func hasPermission(list []string, word string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return strings.EqualFold(p, word) })
}
