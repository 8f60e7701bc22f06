package store

import (
	"context"
	"database/sql"
	"fmt"

	"tollgate/policy/token"
)

// The statements that a load of one token is made of, of which there are always
// the same few. Parsing them is a third of the work (measured: 105 µs a load
// became 74), so they are prepared.
//
// That is done when the store is opened and never inside a transaction:
// preparing takes a connection of its own, and when every connection is held by
// a load that waits for another one, all wait for ever.
func oftenUsed() []string {
	return []string{credentialText, liveText(1), numbersText(1), generationsText(1), familiesText(1), accessText}
}

const credentialText = `SELECT token, generation, ends_at FROM credentials WHERE digest = $1 AND kind = $2`

// accessText and refreshText read a pair by one of its digests.
const (
	accessText  = pairedText + `access = $1`
	refreshText = pairedText + `refresh = $1`
	pairedText  = `SELECT f.token, f.id, f.preauthorised, f.ends_at, f.ended_at, p.generation, p.access_ends_at, p.ended_at
		FROM pairs p JOIN families f ON f.id = p.family WHERE p.`
)

// liveText reads n tokens and what of their merchants they are judged by.
func liveText(n int) string {
	return `SELECT t.handle, t.merchant, m.active, m.ip_ranges, COALESCE(t.parent, ''),
			COALESCE(t.client_id, ''), t.environment, t.mode, t.enhanced, t.enabled, t.revoked_at, t.expires_at,
			t.ip_ranges, t.methods, t.permissions, t.composition, t.client_certs, t.rate, t.quota,
			t.restrict_composition, t.restrict_phones, t.restrict_ip, t.restrict_methods, t.restrict_client_cert
		FROM tokens t JOIN merchants m ON m.id = t.merchant WHERE t.handle IN ` + placeholders(1, n)
}

// numbersText reads the numbers of n tokens.
func numbersText(n int) string {
	return `SELECT token, ` + numberColumns + ` FROM numbers
		WHERE token IN ` + placeholders(1, n) + ` ORDER BY token, added, e164`
}

// generationsText reads which client-secret generations of n tokens are
// accepted; their kind and the time follow the tokens.
func generationsText(n int) string {
	return fmt.Sprintf(`SELECT token, generation, ends_at FROM credentials
		WHERE token IN %s AND kind = $%d AND (ends_at = 0 OR ends_at > $%d) ORDER BY token, generation`,
		placeholders(1, n), n+1, n+2)
}

// familiesText reads which refresh families of n tokens live; the time follows
// the tokens.
func familiesText(n int) string {
	return fmt.Sprintf(`SELECT token, id FROM families
		WHERE token IN %s AND ended_at = 0 AND ends_at > $%d ORDER BY token, added`, placeholders(1, n), n+1)
}

func (s *Store) prepare(ctx context.Context) error {
	s.prepared = make(map[string]*sql.Stmt)
	for _, text := range oftenUsed() {
		stmt, err := s.engine.Reader.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("store: prepare: %w", err)
		}
		s.prepared[text] = stmt
	}
	return nil
}

// query runs a text inside tx, prepared when it is one of those.
func (s *Store) query(ctx context.Context, tx *sql.Tx, text string, args ...any) (*sql.Rows, error) {
	if stmt := s.prepared[text]; stmt != nil {
		return tx.StmtContext(ctx, stmt).QueryContext(ctx, args...)
	}
	return tx.QueryContext(ctx, text, args...)
}

// handleArgs are handles as arguments, with room for two more.
func handleArgs(handles []token.Handle) []any {
	args := make([]any, len(handles), len(handles)+2)
	for i, h := range handles {
		args[i] = string(h)
	}
	return args
}
