package admin

import (
	"net/http"
	"strconv"
	"strings"
)

// maxAttempts bounds how often a change without If-Match is made again when the
// record moved between reading and writing.
const maxAttempts = 8

// Condition is the If-Match header of a change. It is exported for huma, like
// TokenPath.
type Condition struct {
	IfMatch string `header:"If-Match" doc:"The ETag the record was read with; another version answers 412"`
}

// match is a parsed If-Match: the versions it names; nil for no header.
type match struct {
	given    bool
	star     bool
	versions []int64
}

// any reports whether the change is wanted whatever the version is.
func (m match) any() bool { return !m.given || m.star }

// holds reports whether the change is wanted on this version.
func (m match) holds(version int64) bool {
	if m.any() {
		return true
	}
	for _, v := range m.versions {
		if v == version {
			return true
		}
	}
	return false
}

// parse reads the header: *, or entity tags in quotes with commas between. A
// weak tag never matches (RFC 9110 §13.1.1), nor does one that is no version.
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
		strong, weak := strings.CutPrefix(tag, "W/")
		if len(strong) < 2 || strong[0] != '"' || strong[len(strong)-1] != '"' {
			return match{}, refuse(http.StatusBadRequest, codeMalformed,
				`If-Match is an ETag in quotes, such as "3", or *.`)
		}
		if v, err := strconv.ParseInt(strong[1:len(strong)-1], 10, 64); err == nil && !weak {
			m.versions = append(m.versions, v)
		}
	}
	return m, nil
}

// etag is the entity tag of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
