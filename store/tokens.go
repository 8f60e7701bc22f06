package store

import (
	"context"
	"database/sql"
	"fmt"

	"tollgate/policy"
	"tollgate/policy/token"
)

// AddToken adds a token with its first credentials and numbers, all or nothing.
//
// The caller has made the handle, the credentials' digests and, for a signing
// secret, the sealed bytes; bounds and numbers are canonical. Each kind of
// credential may occur once and becomes generation 1. A token with a client
// secret gets a ClientID when it brings none. Restricts flags are set where a
// bound is given, and as asked for beyond that. The token comes into being at
// version 1.
//
// Errors: token.FieldErrors; *token.HeldError when a number is another token's;
// token.ErrExists when the handle, the client id or a digest is taken.
func (s *Store) AddToken(ctx context.Context, act token.Act, t token.Token, numbers []token.Number) (token.Token, error) {
	t.Credentials = append([]token.Credential(nil), t.Credentials...)
	if err := s.checkToken(&t, numbers); err != nil {
		return token.Token{}, err
	}
	err := s.write(ctx, "add_token", act, func(w *writing) (err error) {
		if err := w.checkOwners(&t); err != nil {
			return err
		}
		if err := w.settle(&t, numbers); err != nil {
			return err
		}
		added, err := w.change(token.EntityToken, string(t.Handle), true)
		if err != nil {
			return err
		}
		if err := w.insertToken(&t, added); err != nil {
			return err
		}
		for i := range t.Credentials {
			if err := w.insertCredential(t.Handle, &t.Credentials[i]); err != nil {
				return err
			}
		}
		for i := range numbers {
			if err := w.insertNumber(&t, &numbers[i], added); err != nil {
				return err
			}
		}
		after := tellToken(&t)
		after["credentials"] = tellCredentials(t.Credentials)
		err = w.record(entry{action: w.named("token.create"), target: tokenTarget(t.Handle), merchant: t.Merchant, after: after})
		if err != nil {
			return err
		}
		return w.hook(hookCreated, &t, nil)
	})
	return kept(t, err)
}

// settle gives a new token what the store decides: times, version, client id,
// generations and the flags that follow from its bounds.
func (w *writing) settle(t *token.Token, numbers []token.Number) (err error) {
	t.CreatedAt, t.UpdatedAt, t.Version, t.Numbers = w.now, w.now, 1, len(numbers)
	t.RevokedAt, t.LastUsedAt, t.LastUsedIP = 0, 0, ""
	t.Bounds.Restricts = implied(&t.Bounds, len(numbers) > 0)
	for i := range t.Credentials {
		c := &t.Credentials[i]
		c.Generation, c.CreatedAt, c.LastUsedAt = 1, w.now, 0
		if c.Kind == token.KindClient && t.ClientID == "" {
			if t.ClientID, err = mintClientID(w.store.opt.Rand); err != nil {
				return err
			}
		}
	}
	return nil
}

// implied is the restricts flags a token has: those it asks for, and those of
// every bound that is given. A bound that is there always holds.
func implied(b *token.Bounds, numbers bool) token.Restricts {
	r := b.Restricts
	r.Composition = r.Composition || len(b.Composition) > 0
	r.Phones = r.Phones || numbers
	r.IP = r.IP || len(b.IPRanges) > 0
	r.ClientCert = r.ClientCert || len(b.ClientCerts) > 0
	r.Methods = r.Methods || len(b.Methods) > 0
	return r
}

func (w *writing) insertToken(t *token.Token, added int64) error {
	args := []any{string(t.Handle), t.Merchant, nullable(string(t.Parent)), nullable(t.ClientID), t.Name, t.Description,
		t.Environment.String(), t.Mode.String(), t.Enabled, t.Enhanced, t.Webhook.URL, t.Webhook.Format,
		added, int64(w.now), int64(t.ExpiresAt)}
	bounds, err := boundsArgs(&t.Bounds)
	if err != nil {
		return err
	}
	return w.exec(`INSERT INTO tokens (handle, merchant, parent, client_id, name, description,
			environment, mode, enabled, enhanced, webhook_url, webhook_format,
			added, created_at, updated_at, expires_at, revoked_at, last_used_at, last_used_ip, version, `+boundsColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, 0, 0, '', 1,
			$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)`, append(args, bounds...)...)
}

func (w *writing) insertCredential(h token.Handle, c *token.Credential) error {
	return w.exec(`INSERT INTO credentials (token, kind, generation, digest, hint, sealed, created_at, ends_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
		string(h), c.Kind.String(), c.Generation, c.Digest[:], c.Hint, c.Sealed, int64(c.CreatedAt), int64(c.EndsAt))
}

// checkToken sees that a new token can be kept, and judged once it is.
func (s *Store) checkToken(t *token.Token, numbers []token.Number) error {
	var f fields
	if _, ok := token.ParseHandle(string(t.Handle)); !ok {
		f.add("id", `a handle is "tok_" and 12 letters or digits`)
	}
	if t.Environment != token.EnvLive && t.Environment != token.EnvTest {
		f.add("environment", "must be live or test")
	}
	if t.ClientID != "" && !clientID(t.ClientID) {
		f.add("client_id", "must be 32 hexadecimal digits in lower case")
	}
	seen := map[token.Kind]bool{}
	for i := range t.Credentials {
		checkCredential(&f, &t.Credentials[i])
		if t.Credentials[i].Generation > 1 {
			f.add("credentials", "the secrets of a new token are of generation 1")
		}
		if kind := t.Credentials[i].Kind; seen[kind] {
			f.add("credentials", "a new token has one "+kind.String()+", not two")
		} else {
			seen[kind] = true
		}
	}
	checkNumbers(&f, &t.Bounds, numbers)
	s.checkRecord(&f, t, numbers)
	return f.err()
}

// checkRecord is what creating and replacing have in common.
func (s *Store) checkRecord(f *fields, t *token.Token, numbers []token.Number) {
	f.name("name", t.Name)
	f.text("description", t.Description, textMax)
	f.text("webhook.url", t.Webhook.URL, textMax)
	f.text("webhook.format", t.Webhook.Format, nameMax)
	f.text("rate", t.Bounds.Rate, nameMax)
	f.text("quota", t.Bounds.Quota, nameMax)
	f.list("client_cert_sha256", t.Bounds.ClientCerts)
	f.list("ip_whitelist", t.Bounds.IPRanges)
	f.list("allowed_methods", t.Bounds.Methods)
	f.list("permissions", t.Bounds.Permissions)
	for country, operators := range t.Bounds.Composition {
		f.text("composition", country, nameMax)
		if len(operators) == 0 {
			f.add("composition."+country, "names no operator; add one, or leave the country out")
		}
		for operator, methods := range operators {
			f.text("composition."+country, operator, nameMax)
			f.list("composition."+country, methods)
			if len(methods) == 0 {
				f.add("composition."+country+"."+operator, "names no method; add one, or leave the operator out")
			}
		}
	}
	if len(f.wrong) > 0 {
		return
	}
	// What cannot be compiled would be a token that cannot be judged.
	b := t.Bounds
	b.Restricts = implied(&b, len(numbers) > 0)
	if _, err := policy.Compile(s.opt.Catalogue(), b, numbers, nil); err != nil {
		f.add("bounds", err.Error())
	}
}

func checkCredential(f *fields, c *token.Credential) {
	if !stored(c.Kind) {
		f.add("credentials", "a "+c.Kind.String()+" is not kept with a token")
	}
	if c.Digest == (token.Digest{}) {
		f.add("credentials", "the "+c.Kind.String()+" has no digest")
	}
	if (c.Kind == token.KindSigning) != (len(c.Sealed) > 0) {
		f.add("credentials", "a signing secret is kept sealed, and nothing else is")
	}
	f.text("credentials", c.Hint, nameMax)
}

func clientID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// FindToken reads one token with all its credentials, ended ones too;
// token.ErrNotFound when there is none. Whether the caller may see it is the
// caller's to judge, by its Merchant.
func (s *Store) FindToken(ctx context.Context, h token.Handle) (t token.Token, err error) {
	err = s.read(ctx, "find_token", func(tx *sql.Tx) (err error) {
		t, err = findToken(ctx, tx, h)
		return err
	})
	return t, err
}

// ListTokens lists tokens with their credentials, newest first, and the cursor
// of the next page.
func (s *Store) ListTokens(ctx context.Context, f token.Filter) (list []token.Token, next string, err error) {
	q, err := newPage("tokens", f.Page)
	if err != nil {
		return nil, "", err
	}
	q.where("merchant = ?", f.Merchant)
	q.where("parent = ?", string(f.Parent))
	if f.Environment != token.EnvAny {
		q.and("environment = ?", f.Environment.String())
	}
	if err := q.status(f.Status, token.At(s.opt.Now())); err != nil {
		return nil, "", err
	}
	if err := q.matches(f.Query, "name", "description", "handle"); err != nil {
		return nil, "", err
	}
	q.below("added")
	var places []int64
	err = s.read(ctx, "list_tokens", func(tx *sql.Tx) error {
		rows, err := q.query(ctx, tx, `SELECT added, `+tokenColumns+` FROM tokens`)
		list, err = collect(rows, err, func(r *sql.Rows, t *token.Token) error {
			places = append(places, 0)
			return scanToken(r, t, &places[len(places)-1])
		})
		if err != nil {
			return err
		}
		list, next = cutAt(q, list, places)
		return attachCredentials(ctx, tx, list)
	})
	return list, next, err
}

// status asks for what Token.StatusAt would say at now.
func (q *page) status(s token.Status, now token.Instant) error {
	switch s {
	case token.StatusAll:
	case "":
		q.and("revoked_at = 0")
	case token.Revoked:
		q.and("revoked_at <> 0")
	case token.Expired:
		q.and("revoked_at = 0 AND expires_at <> 0 AND expires_at <= ?", int64(now))
	case token.Disabled:
		q.and("revoked_at = 0 AND (expires_at = 0 OR expires_at > ?) AND enabled = FALSE", int64(now))
	case token.Active:
		q.and("revoked_at = 0 AND (expires_at = 0 OR expires_at > ?) AND enabled = TRUE", int64(now))
	default:
		return token.FieldErrors{{Field: "status", Message: fmt.Sprintf("%q is none of ACTIVE, EXPIRED, DISABLED, REVOKED, ALL", string(s))}}
	}
	return nil
}
