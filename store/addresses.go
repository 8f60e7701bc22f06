package store

import (
	"context"
	"database/sql"
)

// BindsAddresses reports whether any merchant, or any token that is not revoked,
// is bound to the addresses its requests come from. It reads until it finds one.
func (s *Store) BindsAddresses(ctx context.Context) (bound bool, err error) {
	err = s.read(ctx, "binds_addresses", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM merchants WHERE ip_ranges NOT IN ('', '[]', 'null'))
			OR EXISTS (SELECT 1 FROM tokens WHERE revoked_at = 0 AND (restrict_ip = 1 OR ip_ranges NOT IN ('', '[]', 'null')))`).Scan(&bound)
	})
	return bound, err
}
