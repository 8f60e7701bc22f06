package store

import (
	"context"
	"database/sql"

	"tollgate/policy"
	"tollgate/policy/token"
)

const merchantColumns = `id, name, active, ip_ranges, webhook_url, webhook_format, created_at, updated_at, version`

// AddMerchant adds a merchant. Its ID may be empty: the store mints one. It
// comes into being at version 1.
func (s *Store) AddMerchant(ctx context.Context, act token.Act, m token.Merchant) (token.Merchant, error) {
	if err := s.checkMerchant(&m); err != nil {
		return token.Merchant{}, err
	}
	err := s.write(ctx, "add_merchant", act, func(w *writing) (err error) {
		if m.ID == "" {
			if m.ID, err = mintID(s.opt.Rand, "mer_"); err != nil {
				return err
			}
		}
		m.CreatedAt, m.UpdatedAt, m.Version = w.now, w.now, 1
		added, err := w.change(token.EntityMerchant, m.ID, false)
		if err != nil {
			return err
		}
		ranges, err := canonical(m.IPRanges)
		if err != nil {
			return err
		}
		err = w.exec(`INSERT INTO merchants (id, name, active, ip_ranges, webhook_url, webhook_format, added, created_at, updated_at, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1)`,
			m.ID, m.Name, m.Active, string(ranges), m.Webhook.URL, m.Webhook.Format, added, int64(w.now))
		if err != nil {
			return err
		}
		return w.record(entry{action: w.named("merchant.create"), target: merchantTarget(m.ID), merchant: m.ID,
			after: tellMerchant(&m)})
	})
	return kept(m, err)
}

// ChangeMerchant writes the merchant's name, standing, IP ranges and webhook. ifVersion
// is the version that was read, or 0 for any; another one is token.ErrStale.
// Suspending is one change of the merchant, whatever number of tokens it stops.
func (s *Store) ChangeMerchant(ctx context.Context, act token.Act, m token.Merchant, ifVersion int64) (token.Merchant, error) {
	if err := s.checkMerchant(&m); err != nil {
		return token.Merchant{}, err
	}
	err := s.write(ctx, "change_merchant", act, func(w *writing) error {
		old, err := findMerchant(w.ctx, w.tx, m.ID)
		if err != nil {
			return err
		}
		if ifVersion != 0 && ifVersion != old.Version {
			return token.ErrStale
		}
		m.CreatedAt, m.UpdatedAt, m.Version = old.CreatedAt, w.now, old.Version+1
		if _, err := w.change(token.EntityMerchant, m.ID, false); err != nil {
			return err
		}
		ranges, err := canonical(m.IPRanges)
		if err != nil {
			return err
		}
		err = w.affect(`UPDATE merchants SET name = $2, active = $3, ip_ranges = $4, webhook_url = $5, webhook_format = $6, updated_at = $7, version = $8
			WHERE id = $1`, m.ID, m.Name, m.Active, string(ranges), m.Webhook.URL, m.Webhook.Format, int64(w.now), m.Version)
		if err != nil {
			return err
		}
		before, after := differences(tellMerchant(&old), tellMerchant(&m))
		return w.record(entry{action: w.named("merchant.change"), target: merchantTarget(m.ID), merchant: m.ID,
			before: before, after: after})
	})
	return kept(m, err)
}

// FindMerchant reads one merchant; token.ErrNotFound when there is none.
func (s *Store) FindMerchant(ctx context.Context, id string) (m token.Merchant, err error) {
	err = s.read(ctx, "find_merchant", func(tx *sql.Tx) (err error) {
		m, err = findMerchant(ctx, tx, id)
		return err
	})
	return m, err
}

// ListMerchants lists merchants, newest first, and the cursor of the next page.
func (s *Store) ListMerchants(ctx context.Context, f token.MerchantFilter) (list []token.Merchant, next string, err error) {
	q, err := newPage("merchants", f.Page)
	if err != nil {
		return nil, "", err
	}
	q.where("id = ?", f.ID)
	if err := q.matches(f.Query, "name", "id"); err != nil {
		return nil, "", err
	}
	q.below("added")
	var places []int64
	err = s.read(ctx, "list_merchants", func(tx *sql.Tx) error {
		rows, err := q.query(ctx, tx, `SELECT added, `+merchantColumns+` FROM merchants`)
		list, err = collect(rows, err, func(r *sql.Rows, m *token.Merchant) error {
			places = append(places, 0)
			return scanMerchant(r, m, &places[len(places)-1])
		})
		return err
	})
	list, next = cutAt(q, list, places)
	return list, next, err
}

func findMerchant(ctx context.Context, tx *sql.Tx, id string) (m token.Merchant, err error) {
	err = scanMerchant(tx.QueryRowContext(ctx, `SELECT `+merchantColumns+` FROM merchants WHERE id = $1`, id), &m)
	return m, err
}

// scanner is what a row and rows have in common.
type scanner interface{ Scan(...any) error }

// scanMerchant reads merchantColumns after the columns of lead.
func scanMerchant(r scanner, m *token.Merchant, lead ...any) error {
	var ranges []byte
	err := r.Scan(append(lead, &m.ID, &m.Name, &m.Active, &ranges, &m.Webhook.URL, &m.Webhook.Format, &m.CreatedAt, &m.UpdatedAt, &m.Version)...)
	if err != nil {
		return err
	}
	return decodeList(ranges, &m.IPRanges)
}

func (s *Store) checkMerchant(m *token.Merchant) error {
	var f fields
	f.text("id", m.ID, nameMax)
	f.name("name", m.Name)
	f.list("ip_whitelist", m.IPRanges)
	f.text("webhook.url", m.Webhook.URL, textMax)
	f.text("webhook.format", m.Webhook.Format, nameMax)
	if len(f.wrong) == 0 && len(m.IPRanges) > 0 {
		// What cannot be compiled would be a token that cannot be judged.
		if _, err := policy.Compile(s.opt.Catalogue(), token.Bounds{}, nil, m.IPRanges); err != nil {
			f.add("ip_whitelist", err.Error())
		}
	}
	return f.err()
}

// kept is v when the write succeeded, and nothing usable when it did not.
func kept[T any](v T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}
