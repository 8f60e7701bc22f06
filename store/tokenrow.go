package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tollgate/policy/token"
)

// boundsColumns are a token's bounds, in the order boundsRow scans and
// boundsArgs binds them.
const boundsColumns = `ip_ranges, methods, permissions, composition, client_certs, rate, quota,
	restrict_composition, restrict_phones, restrict_ip, restrict_methods, restrict_client_cert`

// tokenColumns are a token's own columns, in the order scanToken reads them.
const tokenColumns = `handle, merchant, COALESCE(parent, ''), COALESCE(client_id, ''), name, description,
	environment, mode, enabled, enhanced, webhook_url, webhook_format, created_at, updated_at, expires_at, revoked_at,
	last_used_at, last_used_ip, version, (SELECT COUNT(*) FROM numbers n WHERE n.token = handle), ` + boundsColumns

// boundsRow is bounds as they are read, before their JSON is.
type boundsRow struct {
	ranges, methods, permissions, composition, certs []byte
	rate, quota                                      string
	restricts                                        token.Restricts
}

func (b *boundsRow) fields() []any {
	return []any{&b.ranges, &b.methods, &b.permissions, &b.composition, &b.certs, &b.rate, &b.quota,
		&b.restricts.Composition, &b.restricts.Phones, &b.restricts.IP, &b.restricts.Methods, &b.restricts.ClientCert}
}

func (b *boundsRow) bounds() (token.Bounds, error) {
	out := token.Bounds{Rate: b.rate, Quota: b.quota, Restricts: b.restricts}
	for _, l := range []struct {
		text []byte
		into *[]string
	}{{b.ranges, &out.IPRanges}, {b.methods, &out.Methods}, {b.permissions, &out.Permissions}, {b.certs, &out.ClientCerts}} {
		if err := decodeList(l.text, l.into); err != nil {
			return token.Bounds{}, err
		}
	}
	if err := json.Unmarshal(b.composition, &out.Composition); err != nil {
		return token.Bounds{}, fmt.Errorf("composition: %w", err)
	}
	if len(out.Composition) == 0 {
		out.Composition = nil
	}
	return out, nil
}

func boundsArgs(b *token.Bounds) ([]any, error) {
	args := make([]any, 0, 12)
	for _, v := range []any{b.IPRanges, b.Methods, b.Permissions, b.Composition, b.ClientCerts} {
		text, err := canonical(v)
		if err != nil {
			return nil, err
		}
		args = append(args, string(text))
	}
	r := b.Restricts
	return append(args, b.Rate, b.Quota, r.Composition, r.Phones, r.IP, r.Methods, r.ClientCert), nil
}

// decodeList reads a stored list; an empty one is nil.
func decodeList(text []byte, into *[]string) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("a stored list: %w", err)
	}
	if len(*into) == 0 {
		*into = nil
	}
	return nil
}

// scanToken reads tokenColumns after the columns of lead.
func scanToken(r scanner, t *token.Token, lead ...any) error {
	var b boundsRow
	var env, mode string
	into := append(lead, &t.Handle, &t.Merchant, &t.Parent, &t.ClientID, &t.Name, &t.Description,
		&env, &mode, &t.Enabled, &t.Enhanced, &t.Webhook.URL, &t.Webhook.Format, &t.CreatedAt, &t.UpdatedAt, &t.ExpiresAt, &t.RevokedAt,
		&t.LastUsedAt, &t.LastUsedIP, &t.Version, &t.Numbers)
	err := r.Scan(append(into, b.fields()...)...)
	if err != nil {
		return err
	}
	if t.Environment, t.Mode, err = readWords(env, mode); err != nil {
		return fmt.Errorf("token %s: %w", t.Handle, err)
	}
	t.Bounds, err = b.bounds()
	return err
}

// readWords reads what a token's two enumerations are written as.
func readWords(env, mode string) (token.Environment, token.Mode, error) {
	e, okEnv := token.ParseEnvironment(env)
	m, okMode := token.ParseMode(mode)
	if !okEnv || !okMode {
		return 0, 0, fmt.Errorf("environment %q, mode %q: written by another version?", env, mode)
	}
	return e, m, nil
}

// findToken reads a token with all its credentials.
func findToken(ctx context.Context, tx *sql.Tx, h token.Handle) (t token.Token, err error) {
	err = scanToken(tx.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE handle = $1`, string(h)), &t)
	if err != nil {
		return token.Token{}, err
	}
	one := []token.Token{t}
	if err := attachCredentials(ctx, tx, one); err != nil {
		return token.Token{}, err
	}
	return one[0], nil
}

// attachCredentials reads the credentials of all the tokens, ended ones too.
func attachCredentials(ctx context.Context, tx *sql.Tx, list []token.Token) error {
	if len(list) == 0 {
		return nil
	}
	at := make(map[token.Handle]int, len(list))
	args := make([]any, len(list))
	for i := range list {
		at[list[i].Handle], args[i] = i, string(list[i].Handle)
	}
	rows, err := tx.QueryContext(ctx, `SELECT token, `+credentialColumns+` FROM credentials
		WHERE token IN `+placeholders(1, len(args))+` ORDER BY token, kind, generation`, args...)
	type owned struct {
		of token.Handle
		c  token.Credential
	}
	all, err := collect(rows, err, func(r *sql.Rows, o *owned) error { return scanCredential(r, &o.c, &o.of) })
	for _, o := range all {
		t := &list[at[o.of]]
		t.Credentials = append(t.Credentials, o.c)
	}
	return err
}

const credentialColumns = `kind, generation, digest, hint, sealed, created_at, ends_at, last_used_at`

// scanCredential reads credentialColumns after the columns of lead.
func scanCredential(r scanner, c *token.Credential, lead ...any) error {
	var kind string
	var digest []byte
	err := r.Scan(append(lead, &kind, &c.Generation, &digest, &c.Hint, &c.Sealed, &c.CreatedAt, &c.EndsAt, &c.LastUsedAt)...)
	c.Kind = credentialKind(kind)
	copy(c.Digest[:], digest)
	return err
}

// placeholders is ($from,$from+1,…) with n of them.
func placeholders(from, n int) string {
	if n == 1 && from == 1 {
		return "($1)"
	}
	var b strings.Builder
	for i := range n {
		b.WriteByte("(,"[min(i, 1)])
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	b.WriteByte(')')
	return b.String()
}
