package admin

import (
	"time"

	"tollgate/policy/token"
)

// PageQuery is the part of a list's query that all lists share. It is exported
// for huma, like TokenPath.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many items at the most"`
	Cursor string `query:"cursor" maxLength:"200" doc:"The next_cursor of the page before"`
}

func (p PageQuery) page() token.Page { return token.Page{Limit: p.Limit, Cursor: p.Cursor} }

// listOf is one page of a list.
type listOf[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor" doc:"Ask for the next page with it; empty on the last one"`
}

type listAnswer[T any] struct{ Body listOf[T] }

// listed renders a page.
func listed[R, V any](records []R, next string, view func(*R) V) *listAnswer[V] {
	out := &listAnswer[V]{Body: listOf[V]{Items: make([]V, 0, len(records)), NextCursor: next}}
	for i := range records {
		out.Body.Items = append(out.Body.Items, view(&records[i]))
	}
	return out
}

// moment is an instant in an answer: null when it is not set.
func moment(i token.Instant) *time.Time {
	if i == 0 {
		return nil
	}
	t := i.Time()
	return &t
}
