package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"strconv"
	"strings"

	"tollgate/policy/token"
)

const (
	pageDefault = 100
	pageMax     = 1000
	queryMax    = 200 // bytes of a search text
)

// cursor is where a page ended: the change-log number that a row was added
// with, and its text where one write adds several rows. Rows added later are
// above it, so paging on neither repeats nor skips one.
type cursor struct {
	seq  int64
	text string
}

// page builds the query for one page of a list.
type page struct {
	list  string
	limit int
	from  cursor // zero: from the top
	conds []string
	args  []any
	order string
}

// newPage reads what was asked for. The cursor of another list, or one that was
// made up, is a bad field.
func newPage(list string, p token.Page) (*page, error) {
	q := &page{list: list, limit: p.Limit}
	if q.limit == 0 {
		q.limit = pageDefault
	}
	q.limit = min(max(q.limit, 1), pageMax)
	if p.Cursor == "" {
		return q, nil
	}
	bad := token.FieldErrors{{Field: "cursor", Message: "this is not a cursor of this list; use the next_cursor of the page before, as it is"}}
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return nil, bad
	}
	parts := strings.SplitN(string(text), ":", 3)
	if len(parts) != 3 || parts[0] != list {
		return nil, bad
	}
	if q.from.seq, err = strconv.ParseInt(parts[1], 10, 64); err != nil || q.from.seq < 1 {
		return nil, bad
	}
	q.from.text = parts[2]
	return q, nil
}

func (c cursor) encode(list string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + ":" + strconv.FormatInt(c.seq, 10) + ":" + c.text))
}

// and adds a condition, whose question marks stand for args.
func (q *page) and(cond string, args ...any) {
	for _, a := range args {
		q.args = append(q.args, a)
		cond = strings.Replace(cond, "?", "$"+strconv.Itoa(len(q.args)), 1)
	}
	q.conds = append(q.conds, cond)
}

// where is and for a text that may be empty, which asks for nothing.
func (q *page) where(cond, value string) {
	if value != "" {
		q.and(cond, value)
	}
}

// matches asks for a piece of text in any of the columns, in any case. What
// LIKE would take for a wildcard is an ordinary character here.
func (q *page) matches(text string, columns ...string) error {
	if text == "" {
		return nil
	}
	if len(text) > queryMax || !plain(text) {
		return token.FieldErrors{{Field: "q", Message: "a search is at most 200 bytes of ordinary text"}}
	}
	text = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
	either := make([]string, len(columns))
	args := make([]any, len(columns))
	for i, c := range columns {
		either[i] = `LOWER(` + c + `) LIKE LOWER(?) ESCAPE '\'`
		args[i] = "%" + text + "%"
	}
	q.and("("+strings.Join(either, " OR ")+")", args...)
	return nil
}

// below orders by the column, newest first, from the cursor on.
func (q *page) below(column string) {
	if q.from.seq != 0 {
		q.and(column+" < ?", q.from.seq)
	}
	q.order = column + " DESC"
}

// belowPair is below for rows that share a number: ties go by the text.
func (q *page) belowPair(column, tie string) {
	if q.from.seq != 0 {
		q.and("("+column+" < ? OR ("+column+" = ? AND "+tie+" < ?))", q.from.seq, q.from.seq, q.from.text)
	}
	q.order = column + " DESC, " + tie + " DESC"
}

// query runs the select with what was gathered, for one row more than the page
// holds: it tells whether there is a next one.
func (q *page) query(ctx context.Context, tx *sql.Tx, sel string) (*sql.Rows, error) {
	if len(q.conds) > 0 {
		sel += " WHERE " + strings.Join(q.conds, " AND ")
	}
	q.args = append(q.args, q.limit+1)
	return tx.QueryContext(ctx, sel+" ORDER BY "+q.order+" LIMIT $"+strconv.Itoa(len(q.args)), q.args...)
}

// cut takes off the row too many and gives the cursor of the next page, "" when
// there is none.
func cut[T any](q *page, list []T, at func(*T) cursor) ([]T, string) {
	if len(list) <= q.limit {
		return list, ""
	}
	list = list[:q.limit]
	return list, at(&list[q.limit-1]).encode(q.list)
}

// cutAt is cut for rows whose places were read beside them.
func cutAt[T any](q *page, list []T, places []int64) ([]T, string) {
	if len(list) <= q.limit {
		return list, ""
	}
	return list[:q.limit], cursor{seq: places[q.limit-1]}.encode(q.list)
}
