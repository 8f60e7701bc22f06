package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxAttempts bounds how often a change without If-Match is made again when the
// record moved between reading and writing. Each time it moved, somebody else's
// change was made.
const maxAttempts = 64

// Condition is the If-Match header of a change. It is exported for huma, like
// TokenPath.
type Condition struct {
	IfMatch string `header:"If-Match" doc:"The ETag the record was read with; another version answers 412"`
}

// match is a parsed If-Match.
type match struct {
	given bool     // the header is there
	star  bool     // it asks for any version
	tags  []string // else for one of these entity tags
}

// any reports whether the change is wanted whatever the version is.
func (m match) any() bool { return !m.given || m.star }

// holds reports whether the change is wanted on this version.
func (m match) holds(version int64) bool {
	return m.any() || slices.Contains(m.tags, etag(version))
}

// parse reads the header: *, or entity tags in quotes with commas between. A
// weak tag never matches (RFC 9110 §13.1.1).
func (c Condition) parse() (match, error) {
	text := strings.TrimSpace(c.IfMatch)
	if text == "" {
		return match{}, nil
	}
	if text == "*" {
		return match{given: true, star: true}, nil
	}
	m := match{given: true}
	for _, tag := range strings.Split(text, ",") {
		tag = strings.TrimSpace(tag)
		strong := strings.TrimPrefix(tag, "W/")
		if len(strong) < 2 || strings.Count(strong, `"`) != 2 || strong[0] != '"' || strong[len(strong)-1] != '"' {
			return match{}, refuse(http.StatusBadRequest, codeMalformed,
				`If-Match is an ETag in quotes, such as "3", or *.`)
		}
		m.tags = append(m.tags, tag)
	}
	return m, nil
}

// etag is the entity tag of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
