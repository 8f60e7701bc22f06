package admin

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"tollgate/policy/token"
)

const timeFormat = time.RFC3339Nano

type tokenChange struct {
	TokenPath
	Condition
	Body document[tokenPatch] `contentType:"application/merge-patch+json"`
}

// changeToken applies a merge patch. Without If-Match a patch is made again on
// a record that moved meanwhile: it says what it changes, not what it saw.
func (s *service) changeToken(ctx context.Context, v *visit, in *tokenChange) (*tokenAnswer, error) {
	sent, err := s.forms.tokenPatch.read(in.Body)
	if err != nil {
		return nil, err
	}
	match, err := in.parse()
	if err != nil {
		return nil, err
	}
	if given, ok := sent.members["composition"]; ok {
		sent.members["composition"] = canonicalKeys(s.catalogue(), &sent.faults, given)
	}
	for attempt := 1; ; attempt++ {
		t, err := s.writableToken(ctx, v, in.ID)
		if err != nil {
			return nil, err
		}
		if !match.holds(t.Version) {
			return nil, stale()
		}
		changed, err := s.replace(ctx, v, t, sent)
		if errors.Is(err, token.ErrStale) && match.any() {
			if attempt < maxAttempts {
				continue
			}
			return nil, busy()
		}
		if err != nil {
			return nil, missing(err, "token")
		}
		return s.answerToken(ctx, &changed)
	}
}

// replace writes the token as it is after the patch, unless nothing changes.
func (s *service) replace(ctx context.Context, v *visit, t token.Token, sent *submitted) (token.Token, error) {
	if _, asked := sent.members["restricts"]; asked && !v.allOf() {
		return token.Token{}, forbidden("A merchant's key may not change restricts.")
	}
	changed, err := s.patchToken(&t, sent)
	if err != nil {
		return token.Token{}, err
	}
	if err := mayChange(v, &t, &changed); err != nil {
		return token.Token{}, err
	}
	if same(&t, &changed) {
		return t, nil
	}
	return s.store.ReplaceToken(ctx, v.act("token.change"), changed, t.Version)
}

// patchToken is the token as it is after the patch. It leaves t alone and may
// be called again with a newer one.
func (s *service) patchToken(t *token.Token, sent *submitted) (token.Token, error) {
	f := sent.faults.clone()
	var p tokenPatch
	base := patchable(t)
	base.Composition = compositionPatch(s.known(t.Bounds.Composition))
	patch(base, sent, &p, &f)
	prune(&f, base.Composition, token.Composition(p.Composition))
	after := *t
	after.Name, after.Description, after.Enhanced = p.Name, p.Description, p.EnhancedSecurity
	checkName(&f, "name", p.Name)
	checkDescription(&f, "description", p.Description)
	if after.ExpiresAt = 0; p.ExpiresAt != nil {
		after.ExpiresAt = readInstant(&f, "expires_at", *p.ExpiresAt)
	}
	if p.Enabled == nil {
		f.add("enabled", "write true or false")
	} else {
		after.Enabled = *p.Enabled
	}
	mode, ok := token.ParseMode(p.Mode)
	if !ok {
		f.add("mode", "write enforce or monitor")
	}
	after.Mode = mode
	after.Webhook = s.checkWebhook(&f, t.Webhook, token.Webhook(p.Webhook))
	after.Bounds = token.Bounds{
		IPRanges: p.IPWhitelist, Methods: p.AllowedMethods, Permissions: p.Permissions,
		Composition: token.Composition(p.Composition), Rate: p.Rate, ClientCerts: p.ClientCerts, Quota: p.Quota,
	}
	_, bad := s.normalise(&after.Bounds)
	f.addAll(bad)
	after.Bounds.Restricts = readRestricts(&f, p.Restricts)
	holdRestricts(&f, t, &after, sent)
	return after, f.problem()
}

// readRestricts reads the flags after the merge; none of them can be removed.
func readRestricts(f *faults, p restrictsPatch) token.Restricts {
	flag := func(name string, value *bool) bool {
		if value == nil {
			f.add("restricts."+name, "a flag is set or cleared, with true or false; it cannot be removed")
			return true
		}
		return *value
	}
	return token.Restricts{
		Composition: flag("composition", p.Composition), Phones: flag("phones", p.Phones),
		IP: flag("ip", p.IP), Methods: flag("methods", p.Methods), ClientCert: flag("client_cert", p.ClientCert),
	}
}

// holdRestricts keeps bounds and flags in step, so that taking things out of a
// list never widens what the token may do by accident: a bound that has
// something in it is restricted, and a list that had something in it is emptied
// only together with its flag. Phones are the store's to hold: it counts them.
func holdRestricts(f *faults, before, after *token.Token, sent *submitted) {
	b, r := &after.Bounds, &after.Bounds.Restricts
	asked, _ := sent.members["restricts"].(map[string]any)
	hold := func(name string, flag *bool, filled bool) {
		if filled && !*flag && asked[name] == false {
			f.add("restricts."+name, "it cannot be cleared while there is something to hold to; empty the bound in the same body")
		}
		*flag = *flag || filled
	}
	hold("composition", &r.Composition, len(b.Composition) > 0)
	hold("ip", &r.IP, len(b.IPRanges) > 0)
	hold("methods", &r.Methods, len(b.Methods) > 0)
	hold("client_cert", &r.ClientCert, len(b.ClientCerts) > 0)
	if len(before.Bounds.IPRanges) > 0 && len(b.IPRanges) == 0 && r.IP {
		f.add("ip_whitelist", emptied("address", "ip"))
	}
	if len(before.Bounds.Methods) > 0 && len(b.Methods) == 0 && r.Methods {
		f.add("allowed_methods", emptied("method", "methods"))
	}
	if len(before.Bounds.ClientCerts) > 0 && len(b.ClientCerts) == 0 && r.ClientCert {
		f.add("client_cert_sha256", emptied("client", "client_cert"))
	}
}

func emptied(what, flag string) string {
	return "an empty list here would refuse every " + what + "; to allow every " + what +
		` instead, send "restricts": {"` + flag + `": false} in the same body; to stop the token, send "enabled": false`
}

// mayChange refuses what only an admin may change: the mode, the permission to
// make tokens, and clearing what restricts the token.
func mayChange(v *visit, before, after *token.Token) error {
	was, is := before.Bounds.Restricts, after.Bounds.Restricts
	switch {
	case v.isAdmin():
		return nil
	case before.Mode != after.Mode:
		return forbidden("Changing the mode needs the role admin.")
	case hasPermission(after.Bounds.Permissions, managePermission) && !hasPermission(before.Bounds.Permissions, managePermission):
		return forbidden("The permission tokens:manage needs the role admin.")
	case was.Composition && !is.Composition, was.Phones && !is.Phones, was.IP && !is.IP, was.Methods && !is.Methods,
		was.ClientCert && !is.ClientCert:
		return forbidden("Clearing a flag of restricts needs the role admin.")
	}
	return nil
}

// same reports whether a patch changed nothing.
func same(a, b *token.Token) bool {
	x, y := *a, *b
	x.Bounds, y.Bounds = token.Bounds{}, token.Bounds{}
	x.Webhook, y.Webhook = orSingle(x.Webhook), orSingle(y.Webhook)
	return reflect.DeepEqual(x, y) && sameBounds(&a.Bounds, &b.Bounds)
}

func sameBounds(a, b *token.Bounds) bool {
	return slices.Equal(a.IPRanges, b.IPRanges) && slices.Equal(a.Methods, b.Methods) && slices.Equal(a.ClientCerts, b.ClientCerts) &&
		slices.Equal(a.Permissions, b.Permissions) && a.Rate == b.Rate && a.Quota == b.Quota && a.Restricts == b.Restricts &&
		maps.EqualFunc(a.Composition, b.Composition, func(x, y map[string][]string) bool {
			return maps.EqualFunc(x, y, slices.Equal)
		})
}
