package admin

import (
	"context"
	"slices"

	"tollgate/policy/token"
)

// tokenOrder is what a token is made of.
type tokenOrder struct {
	MerchantID       string            `json:"merchant_id,omitempty" doc:"Whose it is; a merchant's own key may leave it out"`
	Name             string            `json:"name"`
	Description      string            `json:"description,omitempty"`
	Environment      string            `json:"environment,omitempty" enum:"live,test" default:"live"`
	ExpiresAt        *string           `json:"expires_at,omitempty" format:"date-time" doc:"null or left out: never"`
	ExpiresIn        *string           `json:"expires_in,omitempty" doc:"Instead of expires_at: a duration such as 720h or 30d"`
	Credentials      []string          `json:"credentials,omitempty" enum:"key,client,signing" doc:"Which secrets to make; each is shown in this answer only"`
	IPWhitelist      []string          `json:"ip_whitelist,omitempty"`
	ClientCerts      []string          `json:"client_cert_sha256,omitempty" doc:"SHA-256 of the client certificates it may be used with; 64 hexadecimal characters, as openssl x509 -fingerprint -sha256 prints them"`
	AllowedMethods   []string          `json:"allowed_methods,omitempty"`
	Permissions      []string          `json:"permissions,omitempty"`
	Composition      token.Composition `json:"composition,omitempty" doc:"Country, operator, methods; left out: any"`
	Phones           []phoneOrder      `json:"phones,omitempty"`
	EnhancedSecurity bool              `json:"enhanced_security,omitempty"`
	Rate             string            `json:"rate,omitempty" doc:"Such as 100/s burst 200"`
	Quota            string            `json:"quota,omitempty" doc:"How many requests a day and a month in UTC: 10000/day, 200000/month or both"`
	Mode             string            `json:"mode,omitempty" enum:"enforce,monitor" doc:"monitor needs the role admin"`
	Webhook          webhookOrder      `json:"webhook,omitempty"`
}

// createdToken is the one answer that shows a token's secrets.
type createdToken struct {
	ETag string `header:"ETag"`
	Body struct {
		Token       tokenView       `json:"token"`
		Credentials shownSecrets    `json:"credentials"`
		Warnings    []token.Warning `json:"warnings" nullable:"false"`
	}
}

// shownSecrets are the secrets that were asked for. They exist in the answer
// that carries them and nowhere after it.
type shownSecrets struct {
	Key           string `json:"key,omitempty"`
	ClientID      string `json:"client_id,omitempty"`
	ClientSecret  string `json:"client_secret,omitempty"`
	SigningSecret string `json:"signing_secret,omitempty"`
}

// show puts a secret under its name.
func (s *shownSecrets) show(k token.Kind, secret []byte, clientID string) {
	switch k {
	case token.KindKey:
		s.Key = string(secret)
	case token.KindClient:
		s.ClientSecret, s.ClientID = string(secret), clientID
	case token.KindSigning:
		s.SigningSecret = string(secret)
	}
}

func (s *service) addToken(ctx context.Context, v *visit, in *struct{ Body document[tokenOrder] }) (*createdToken, error) {
	sent, err := s.forms.token.read(in.Body)
	if err != nil {
		return nil, err
	}
	order := tokenOrder{}
	sent.as(&order)
	t, numbers, warnings := s.draft(v, &order, &sent.faults)
	if err := s.ownMerchant(ctx, v, &order, &t, &sent.faults); err != nil {
		return nil, err
	}
	if err := sent.faults.problem(); err != nil {
		return nil, err
	}
	if err := mayOrder(v, &t); err != nil {
		return nil, err
	}
	if t.Handle, err = s.minter.NewHandle(); err != nil {
		return nil, mintFault(err)
	}
	shown, err := s.mint(&t, order.Credentials)
	if err != nil {
		return nil, mintFault(err)
	}
	err = s.claiming(v, numbers, func() (err error) {
		t, err = s.store.AddToken(ctx, v.act("token.create"), t, numbers)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.answerCreated(&t, numbers, shown, append(append(warnings, s.unarmed(&t)...), s.unshown(&t)...)), nil
}

// draft reads an order into a token without an owner or secrets.
func (s *service) draft(v *visit, order *tokenOrder, f *faults) (token.Token, []token.Number, []token.Warning) {
	checkName(f, "name", order.Name)
	checkDescription(f, "description", order.Description)
	env, ok := token.EnvLive, order.Environment == ""
	if !ok {
		env, ok = token.ParseEnvironment(order.Environment)
	}
	if !ok {
		f.add("environment", "write live or test")
	}
	mode, ok := token.ParseMode(order.Mode)
	if !ok {
		f.add("mode", "write enforce or monitor")
	}
	t := token.Token{
		Name: order.Name, Description: order.Description, Environment: env, Mode: mode,
		Enabled: true, Enhanced: order.EnhancedSecurity,
		Webhook:   s.checkWebhook(f, token.Webhook{}, token.Webhook(order.Webhook)),
		ExpiresAt: readExpiry(f, order.ExpiresAt, order.ExpiresIn, s.instant()),
		Bounds: token.Bounds{
			IPRanges: order.IPWhitelist, Methods: order.AllowedMethods, Permissions: order.Permissions,
			Composition: order.Composition, Rate: order.Rate, ClientCerts: order.ClientCerts, Quota: order.Quota,
		},
	}
	if order.Composition != nil && len(order.Composition) == 0 {
		f.add("composition", "name at least one country, or leave the composition out")
	}
	warnings, bad := s.normalise(&t.Bounds)
	f.addAll(bad)
	numbers, doubts := s.readPhones(f, order.Phones, t.Bounds.Composition)
	t.Bounds.Restricts = given(token.Restricts{}, &t.Bounds, len(numbers))
	warnings = append(warnings, doubts...)
	warnings = append(warnings, s.considerations(&t, order)...)
	return t, numbers, warnings
}

// considerations are the warnings that only an order calls for.
func (s *service) considerations(t *token.Token, order *tokenOrder) []token.Warning {
	var warnings []token.Warning
	if len(t.Bounds.Composition) == 0 {
		warnings = append(warnings, token.Warning{Field: "composition", Message: noComposition})
	}
	if len(order.Credentials) == 0 {
		warnings = append(warnings, token.Warning{Field: "credentials", Message: "none was asked for; rotate makes one"})
	}
	if t.ExpiresAt.Reached(s.instant()) {
		warnings = append(warnings, token.Warning{Field: "expires_at", Message: "the time has passed: the token is expired from the start"})
	}
	return warnings
}

// given sets the flag of every bound that has something in it. It clears none.
func given(r token.Restricts, b *token.Bounds, numbers int) token.Restricts {
	r.Composition = r.Composition || len(b.Composition) > 0
	r.Phones = r.Phones || numbers > 0
	r.IP = r.IP || len(b.IPRanges) > 0
	r.ClientCert = r.ClientCert || len(b.ClientCerts) > 0
	r.Methods = r.Methods || len(b.Methods) > 0
	return r
}

// ownMerchant settles whose the token is: an existing merchant that the caller
// may write for. Another merchant's is unknown to a merchant's key.
func (s *service) ownMerchant(ctx context.Context, v *visit, order *tokenOrder, t *token.Token, f *faults) error {
	t.Merchant = order.MerchantID
	if t.Merchant == "" {
		t.Merchant = v.scope()
	}
	if t.Merchant == "" {
		f.add("merchant_id", "say whose token it is: mer_…")
		return nil
	}
	_, err := s.merchant(ctx, v, t.Merchant)
	if isNotFound(err) {
		f.add("merchant_id", "there is no such merchant")
		return nil
	}
	return err
}

// mayOrder refuses what only an admin may give a new token.
func mayOrder(v *visit, t *token.Token) error {
	if v.isAdmin() {
		return nil
	}
	if t.Mode != token.Enforce {
		return forbidden("mode monitor needs the role admin.")
	}
	if hasPermission(t.Bounds.Permissions, managePermission) {
		return forbidden("The permission tokens:manage needs the role admin.")
	}
	return nil
}

// mint makes the secrets that were asked for and hangs what is kept of them on
// the token.
func (s *service) mint(t *token.Token, asked []string) (shownSecrets, error) {
	var shown shownSecrets
	for _, kind := range []token.Kind{token.KindKey, token.KindClient, token.KindSigning} {
		if !slices.Contains(asked, orderWord(kind)) {
			continue
		}
		secret, kept, err := s.minter.Mint(kind, t.Environment, t.Handle, 1)
		if err != nil {
			return shownSecrets{}, err
		}
		t.Credentials = append(t.Credentials, kept)
		shown.show(kind, secret, "")
	}
	return shown, nil
}

// answerCreated reads nothing more: an answer that fails here would lose the
// secrets for good.
func (s *service) answerCreated(t *token.Token, numbers []token.Number, shown shownSecrets, warnings []token.Warning) *createdToken {
	if shown.ClientSecret != "" {
		shown.ClientID = t.ClientID
	}
	for i := range numbers {
		numbers[i].CreatedAt = t.CreatedAt
	}
	out := &createdToken{ETag: etag(t.Version)}
	out.Body.Token = s.viewWhole(t, numbers)
	out.Body.Credentials = shown
	out.Body.Warnings = orEmpty(warnings)
	return out
}

// orderWord is how an order names a kind of secret.
func orderWord(k token.Kind) string {
	switch k {
	case token.KindClient:
		return "client"
	case token.KindSigning:
		return "signing"
	}
	return "key"
}
