package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"tollgate/policy/token"
)

// entry is what a write adds to the audit log; who, when and from where come
// from the act.
type entry struct {
	action        string
	target        token.AuditTarget
	merchant      string
	before, after object // nil: there was, or is, nothing
}

// record appends a row to the audit log.
func (w *writing) record(e entry) error {
	row := token.AuditRow{
		At: w.now, Actor: w.act.Actor, Action: e.action, Target: e.target, Merchant: e.merchant,
		IP: w.act.IP, RequestID: w.act.RequestID,
	}
	var err error
	if row.Before, err = optional(e.before); err != nil {
		return err
	}
	if row.After, err = optional(e.after); err != nil {
		return err
	}
	var prev []byte
	err = w.row(`UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash`).Scan(&row.Sequence, &prev)
	if err != nil {
		return err
	}
	copy(row.PrevHash[:], prev)
	if row.Hash, err = HashAudit(&row); err != nil {
		return err
	}
	if err := w.exec(`UPDATE audit_head SET hash = $1 WHERE id = 1`, row.Hash[:]); err != nil {
		return err
	}
	return w.exec(`INSERT INTO audit (seq, at, actor_kind, actor_id, action, target_kind, target_id,
			merchant, ip, request_id, state_before, state_after, prev_hash, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		row.Sequence, int64(row.At), row.Actor.Kind, row.Actor.ID, row.Action, row.Target.Kind, row.Target.ID,
		row.Merchant, row.IP, row.RequestID, nullable(string(row.Before)), nullable(string(row.After)),
		row.PrevHash[:], row.Hash[:])
}

// optional is canonical, but nothing for nothing.
func optional(o object) ([]byte, error) {
	if o == nil {
		return nil, nil
	}
	return canonical(o)
}

// named is the action of an act, or usual when the act leaves it open.
func (w *writing) named(usual string) string {
	if w.act.Action != "" {
		return w.act.Action
	}
	return usual
}

// HashAudit is the hash of an audit row: SHA-256 over the 32 bytes of PrevHash
// followed by the row as RFC 8785 JSON, with the members seq, at (RFC 3339, UTC,
// six decimals), actor {kind, id}, action, target {kind, id}, merchant_id, ip,
// request_id, before and after (null when there is none).
func HashAudit(row *token.AuditRow) (token.Digest, error) {
	text, err := canonical(object{
		"seq":         row.Sequence,
		"at":          row.At.Time().Format("2006-01-02T15:04:05.000000Z"),
		"actor":       object{"kind": row.Actor.Kind, "id": row.Actor.ID},
		"action":      row.Action,
		"target":      object{"kind": row.Target.Kind, "id": row.Target.ID},
		"merchant_id": row.Merchant,
		"ip":          row.IP,
		"request_id":  row.RequestID,
		"before":      embedded(row.Before),
		"after":       embedded(row.After),
	})
	if err != nil {
		return token.Digest{}, err
	}
	h := sha256.New()
	h.Write(row.PrevHash[:])
	h.Write(text)
	return token.Digest(h.Sum(nil)), nil
}

func embedded(text []byte) any {
	if text == nil {
		return nil
	}
	return raw(text)
}

// Note writes an audit row for an act that changes nothing in the store, such
// as an explanation that was asked for. detail may be nil; its values are
// strings, booleans, whole numbers, and lists and maps of these. It must hold
// no secret and no full phone number.
func (s *Store) Note(ctx context.Context, act token.Act, target token.AuditTarget, merchant string, detail map[string]any) error {
	return s.write(ctx, "note", act, func(w *writing) error {
		return w.record(entry{action: w.named("note"), target: target, merchant: merchant, after: detail})
	})
}

const auditColumns = `seq, at, actor_kind, actor_id, action, target_kind, target_id,
	merchant, ip, request_id, state_before, state_after, prev_hash, hash`

func scanAudit(r *sql.Rows, row *token.AuditRow) error {
	var prev, hash []byte
	err := r.Scan(&row.Sequence, &row.At, &row.Actor.Kind, &row.Actor.ID, &row.Action, &row.Target.Kind, &row.Target.ID,
		&row.Merchant, &row.IP, &row.RequestID, &row.Before, &row.After, &prev, &hash)
	copy(row.PrevHash[:], prev)
	copy(row.Hash[:], hash)
	return err
}

// ListAudit lists audit rows, newest first, and the cursor of the next page.
func (s *Store) ListAudit(ctx context.Context, f token.AuditFilter) (list []token.AuditRow, next string, err error) {
	q, err := newPage("audit", f.Page)
	if err != nil {
		return nil, "", err
	}
	q.where("merchant = ?", f.Merchant)
	q.where("actor_kind = ?", f.Actor.Kind)
	q.where("actor_id = ?", f.Actor.ID)
	q.where("target_kind = ?", f.Target.Kind)
	q.where("target_id = ?", f.Target.ID)
	q.where("action = ?", f.Action)
	if f.From != 0 {
		q.and("at >= ?", int64(f.From))
	}
	if f.Until != 0 {
		q.and("at < ?", int64(f.Until))
	}
	q.below("seq")
	err = s.read(ctx, "list_audit", func(tx *sql.Tx) error {
		rows, err := q.query(ctx, tx, `SELECT `+auditColumns+` FROM audit`)
		list, err = collect(rows, err, scanAudit)
		return err
	})
	list, next = cut(q, list, func(r *token.AuditRow) cursor { return cursor{seq: r.Sequence} })
	return list, next, err
}

// AuditError says where the audit log is not what was written.
type AuditError struct {
	Sequence int64
	What     string
}

// Error names the row.
func (e *AuditError) Error() string {
	return fmt.Sprintf("audit row %d: %s", e.Sequence, e.What)
}

// VerifyAudit reads the audit log from its first row to its last and reports
// how many there are. An *AuditError names the first row that was altered, or
// that is missing.
func (s *Store) VerifyAudit(ctx context.Context) (rows int64, err error) {
	err = s.read(ctx, "verify_audit", func(tx *sql.Tx) error {
		var head int64
		var hash []byte
		if err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&head, &hash); err != nil {
			return err
		}
		var last token.Digest
		for rows < head {
			page, err := auditAfter(ctx, tx, rows)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				return &AuditError{rows + 1, "it is missing"}
			}
			for i := range page {
				if err := follows(&page[i], rows, last); err != nil {
					return err
				}
				rows, last = page[i].Sequence, page[i].Hash
			}
		}
		if string(last[:]) != string(hash) {
			return &AuditError{head, "it is not the row that was written last"}
		}
		return nil
	})
	return rows, err
}

func auditAfter(ctx context.Context, tx *sql.Tx, seq int64) ([]token.AuditRow, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+auditColumns+` FROM audit WHERE seq > $1 ORDER BY seq LIMIT 500`, seq)
	return collect(rows, err, scanAudit)
}

// follows checks that row comes right after the row seq whose hash is last.
func follows(row *token.AuditRow, seq int64, last token.Digest) error {
	if row.Sequence != seq+1 {
		return &AuditError{seq + 1, "it is missing"}
	}
	if row.PrevHash != last {
		return &AuditError{row.Sequence, "it does not carry the hash of the row before"}
	}
	hash, err := HashAudit(row)
	if err != nil {
		return err
	}
	if hash != row.Hash {
		return &AuditError{row.Sequence, "it was altered: its hash is another"}
	}
	return nil
}
